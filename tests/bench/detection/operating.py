"""Detectors at the same false alarms: the delay that each has where its sweep crosses a rate.

For one class of streams a sweep gives points (false alarms, delay). Between two points log delay
is taken to be straight in log false alarms, as theory has it for the good ones. Errors are over
seeds, by drawing them anew: they hold the noise of the false alarms too, and as all detectors saw
the same series, two of them are drawn together.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tests.bench.detection.results import Key, Row
from tests.bench.detection.streams import CLASSES
from tests.bench.detection.sweeps import SWEEPS

TARGETS = (1.0, 0.1)
"""False alarms in 10,000 values."""
_DRAWS = 200


@dataclass(frozen=True, slots=True)
class Curve:
    """A detector on one class of streams, at each setting and seed.

    Parameters
    ----------
    seeds
        Of the series.
    values, false_alarms
        (n_settings, n_seeds) of the quiet series.
    drifts, delay
        (n_settings, n_seeds) of the drifting ones.
    """

    detector: str
    seeds: tuple[int, ...]
    values: NDArray[np.float64]
    false_alarms: NDArray[np.float64]
    drifts: NDArray[np.float64]
    delay: NDArray[np.float64]

    @property
    def is_ours(self) -> bool:
        """Whether the detector is of the catalogue."""
        return SWEEPS[self.detector].is_ours

    def on(self, seeds: Sequence[int]) -> Curve:
        """Leave out all series but those of some seeds."""
        kept = [index for index, seed in enumerate(self.seeds) if seed in seeds]
        return Curve(
            self.detector,
            tuple(self.seeds[index] for index in kept),
            self.values[:, kept],
            self.false_alarms[:, kept],
            self.drifts[:, kept],
            self.delay[:, kept],
        )

    def delay_at(self, target: float, seeds: NDArray[np.int64] | None = None) -> float:
        """Mean delay at a rate of false alarms; NaN where no setting has so few."""
        chosen = slice(None) if seeds is None else seeds
        alarms = self.false_alarms[:, chosen].sum(axis=1)
        rates = 1e4 * alarms / self.values[:, chosen].sum(axis=1)
        delays = self.delay[:, chosen].sum(axis=1) / self.drifts[:, chosen].sum(axis=1)
        return delay_where(rates, np.maximum(delays, 1.0), target)

    def draws(self, target: float) -> NDArray[np.float64]:
        """Return the delay of each draw of seeds: (n,) float64, the same seeds for all curves."""
        n_seeds = self.values.shape[1]
        shares = np.random.default_rng(1).random((_DRAWS, n_seeds))
        return np.array([self.delay_at(target, row) for row in (shares * n_seeds).astype(np.int64)])


@dataclass(frozen=True, slots=True)
class Reading:
    """A delay with its standard error."""

    detector: str
    delay: float
    error: float


@dataclass(frozen=True, slots=True)
class Verdict:
    """The best of ours beside the best peer, on one class at one rate of false alarms.

    Parameters
    ----------
    ratio, ratio_error
        Our delay over theirs, on the same series.
    """

    stream: str
    target: float
    ours: Reading
    peer: Reading
    ratio: float
    ratio_error: float


def delay_where(rates: NDArray[np.float64], delays: NDArray[np.float64], target: float) -> float:
    """Read a delay off the points of a sweep.

    A setting with fewer false alarms and less delay than another makes the other needless; where
    the most sensitive setting has fewer false alarms than allowed, its delay stands.

    Examples
    --------
    >>> delay_where(np.array([10.0, 0.1]), np.array([10.0, 1000.0]), 1.0).__round__(6)
    100.0
    >>> delay_where(np.array([10.0, 2.0]), np.array([10.0, 1000.0]), 1.0)
    nan
    """
    order = np.lexsort((delays, rates))
    rates, best = rates[order], np.minimum.accumulate(delays[order])
    below = np.flatnonzero(rates <= target)
    if not len(below):
        return float("nan")
    last = int(below[-1])
    if last + 1 == len(rates) or rates[last] == 0.0:
        # No logarithm of nothing: what was never wrong is taken as it is.
        return float(best[last])
    span = np.log(rates[last : last + 2])
    share = (np.log(target) - span[0]) / (span[1] - span[0])
    logs = np.log(best[last : last + 2])
    return float(np.exp(logs[0] + share * (logs[1] - logs[0])))


def curves(rows: Mapping[Key, Row], stream: str) -> list[Curve]:
    """Gather the sweeps on one class of streams."""
    made = CLASSES[stream]
    by_detector: dict[str, dict[tuple[float, int], Row]] = {}
    quiet: dict[tuple[str, str, float, int], Row] = {}
    for row in rows.values():
        if row.sides != made.sides:
            continue
        if row.stream == stream:
            by_detector.setdefault(row.detector, {})[row.value, row.seed] = row
        elif row.stream == made.quiet:
            quiet[row.detector, row.sides, row.value, row.seed] = row
    return [_curve(detector, made.sides, found, quiet) for detector, found in by_detector.items()]


def verdict(found: Sequence[Curve], stream: str, target: float) -> Verdict | None:
    """Set the best of ours beside the best peer, on its seeds; None where either side has none."""
    peer = _best([one for one in found if not one.is_ours], target)
    if peer is None:
        return None
    ours = _best([one.on(peer.seeds) for one in found if one.is_ours], target)
    if ours is None:
        return None
    logs = np.log(ours.draws(target) / peer.draws(target))
    ratio = ours.delay_at(target) / peer.delay_at(target)
    error = ratio * _spread(logs)
    return Verdict(stream, target, reading(ours, target), reading(peer, target), ratio, error)


def reading(curve: Curve, target: float) -> Reading:
    """Give a delay and its error."""
    return Reading(curve.detector, curve.delay_at(target), _spread(curve.draws(target)))


def _spread(draws: NDArray[np.float64]) -> float:
    known = draws[np.isfinite(draws)]
    return float(known.std(ddof=1)) if len(known) > 1 else float("nan")


def _best(found: Sequence[Curve], target: float) -> Curve | None:
    able = [one for one in found if one.seeds and np.isfinite(one.delay_at(target))]
    return min(able, key=lambda one: one.delay_at(target), default=None)


def _curve(
    detector: str,
    sides: str,
    found: Mapping[tuple[float, int], Row],
    quiet: Mapping[tuple[str, str, float, int], Row],
) -> Curve:
    settings = list(dict.fromkeys(value for value, _ in found))
    seeds = sorted({seed for _, seed in found})

    def table(rows: Mapping[tuple[float, int], Row], name: str) -> NDArray[np.float64]:
        return np.array(
            [[getattr(rows[value, seed], name) for seed in seeds] for value in settings], float
        )

    still = {(value, seed): quiet[detector, sides, value, seed] for value, seed in found}
    return Curve(
        detector,
        tuple(seeds),
        table(still, "values"),
        table(still, "false_alarms"),
        table(found, "drifts"),
        table(found, "delay"),
    )
