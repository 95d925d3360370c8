"""Labels that come in a topic of their own: events wait for them, and they for events.

What becomes of each record is in the table of `stream.labels`.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import msgspec
import numpy as np

from operators.snapshot import State, nest, part
from operators.tape import Rows
from stream.codec.strings import pack_strings, unpack_strings
from stream.codec.target import TargetCoder
from stream.deadlines import Deadlines
from stream.inbox import EVENT, DeadLetter, Records
from stream.labels import BEGINNING, Plan, dead_letter
from stream.log.base import TopicPartition
from stream.row_store import Matrix, RowStore
from stream.seen_ids import EXPIRED, LEARNT, WAITING, SeenIds


class _Waiting(NamedTuple):
    """An event that waits: its slot, or ~row while this step has not settled; its arrival."""

    slot: int
    time: int
    arrival: int


class _Held(NamedTuple):
    """A label that came before its event, whole, so that it can still become a dead letter."""

    label: Any
    time: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    arrival: int


class LabelJoin:
    """Labels that come in a topic of their own, seconds or days after their events.

    Parameters
    ----------
    events, labels
        The partitions read.
    target
        Codes the labels.
    widths
        Columns of x, output, trace and watch, which wait with an event.
    max_delay_ms, pending_max
        See `config.Labels`.
    duplicates_window
        See `SeenIds`.
    dead_topic
        Named in the messages of dead letters.
    """

    def __init__(
        self,
        events: TopicPartition,
        labels: TopicPartition,
        target: TargetCoder,
        *,
        widths: tuple[int, int, int, int],
        max_delay_ms: int,
        pending_max: int,
        duplicates_window: int,
        dead_topic: str,
    ) -> None:
        self._events = events
        self._labels = labels
        self._target = target
        self._max_delay_ms = max_delay_ms
        self._pending_max = pending_max
        self._dead_topic = dead_topic
        self._seen = SeenIds(duplicates_window)
        self._store = RowStore(widths)
        self._waiting: dict[str, _Waiting] = {}
        self._held: dict[str, _Held] = {}
        self._event_deadlines = Deadlines(self._still_waits)
        self._label_deadlines = Deadlines(self._still_held)
        self._carried: list[int] = []
        self.stream_time = BEGINNING

    @property
    def pending(self) -> int:
        return len(self._waiting)

    @property
    def held(self) -> int:
        return len(self._held)

    def plan(self, turns: list[int], events: Records, labels: Records) -> Plan:
        plan = Plan()
        self._carried = []
        carried_rows: list[int] = []
        i = j = 0
        for turn in turns:
            if turn == EVENT:
                self._advance(events.times[i], plan)
                self._event(plan, events, i)
                i += 1
            else:
                self._advance(labels.times[j], plan)
                self._label(plan, labels, j, carried_rows)
                j += 1
        self._number_carried(plan, carried_rows)
        plan.carried = self._store.gather(self._carried)
        return plan

    def settle(self, plan: Plan, rows: Rows, watch: Matrix) -> None:
        self._store.release(self._carried)
        self._carried = []
        kept = [(name, entry) for name, entry in self._waiting.items() if entry.slot < 0]
        if kept:
            index = np.array([~entry.slot for _, entry in kept], dtype=np.int64)
            matrices = (rows.x, rows.output, rows.trace, watch)
            slots = self._store.put([matrix[index] for matrix in matrices])
            for (name, entry), slot in zip(kept, slots, strict=True):
                self._waiting[name] = entry._replace(slot=slot)
        self._event_deadlines.compact(len(self._waiting))
        self._label_deadlines.compact(len(self._held))

    def _event(self, plan: Plan, events: Records, position: int) -> None:
        event_id = events.ids[position]
        if event_id in self._seen or event_id in self._waiting:
            why = f"id must be new; got {event_id!r} again"
            plan.dead.append(
                dead_letter(self._events, events, position, "duplicate_id", why, self._dead_topic)
            )
            return
        row = plan.predict(position, len(self._target.classes))
        early = self._held.pop(event_id, None)
        if early is not None:
            code = self._target.code_one(early.label)
            if not math.isnan(code):
                self._seen.add(event_id, LEARNT)
                plan.learn(row, code, early.time, early.offset)
                return
            plan.dead.append(self._dead_held(early, "too_many_classes", self._why_refused(early)))
        time = events.times[position]
        arrival = self._event_deadlines.add(event_id, time + self._max_delay_ms)
        self._waiting[event_id] = _Waiting(~row, time, arrival)
        self._seen.add(event_id, WAITING)
        if len(self._waiting) > self._pending_max:
            self._expire(next(iter(self._waiting)))
            plan.expired_by_capacity += 1

    def _label(self, plan: Plan, labels: Records, position: int, carried_rows: list[int]) -> None:
        label_id, label = labels.ids[position], labels.contents[position]
        time, offset = labels.times[position], labels.offsets[position]
        waiting = self._waiting.get(label_id)
        if waiting is None:
            self._label_alone(plan, labels, position)
            return
        code = self._target.code_one(label)
        if math.isnan(code):
            why = (
                "label must be one of at most target.classes_max classes; "
                f"got {label!r} beyond them"
            )
            plan.dead.append(
                dead_letter(
                    self._labels, labels, position, "too_many_classes", why, self._dead_topic
                )
            )
            return
        del self._waiting[label_id]
        self._seen.change(label_id, LEARNT)
        if waiting.slot < 0:
            plan.learn(~waiting.slot, code, time, offset)
            return
        carried_rows.append(len(plan.row))
        self._carried.append(waiting.slot)
        plan.learn(len(self._carried) - 1, code, time, offset)

    def _label_alone(self, plan: Plan, labels: Records, position: int) -> None:
        """Handle a label whose event is not waiting: too late, a duplicate, or early."""
        label_id = labels.ids[position]
        status = self._seen.status(label_id)
        if status == EXPIRED:
            why = f"label must come within labels.max_delay; event {label_id!r} has expired"
            reason = "label_too_late"
        elif status is not None or label_id in self._held:
            why = f"label must come once; event {label_id!r} has one"
            reason = "duplicate_label"
        else:
            self._hold(plan, labels, position)
            return
        plan.dead.append(dead_letter(self._labels, labels, position, reason, why, self._dead_topic))

    def _hold(self, plan: Plan, labels: Records, position: int) -> None:
        label_id, time = labels.ids[position], labels.times[position]
        arrival = self._label_deadlines.add(label_id, time + self._max_delay_ms)
        self._held[label_id] = _Held(
            labels.contents[position],
            time,
            labels.offsets[position],
            labels.timestamps[position],
            labels.keys[position],
            labels.values[position],
            arrival,
        )
        if len(self._held) > self._pending_max:
            self._orphan(next(iter(self._held)), plan)

    def _advance(self, time: int, plan: Plan) -> None:
        """Move the stream time on; whoever is due by then goes."""
        if time <= self.stream_time:
            return
        self.stream_time = time
        for name in self._event_deadlines.due(time):
            self._expire(name)
            plan.expired_by_delay += 1
        for name in self._label_deadlines.due(time):
            self._orphan(name, plan)

    def _expire(self, name: str) -> None:
        slot = self._waiting.pop(name).slot
        self._seen.change(name, EXPIRED)
        if slot >= 0:
            self._store.release([slot])

    def _orphan(self, name: str, plan: Plan) -> None:
        plan.orphaned += 1
        why = f"a label's event must come within labels.max_delay; none with id {name!r} did"
        plan.dead.append(self._dead_held(self._held.pop(name), "orphaned_label", why))

    def _dead_held(self, held: _Held, reason: str, why: str) -> DeadLetter:
        source = self._labels
        message = (
            f"{source.topic}[{source.partition}]@{held.offset}: {why}. "
            f"The record went to topic `{self._dead_topic}`."
        )
        return DeadLetter(
            source, held.offset, held.timestamp, held.key, held.value, reason, message
        )

    @staticmethod
    def _why_refused(held: _Held) -> str:
        return (
            f"label must be one of at most target.classes_max classes; got {held.label!r} "
            "beyond them"
        )

    def _number_carried(self, plan: Plan, carried_rows: list[int]) -> None:
        """Give carried rows their numbers, after those of the new events."""
        for step in carried_rows:
            plan.row[step] += len(plan.accepted)

    def _still_waits(self, name: str, arrival: int) -> bool:
        entry = self._waiting.get(name)
        return entry is not None and entry.arrival == arrival

    def _still_held(self, name: str, arrival: int) -> bool:
        entry = self._held.get(name)
        return entry is not None and entry.arrival == arrival

    def snapshot(self) -> State:
        waiting, held = self._waiting.values(), self._held.values()
        x, output, trace, watch = self._store.gather([entry.slot for entry in waiting])
        return {
            "stream_time": self.stream_time,
            **nest("seen", self._seen.snapshot()),
            **nest("waiting", pack_strings(list(self._waiting))),
            "waiting/time": np.array([entry.time for entry in waiting], dtype=np.int64),
            "waiting/x": x,
            "waiting/output": output,
            "waiting/trace": trace,
            "waiting/watch": watch,
            "held": np.frombuffer(
                msgspec.msgpack.encode([(name, *entry[:-1]) for name, entry in self._held.items()]),
                dtype=np.uint8,
            )
            if held
            else np.empty(0, dtype=np.uint8),
        }

    def restore(self, state: State) -> None:
        self.stream_time = int(state["stream_time"])
        self._seen.restore(part("seen", state))
        self._restore_waiting(state)
        self._restore_held(state)

    def _restore_waiting(self, state: State) -> None:
        self._store.clear()
        names = unpack_strings(part("waiting", state))
        times = np.asarray(state["waiting/time"]).tolist()
        rows = [
            np.asarray(state[f"waiting/{name}"], dtype=np.float64)
            for name in ("x", "output", "trace", "watch")
        ]
        slots = self._store.put(rows)
        arrivals = self._event_deadlines.refill(
            (name, time + self._max_delay_ms) for name, time in zip(names, times, strict=True)
        )
        self._waiting = {
            name: _Waiting(slot, time, arrival)
            for name, slot, time, arrival in zip(names, slots, times, arrivals, strict=True)
        }

    def _restore_held(self, state: State) -> None:
        packed = np.asarray(state["held"], dtype=np.uint8).tobytes()
        entries = msgspec.msgpack.decode(packed) if packed else []
        arrivals = self._label_deadlines.refill(
            (entry[0], entry[2] + self._max_delay_ms) for entry in entries
        )
        self._held = {
            entry[0]: _Held._make((*entry[1:], arrival))
            for entry, arrival in zip(entries, arrivals, strict=True)
        }
