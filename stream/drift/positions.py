"""Where labels stood: from the number of a label to its offset and event time.

What diagnoses a drift counts labels; an operator wants offsets and times. A task keeps both of its
last labels, as many as a diagnoser looks back.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from operators.snapshot import State, copied, refill

_VERSION = 1


class Mark(NamedTuple):
    """Where a label stood: the offset of its record, and its event time (ms)."""

    offset: int
    time: int


class LabelMarks:
    """The last labels' places, in a ring.

    Parameters
    ----------
    look_back
        Labels kept. Larger: 16 bytes more each, in memory and in every checkpoint.

    Notes
    -----
    What is known at a label never depends on where steps were cut: a label that is `look_back` or
    more before the one asked from is unknown, even while the ring still has it.

    Examples
    --------
    >>> marks = LabelMarks(look_back=2)
    >>> marks.extend([10, 11, 12], [1000, 1001, 1002])
    >>> marks.find(3, now=3), marks.find(2, now=3), marks.find(1, now=3)
    (Mark(offset=12, time=1002), Mark(offset=11, time=1001), None)
    """

    def __init__(self, look_back: int) -> None:
        assert look_back >= 1
        self.look_back = look_back
        self._count = np.zeros(1, dtype=np.int64)
        self._ring = np.zeros((look_back, 2), dtype=np.int64)
        self._new = np.empty((0, 2), dtype=np.int64)

    @property
    def count(self) -> int:
        """Labels seen, those of the step in progress included."""
        return int(self._count[0]) + len(self._new)

    def extend(self, offsets: Sequence[int], times: Sequence[int]) -> None:
        """Begin a step: settle the one before, and take its labels in the order learnt."""
        self._settle()
        self._new = np.array([offsets, times], dtype=np.int64).reshape(2, -1).T

    def find(self, label: int, now: int) -> Mark | None:
        """Where the label with this number (from 1) stood, as known at label `now`."""
        if not max(0, now - self.look_back) < label <= self.count:
            return None
        settled = int(self._count[0])
        place = self._new[label - settled - 1] if label > settled else self._ring[self._at(label)]
        return Mark(int(place[0]), int(place[1]))

    def snapshot(self) -> State:
        """Return the ring, with all labels in it."""
        self._settle()
        return copied(_VERSION, self._arrays())

    def restore(self, state: State) -> None:
        """Take over a snapshot."""
        refill("label_marks", _VERSION, self._arrays(), state)
        self._new = self._new[:0]

    def _settle(self) -> None:
        """Put the step's labels into the ring, where they may push out older ones."""
        last = self._new[-self.look_back :]
        first = self.count - len(last)
        self._ring[(first + np.arange(len(last))) % self.look_back] = last
        self._count[0] = self.count
        self._new = self._new[:0]

    def _at(self, label: int) -> int:
        return (label - 1) % self.look_back

    def _arrays(self) -> dict[str, NDArray[Any]]:
        return {"count": self._count, "ring": self._ring}
