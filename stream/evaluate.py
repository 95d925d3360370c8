"""Evaluation: the same partition task as in production, over records that a file gives.

Records come in pieces, are read, stepped and judged, and let go of: an evaluation holds the task's
state and a few pieces, however long the file is. What a worker adds to the task is the log and the
recovery from it; of neither depends a byte of what is predicted (`tests/replay` holds them equal).
"""

from __future__ import annotations

import hashlib
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any, NamedTuple

from operators.snapshot import SnapshotUnavailableError, State, digest, size_bytes
from stream.config.pipeline import Config
from stream.drift.events import DriftEvent
from stream.labels.dead_letter_table import DeadLetterTable
from stream.log.base import LogAdmin, OutputBatch, RecordBatch, TopicPartition, TopicSpec
from stream.observe.observer import Observer
from stream.task import PartitionTask, Step, StepReport
from stream.topology import PartsBuilder, input_topics, output_topics

# Compiling and loading kernels is done on this many records, outside of what is timed.
WARM_UP_RECORDS = 600
_APPEND_MAX = 20_000
_PIECE = 10_000


@dataclass(frozen=True, slots=True)
class Series:
    """Records to append to one topic, as parallel lists; `columns` as in `RecordBatch`."""

    keys: Sequence[bytes | None]
    values: Sequence[bytes | None]
    timestamps: Sequence[int]
    columns: Mapping[str, Sequence[Any]] | None = None

    def __len__(self) -> int:
        return len(self.values)

    def cut(self, start: int, stop: int | None) -> Series:
        """Keep the records from one place up to another."""
        keep = slice(start, stop)
        columns = self.columns
        if columns is not None:
            columns = {path: values[keep] for path, values in columns.items()}
        return Series(self.keys[keep], self.values[keep], self.timestamps[keep], columns)


class Piece(NamedTuple):
    """Next records of the events' topic, and of the labels' topic where that is another."""

    events: Series
    labels: Series | None = None


@dataclass(frozen=True, slots=True)
class Point:
    """Figures after one step."""

    learnt: int
    stream_time: int
    figures: dict[str, float]


@dataclass(slots=True)
class Evaluation:
    """What came out.

    Parameters
    ----------
    state_bytes
        Of the model's snapshot at the end: what a checkpoint holds of it. None where it has none
        (a `river:` model without a key).
    """

    records: int = 0
    learnt: int = 0
    figures: dict[str, float] = field(default_factory=dict)
    dead: Counter[str] = field(default_factory=Counter)
    dead_table: DeadLetterTable = field(default_factory=DeadLetterTable)
    expired: int = 0
    pending: int = 0
    drift: list[DriftEvent] = field(default_factory=list)
    bounds_reached: list[str] = field(default_factory=list)
    curve: list[Point] = field(default_factory=list)
    model_seconds: float = 0.0
    pipeline_seconds: float = 0.0
    stage_seconds: dict[str, float] = field(default_factory=dict)
    state_bytes: int | None = None
    snapshot_digest: str = ""
    predictions_digest: str = ""

    @property
    def model_records_per_s(self) -> float:
        """Records predicted and learnt in a second of the model's own time."""
        return self.records / self.model_seconds if self.model_seconds else float("nan")

    @property
    def pipeline_records_per_s(self) -> float:
        """Records in a second of the whole way, from the log to the log."""
        return self.records / self.pipeline_seconds if self.pipeline_seconds else float("nan")


