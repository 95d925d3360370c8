"""The partition task: all work and all state for one partition number.

    inbox -> labels meet events -> tape -> model -> evaluate, detect -> outputs

A step takes what waits in the inboxes, runs it once through each stage, and returns what has to
be committed. The task touches no log, no clock but a stopwatch for its own metrics, and no file:
its state and outputs depend only on its configuration and on the records taken, in their order.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from time import perf_counter, time
from typing import Any

import numpy as np
from msgspec import UnsetType
from numpy.typing import NDArray

from operators.adaptation.base import Report
from operators.prequential import WATCH_WIDTH
from operators.snapshot import State, nest, part
from operators.tape import PREDICT, Rows, Tape
from stream.codec.derived import CodingStep
from stream.codec.predictions import Shares, explained
from stream.codec.read import ReadBatch
from stream.drift.collector import Heard, Places, Said, Standing
from stream.drift.events import DriftEvent, drift_batch
from stream.errors import ModelError
from stream.journal import JournalEntry, Range, encode_entry
from stream.labels.answers import Answers, answers_of
from stream.labels.dead_letters import dead_letter_batch
from stream.labels.inbox import EVENT, LABEL, DeadLetter, Inbox, Records, Taken, interleave
from stream.labels.plan import Plan
from stream.log.base import OutputBatch, RecordBatch, TopicPartition
from stream.topology import Parts


@dataclass(slots=True)
class StepReport:
    """What one step did, for metrics, progress and plots; never an input of anything.

    `bounds_reached` has a sentence for each bound of open categories and classes that no further
    one fits into. `standing` is where the partition stands with its last drift. `expert_shares`
    has, for each expert of a mixture, its part in each answer of the step.
    """

    partition: int
    taken: dict[str, int]
    predicted: int
    learnt: int
    learnt_in_all: int
    dead: Counter[str]
    expired_by_delay: int
    expired_by_capacity: int
    orphaned: int
    drift: list[DriftEvent]
    timestamps: Sequence[int]
    stream_time: int
    pending: int
    held: int
    figures: dict[str, float]
    bounds_reached: list[str]
    standing: Standing
    expert_shares: dict[str, NDArray[np.float64]] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Step:
    """What one step wants committed, and its report."""

    entry: JournalEntry
    outputs: list[OutputBatch]
    offsets: dict[TopicPartition, int]
    report: StepReport


class Stopwatch:
    """Seconds spent in each stage of a step."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._last = perf_counter()

    def lap(self, stage: str) -> None:
        """Book the time since the last lap on a stage."""
        now = perf_counter()
        self.seconds[stage] = self.seconds.get(stage, 0.0) + now - self._last
        self._last = now


