"""Labels meet their events: the plan of one step, record by record, in the order of turns.

What becomes of each record:

================================================  =============================================
event with a new id                               predicted; waits for its label
event whose id is in the duplicates window        dead letter `duplicate_id`, no prediction
label of a waiting event                          learnt
label before its event                            held; learnt right after the event's prediction
second label of an event that has not come        held too; judged when the event comes
label of an event learnt already                  dead letter `duplicate_label`
label of an event that has expired                dead letter `label_too_late`
held label whose event does not come in time      dead letter `orphaned_label`
label of a class beyond the bound of open ones    dead letter `too_many_classes`
event whose label does not come in time           counted as expired; it had its prediction
================================================  =============================================

"In time" is `labels.max_delay` of event time, for a label by the clock of the labels topic and for
an event by that of the events topic (`stream.labels.join`); beyond `labels.pending_max` the oldest
goes early.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Protocol

from operators.snapshot import State, nest, part
from operators.tape import LEARN, PREDICT, Rows
from stream.codec.target import TargetCoder
from stream.labels.inbox import DeadLetter, Records
from stream.labels.row_store import Matrix
from stream.labels.seen_ids import LEARNT, UNLABELLED, SeenIds
from stream.labels.topic_clock import BEGINNING
from stream.log.base import TopicPartition


@dataclass(slots=True)
class Plan:
    """What one step does: rows, tape, labels, and what could not be used.

    Rows 0 .. len(accepted) - 1 are the new events, those after them the waiting rows that this
    step learns (`carried`: x, output, trace and watch of each). `known` says for each new event
    how many classes had been seen before it: later ones of the same batch must not show.
    """

    accepted: list[int] = field(default_factory=list)
    known: list[int] = field(default_factory=list)
    action: list[int] = field(default_factory=list)
    row: list[int] = field(default_factory=list)
    learn_codes: list[float] = field(default_factory=list)
    learn_times: list[int] = field(default_factory=list)
    learn_offsets: list[int] = field(default_factory=list)
    carried: list[Matrix] = field(default_factory=list)
    dead: list[DeadLetter] = field(default_factory=list)
    expired_by_delay: int = 0
    expired_by_capacity: int = 0
    orphaned: int = 0

    def predict(self, position: int, known: int) -> int:
        """Add the event at this position of the step's records; returns its row."""
        row = len(self.accepted)
        self.accepted.append(position)
        self.known.append(known)
        self.action.append(PREDICT)
        self.row.append(row)
        return row

    def learn(self, row: int, code: float, time: int, offset: int) -> None:
        """Learn a row; its label's record has this event time and offset."""
        self.action.append(LEARN)
        self.row.append(row)
        self.learn_codes.append(code)
        self.learn_times.append(time)
        self.learn_offsets.append(offset)


class LabelSource(Protocol):
    """How labels reach their events."""

    def plan(self, turns: list[int], events: Records, labels: Records) -> Plan:
        """Decide what becomes of each record of the step."""

    def settle(self, plan: Plan, rows: Rows, watch: Matrix) -> None:
        """Keep the rows, as the operators left them, that still wait."""

    @property
    def stream_time(self) -> int:
        """Largest event time seen (ms)."""

    @property
    def pending(self) -> int:
        """Events that wait for their labels."""

    @property
    def held(self) -> int:
        """Labels that wait for their events."""

    def snapshot(self) -> State:
        """Return the whole state."""

    def restore(self, state: State) -> None:
        """Take over a snapshot."""


def dead_letter(
    source: TopicPartition, records: Records, position: int, reason: str, why: str, topic: str
) -> DeadLetter:
    """Refuse the record at a position of a step's records, and say why."""
    offset = records.offsets[position]
    return DeadLetter(
        source,
        offset,
        records.timestamps[position],
        records.keys[position],
        records.values[position],
        reason,
        f"{source.topic}[{source.partition}]@{offset}: {why}. The record went to topic `{topic}`.",
    )


class InlineLabels:
    """Labels that come inside their events: predict, then learn at once.

    Parameters
    ----------
    source
        The partition of events.
    target
        Codes the labels.
    duplicates_window
        See `SeenIds`.
    dead_topic
        Named in the messages of dead letters.
    """

    pending = 0
    held = 0

    def __init__(
        self, source: TopicPartition, target: TargetCoder, duplicates_window: int, dead_topic: str
    ) -> None:
        self._source = source
        self._target = target
        self._seen = SeenIds(duplicates_window)
        self._dead_topic = dead_topic
        self.stream_time = BEGINNING

    def plan(self, turns: list[int], events: Records, labels: Records) -> Plan:
        assert len(turns) == len(events)
        assert not len(labels)
        plan = self._plan_at_once(events)
        if plan is None:
            plan = self._plan_one_by_one(events)
        if len(events):
            self.stream_time = max(self.stream_time, max(events.times))
        return plan

    def _plan_at_once(self, events: Records) -> Plan | None:
        """Plan for events with new ids and labels of known classes; None where one is otherwise."""
        if None in events.labels or not self._seen.are_new(events.ids):
            return None
        codes = self._target.known_codes(events.labels)
        if codes is None:
            return None
        self._seen.add_all(events.ids, LEARNT)
        count = len(events)
        rows = range(count)
        return Plan(
            accepted=list(rows),
            known=[len(self._target.classes)] * count,
            action=[PREDICT, LEARN] * count,
            row=[row for row in rows for _ in range(2)],
            learn_codes=codes,
            learn_times=list(events.times),
            learn_offsets=list(events.offsets),
        )

    def _plan_one_by_one(self, events: Records) -> Plan:
        plan = Plan()
        seen, code_one, classes = self._seen, self._target.code_one, self._target.classes
        for position, (event_id, label) in enumerate(zip(events.ids, events.labels, strict=True)):
            if event_id in seen:
                plan.dead.append(self._refuse(events, position, "duplicate_id"))
                continue
            known, code = len(classes), math.nan
            if label is not None:
                code = code_one(label)
                if math.isnan(code):
                    plan.dead.append(self._refuse(events, position, "too_many_classes"))
                    continue
            seen.add(event_id, UNLABELLED if label is None else LEARNT)
            row = plan.predict(position, known)
            if label is not None:
                plan.learn(row, code, events.times[position], events.offsets[position])
        return plan

    def _refuse(self, events: Records, position: int, reason: str) -> DeadLetter:
        why = {
            "duplicate_id": f"id must be new; got {events.ids[position]!r} again",
            "too_many_classes": "label must be one of at most target.classes_max classes; "
            f"got {events.labels[position]!r} beyond them",
        }[reason]
        return dead_letter(self._source, events, position, reason, why, self._dead_topic)

    def settle(self, plan: Plan, rows: Rows, watch: Matrix) -> None:
        """Nothing waits."""

    def snapshot(self) -> State:
        return {"stream_time": self.stream_time, **nest("seen", self._seen.snapshot())}

    def restore(self, state: State) -> None:
        self.stream_time = int(state["stream_time"])
        self._seen.restore(part("seen", state))
