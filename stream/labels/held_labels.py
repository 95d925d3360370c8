"""Labels that came before their events, whole, so that each can still become a dead letter."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from typing import Any, NamedTuple

import msgspec
import numpy as np

from operators.snapshot import State
from stream.labels.deadlines import Deadlines
from stream.labels.topic_clock import BEGINNING


class LabelRecord(NamedTuple):
    """A label, its record, and the clock of the labels topic when it came."""

    name: str
    label: Any
    time: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    clock: int

    @property
    def latest(self) -> int:
        """The later of its own time and the clock's: what must not be too late for its event."""
        return max(self.time, self.clock)


class HeldLabels:
    """Labels by the id of their event, in order of arrival; an id may have several.

    Parameters
    ----------
    max_delay_ms
        How long after its own time a label waits.

    Notes
    -----
    O(1) a label but for its deadline, which is O(log held).
    """

    def __init__(self, max_delay_ms: int) -> None:
        self._max_delay_ms = max_delay_ms
        self._held: OrderedDict[int, LabelRecord] = OrderedDict()
        self._by_name: dict[str, dict[int, LabelRecord]] = {}
        self._deadlines = Deadlines(lambda _, arrival: arrival in self._held)

    def __len__(self) -> int:
        return len(self._held)

    def hold(self, held: LabelRecord) -> None:
        """Keep a label that came after all those that are held."""
        arrival = self._deadlines.add(held.name, held.time + self._max_delay_ms)
        self._held[arrival] = held
        self._by_name.setdefault(held.name, {})[arrival] = held

    def take(self, name: str) -> list[LabelRecord]:
        """Take out the labels of an event, in order of arrival."""
        return [self._held.pop(arrival) for arrival in self._by_name.pop(name, ())]

    def take_oldest(self) -> LabelRecord:
        """Take out the label that came first of all."""
        return self._let_go(next(iter(self._held)))

    def due(self, clock: int) -> Iterator[LabelRecord]:
        """Take out each label whose deadline lies before `clock`, in order of deadlines."""
        for _, arrival, _ in self._deadlines.due(clock):
            yield self._let_go(arrival)

    def compact(self) -> None:
        """Forget deadlines of labels that are gone."""
        self._deadlines.compact(len(self._held))

    def _let_go(self, arrival: int) -> LabelRecord:
        held = self._held.pop(arrival)
        same = self._by_name[held.name]
        del same[arrival]
        if not same:
            del self._by_name[held.name]
        return held

    def snapshot(self) -> State:
        """Return the labels in order of arrival."""
        held = self._held.values()
        packed = msgspec.msgpack.encode([each[:-1] for each in held]) if held else b""
        return {
            "held": np.frombuffer(packed, dtype=np.uint8),
            "held_clock": np.array([each.clock for each in held], dtype=np.int64),
        }

    def restore(self, state: State) -> None:
        """Take over a snapshot; those made before the topics had clocks hold none."""
        packed = np.asarray(state["held"], dtype=np.uint8).tobytes()
        entries = msgspec.msgpack.decode(packed) if packed else []
        clocks = np.asarray(state.get("held_clock", [BEGINNING] * len(entries))).tolist()
        self._held.clear()
        self._by_name.clear()
        self._deadlines.clear()
        for entry, clock in zip(entries, clocks, strict=True):
            self.hold(LabelRecord._make((*entry, clock)))