class PartitionTask:
    """See the module.

    Parameters
    ----------
    parts
        The operators and codecs of this task, made by `topology.build_parts`; owned by the task.
    offsets
        For each input topic the offset of the first record to take.
    steps
        Number of steps taken so far.
    life
        Which life of the log this is (`stream.recovery.life`); stands in each journal entry.
    settings
        Settings that may change, as they are in force; stand in the entry of the first step.
    """

    def __init__(
        self,
        parts: Parts,
        offsets: dict[str, int],
        steps: int = 0,
        life: str = "",
        settings: str | None = None,
    ) -> None:
        self.parts = parts
        self.steps = steps
        self.life = life
        self._settings = settings
        self._inboxes = {
            topic: Inbox(TopicPartition(topic, parts.partition), offsets[topic])
            for topic in parts.input_topics
        }
        self._read_seconds = 0.0

    @property
    def partition(self) -> int:
        """The partition number."""
        return self.parts.partition

    @property
    def offsets(self) -> dict[TopicPartition, int]:
        """Offset of the first record not yet taken, by input partition."""
        return {inbox.source: inbox.position for inbox in self._inboxes.values()}

    @property
    def wanted(self) -> dict[TopicPartition, int]:
        """Offset of the first record not yet accepted, by input partition."""
        return {inbox.source: inbox.end for inbox in self._inboxes.values()}

    def rebuilt(self, parts: Parts) -> PartitionTask:
        """Return a task of other parts at the same place; what waits in the inboxes is left."""
        offsets = {topic: inbox.position for topic, inbox in self._inboxes.items()}
        return PartitionTask(parts, offsets, self.steps, self.life)

    def waiting(self, topic: str) -> int:
        """Records of a topic that were read and wait for their turn."""
        return len(self._inboxes[topic])

    def accept(self, batch: RecordBatch) -> None:
        """Read a batch into its inbox; records that cannot be read become dead letters."""
        start = perf_counter()
        read = self.parts.readers[batch.source.topic].read(batch)
        dead = [
            DeadLetter(
                batch.source,
                batch.offsets[reject.index],
                batch.timestamps[reject.index],
                batch.keys[reject.index],
                batch.values[reject.index],
                reject.reason,
                reject.message,
            )
            for reject in read.rejects
        ]
        self._inboxes[batch.source.topic].add(batch, _records(batch, read), dead)
        self._read_seconds += perf_counter() - start

    def step(self, more: dict[str, bool], records_max: int) -> Step | None:
        """Take what can be taken and run it; None if there is nothing to do.

        Parameters
        ----------
        more
            For each input topic, whether the log is known to hold records beyond the inbox that
            ought to be waited for (so that two topics are taken in event time).
        records_max
            Bound of the records taken.
        """
        turns = self._turns(more)[:records_max]
        labels_taken = sum(turns)
        counts = (len(turns) - labels_taken, labels_taken)
        taken = [
            inbox.take(count) for inbox, count in zip(self._inboxes.values(), counts, strict=False)
        ]
        if all(piece.first == piece.next_offset for piece in taken):
            return None
        return self._run(turns, taken)

    def settings_step(self, settings: str) -> Step:
        """Take a step that takes no records and says that other settings hold from here on."""
        ranges = {
            topic: Range(inbox.position, inbox.position, 0)
            for topic, inbox in self._inboxes.items()
        }
        entry = JournalEntry(self.steps, ranges, self.life, settings)
        journal = TopicPartition(self.parts.topics["journal"], self.partition)
        # Not the stream's time: a broker refuses records that are dated too far ahead of its own.
        now_ms = round(1000 * time())
        self.steps += 1
        nothing = [Taken(Records(), [], r.first, r.next) for r in ranges.values()]
        shares = np.empty((0, len(self._expert_names())))
        nobody = Answers(np.empty(0, dtype=np.int64), [])
        report = self._report(Plan(), nobody, nothing, shares, [], [], [], {})
        outputs = [OutputBatch(journal, [now_ms], [None], [encode_entry(entry)])]
        return Step(entry, outputs, self.offsets, report)

    def _turns(self, more: dict[str, bool]) -> list[int]:
        topics = self.parts.input_topics
        events = self._inboxes[topics[EVENT]].times
        if len(topics) == 1:
            return [EVENT] * len(events)
        labels = self._inboxes[topics[LABEL]].times
        return interleave(events, labels, more[topics[EVENT]], more[topics[LABEL]])

    def _run(self, turns: list[int], taken: list[Taken]) -> Step:
        watch = Stopwatch()
        events = taken[EVENT].records
        labels = taken[LABEL].records if len(taken) > 1 else Records()
        plan = self.parts.labels.plan(turns, events, labels)
        watch.lap("join")
        tape, rows, baseline = self._rows(plan, events)
        watch.lap("code")
        self._run_model(tape, rows)
        watch.lap("model")
        reports = self._diagnose(tape, rows)
        watch.lap("diagnose")
        shares = self._shares(rows, len(plan.accepted))
        answers = self._answers(plan, events, rows)
        errors = self.parts.evaluator.run(tape, rows, baseline).errors
        drift = self._detect(tape, rows, plan, events, errors, reports)
        self.parts.labels.settle(plan, rows, baseline)
        watch.lap("watch")
        # By offset, so that the order is that of the input and not that of the stages.
        dead = sorted(
            [letter for piece in taken for letter in piece.dead] + plan.dead + answers.dead,
            key=lambda letter: (letter.source, letter.offset),
        )
        timestamps = [stamp for piece in taken for stamp in piece.records.timestamps]
        clock = max(timestamps, default=max((d.timestamp for d in dead), default=0))
        entry = self._entry(taken)
        outputs = self._outputs(plan, events, rows, answers, shares, drift, dead, entry, clock)
        watch.lap("write")
        watch.seconds["read"] = self._read_seconds
        self._read_seconds = 0.0
        self.steps += 1
        report = self._report(plan, answers, taken, shares, drift, dead, timestamps, watch.seconds)
        return Step(entry, outputs, self.offsets, report)

    def _run_model(self, tape: Tape, rows: Rows) -> None:
        try:
            self.parts.learner.run(tape, rows)
        except AssertionError:
            raise  # an invariant of ours, not a complaint of the model
        except Exception as error:
            raise ModelError(
                f"model `{self.parts.model}`: must take what the schema allows; got "
                f"{type(error).__name__}: {error}. The task stops before this batch; change the "
                "model, or the features it is given."
            ) from error

    def _shares(self, rows: Rows, predicted: int) -> NDArray[np.float64]:
        """Return each expert's part in this step's answers; no column where there are none."""
        if self.parts.mixture is None:
            return np.empty((predicted, 0))
        return self.parts.mixture.shares(_first(rows, predicted))

    @property
    def _source(self) -> TopicPartition:
        """Where the events come from."""
        return TopicPartition(self.parts.input_topics[EVENT], self.partition)

    def _answers(self, plan: Plan, events: Records, rows: Rows) -> Answers:
        """Part the predictions that can be written from the events that got none."""
        return answers_of(
            self.parts.prediction_writer,
            plan,
            events,
            rows.output[: len(plan.accepted)],
            self._source,
            self.parts.topics["dead_letters"],
        )

    def _rows(self, plan: Plan, events: Records) -> tuple[Tape, Rows, NDArray[np.float64]]:
        """Lay out the rows of a plan: new events first, then waiting ones that are learnt."""
        contents = [events.contents[position] for position in plan.accepted]
        times = [events.times[position] for position in plan.accepted]
        fresh, parts = len(contents), self.parts
        count = fresh + (len(plan.carried[0]) if plan.carried else 0)
        widths = parts.widths
        x, output, trace, watch = (np.empty((count, width)) for width in widths)
        output[:fresh], trace[:fresh], watch[:fresh] = np.nan, np.nan, np.nan
        for matrix, carried in zip((x, output, trace, watch), plan.carried, strict=False):
            matrix[fresh:] = carried
        tape = Tape(np.array(plan.action, dtype=np.uint8), np.array(plan.row, dtype=np.int64))
        y = np.full(count, np.nan)
        y[tape.row[tape.action != PREDICT]] = plan.learn_codes
        step = CodingStep(times, tape, y, watch[:, WATCH_WIDTH:])
        x[:fresh] = parts.feature_coder.code(contents, step)
        return tape, Rows(x, y, output, trace), watch

    def _diagnose(self, tape: Tape, rows: Rows) -> list[Report]:
        """Return what was found of drift, and done about it, while the tape was run."""
        if self.parts.managed is not None:
            return self.parts.managed.take_reports()
        if self.parts.diagnoser is not None:
            return [*self.parts.diagnoser.watch(tape, rows)]
        return []

    def _detect(
        self,
        tape: Tape,
        rows: Rows,
        plan: Plan,
        events: Records,
        errors: NDArray[np.float64],
        reports: list[Report],
    ) -> list[DriftEvent]:
        """Describe all that was noticed of this step."""
        parts = self.parts
        alarms = {name: each.update_many(errors) for name, each in parts.detectors.items()}
        predicted = _first(rows, len(plan.accepted))
        heard = [Heard(name, each, each.watch(predicted)) for name, each in parts.monitors.items()]
        labels = Places(plan.learn_offsets, plan.learn_times)
        seen = Places(
            [events.offsets[position] for position in plan.accepted],
            [events.times[position] for position in plan.accepted],
        )
        return parts.drift_watch.step(tape, labels, seen, Said(alarms, reports, heard))

    def _entry(self, taken: list[Taken]) -> JournalEntry:
        ranges = {
            topic: Range(piece.first, piece.next_offset, piece.count, piece.crc())
            for topic, piece in zip(self.parts.input_topics, taken, strict=True)
        }
        settings = self._settings if self.steps == 0 else None
        return JournalEntry(self.steps, ranges, self.life, settings)

    def _outputs(
        self,
        plan: Plan,
        events: Records,
        rows: Rows,
        answers: Answers,
        shares: NDArray[np.float64],
        drift: list[DriftEvent],
        dead: list[DeadLetter],
        entry: JournalEntry,
        clock: int,
    ) -> list[OutputBatch]:
        topics = self.parts.topics
        batches = []
        if len(answers.rows):
            written = answers.rows.tolist()
            if len(written) < len(events):
                events = _select(events, [plan.accepted[row] for row in written])
            values = self.parts.prediction_writer.write(
                events.ids,
                events.times,
                self._source,
                events.offsets,
                rows.output[answers.rows],
                [plan.known[row] for row in written],
                self._explained(shares[answers.rows]),
            )
            target = TopicPartition(topics["predictions"], self.partition)
            batches.append(OutputBatch(target, events.timestamps, events.keys, values))
        if drift:
            target = TopicPartition(topics["drift"], self.partition)
            batches.append(drift_batch(target, self.parts.app, drift, clock))
        if dead:
            target = TopicPartition(topics["dead_letters"], self.partition)
            batches.append(dead_letter_batch(target, self.parts.app, dead))
        journal = TopicPartition(topics["journal"], self.partition)
        return [*batches, OutputBatch(journal, [clock], [None], [encode_entry(entry)])]

    def _explained(self, shares: NDArray[np.float64]) -> list[Shares | UnsetType] | None:
        names = self._expert_names()
        return explained(names, shares) if names and self.parts.is_explained else None

    def _report(
        self,
        plan: Plan,
        answers: Answers,
        taken: list[Taken],
        shares: NDArray[np.float64],
        drift: list[DriftEvent],
        dead: list[DeadLetter],
        timestamps: Sequence[int],
        seconds: dict[str, float],
    ) -> StepReport:
        return StepReport(
            partition=self.partition,
            taken={
                topic: piece.count
                for topic, piece in zip(self.parts.input_topics, taken, strict=True)
            },
            predicted=len(answers.rows),
            learnt=len(plan.learn_codes),
            learnt_in_all=self.parts.drift_watch.learnt,
            dead=Counter(letter.reason for letter in dead),
            expired_by_delay=plan.expired_by_delay,
            expired_by_capacity=plan.expired_by_capacity,
            orphaned=plan.orphaned,
            drift=drift,
            timestamps=timestamps,
            stream_time=self.parts.labels.stream_time,
            pending=self.parts.labels.pending,
            held=self.parts.labels.held,
            figures=self.parts.evaluator.figures(),
            bounds_reached=[
                *self.parts.feature_coder.bounds_reached,
                *self.parts.target_coder.bounds_reached,
            ],
            standing=self.parts.drift_watch.standing,
            expert_shares=dict(zip(self._expert_names(), shares.T, strict=True)),
            seconds=seconds,
        )

    def _expert_names(self) -> tuple[str, ...]:
        return self.parts.mixture.expert_names if self.parts.mixture is not None else ()

    def snapshot(self) -> State:
        """Return the whole state of the task; equal records give equal bytes.

        Raises
        ------
        SnapshotUnavailableError
            The model cannot be written as arrays (a river model without a signing key).
        """
        state: State = {}
        for name, piece in self.parts.stateful().items():
            state.update(nest(name, piece.snapshot()))
        return state

    def restore(self, state: State) -> None:
        """Take over a snapshot."""
        for name, piece in self.parts.stateful().items():
            piece.restore(part(name, state))


def _first(rows: Rows, count: int) -> Rows:
    return Rows(rows.x[:count], rows.y[:count], rows.output[:count], rows.trace[:count])


def _records(batch: RecordBatch, read: ReadBatch) -> Records:
    """Join what a reader made of a batch with the batch's own columns."""
    columns: tuple[Sequence[Any], ...] = (
        batch.offsets,
        batch.timestamps,
        batch.keys,
        batch.values,
    )
    if len(read.index) == len(batch):
        own = [list(column) for column in columns]
    else:
        own = [[column[index] for index in read.index] for column in columns]
    return Records(read.ids, read.times, read.contents, read.labels, *own)


def _select(records: Records, positions: list[int]) -> Records:
    """Keep the records at these positions (only what outputs need)."""
    return Records(
        ids=[records.ids[i] for i in positions],
        times=[records.times[i] for i in positions],
        offsets=[records.offsets[i] for i in positions],
        timestamps=[records.timestamps[i] for i in positions],
        keys=[records.keys[i] for i in positions],
    )
