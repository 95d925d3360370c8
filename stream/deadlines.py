"""Deadlines in event time, in the order in which they fall due."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Iterator


class Deadlines:
    """Names with a deadline (ms of event time); met ones are forgotten lazily.

    Ties fall due in order of arrival. Memory is bounded by twice the names still alive plus a
    constant: the heap is rebuilt when most of it is met deadlines.

    Parameters
    ----------
    is_open
        Whether the deadline of this arrival of a name still counts.
    """

    def __init__(self, is_open: Callable[[str, int], bool]) -> None:
        self._is_open = is_open
        self._heap: list[tuple[int, int, str]] = []
        self._arrivals = 0

    def add(self, name: str, deadline: int) -> int:
        """Add a name; returns the number of this arrival."""
        self._arrivals += 1
        heapq.heappush(self._heap, (deadline, self._arrivals, name))
        return self._arrivals

    def due(self, now: int) -> Iterator[str]:
        """Take out each name whose deadline lies before `now`."""
        heap = self._heap
        while heap and heap[0][0] < now:
            _, arrival, name = heapq.heappop(heap)
            if self._is_open(name, arrival):
                yield name

    def compact(self, alive: int) -> None:
        """Forget met deadlines once they outnumber the living ones."""
        if len(self._heap) > 2 * alive + 1024:
            self._heap = [entry for entry in self._heap if self._is_open(entry[2], entry[1])]
            heapq.heapify(self._heap)

    def refill(self, entries: Iterable[tuple[str, int]]) -> list[int]:
        """Start anew with these (name, deadline) in order of arrival."""
        self._heap.clear()
        self._arrivals = 0
        return [self.add(name, deadline) for name, deadline in entries]
