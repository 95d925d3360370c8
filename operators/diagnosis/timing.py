"""When a change began, and whether at once or by and by, from what each record says of it.

With l of each record, the logarithm of how much likelier it is since the change than before:

- a change at s has the likelihood of the sum of l from s on; the likeliest is the change point
  [1]_, and those within some units of it are its interval;
- a burst has the sum of l over a stretch that ends before the last records do; it is one if
  that is greater than the greatest sum up to the end;
- a gradual change makes l rise along a logistic ramp, an abrupt one in a step: both are fitted to
  means of blocks by least squares, and chosen by Schwarz's criterion. Levels before and after are
  free, so a ramp that has not ended yet is no step.

References
----------
.. [1] Hinkley, 1970, Inference about the change-point in a sequence of random variables, Biometrika
   57(1). DOI 10.1093/biomet/57.1.1.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
BURST_MAX = 400
"""Records of the longest burst; what lasts longer is a drift."""
_AFTER_BURST_MIN = 40
_BURST_GAIN = 8.0
_STEP_FALL = 3.0  # log-likelihood that bounds an abrupt change's interval
_RAMP_FALL = 4.0  # the same, doubled, of a gradual one's
_BLOCK = 50
_WIDTHS = np.array([600.0, 1_000.0, 1_500.0, 2_000.0, 3_000.0, 4_000.0, 5_000.0, 6_500.0])
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
    until = np.concatenate([np.cumsum(log_ratio[::-1])[::-1], [0.0]])  # sum from each place on
    burst = _burst(until, first)
    if burst is not None:
        at, end = burst
        inside = until - until[end]
        low, high = _near(inside[: end + 1], at, _STEP_FALL)
        return Timing(at, low, high, 0, end)
    n = len(log_ratio)
    ramp = _ramp(log_ratio)
    if ramp is not None:
        return ramp
    at = first + int(np.argmax(until[first:n]))
    low, high = _near(until[:n], at, _STEP_FALL)
    return Timing(at, low, high, 0, n)


def _near(likelihood: Floats, at: int, fall: float) -> tuple[int, int]:
    """Return the first and last place that is hardly less likely than the best."""
    near = np.flatnonzero(likelihood >= likelihood[at] - fall)
    return int(near[0]), int(near[-1])


def _burst(until: Floats, first: int) -> tuple[int, int] | None:
    """Find the stretch of the greatest sum, if it has ended and is better than any to the end."""
    n = len(until) - 1
    ends = np.arange(n + 1)
    # Best place to begin, for each end: the greatest sum from a place on that is not after it.
    best_start = np.maximum.accumulate(until)
    gains = best_start - until
    gains[:first] = 0.0
    end = int(ends[np.argmax(gains)])
    begin = int(np.argmax(until[: end + 1]))
    gain = gains[end] - until[first:n].max(initial=0.0)
    is_burst = gain > _BURST_GAIN and end - begin <= BURST_MAX and n - end >= _AFTER_BURST_MIN
    return (begin, end) if is_burst else None


def _ramp(log_ratio: Floats) -> Timing | None:
    """Fit a ramp; None if a step describes the blocks as well."""
    n_blocks = len(log_ratio) // _BLOCK
    if n_blocks < _RAMP_BLOCKS_MIN:
        return None
    skipped = len(log_ratio) - n_blocks * _BLOCK
    means = log_ratio[skipped:].reshape(n_blocks, _BLOCK).mean(axis=1)
    centre = skipped + _BLOCK * (np.arange(n_blocks) + 0.5)
    middles = np.arange(centre[1], centre[-1] + 1_500.0, 20.0)
    steps = np.clip((centre - middles[:, None]) / _BLOCK + 0.5, 0.0, 1.0)
    reach = np.minimum(4.0 * (middles[:, None] - centre) / _WIDTHS[:, None, None], 500.0)
    ramps = 1.0 / (1.0 + np.exp(reach))  # (n_widths, n_middles, n_blocks)
    left_step = _left(steps, means).min()
    left_ramp = _left(ramps, means)
    best = np.unravel_index(np.argmin(left_ramp), left_ramp.shape)
    if n_blocks * np.log(left_step / left_ramp[best]) <= np.log(n_blocks):
        return None
    by_middle = left_ramp.min(axis=0)
    near = middles[n_blocks * np.log(by_middle / left_ramp[best]) <= _RAMP_FALL]
    at = int(middles[best[1]])
    return Timing(at, int(near[0]), int(near[-1]), int(_WIDTHS[best[0]]), len(log_ratio))


def _left(shapes: Floats, means: Floats) -> Floats:
    """Return the squares that each shape leaves, with levels of its own; falling ones leave all."""
    centred = shapes - shapes.mean(axis=-1, keepdims=True)
    size = np.maximum((centred * centred).sum(axis=-1), 1e-9)
    slope = centred @ (means - means.mean()) / size
    total = ((means - means.mean()) ** 2).sum()
    return np.asarray(total - np.where(slope > 0.0, slope * slope * size, 0.0))
