"""What the contract tests see of a log: topics, workers, and a listener that remembers."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from typing import Protocol

from stream.config.log import KafkaLog
from stream.log.base import (
    Committed,
    GroupAdmin,
    Headers,
    Log,
    LogAdmin,
    OutputBatch,
    Polled,
    RecordBatch,
    TopicPartition,
    TopicSpec,
    Transaction,
)
from stream.log.embedded import EmbeddedAdmin, EmbeddedLog
from stream.log.embedded.group import EmbeddedGroup
from stream.log.kafka import KafkaAdmin, KafkaSettings
from stream.log.kafka import KafkaLog as KafkaWorker
from stream.log.kafka.group import KafkaGroup

QUICK = {
    "session_timeout": "6s",
    "transaction_timeout": "5s",
    "request_timeout": "3s",
    "commit_timeout": "8s",
}
"""Limits for tests, so that faults are over soon."""

Row = tuple[int, int, bytes | None, bytes | None]
"""Offset, timestamp, key, value."""


class Admin(LogAdmin, Protocol):
    def trim(self, source: TopicPartition, first: int) -> None: ...


class World:
    """One kind of log, with a new group for every test; closes what it opened."""

    kind: str
    admin: Admin

    def __init__(self) -> None:
        self.name = uuid.uuid4().hex[:8]
        self.stack = ExitStack()

    def open_log(self, worker: str) -> Log:
        raise NotImplementedError

    def log(self, worker: str = "w0") -> Log:
        log = self.open_log(worker)
        self.stack.callback(log.close)
        return log

    def open_group(self) -> GroupAdmin:
        raise NotImplementedError

    def group(self) -> GroupAdmin:
        group = self.open_group()
        self.stack.callback(group.close)
        return group

    def topic(
        self, name: str = "t", partitions: int = 1, config: Mapping[str, str] | None = None
    ) -> str:
        topic = f"{self.name}.{name}"
        assert self.admin.create([TopicSpec(topic, partitions, 1, config or {})]) == [topic]
        return topic

    def append(self, topic: str, values: Iterable[bytes | None], partition: int = 0) -> None:
        self.admin.append([output(topic, values, partition)])

    def close(self) -> None:
        self.stack.close()
        self.admin.close()


class EmbeddedWorld(World):
    kind = "embedded"

    def __init__(self, path: str) -> None:
        super().__init__()
        self.path = path
        self.admin = EmbeddedAdmin(path)

    def open_log(self, worker: str) -> EmbeddedLog:
        del worker  # an embedded log has one worker at a time
        return EmbeddedLog(self.path, self.name)

    def open_group(self) -> EmbeddedGroup:
        return EmbeddedGroup(self.path, self.name)


class KafkaWorld(World):
    kind = "kafka"

    def __init__(self, bootstrap: str, **log: object) -> None:
        super().__init__()
        self.config = {"type": "kafka", "bootstrap": bootstrap, **QUICK, **log}
        self.admin = KafkaAdmin(self.settings("admin"))

    def settings(self, worker: str, **log: object) -> KafkaSettings:
        return KafkaSettings(
            KafkaLog.model_validate({**self.config, "worker": worker, **log}), self.name
        )

    def open_log(self, worker: str) -> KafkaWorker:
        return KafkaWorker(self.settings(worker))

    def open_group(self) -> KafkaGroup:
        return KafkaGroup(self.settings("operator"))


class RecordingListener:
    """Remembers each call, and from where to read next the partitions that follow from them."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, list[TopicPartition]]] = []
        self.held: set[TopicPartition] = set()
        self.positions: dict[TopicPartition, int] = {}

    def assigned(self, partitions: Iterable[TopicPartition]) -> None:
        self.calls.append(("assigned", sorted(partitions)))
        self.held.update(self.calls[-1][1])

    def revoked(self, partitions: Iterable[TopicPartition]) -> None:
        self._gone("revoked", partitions)

    def lost(self, partitions: Iterable[TopicPartition]) -> None:
        self._gone("lost", partitions)

    def _gone(self, call: str, partitions: Iterable[TopicPartition]) -> None:
        self.calls.append((call, sorted(partitions)))
        self.held.difference_update(self.calls[-1][1])
        for source in self.calls[-1][1]:
            self.positions.pop(source, None)

    def take(self, batches: Iterable[RecordBatch]) -> None:
        """Read on after these batches; each must begin at or after the position asked for."""
        for batch in batches:
            assert len(batch) > 0
            assert batch.offsets[0] >= self.positions[batch.source]
            self.positions[batch.source] = batch.offsets[-1] + 1


