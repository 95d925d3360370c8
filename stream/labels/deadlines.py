"""Deadlines in event time, in the order in which they fall due."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator
from typing import NamedTuple


class Deadline(NamedTuple):
    """When a name's arrival falls due (ms of event time)."""

    time: int
    arrival: int
    name: str


class Deadlines:
    """Names with a deadline; met ones are forgotten lazily.

    Ties fall due in order of arrival. Memory is bounded by twice the names still alive plus a
    constant: the heap is rebuilt when most of it is met deadlines.

    Parameters
    ----------
    is_open
        Whether the deadline of this arrival of a name still counts.
    """

    def __init__(self, is_open: Callable[[str, int], bool]) -> None:
        self._is_open = is_open
        self._heap: list[Deadline] = []
        self._arrivals = 0

    def __len__(self) -> int:
        return len(self._heap)

    def add(self, name: str, deadline: int) -> int:
        """Add a name; returns the number of this arrival."""
        self._arrivals += 1
        heapq.heappush(self._heap, Deadline(deadline, self._arrivals, name))
        return self._arrivals

    def due(self, now: int) -> Iterator[Deadline]:
        """Take out each deadline that lies before `now` and still counts."""
        heap = self._heap
        while heap and heap[0].time < now:
            deadline = heapq.heappop(heap)
            if self._is_open(deadline.name, deadline.arrival):
                yield deadline

    def compact(self, alive: int) -> None:
        """Forget met deadlines once they outnumber the living ones."""
        if len(self._heap) > 2 * alive + 1024:
            self._heap = [each for each in self._heap if self._is_open(each.name, each.arrival)]
            heapq.heapify(self._heap)

    def clear(self) -> None:
        """Forget all names."""
        self._heap.clear()
        self._arrivals = 0
