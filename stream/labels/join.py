"""Labels that come in a topic of their own: events wait for them, and they for events.

What becomes of each record is in the table of `stream.labels.plan`. It depends on the records of
each topic in their order, and not on how far one topic was read before the other:

- An event waits by the clock of the labels topic. A label is too late if its own time, or that
  clock when it came, lies more than `max_delay` after the event's time; an event that no label can
  reach any more has expired.
- A label waits by the clock of the events topic. It is an orphan if that clock, when its event
  came, lies more than `max_delay` after the label's time, or has come there without the event.

So whether a label and an event may meet is decided by the two records and by where the clock of
each one's own topic stood when it came. Whichever is read second finds that out from what is kept
of the first. Of several labels of an event the first that may meet it is learnt.
"""

from __future__ import annotations

import math

import numpy as np

from operators.snapshot import State, nest, part
from operators.tape import Rows
from stream.codec.target import TargetCoder
from stream.labels.held_labels import HeldLabels, LabelRecord
from stream.labels.inbox import EVENT, DeadLetter, Records
from stream.labels.plan import Plan, dead_letter
from stream.labels.row_store import Matrix
from stream.labels.seen_ids import EXPIRED, LEARNT, WAITING, SeenIds
from stream.labels.topic_clock import BEGINNING, TopicClock
from stream.labels.waiting_events import WaitingEvent, WaitingEvents
from stream.log.base import TopicPartition


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
        self._waiting = WaitingEvents(widths, max_delay_ms)
        self._held = HeldLabels(max_delay_ms)
        self._event_clock = TopicClock()
        self._label_clock = TopicClock()
        self.stream_time = BEGINNING

    @property
    def pending(self) -> int:
        return len(self._waiting)

    @property
    def held(self) -> int:
        return len(self._held)

    def plan(self, turns: list[int], events: Records, labels: Records) -> Plan:
        plan = Plan()
        carried_steps: list[int] = []
        i = j = 0
        for turn in turns:
            if turn == EVENT:
                self._event(plan, events, i)
                i += 1
            else:
                self._label(plan, self._read(labels, j, plan), carried_steps)
                j += 1
        # Kept rows are numbered after those of the new events, whose count is known only now.
        for step in carried_steps:
            plan.row[step] += len(plan.accepted)
        plan.carried = self._waiting.carried()
        return plan

    def settle(self, plan: Plan, rows: Rows, watch: Matrix) -> None:
        self._waiting.settle([rows.x, rows.output, rows.trace, watch])
        self._held.compact()

    def _event(self, plan: Plan, events: Records, position: int) -> None:
        event_id, time = events.ids[position], events.times[position]
        self._pass_event(time, plan)
        if event_id in self._seen or event_id in self._waiting:
            why = f"id must be new; got {event_id!r} again"
            plan.dead.append(
                dead_letter(self._events, events, position, "duplicate_id", why, self._dead_topic)
            )
            return
        row = plan.predict(position, len(self._target.classes))
        if self._meet_held(plan, event_id, time, row):
            status = LEARNT
        elif self._is_late(time, self._label_clock.time):
            status = EXPIRED
            plan.expired_by_delay += 1
        else:
            status = WAITING
            self._waiting.add(event_id, row, time, self._event_clock.time)
        self._seen.add(event_id, status, self._event_clock.time)
        while len(self._waiting) > self._pending_max:  # once, unless the bound was lowered
            self._seen.change(self._waiting.expire_oldest(), EXPIRED)
            plan.expired_by_capacity += 1

    def _meet_held(self, plan: Plan, event_id: str, time: int, row: int) -> bool:
        """Learn the first held label that will do, refuse the others; returns whether one did."""
        is_learnt = False
        for label in self._held.take(event_id):
            if is_learnt:
                self._refuse_duplicate(plan, label)
            elif self._is_late(time, label.latest):
                self._refuse_late(plan, label)
            else:
                is_learnt = self._learn(plan, label, row)
        return is_learnt

    def _label(self, plan: Plan, label: LabelRecord, carried_steps: list[int]) -> None:
        event = self._waiting.get(label.name)
        status = self._seen.status(label.name) if event is None else WAITING
        if self._is_late(label.time, self._clock_at(label.name, event, status)):
            self._orphan(plan, label)
        elif status is None:
            self._hold(plan, label)
        elif status == LEARNT:
            self._refuse_duplicate(plan, label)
        elif event is None or self._is_late(event.time, label.latest):
            self._refuse_late(plan, label)
        else:
            self._meet_waiting(plan, label, event, carried_steps)

    def _clock_at(self, name: str, event: WaitingEvent | None, status: int | None) -> int:
        """Clock of the events when this one came; now, if it has not come."""
        if event is not None:
            return event.clock
        return self._event_clock.time if status is None else self._seen.time(name)

    def _meet_waiting(
        self, plan: Plan, label: LabelRecord, event: WaitingEvent, carried_steps: list[int]
    ) -> None:
        """Learn a waiting event, whose row is one of this step's or kept from an earlier one."""
        is_kept = event.slot >= 0
        if not self._learn(plan, label, self._waiting.carried_count if is_kept else ~event.slot):
            return
        if is_kept:
            carried_steps.append(len(plan.row) - 1)
        self._waiting.learn(label.name)
        self._seen.change(label.name, LEARNT)

    def _read(self, labels: Records, position: int, plan: Plan) -> LabelRecord:
        """Take a label's record as one piece, once the clock has passed it."""
        time = labels.times[position]
        self._pass_label(time, plan)
        return LabelRecord(
            labels.ids[position],
            labels.contents[position],
            time,
            labels.offsets[position],
            labels.timestamps[position],
            labels.keys[position],
            labels.values[position],
            self._label_clock.time,
        )

    def _pass_event(self, time: int, plan: Plan) -> None:
        """Move the clock of the events; held labels that are due by then are orphans."""
        self.stream_time = max(self.stream_time, time)
        if self._event_clock.advance(time):
            for label in self._held.due(self._event_clock.time):
                self._orphan(plan, label)

    def _pass_label(self, time: int, plan: Plan) -> None:
        """Move the clock of the labels; events that are due by then expire."""
        self.stream_time = max(self.stream_time, time)
        if self._label_clock.advance(time):
            for name in self._waiting.due(self._label_clock.time):
                self._seen.change(name, EXPIRED)
                plan.expired_by_delay += 1

    def _is_late(self, time: int, other: int) -> bool:
        """Whether the other time lies more than `max_delay` after this one."""
        return other > time + self._max_delay_ms

    def _learn(self, plan: Plan, label: LabelRecord, row: int) -> bool:
        """Learn a row unless the label's class is beyond the bound; returns whether it was."""
        code = self._target.code_one(label.label)
        if math.isnan(code):
            why = (
                "label must be one of at most target.classes_max classes; "
                f"got {label.label!r} beyond them"
            )
            self._refuse(plan, label, "too_many_classes", why)
            return False
        plan.learn(row, code, label.time, label.offset)
        return True

    def _hold(self, plan: Plan, label: LabelRecord) -> None:
        self._held.hold(label)
        # Where the bound was lowered, two for each that comes: each is a dead letter, and all at
        # once would be one enormous transaction.
        for _ in range(min(2, len(self._held) - self._pending_max)):
            self._orphan(plan, self._held.take_oldest())

    def _orphan(self, plan: Plan, label: LabelRecord) -> None:
        plan.orphaned += 1
        why = f"a label's event must come within labels.max_delay; none with id {label.name!r} did"
        self._refuse(plan, label, "orphaned_label", why)

    def _refuse_duplicate(self, plan: Plan, label: LabelRecord) -> None:
        why = f"label must come once; event {label.name!r} has one"
        self._refuse(plan, label, "duplicate_label", why)

    def _refuse_late(self, plan: Plan, label: LabelRecord) -> None:
        why = f"label must come within labels.max_delay; got it too late for event {label.name!r}"
        self._refuse(plan, label, "label_too_late", why)

    def _refuse(self, plan: Plan, label: LabelRecord, reason: str, why: str) -> None:
        source = self._labels
        message = (
            f"{source.topic}[{source.partition}]@{label.offset}: {why}. "
            f"The record went to topic `{self._dead_topic}`."
        )
        plan.dead.append(
            DeadLetter(
                source, label.offset, label.timestamp, label.key, label.value, reason, message
            )
        )

    def snapshot(self) -> State:
        return {
            "stream_time": self.stream_time,
            "event_clock": self._event_clock.snapshot(),
            "label_clock": self._label_clock.snapshot(),
            **nest("seen", self._seen.snapshot()),
            "seen_clock": self._seen.times(),
            **nest("waiting", self._waiting.snapshot()),
            **self._held.snapshot(),
        }

    def restore(self, state: State) -> None:
        """Take over a snapshot.

        One that was made before the topics had clocks of their own has a `stream_time` alone. That
        may have been moved by one wrong record, so the clocks begin anew: what waits then waits
        until they have come as far again.
        """
        self.stream_time = int(state["stream_time"])
        self._event_clock, self._label_clock = TopicClock(), TopicClock()
        seen = part("seen", state)
        times = [BEGINNING] * len(np.asarray(seen["status"]))
        if "event_clock" in state:
            self._event_clock.restore(np.asarray(state["event_clock"]))
            self._label_clock.restore(np.asarray(state["label_clock"]))
            times = np.asarray(state["seen_clock"]).tolist()
        self._seen.restore(seen, times)
        self._waiting.restore(part("waiting", state))
        self._held.restore(state)
