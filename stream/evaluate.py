"""Evaluation: the same task as in production, over the embedded log in memory.

Nothing here is a second implementation of anything: records are appended to topics, a worker
takes them, and the figures are the worker's own.
"""

from __future__ import annotations

import hashlib
import itertools
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from time import perf_counter

from operators.snapshot import SnapshotUnavailableError, digest, size_bytes
from stream.checkpoint.format import Checkpoint
from stream.checkpoint.reads import InlineReads
from stream.checkpoint.store import CheckpointStore
from stream.checkpoint.writer import Written
from stream.config.log import EmbeddedLog
from stream.config.pipeline import Config
from stream.drift.events import DriftEvent
from stream.log.base import LogAdmin, OutputBatch, TopicPartition, TopicSpec
from stream.log.open import open_admin, open_log
from stream.observe.observer import Observer
from stream.task import PartitionTask, StepReport
from stream.topology import PartsBuilder, input_topics, output_topics
from stream.worker.worker import Worker

_numbers = itertools.count()
# Long enough that both topics are always taken in event time, whatever the machine is doing.
_WAIT = "1h"
# Compiling and loading kernels is done on this many records, outside of what is timed.
WARM_UP_RECORDS = 600
_APPEND_MAX = 20_000


@dataclass(frozen=True, slots=True)
class Series:
    """Records to append to one topic, as parallel lists."""

    keys: Sequence[bytes | None]
    values: Sequence[bytes | None]
    timestamps: Sequence[int]

    def __len__(self) -> int:
        return len(self.values)

    def head(self, count: int) -> Series:
        """Keep the first records."""
        return Series(self.keys[:count], self.values[:count], self.timestamps[:count])


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
    expired: int = 0
    pending: int = 0
    drift: list[DriftEvent] = field(default_factory=list)
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
        result.figures = report.figures
        result.curve.append(Point(result.learnt, report.stream_time, result.figures))
        for stage, seconds in [*report.seconds.items(), ("commit", commit_s)]:
            result.stage_seconds[stage] = result.stage_seconds.get(stage, 0.0) + seconds
        result.model_seconds = result.stage_seconds.get("model", 0.0)
        self._progress(result)


class NoCheckpoints:
    """A checkpoint writer for runs that nobody continues: it lets go of everything."""

    def submit(self, checkpoint: Checkpoint) -> bool:
        """Let a checkpoint go."""
        del checkpoint
        return True

    def finished(self) -> list[Written]:
        """Nothing was written."""
        return []

    def writing(self) -> dict[int, float]:
        """Nothing is being written."""
        return {}

    def wait(self, partitions: Iterable[int], timeout_s: float) -> bool:
        """There is nothing to wait for."""
        del partitions, timeout_s
        return True

    def close(self, timeout_s: float) -> None:
        """There is nothing to close."""


def in_memory(config: Config, labels_topic: bool) -> Config:
    """The same pipeline over a log in memory of its own, one partition, no checkpoints on disk.

    Parameters
    ----------
    labels_topic
        Whether labels come in a topic of their own; else inline.
    """
    labels = config.labels.model_copy(
        update={"source": "topic" if labels_topic else "inline"}
    ).model_dump(mode="json")
    return Config.model_validate(
        {
            **config.model_dump(mode="json", by_alias=True),
            "log": EmbeddedLog(
                type="embedded", path=f":memory:evaluate-{next(_numbers)}"
            ).model_dump(),
            "labels": {**labels, "wait_for_other": _WAIT},
            "checkpoint": {"store": "memory://driftgate", "interval": "365d"},
            "on_failure": "exit",
        }
    )


def warm_up(config: Config, events: Series, labels: Series | None) -> None:
    """Compile or load the kernels that a run will use, on a few of its records."""
    few = events.head(WARM_UP_RECORDS)
    evaluate(config, few, None if labels is None else labels.head(WARM_UP_RECORDS))


def evaluate(
    config: Config,
    events: Series,
    labels: Series | None,
    progress: Callable[[Evaluation], None] = lambda _: None,
    stop: threading.Event | None = None,
) -> Evaluation:
    """Run a pipeline over records to their end.

    Parameters
    ----------
    config
        Any pipeline; it is run `in_memory`.
    events, labels
        What the input topics hold. `labels` is None when events carry their own.
    progress
        Called after each step.
    stop
        Ends the run early when set.
    """
    config = in_memory(config, labels is not None)
    admin = open_admin(config)
    try:
        load(config, admin, events, labels)
        recorder = Recorder(progress)
        store = CheckpointStore(config.checkpoint.store, config.app, 1)
        log = open_log(config)
        worker = Worker(
            config,
            log,
            store,
            PartsBuilder(config),
            recorder,
            writer=NoCheckpoints(),
            reads=InlineReads(),
        )
        start = perf_counter()
        worker.start()
        worker.catch_up(stop or threading.Event())
        result = recorder.evaluation
        result.pipeline_seconds = perf_counter() - start
        result.state_bytes = state_bytes(worker.tasks[0])
        result.snapshot_digest = snapshot_digest(worker.tasks[0])
        result.predictions_digest = predictions_digest(config, admin)
        log.close()
        return result
    finally:
        admin.close()


def load(config: Config, admin: LogAdmin, events: Series, labels: Series | None) -> None:
    """Create the topics, and append the records to partition 0 of the inputs."""
    names = (*input_topics(config), *output_topics(config))
    admin.create([TopicSpec(name, 1) for name in names])
    for topic, series in zip(input_topics(config), (events, labels), strict=False):
        assert series is not None
        target = TopicPartition(topic, 0)
        for start in range(0, len(series), _APPEND_MAX):
            stop = start + _APPEND_MAX
            admin.append(
                [
                    OutputBatch(
                        target,
                        series.timestamps[start:stop],
                        series.keys[start:stop],
                        series.values[start:stop],
                    )
                ]
            )


def snapshot_digest(task: PartitionTask) -> str:
    """Digest of a task's whole state; empty where the model has no snapshot (`river:` unsigned)."""
    try:
        return digest(task.snapshot())
    except SnapshotUnavailableError:
        return ""


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


def predictions_digest(config: Config, admin: LogAdmin, partition: int = 0) -> str:
    """SHA-256 over the committed predictions of a partition, in order."""
    assert config.topics.predictions is not None
    sha = hashlib.sha256()
    for value in committed_values(admin, TopicPartition(config.topics.predictions, partition)):
        sha.update(value + b"\n")
    return sha.hexdigest()


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
