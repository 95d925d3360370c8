"""What compiled detectors share: values in, alarms out, state as arrays."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from operators.drift.base import Alarm
from operators.kernels.alarms import DRIFT, LOG, WARNING
from operators.snapshot import State, copied, refill

VERSION = 1
_KINDS: dict[int, Literal["drift", "warning"]] = {DRIFT: "drift", WARNING: "warning"}


class CompiledDetector:
    """A detector whose work is one kernel over arrays.

    A detector of the catalogue is a constructor with documented parameters that hands its kernel
    and its state to this class. Nothing else is overridden.

    Parameters
    ----------
    update_many
        The kernel: called with values, a log of `operators.kernels.alarms.LOG`, the arrays in
        their order, and the settings; returns the number of alarms.
    arrays
        The whole state; `state` comes first and has the fields of
        `operators.kernels.alarms.layout`. What the arrays hold now is what `reset` goes back to.
    settings
        Numbers that the kernel takes after the arrays.
    low, high
        Bounds of the values; what lies outside is refused.
    """

    def __init__(
        self,
        update_many: Callable[..., int],
        arrays: Mapping[str, NDArray[Any]],
        settings: tuple[float, ...],
        low: float = -math.inf,
        high: float = math.inf,
    ) -> None:
        self._kernel = update_many
        self._arrays = dict(arrays)
        self._header = self._arrays["state"]
        self._given = (*self._arrays.values(), *settings)
        self._low, self._high = low, high
        self._fresh = copied(VERSION, self._arrays)
        # One value at a time needs no new arrays.
        self._value, self._entry = np.empty(1), np.empty(1, dtype=LOG)

    @property
    def takes_any_loss(self) -> bool:
        """Whether values may be of any size; otherwise they are errors, or losses in [0, 1]."""
        return math.isinf(self._high)

    @property
    def drift_detected(self) -> bool:
        """True right after the update that signals; the next update starts anew."""
        return bool(self._header["zone"][0] == DRIFT)

    @property
    def warning_detected(self) -> bool:
        """True while the values may be changing; always false for a detector that never warns."""
        return bool(self._header["zone"][0] == WARNING)

    @property
    def n_detections(self) -> int:
        """Drifts since the detector was made or reset."""
        return int(self._header["detections"][0])

    def update(self, x: float) -> None:
        """Take in one value. One call costs some microseconds; `update_many` far less a value."""
        value = float(x)
        if not (math.isfinite(value) and self._low <= value <= self._high):
            self._refuse(value)
        self._value[0] = value
        self._kernel(self._value, self._entry, *self._given)

    def update_many(self, values: ArrayLike) -> list[Alarm]:
        """Take in values in order; return the alarms they raised, in order.

        Raises
        ------
        ValueError
            When a value is not finite, or out of bounds; then none has been taken in.
        """
        array = np.ascontiguousarray(values, dtype=np.float64)
        self._check(array)
        # Memory that no alarm is written to is never touched.
        log = np.empty(len(array), dtype=LOG)
        n_alarms = self._kernel(array, log, *self._given)
        return [
            Alarm(index, _KINDS[zone], before, after)
            for index, zone, before, after in log[:n_alarms].tolist()
        ]

    def snapshot(self) -> State:
        """Return the whole state; it shares no memory with the detector."""
        return copied(VERSION, self._arrays)

    def restore(self, state: State) -> None:
        """Take over a state made by `snapshot` of a detector with equal parameters."""
        refill(type(self).__name__, VERSION, self._arrays, state)

    def reset(self) -> None:
        """Forget everything, as if just made."""
        self.restore(self._fresh)

    def _check(self, values: NDArray[np.float64]) -> None:
        if not values.size:
            return
        # The least and the greatest of values with a NaN among them are NaN.
        low, high = float(values.min()), float(values.max())
        if not (self._low <= low and high <= self._high and math.isfinite(high - low)):
            wrong = ~(np.isfinite(values) & (values >= self._low) & (values <= self._high))
            if wrong.any():
                self._refuse(float(values[wrong][0]))

    def _refuse(self, value: float) -> None:
        if not math.isfinite(value):
            raise ValueError("values: must be finite; one NaN would stay in every later mean.")
        raise ValueError(
            f"values: must be in [{self._low:g}, {self._high:g}]; got {value!r}. "
            f"{type(self).__name__} takes errors, or losses scaled to that range."
        )