def output(
    topic: str,
    values: Iterable[bytes | None],
    partition: int = 0,
    headers: Sequence[Headers] | None = None,
) -> OutputBatch:
    """Make records with keys k0, k1, ... and timestamps 1000, 1001, ..."""
    values = list(values)
    return OutputBatch(
        TopicPartition(topic, partition),
        timestamps=[1000 + index for index in range(len(values))],
        keys=[b"k%d" % index for index in range(len(values))],
        values=values,
        headers=headers,
    )


def transaction(
    log: Log,
    outputs: Sequence[OutputBatch] = (),
    offsets: Mapping[TopicPartition, int] | None = None,
    note: str = "",
) -> Transaction:
    """Make a transaction that follows what is committed now."""
    committed = {source: Committed(offset, note) for source, offset in (offsets or {}).items()}
    return Transaction(outputs, committed, log.identity, log.committed(committed))


def join(
    log: Log, topics: Sequence[str], partitions: Iterable[TopicPartition] | None = None
) -> RecordingListener:
    """Subscribe, poll until the assignment is there, and begin at what was committed."""
    listener = RecordingListener()
    log.subscribe(topics, listener)
    await_assignment(log, listener, partitions)
    begin_at_committed(log, listener)
    return listener


def begin_at_committed(log: Log, listener: RecordingListener) -> None:
    """Begin with partitions that have no position yet at what is committed."""
    for source, committed in log.committed(listener.held - listener.positions.keys()).items():
        listener.positions[source] = 0 if committed is None else committed.offset


def await_assignment(
    log: Log, listener: RecordingListener, partitions: Iterable[TopicPartition] | None = None
) -> None:
    """Poll until these partitions, or any, are held."""
    expected = set(partitions or [])
    deadline = time.monotonic() + 20
    while not listener.held or not expected <= listener.held:
        assert time.monotonic() < deadline, f"no assignment; calls: {listener.calls}"
        assert log.poll(0.05, 1000, {}) == Polled([])


def drain(
    log: Log, listener: RecordingListener, count: int, timeout_s: float = 20
) -> dict[TopicPartition, list[Row]]:
    """Poll until `count` records have come, and once more to see that no others do."""
    rows: dict[TopicPartition, list[Row]] = {}
    deadline = time.monotonic() + timeout_s
    while (found := sum(map(len, rows.values()))) < count:
        assert time.monotonic() < deadline, f"{found} of {count} records came"
        _collect(log, listener, 0.2, rows)
    _collect(log, listener, 0.1, rows)
    return rows


def _collect(
    log: Log, listener: RecordingListener, timeout_s: float, rows: dict[TopicPartition, list[Row]]
) -> None:
    polled = log.poll(timeout_s, 1000, listener.positions)
    assert not polled.failures
    listener.take(polled.batches)
    for batch in polled.batches:
        rows.setdefault(batch.source, []).extend(
            zip(batch.offsets, batch.timestamps, batch.keys, batch.values, strict=True)
        )


def read(log: Log | LogAdmin, source: TopicPartition, start: int, end: int) -> list[Row]:
    return [
        row
        for batch in log.read(source, start, end)
        for row in zip(batch.offsets, batch.timestamps, batch.keys, batch.values, strict=True)
    ]


def values(rows: Iterable[Row]) -> list[bytes | None]:
    return [row[3] for row in rows]
