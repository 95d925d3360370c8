"""Events that were predicted and wait for their labels, with the rows that the labels will need."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from operators.snapshot import State
from stream.codec.strings import pack_strings, unpack_strings
from stream.labels.deadlines import Deadlines
from stream.labels.row_store import Matrix, RowStore
from stream.labels.topic_clock import BEGINNING

_MATRICES = ("x", "output", "trace", "watch")


class WaitingEvent(NamedTuple):
    """An event that waits.

    `slot` is where its row is kept, or ~row while its step has not settled; `clock` is the clock
    of the events topic when it came.
    """

    slot: int
    time: int
    clock: int
    arrival: int


class WaitingEvents:
    """Waiting events by id, in order of arrival, and their rows.

    Parameters
    ----------
    widths
        Columns of x, output, trace and watch.
    max_delay_ms
        How long after its own time an event waits.

    Notes
    -----
    O(1) an event but for its deadline, which is O(log waiting); nothing walks over what waits.
    """

    def __init__(self, widths: tuple[int, int, int, int], max_delay_ms: int) -> None:
        self._max_delay_ms = max_delay_ms
        self._store = RowStore(widths)
        self._waiting: OrderedDict[str, WaitingEvent] = OrderedDict()
        self._deadlines = Deadlines(self._still_waits)
        self._new: list[tuple[str, int]] = []
        self._carried: list[int] = []

    def __len__(self) -> int:
        return len(self._waiting)

    def __contains__(self, name: str) -> bool:
        return name in self._waiting

    @property
    def slots_used(self) -> int:
        """Rows that are kept; those of the events that wait, once a step has settled."""
        return self._store.used

    def get(self, name: str) -> WaitingEvent | None:
        """Return the event if it waits."""
        return self._waiting.get(name)

    def add(self, name: str, row: int, time: int, clock: int) -> None:
        """Let an event wait that is this row of the step."""
        arrival = self._deadlines.add(name, time + self._max_delay_ms)
        self._waiting[name] = WaitingEvent(~row, time, clock, arrival)
        self._new.append((name, arrival))

    def learn(self, name: str) -> None:
        """Take out an event whose label has come; a kept row stays until the step settles."""
        slot = self._waiting.pop(name).slot
        if slot >= 0:
            self._carried.append(slot)

    def expire(self, name: str) -> None:
        """Take out an event whose label will not come."""
        slot = self._waiting.pop(name).slot
        if slot >= 0:
            self._store.release([slot])

    def expire_oldest(self) -> str:
        """Take out the event that came first; returns its id."""
        name = next(iter(self._waiting))
        self.expire(name)
        return name

    def due(self, clock: int) -> Iterator[str]:
        """Take out each event whose deadline lies before `clock`, in order of deadlines."""
        for _, _, name in self._deadlines.due(clock):
            self.expire(name)
            yield name

    @property
    def carried_count(self) -> int:
        """Kept rows that this step learns so far."""
        return len(self._carried)

    def carried(self) -> list[Matrix]:
        """Copy the kept rows that this step learns, in the order of `learn`."""
        return self._store.gather(self._carried)

    def settle(self, matrices: list[Matrix]) -> None:
        """End a step: let go of the rows that were learnt, keep those that still wait.

        Parameters
        ----------
        matrices
            x, output, trace and watch of the step's rows, as the operators left them.
        """
        self._store.release(self._carried)
        self._carried = []
        kept = [name for name, arrival in self._new if self._still_waits(name, arrival)]
        self._new = []
        rows = np.array([~self._waiting[name].slot for name in kept], dtype=np.int64)
        slots = self._store.put([matrix[rows] for matrix in matrices])
        for name, slot in zip(kept, slots, strict=True):
            self._waiting[name] = self._waiting[name]._replace(slot=slot)
        self._deadlines.compact(len(self._waiting))

    def _still_waits(self, name: str, arrival: int) -> bool:
        event = self._waiting.get(name)
        return event is not None and event.arrival == arrival

    def snapshot(self) -> State:
        """Return the events in order of arrival, and their rows."""
        events = self._waiting.values()
        rows = self._store.gather([event.slot for event in events])
        return {
            **pack_strings(list(self._waiting)),
            "time": np.array([event.time for event in events], dtype=np.int64),
            "clock": np.array([event.clock for event in events], dtype=np.int64),
            **dict(zip(_MATRICES, rows, strict=True)),
        }

    def restore(self, state: State) -> None:
        """Take over a snapshot; those made before the topics had clocks hold none."""
        self._store.clear()
        self._deadlines.clear()
        names = unpack_strings(state)
        times = np.asarray(state["time"]).tolist()
        clocks = np.asarray(state.get("clock", [BEGINNING] * len(names))).tolist()
        slots = self._store.put([np.asarray(state[name], dtype=np.float64) for name in _MATRICES])
        self._waiting = OrderedDict()
        for name, slot, time, clock in zip(names, slots, times, clocks, strict=True):
            arrival = self._deadlines.add(name, time + self._max_delay_ms)
            self._waiting[name] = WaitingEvent(slot, time, clock, arrival)
