"""The clock of one topic: how far its event time has come, for deadlines.

The largest time seen would do if every record told the truth. One record dated 2100 would then
move the clock for good, and all that waits would expire. So the clock moves only when `RUN`
records in a row lie beyond it, and then to the smallest of them. A wrong time here and there costs
nothing, and a topic that goes on after a long pause is believed after `RUN` records. The clock is
late by up to two runs, and later where times are out of order: it errs towards waiting longer.

It depends on the topic's own records in their order and on nothing else.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

BEGINNING = -(2**63)
RUN = 8


class TopicClock:
    """Event time (ms) that a topic has passed.

    Examples
    --------
    >>> clock = TopicClock()
    >>> for time in (10, 11, 4_102_444_800_000, 12, 13, 14, 15, 16):
    ...     _ = clock.advance(time)
    >>> clock.time
    10
    """

    def __init__(self) -> None:
        self.time = BEGINNING
        self._smallest = BEGINNING
        self._count = 0

    def advance(self, time: int) -> bool:
        """Take the time of the topic's next record; returns whether the clock has moved."""
        if time <= self.time:
            self._count = 0
            return False
        self._smallest = min(self._smallest, time) if self._count else time
        self._count += 1
        if self._count < RUN:
            return False
        self.time, self._count = self._smallest, 0
        return True

    def snapshot(self) -> NDArray[np.int64]:
        """Return the time and the run in progress."""
        smallest = self._smallest if self._count else BEGINNING
        return np.array([self.time, smallest, self._count], dtype=np.int64)

    def restore(self, state: NDArray[np.int64]) -> None:
        """Take over a snapshot."""
        self.time, self._smallest, self._count = np.asarray(state).tolist()
