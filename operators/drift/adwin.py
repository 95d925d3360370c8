"""ADWIN: adaptive windowing, compiled."""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np
from annotated_types import Ge, Gt, Lt
from numpy.typing import ArrayLike, NDArray

from operators.drift.base import Alarm
from operators.kernels import adwin as kernel
from operators.snapshot import State

_LEVELS = 40
"""Buckets of level 39 hold 2**39 values: at a million values a second the window is first cut
short by this bound after a month."""


class ADWIN:
    """Adaptive windowing test for any change of a mean [1]_.

    Prefer it where nothing is known of the change: it needs no window size, and its false alarm
    rate is bounded by `delta`. It signals falls as well as rises; `Alarm.rise` tells which.

    Signals at exactly the values where `river.drift.ADWIN` does, which forgets its whole window
    at the update after a signal.

    Parameters
    ----------
    delta
        Significance. Smaller: fewer false alarms, longer delay.
    clock
        A test is made every this many values. Larger: faster, longer delay.
    max_buckets
        Buckets kept for each bucket size. Larger: finer cuts, slower tests.
    min_window_length
        Shortest part, on either side of a cut, that is tested. Smaller: shorter delay, more
        false alarms.
    grace_period
        No test is made until the window is longer than this.

    Notes
    -----
    O(log W) memory (a fixed 40 x (max_buckets + 1) buckets), O(1) amortised time a value, and
    O(log W) every `clock` values. `before` and `after` are the means on either side of the cut
    whose difference is the greatest multiple of its bound. The first cut that passes, which makes
    the window shrink, lies early and would mix values from before and after the change.

    Examples
    --------
    >>> detector = ADWIN()
    >>> errors = [0.0] * 1000 + [1.0] * 100
    >>> detector.update_many(errors)
    [Alarm(index=1023, kind='drift', before=0.0, after=1.0)]

    References
    ----------
    .. [1] Bifet and Gavalda, 2007, Learning from time-changing data with adaptive windowing,
       SDM. DOI 10.1137/1.9781611972771.42.
    """

    def __init__(
        self,
        delta: Annotated[float, Gt(0), Lt(1)] = 0.002,
        clock: Annotated[int, Ge(1)] = 32,
        max_buckets: Annotated[int, Ge(1)] = 5,
        min_window_length: Annotated[int, Ge(1)] = 5,
        grace_period: Annotated[int, Ge(1)] = 10,
    ) -> None:
        if not 0 < delta < 1:
            raise ValueError(f"delta: must be in (0, 1); got {delta!r}.")
        at_least_one = {
            "clock": clock,
            "max_buckets": max_buckets,
            "min_window_length": min_window_length,
            "grace_period": grace_period,
        }
        for name, value in at_least_one.items():
            if value < 1:
                raise ValueError(f"{name}: must be >= 1; got {value!r}.")
        self.delta = delta
        self.clock = clock
        self.max_buckets = max_buckets
        self.min_window_length = min_window_length
        self.grace_period = grace_period
        self._header: NDArray[Any] = np.zeros(1, dtype=kernel.HEADER)
        # Each level is a ring; a power of two makes its wrap-around a bit mask.
        self._buckets = np.zeros((_LEVELS, 1 << max_buckets.bit_length(), 2))
        self._rings = np.zeros((_LEVELS, 2), dtype=np.int64)
        self.reset()

    @property
    def takes_any_loss(self) -> bool:
        """Always true, though the bound on false alarms is meant for a range of about 1."""
        return True

    @property
    def drift_detected(self) -> bool:
        """True right after the update that signals."""
        return bool(self._header["drift"][0])

    @property
    def warning_detected(self) -> bool:
        """Always false: the method has no warning level."""
        return False

    @property
    def width(self) -> int:
        """Length of the window."""
        return int(self._header["width"][0])

    @property
    def estimation(self) -> float:
        """Mean of the window; 0 while it is empty."""
        return float(self._header["total"][0]) / self.width if self.width else 0.0

    @property
    def n_detections(self) -> int:
        """Signals since the detector was made (river counts from the last one)."""
        return int(self._header["detections"][0])

    def update(self, x: float) -> None:
        """Take in one value. One call costs about a microsecond; `update_many` far less a value."""
        self.update_many(np.array([x], dtype=np.float64))

    def update_many(self, values: ArrayLike) -> list[Alarm]:
        """Take in values in order; return the alarms they raised, in order."""
        array = np.ascontiguousarray(values, dtype=np.float64)
        if not np.isfinite(array).all():
            raise ValueError("values: must be finite; one NaN would stay in every later mean.")
        index = np.empty(len(array) // self.clock + 1, dtype=np.int64)
        means = np.empty((len(index), 2))
        n_alarms = kernel.update_many(
            self._header,
            self._buckets,
            self._rings,
            array,
            self.max_buckets,
            self.delta,
            self.clock,
            self.min_window_length,
            self.grace_period,
            index,
            means,
        )
        return [
            Alarm(int(index[i]), "drift", float(means[i, 0]), float(means[i, 1]))
            for i in range(n_alarms)
        ]

    def reset(self) -> None:
        """Forget everything, as if just made."""
        self._header[:] = np.zeros(1, dtype=kernel.HEADER)
        self._header["before"] = self._header["after"] = np.nan
        self._header["levels"] = 1
        self._buckets[:] = 0.0
        self._rings[:] = 0

    def snapshot(self) -> State:
        """Return the state; of the histogram, only the levels in use, so it is small."""
        levels = int(self._header["levels"][0])
        rings = self._rings[:levels].copy()
        buckets = self._buckets[:levels].copy()
        # Places outside the rings hold buckets that were merged away: they are no state.
        place = np.arange(buckets.shape[1]) - rings[:, [kernel.FIRST]]
        buckets[place % buckets.shape[1] >= rings[:, [kernel.COUNT]]] = 0.0
        return {"header": self._header.copy(), "buckets": buckets, "rings": rings}

    def restore(self, state: State) -> None:
        """Take over a state made by `snapshot` of a detector with equal parameters."""
        buckets, rings = np.asarray(state["buckets"]), np.asarray(state["rings"])
        assert buckets.shape[1:] == self._buckets.shape[1:]
        assert len(buckets) == len(rings) <= _LEVELS
        self._header = np.array(state["header"], dtype=kernel.HEADER)
        self._buckets = np.zeros_like(self._buckets)
        self._rings = np.zeros_like(self._rings)
        self._buckets[: len(buckets)] = buckets
        self._rings[: len(rings)] = rings
