"""Ids of recent events and what became of each: how a duplicate is known from a first arrival."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from operators.snapshot import State
from stream.codec.strings import pack_strings, unpack_strings

WAITING = 0
LEARNT = 1
EXPIRED = 2
UNLABELLED = 3

_STATUS_BITS = 2


class SeenIds:
    """The last `window` accepted events' ids, each with its status and a time.

    Parameters
    ----------
    window
        Ids remembered. Larger: duplicates that come further apart are noticed; about 200 bytes
        of memory an id.

    Notes
    -----
    O(1) an id. The order of arrival stands in a queue of its own: a dict whose oldest entries are
    deleted one by one walks over all the deleted ones each time its first entry is looked for.
    """

    def __init__(self, window: int) -> None:
        self._window = window
        # Status and time in one integer, so that an id costs one object and no more.
        self._marks: dict[str, int] = {}
        self._arrived: deque[str] = deque()

    def __contains__(self, event_id: str) -> bool:
        return event_id in self._marks

    def status(self, event_id: str) -> int | None:
        """What became of the event, or None if it is not remembered."""
        mark = self._marks.get(event_id)
        return None if mark is None else mark & UNLABELLED

    def time(self, event_id: str) -> int:
        """Time that was noted with the event, which must be remembered."""
        return self._marks[event_id] >> _STATUS_BITS

    def add(self, event_id: str, status: int, time: int = 0) -> None:
        """Remember a new event; forget the oldest beyond the window."""
        self._marks[event_id] = time << _STATUS_BITS | status
        self._arrived.append(event_id)
        self._forget_the_oldest()

    def are_new(self, event_ids: Sequence[str]) -> bool:
        """Whether all of these are remembered of no event, and each stands once among them."""
        distinct = set(event_ids)
        return len(distinct) == len(event_ids) and self._marks.keys().isdisjoint(distinct)

    def add_all(self, event_ids: Sequence[str], status: int) -> None:
        """Remember new events, as `add` does one by one."""
        self._marks.update(dict.fromkeys(event_ids, status))
        self._arrived.extend(event_ids)
        self._forget_the_oldest()

    def _forget_the_oldest(self) -> None:
        while len(self._arrived) > self._window:
            del self._marks[self._arrived.popleft()]

    def change(self, event_id: str, status: int) -> None:
        """Change the status of an event if it is still remembered."""
        mark = self._marks.get(event_id)
        if mark is not None:
            self._marks[event_id] = mark & ~UNLABELLED | status

    def times(self) -> NDArray[np.int64]:
        """Times noted, in order of arrival; not part of `snapshot`, for most have none."""
        marks = self._marks.values()
        return np.fromiter((mark >> _STATUS_BITS for mark in marks), np.int64, count=len(marks))

    def snapshot(self) -> State:
        """Ids in order of arrival, with their statuses."""
        marks = self._marks.values()
        statuses = np.fromiter((mark & UNLABELLED for mark in marks), np.uint8, count=len(marks))
        return {**pack_strings(list(self._marks)), "status": statuses}

    def restore(self, state: State, times: Iterable[int] | None = None) -> None:
        """Take over a snapshot, and what `times` returned."""
        names = unpack_strings(state)
        statuses = np.asarray(state["status"]).tolist()
        noted = [0] * len(names) if times is None else times
        self._arrived = deque(names)
        self._marks = {
            name: time << _STATUS_BITS | status
            for name, status, time in zip(names, statuses, noted, strict=True)
        }
