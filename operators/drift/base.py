"""The contract of drift detectors, and what they say when they signal."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from operators.snapshot import State


@dataclass(slots=True)  # not frozen: that takes four times as long to make, and some warn often
class Alarm:
    """One signal of a detector.

    Parameters
    ----------
    index
        Of the value, in the array that was given, at which the detector signalled.
    kind
        `drift`: the values have changed. `warning`: they may be changing.
    before
        The detector's estimate of the mean before the change.
    after
        The detector's estimate of the mean since the change.
    """

    index: int
    kind: Literal["drift", "warning"]
    before: float
    after: float

    @property
    def rise(self) -> float:
        """How much the mean has risen; negative when it fell (errors that fall are good news)."""
        return self.after - self.before


@runtime_checkable
class Detector(Protocol):
    """Watches a series of numbers for a change.

    A detector is a pure function of its parameters and the values it has been given: cutting the
    same values into other arrays changes no bit of its state or alarms. Values must be finite.
    """

    @property
    def takes_any_loss(self) -> bool:
        """Whether values may be of any size; otherwise they are errors, or losses in [0, 1]."""

    @property
    def drift_detected(self) -> bool:
        """True right after the update that signals; the next update starts anew."""

    @property
    def warning_detected(self) -> bool:
        """The same for a warning; always false for a detector that gives none."""

    def update(self, x: float) -> None:
        """Take in one value."""

    def update_many(self, values: NDArray[np.float64]) -> list[Alarm]:
        """Take in values in order; return the alarms they raised, in order."""

    def reset(self) -> None:
        """Forget everything, as if just made."""

    def snapshot(self) -> State:
        """Return the whole state as named arrays and plain values; shares no memory with it."""

    def restore(self, state: State) -> None:
        """Take over a state made by `snapshot` of a detector with equal parameters."""
