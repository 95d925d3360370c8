"""A log, a clock and partitions that a test moves by hand, and a watchdog that looks at them."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import SimpleNamespace
from typing import Any

from stream.drift.sources import NOBODY
from stream.errors import DriftgateError, LogAccessError, LogUnsettledError, RecoveryError
from stream.log.base import Bounds, Lag, OpenTransaction, RecordBatch, TopicPartition
from stream.observe.availability import Availability
from stream.observe.lasting_warnings import LastingWarnings
from stream.observe.metrics import Metrics
from stream.observe.observer import MetricsObserver
from stream.observe.server import Health
from stream.recovery.lifecycle import Lifecycle
from stream.watchdog.watchdog import Watchdog
from tests.builders import toy_config

EVENTS, LABELS = TopicPartition("toy.features", 0), TopicPartition("toy.labels", 0)
IDS = {"toy.features": "f1", "toy.journal": "j1", "toy.labels": "l1"}
"""Of the topics that a live partition works on."""
WALL_S = 1_800_000_000.0
"""Seconds since 1970 when the clock is at zero."""


class ManualClock:
    """Moves when it is told to."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def monotonic(self) -> float:
        return self.now_s

    def wait(self, seconds: float, stop: threading.Event) -> None:
        self.now_s += seconds

    def wall(self) -> float:
        return WALL_S + self.now_s


class FakeLog:
    """What a watchdog asks of a log: ends, records that lie there, transactions, counts.

    `hidden` ends are not seen by `lag`, as by a client that has lost a partition.
    """

    def __init__(self, clock: ManualClock) -> None:
        self._clock = clock
        self.ends: dict[TopicPartition, int] = {}
        self.hidden: set[TopicPartition] = set()
        self.unsettled: set[TopicPartition] = set()
        self.records: dict[TopicPartition, list[int]] = {}
        self.open: dict[TopicPartition, list[OpenTransaction]] = {}
        self.errors: dict[str, DriftgateError] = {}
        self.denied: set[str] = set()
        self.counts: dict[str, int] = {}
        self.ids = dict(IDS)
        self.positions: Mapping[TopicPartition, int] = {}
        self.remedies: list[str] = []
        self.calls: list[str] = []
        self.seconds: dict[str, float] = {}
        self.left_out = ""

    def lag(self, source: TopicPartition) -> Lag | None:
        if source in self.hidden:
            return Lag(0, 0)
        beyond = self.ends.get(source, 0) - self.positions.get(source, 0)
        return Lag(0 if self.open.get(source) else max(beyond, 0), max(beyond, 0))

    def bounds(self, source: TopicPartition) -> Bounds:
        self._called("bounds")
        if source in self.unsettled:
            raise LogUnsettledError("a transaction is open")
        return Bounds(0, self.ends.get(source, 0))

    def read(self, source: TopicPartition, start: int, end: int) -> Iterator[RecordBatch]:
        self._called("read")
        yield RecordBatch(source, [], [], [], [])  # none came for a moment
        for offset in self.records.get(source, []):
            if start <= offset < end:
                yield RecordBatch(source, [offset], [0], [None], [b"{}"])

    def open_transactions(self, source: TopicPartition) -> list[OpenTransaction]:
        self._called("open_transactions")
        if source.topic in self.denied:
            raise LogAccessError(f"user `worker` needs READ on topic `{source.topic}`")
        return self.open.get(source, [])

    def partition_counts(self, topics: Iterable[str]) -> dict[str, int]:
        self._called("partition_counts")
        return {topic: self.counts.get(topic, 1) for topic in topics}

    def topic_ids(self, topics: Iterable[str]) -> dict[str, str]:
        self._called("topic_ids")
        return {topic: self.ids[topic] for topic in topics}

    def refetch(self, sources: Iterable[TopicPartition]) -> None:
        self.remedies += [f"refetch {source.topic}" for source in sources]

    def rejoin(self) -> None:
        self.remedies.append("rejoin")

    def _called(self, what: str) -> None:
        self.calls.append(what)
        self._clock.now_s += self.seconds.get(what, 0.0)
        if what in self.errors:
            raise self.errors[what]


class Task:
    """What the lifecycle and the watchdog ask of a task."""

    def __init__(self, positions: dict[TopicPartition, int]) -> None:
        self.wanted = positions
        self.offsets = positions
        self.steps = 3
        self.in_hand: dict[str, int] = {}

    def waiting(self, topic: str) -> int:
        return self.in_hand.get(topic, 0)


class World:
    """Partition 0, live, at offset 7 of the events and 5 of the labels, and its watchdog."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.log = FakeLog(self.clock)
        self.metrics, self.health = Metrics("toy"), Health(150.0, self.clock.monotonic)
        self.health.joined()
        self.observer = MetricsObserver(self.metrics, self.health, "tree", NOBODY, 0.999)
        self.lifecycle = Lifecycle(self.clock, self.observer.moved)
        warnings = LastingWarnings(self.clock)
        labels = {"source": "topic", "max_delay": "1h", "wait_for_other": "5s"}
        log: Any = self.log
        self.watchdog = Watchdog(
            toy_config(labels=labels),
            log,
            self.lifecycle,
            Availability(self.clock, warnings, self.observer),
            warnings,
            self.clock,
            self.observer,
            self.clock.wall,
        )
        self.to_stop: dict[int, RecoveryError] = {}
        self.task = self.live(0, {EVENTS: 7, LABELS: 5})
        self.log.ends = {EVENTS: 7, LABELS: 5}

    def live(self, number: int, positions: dict[TopicPartition, int]) -> Task:
        """Let a partition be live at these positions."""
        task: Any = Task(positions)
        self.lifecycle.assign([number])
        partition = self.lifecycle.at(*[status.state for status in self.lifecycle.statuses])[-1]
        restoration: Any = SimpleNamespace(close=lambda: None)
        self.lifecycle.restore(partition, restoration)
        restored: Any = SimpleNamespace(
            task=task,
            journal_offset=0,
            committed={},
            identity=None,
            topic_ids=dict(IDS),
            settings="",
            checkpointed_steps=-1,
        )
        self.lifecycle.go_live(partition, restored)
        found: Task = task
        return found

    def pass_s(self, seconds: float, *, is_full: bool = False) -> None:
        """Let time pass, with a poll and a look each second."""
        until = self.clock.now_s + seconds
        while self.clock.now_s < until:
            self.clock.now_s += 1.0
            self.log.positions = self.lifecycle.positions()
            self.watchdog.polled(is_full=is_full)
            self.to_stop |= self.watchdog.look()

    def reasons(self) -> Sequence[str]:
        """What `/readyz` says."""
        return self.health.ready().reasons