class Recorder(Observer):
    """An observer that keeps an evaluation's figures, and shows progress.

    Parameters
    ----------
    progress
        Called after each step with the evaluation so far.
    """

    def __init__(self, progress: Callable[[Evaluation], None] = lambda _: None) -> None:
        self.evaluation = Evaluation()
        self._progress = progress

    def step(self, report: StepReport, commit_s: float) -> None:
        """Book one step."""
        result = self.evaluation
        result.records += report.predicted
        result.learnt += report.learnt
        result.dead += report.dead
        result.expired += report.expired_by_delay + report.expired_by_capacity
        result.pending = report.pending
        result.drift += report.drift
        result.bounds_reached = report.bounds_reached
        result.figures = report.figures
        result.curve.append(Point(result.learnt, report.stream_time, result.figures))
        for stage, seconds in [*report.seconds.items(), ("commit", commit_s)]:
            result.stage_seconds[stage] = result.stage_seconds.get(stage, 0.0) + seconds
        result.model_seconds = result.stage_seconds.get("model", 0.0)
        self._progress(result)


def with_labels(config: Config, *, in_topic: bool) -> Config:
    """Return the same pipeline with labels in a topic of their own, or else within the events."""
    source = "topic" if in_topic else "inline"
    if config.labels.source == source:
        return config
    settings = config.model_dump(mode="json", by_alias=True)
    settings["labels"]["source"] = source
    return Config.model_validate(settings)


def pieces(events: Series, labels: Series | None, count: int = _PIECE) -> Iterator[Piece]:
    """Cut records that are all there into pieces."""
    most = max(len(events), len(labels or ()))
    for start in range(0, most, count):
        stop = start + count
        yield Piece(events.cut(start, stop), None if labels is None else labels.cut(start, stop))


def warm_up(config: Config, start: Iterable[Piece]) -> None:
    """Compile or load the kernels that a run will use, on a few of its records."""
    for events, labels in start:
        few = events.cut(0, WARM_UP_RECORDS)
        evaluate(config, few, None if labels is None else labels.cut(0, WARM_UP_RECORDS))
        return


def evaluate(
    config: Config,
    events: Series,
    labels: Series | None,
    progress: Callable[[Evaluation], None] = lambda _: None,
    stop: threading.Event | None = None,
) -> Evaluation:
    """Run a pipeline over records that are all there; see `evaluate_pieces`.

    Parameters
    ----------
    events, labels
        What the input topics hold. `labels` is None when events carry their own.
    """
    config = with_labels(config, in_topic=labels is not None)
    return evaluate_pieces(config, pieces(events, labels), progress, stop)


def evaluate_pieces(
    config: Config,
    source: Iterable[Piece],
    progress: Callable[[Evaluation], None] = lambda _: None,
    stop: threading.Event | None = None,
    signing_key: bytes | None = None,
    learnt: Callable[[State], None] = lambda _: None,
) -> Evaluation:
    """Run a pipeline over records to their end.

    Parameters
    ----------
    config
        Any pipeline; `labels.source` says whether pieces have labels. It runs as partition 0.
    source
        What the input topics hold, piece by piece.
    progress
        Called after each step.
    stop
        Ends the run early when set.
    signing_key
        See `topology.build_parts`.
    learnt
        Is given the task's whole state at the end; an empty one where it cannot be written.
    """
    run = _Run(PartsBuilder(config, signing_key), config, Recorder(progress))
    start = perf_counter()
    for piece in _timed(source, run):
        run.take(piece)
        if stop is not None and stop.is_set():
            break
    else:
        run.finish()
    run.result.pipeline_seconds = perf_counter() - start - run.source_seconds
    learnt(run.close())
    return run.result


