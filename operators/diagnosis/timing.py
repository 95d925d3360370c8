"""When a change began, and whether at once or by and by, from what each record says of it.

With l of each record, the logarithm of how much likelier it is since the change than before:

- an abrupt change at s has the likelihood of the sum of l from s on [1]_;
- a burst has the sum of l over a stretch that ends before the last records do; it is one if that
  is well above the greatest sum up to the end;
- a gradual change makes l rise along a logistic ramp, an abrupt one in a step. Means of blocks are
  fitted by each ramp and each step, with levels of their own, so that a ramp that has not ended yet
  is no step. What all ramps explain, on average, is set against what all steps explain: a ramp has
  more places to be wrong in, so it has to explain more.

The change point's interval holds the middle nine tenths of both explanations, each counting by its
likelihood.

References
----------
.. [1] Hinkley, 1970, Inference about the change-point in a sequence of random variables, Biometrika
   57(1). DOI 10.1093/biomet/57.1.1.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

Floats = NDArray[np.float64]
LEVEL = 0.9
"""Nominal probability that an interval holds the change point."""
BURST_MAX = 400
"""Records of the longest burst; what lasts longer is a drift."""
_AFTER_BURST_MIN = 40
_BURST_GAIN = 8.0
# Likelihoods are estimated from few records, so they claim too much: powers below 1 are measured.
_STEP_POWER = 0.8
_RAMP_POWER = 0.5
_BLOCK = 50
_PACE = 20  # records between the middles that are tried
_GRID = 10  # divides both
_WIDTHS = np.array([600.0, 1_000.0, 1_500.0, 2_000.0, 3_000.0, 4_000.0, 5_000.0, 6_500.0])
_BEYOND = 1_500  # records after the last one where a ramp may have its middle
_RAMP_BLOCKS_MIN = 12


@dataclass(frozen=True, slots=True)
class Timing:
    """Places in the records that were given.

    Parameters
    ----------
    at, low, high
        The change point and its interval.
    width
        Records that the change takes; 0 of an abrupt one.
    end
        Of a burst, where it ended; otherwise the number of records.
    """

    at: int
    low: int
    high: int
    width: int
    end: int


def time_change(log_ratio: Floats, first: int) -> Timing:
    """Find the change; it lies at `first` or later."""
    n = len(log_ratio)
    until = np.concatenate([np.cumsum(log_ratio[::-1])[::-1], [0.0]])  # sum from each place on
    burst = _burst(until, first)
    if burst is not None:
        at, end = burst
        low, high = _middle(_likelihood(until[first : end + 1], _STEP_POWER))
        return Timing(at, first + low, first + high, 0, end)
    step = _likelihood(until[first:n], _STEP_POWER)
    at = first + int(np.argmax(step))
    ramps = _ramps(log_ratio, first)
    if ramps is None:
        low, high = _middle(step)
        return Timing(at, first + low, first + high, 0, n)
    return _weighed(step, at, ramps, first, n)


@dataclass(frozen=True, slots=True)
class _Ramps:
    """How well ramps explain the blocks.

    Parameters
    ----------
    middles
        (n_middles,) places.
    chance
        (n_middles,) of each, all widths taken together; sums to 1.
    width
        The likeliest.
    odds
        Of any ramp against any step.
    """

    middles: Floats
    chance: Floats
    width: int
    odds: float


def _weighed(step: Floats, at: int, ramps: _Ramps, first: int, n: int) -> Timing:
    """Take both explanations together."""
    share = ramps.odds / (1.0 + ramps.odds)
    last = max(n, int(ramps.middles[-1]) + 1)
    chance = np.zeros(last - first)
    chance[: len(step)] = (1.0 - share) * step
    chance[ramps.middles.astype(np.int64) - first] += share * ramps.chance
    low, high = (first + place for place in _middle(chance))
    if share <= 0.5:
        return Timing(at, min(low, at), max(high, at), 0, n)
    middle = int(ramps.middles[np.searchsorted(np.cumsum(ramps.chance), 0.5)])
    return Timing(middle, min(low, middle), max(high, middle), ramps.width, n)


def _likelihood(logarithm: Floats, power: float) -> Floats:
    """Turn logarithms into shares of their sum."""
    values = np.exp(power * (logarithm - logarithm.max()))
    return np.asarray(values / values.sum())


def _middle(chance: Floats) -> tuple[int, int]:
    """Return the first and last place of the middle part that has the probability `LEVEL`."""
    total = np.cumsum(chance)
    tail = 0.5 * (1.0 - LEVEL)
    low, high = np.searchsorted(total, [tail, 1.0 - tail])
    return int(low), min(int(high), len(chance) - 1)


def _burst(until: Floats, first: int) -> tuple[int, int] | None:
    """Find the stretch of the greatest sum, if it has ended and is better than any to the end."""
    n = len(until) - 1
    # For each end, the greatest sum from a place on that is not after it.
    best_start = np.maximum.accumulate(until[first:])
    gains = best_start - until[first:]
    end = first + int(np.argmax(gains))
    begin = first + int(np.argmax(until[first : end + 1]))
    gain = gains[end - first] - until[first:n].max(initial=0.0)
    is_burst = gain > _BURST_GAIN and end - begin <= BURST_MAX and n - end >= _AFTER_BURST_MIN
    return (begin, end) if is_burst else None


def _ramps(log_ratio: Floats, first: int) -> _Ramps | None:
    """Fit ramps and steps to means of blocks; None if there are too few."""
    n_blocks = len(log_ratio) // _BLOCK
    if n_blocks < _RAMP_BLOCKS_MIN:
        return None
    skipped = len(log_ratio) - n_blocks * _BLOCK
    means = log_ratio[skipped:].reshape(n_blocks, _BLOCK).mean(axis=1)
    centre = skipped + _BLOCK * (np.arange(n_blocks) + 0.5)
    middles = np.arange(float(first), centre[-1] + _BEYOND, _PACE)
    early = middles[middles < centre[-1]]
    steps = np.clip(-_distances(early, centre) / _BLOCK + 0.5, 0.0, 1.0)
    away = _distances(middles, centre)
    ramps = [1.0 / (1.0 + np.exp(np.minimum(4.0 * away / width, 500.0))) for width in _WIDTHS]
    power = -0.5 * _RAMP_POWER * n_blocks
    of_steps = power * np.log(_left(steps, means))
    of_ramps = power * np.log([_left(ramp, means) for ramp in ramps])
    best = max(of_steps.max(), of_ramps.max())
    chance = np.exp(of_ramps - best)
    return _Ramps(
        middles,
        chance.sum(axis=0) / chance.sum(),
        int(_WIDTHS[np.argmax(chance.sum(axis=1))]),
        float(chance.mean(axis=0).sum() / np.exp(of_steps - best).sum()),
    )


def _distances(middles: NDArray[np.floating], centre: NDArray[np.floating]) -> Floats:
    """Return how far middles are after blocks' centres, from least to most, on one grid.

    A shape depends on nothing else, so its values need to be found once for each distance and not
    for each middle and block: of 60,000 records, some 10,000 instead of 4 million.
    """
    return np.asarray(np.arange(middles[0] - centre[-1], middles[-1] - centre[0] + 1.0, _GRID))


def _left(shape: Floats, means: Floats) -> Floats:
    """Return the squares that a shape leaves at each middle, with levels of its own.

    A falling one leaves all.

    Parameters
    ----------
    shape
        Its values at `_distances`.
    means
        Of the blocks.
    """
    n_blocks = len(means)
    per_block, per_middle = _BLOCK // _GRID, _PACE // _GRID
    windows = sliding_window_view(shape, per_block * (n_blocks - 1) + 1)
    values = windows[::per_middle, ::-per_block]  # (n_middles, n_blocks), a view
    centred = means - means.mean()
    sums = values.sum(axis=-1)
    squares = np.einsum("mb,mb->m", values, values)
    size = np.maximum(squares - sums * sums / n_blocks, 1e-9)
    along = values @ centred
    total = float((centred * centred).sum()) + 1e-12
    return np.asarray(total - np.where(along > 0.0, along * along / size, 0.0)) + 1e-12
