"""Ids of recent events and what became of each: how a duplicate is known from a first arrival."""

from __future__ import annotations

import numpy as np

from operators.snapshot import State
from stream.codec.strings import pack_strings, unpack_strings

WAITING = 0
LEARNT = 1
EXPIRED = 2
UNLABELLED = 3


class SeenIds:
    """The last `window` accepted events' ids, each with its status.

    Parameters
    ----------
    window
        Ids remembered. Larger: duplicates that come further apart are noticed; about 150 bytes
        of memory an id.
    """

    def __init__(self, window: int) -> None:
        self._window = window
        self._status: dict[str, int] = {}

    def __contains__(self, event_id: str) -> bool:
        return event_id in self._status

    def status(self, event_id: str) -> int | None:
        """What became of the event, or None if it is not remembered."""
        return self._status.get(event_id)

    def add(self, event_id: str, status: int) -> None:
        """Remember a new event; forget the oldest beyond the window."""
        statuses = self._status
        statuses[event_id] = status
        if len(statuses) > self._window:
            del statuses[next(iter(statuses))]

    def change(self, event_id: str, status: int) -> None:
        """Change the status of an event if it is still remembered."""
        if event_id in self._status:
            self._status[event_id] = status

    def snapshot(self) -> State:
        """Ids in order of arrival, with their statuses."""
        statuses = np.fromiter(self._status.values(), dtype=np.uint8, count=len(self._status))
        return {**pack_strings(list(self._status)), "status": statuses}

    def restore(self, state: State) -> None:
        """Take over a snapshot."""
        statuses = np.asarray(state["status"]).tolist()
        self._status = dict(zip(unpack_strings(state), statuses, strict=True))