class _Run:
    """One task, what it is fed with, and what comes out of it."""

    def __init__(self, build: PartsBuilder, config: Config, recorder: Recorder) -> None:
        parts = build(0)
        self._topics = input_topics(config)
        self._task = PartitionTask(parts, dict.fromkeys(self._topics, 0))
        self._records_max = config.steps.records_max
        self._recorder = recorder
        self._predictions, self._sha = parts.topics["predictions"], hashlib.sha256()
        self._dead_letters = parts.topics["dead_letters"]
        self.source_seconds = 0.0

    @property
    def result(self) -> Evaluation:
        return self._recorder.evaluation

    def take(self, piece: Piece) -> None:
        """Accept a piece, and step as far as what may follow it allows."""
        for topic, series in zip(self._topics, piece, strict=False):
            assert series is not None, "labels have a topic of their own"
            self._accept(topic, series)
        self._step(may_follow=True)

    def finish(self) -> None:
        """Step to the end: nothing follows."""
        self._step(may_follow=False)

    def close(self) -> State:
        """Note digests of what was predicted and of the state; return the state."""
        state = snapshot(self._task)
        self.result.state_bytes = state_bytes(self._task)
        self.result.snapshot_digest = digest(state) if state else ""
        self.result.predictions_digest = self._sha.hexdigest()
        return state

    def _accept(self, topic: str, series: Series) -> None:
        if len(series):
            source = TopicPartition(topic, 0)
            first = self._task.wanted[source]
            offsets = range(first, first + len(series))
            self._task.accept(
                RecordBatch(
                    source, offsets, series.timestamps, series.keys, series.values, series.columns
                )
            )

    def _step(self, *, may_follow: bool) -> None:
        more = dict.fromkeys(self._topics, may_follow)
        while (step := self._task.step(more, self._records_max)) is not None:
            start = perf_counter()
            self._book(step)
            self._recorder.step(step.report, perf_counter() - start)

    def _book(self, step: Step) -> None:
        for batch in step.outputs:
            if batch.target.topic == self._predictions:
                self._sha.update(b"".join(line + b"\n" for line in batch.values if line))
            elif batch.target.topic == self._dead_letters:
                self.result.dead_table.add(batch)


def _timed(source: Iterable[Piece], run: _Run) -> Iterator[Piece]:
    """Keep the seconds that reading the file takes apart from those of the pipeline."""
    start = perf_counter()
    for piece in source:
        run.source_seconds += perf_counter() - start
        yield piece
        start = perf_counter()


def load(config: Config, admin: LogAdmin, events: Series, labels: Series | None) -> None:
    """Create the topics, and append the records to partition 0 of the inputs."""
    names = (*input_topics(config), *output_topics(config))
    admin.create([TopicSpec(name, 1) for name in names])
    for topic, series in zip(input_topics(config), (events, labels), strict=False):
        assert series is not None
        target = TopicPartition(topic, 0)
        for start in range(0, len(series), _APPEND_MAX):
            some = series.cut(start, start + _APPEND_MAX)
            admin.append([OutputBatch(target, some.timestamps, some.keys, some.values)])


def snapshot(task: PartitionTask) -> State:
    """Return a task's whole state; empty where the model has no snapshot (`river:` unsigned)."""
    try:
        return task.snapshot()
    except SnapshotUnavailableError:
        return {}


def snapshot_digest(task: PartitionTask) -> str:
    """Digest of a task's whole state; empty where there is none."""
    state = snapshot(task)
    return digest(state) if state else ""


def state_bytes(task: PartitionTask) -> int | None:
    """Size of a task's model; None where the model has no snapshot."""
    try:
        return size_bytes(task.parts.learner.snapshot())
    except SnapshotUnavailableError:
        return None


def committed_values(admin: LogAdmin, source: TopicPartition) -> Iterator[bytes]:
    """Values of all committed records of a partition, in order."""
    bounds = admin.bounds(source)
    for batch in admin.read(source, bounds.first, bounds.end):
        yield from (value or b"" for value in batch.values)


def delay_labels(timestamps: Sequence[int], delay: int) -> list[int]:
    """Event times that make each label come after `delay` further events were predicted.

    Parameters
    ----------
    timestamps
        Of the events (ms), strictly rising.
    delay
        Number of events, at least 1.

    Examples
    --------
    >>> delay_labels([0, 10, 20], 1)
    [10, 20, 21]
    """
    last = timestamps[-1] if timestamps else 0
    beyond = [last + number + 1 for number in range(min(delay, len(timestamps)))]
    return [*timestamps[delay:], *beyond]
