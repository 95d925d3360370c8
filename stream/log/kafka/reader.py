"""Reads ranges of partitions outside of the group, and where partitions begin and end.

Transactions put markers between records, and aborted records stay in the log unseen, so that a
range is read until the *position* reaches its end, never until so many records have come.

A commit returns before its markers are in every partition: for a moment committed records are not
visible yet. `bounds` and `read` wait for transactions that were open when they were called, so that
whatever had been committed before the call is seen by it. A transaction that stays open is an
error: what is beyond it may be committed, and must not be taken for absent.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, NamedTuple

import kafka
from kafka import errors as client

from stream.errors import (
    DriftgateError,
    LogAccessError,
    LogUnavailableError,
    LogUnsettledError,
    RecoveryError,
    TopicMissingError,
)
from stream.log.base import Bounds, Headers, OpenTransaction, RecordBatch, TopicPartition
from stream.log.kafka.errors import topic_missing, translated
from stream.log.kafka.isolation import Isolation
from stream.log.kafka.metadata import describe, open_transactions
from stream.log.kafka.opening import open_client
from stream.log.kafka.settings import KafkaSettings

_POLL_MS = 200
_READ_RECORDS_MAX = 5000
_SETTLE_WAIT_S = 0.005
_STALL_REQUESTS = 3  # requests that may time out before a read that does not advance is given up


class _Client(NamedTuple):
    """A consumer of the client's, and what is known of its partitions."""

    consumer: Any
    isolation: Isolation


class RangeReader:
    """Consumers that belong to no group, opened when needed and used again.

    Parameters
    ----------
    settle_s
        How long to wait for the end of a transaction that is open.
    """

    def __init__(self, settings: KafkaSettings, settle_s: float) -> None:
        self._settings = settings
        self._settle_s = settle_s
        self._idle: list[_Client] = []
        self._uncommitted: _Client | None = None
        self._topics: dict[str, int] = {}

    def partition_count(self, topic: str) -> int:
        """Count the partitions of a topic, as they were when it was first asked for.

        Raises
        ------
        TopicMissingError
        """
        if topic not in self._topics:
            self.partition_counts([topic])
        if topic not in self._topics:
            raise topic_missing(topic, self._settings)
        return self._topics[topic]

    def partition_counts(self, topics: Iterable[str]) -> dict[str, int]:
        """Count the partitions of topics as they are now; 0 for one that does not exist."""
        topics = list(topics)
        with self._client() as (consumer, _):
            found = describe(consumer, topics, self._settings)
        for topic in topics:
            self._topics.pop(topic, None)
        self._topics |= {name: topic.partitions for name, topic in found.items()}
        return {topic: self._topics.get(topic, 0) for topic in topics}

    def topic_ids(self, topics: Iterable[str]) -> dict[str, str]:
        """Ids that the brokers gave to topics; empty where they are too old for that."""
        topics = list(topics)
        with self._client() as (consumer, _):
            found = describe(consumer, topics, self._settings)
        for topic in topics:
            if topic not in found:
                raise topic_missing(topic, self._settings)
        return {topic: found[topic].id for topic in topics}

    def open_transactions(self, source: TopicPartition) -> list[OpenTransaction]:
        """List the transactions that hold back a partition, the oldest first."""
        self.check(source)
        with self._client() as (consumer, _):
            try:
                return open_transactions(consumer, source, self._settings)
            except LogAccessError as error:
                denied = error  # the connection is sound, and is kept
        raise denied

    def check(self, source: TopicPartition) -> None:
        """See to it that a partition exists; it may have been added a moment ago.

        Raises
        ------
        TopicMissingError
        """
        if source.partition < self.partition_count(source.topic):
            return
        if source.partition >= self.partition_counts([source.topic])[source.topic]:
            raise topic_missing(f"{source.topic}[{source.partition}]", self._settings)

    def first(self, source: TopicPartition) -> int:
        """First offset kept."""
        self.check(source)
        with self._client() as (consumer, _):
            return self._first(consumer, source)

    def bounds(self, source: TopicPartition) -> Bounds:
        """First offset kept, and the end of what is committed."""
        self.check(source)
        with self._client() as (consumer, _):
            first = self._first(consumer, source)
            return Bounds(first, max(first, self._settled_end(consumer, source, None)))

    def offset_at(self, source: TopicPartition, timestamp_ms: int) -> int:
        """Offset of the first record with at least this timestamp; the end if there is none."""
        self.check(source)
        partition = kafka.TopicPartition(*source)
        with self._client() as (consumer, _):
            found = consumer.offsets_for_times({partition: timestamp_ms}, self._timeout_ms)
        at = found[partition]
        return self.bounds(source).end if at is None else int(at.offset)

    def read(self, source: TopicPartition, start: int, end: int) -> Iterator[RecordBatch]:
        """Read committed records with start <= offset < end."""
        for records in self._records(source, start, end):
            yield to_batch(source, records)

    def read_headers(self, source: TopicPartition, start: int, end: int) -> list[Headers]:
        """Headers of the same records."""
        return [
            list(record.headers)
            for records in self._records(source, start, end)
            for record in records
        ]

    def close(self) -> None:
        """Close all consumers."""
        opened, self._idle = self._idle, []
        if self._uncommitted is not None:
            opened.append(self._uncommitted)
            self._uncommitted = None
        for consumer, _ in opened:
            consumer.close(timeout_ms=0)

    def _records(self, source: TopicPartition, start: int, end: int) -> Iterator[list[Any]]:
        self.check(source)
        partition = kafka.TopicPartition(*source)
        with self._client() as (consumer, isolation):
            first = self._first(consumer, source)
            if start < first:
                raise RecoveryError(
                    f"{source.topic}[{source.partition}]@{start}: records must be kept from there "
                    f"on; the first kept is {first}. Keep records longer; `driftgate reset CONFIG "
                    f"--partition {source.partition} --to committed --keep-model` goes on at the "
                    "committed offsets with the newest checkpoint's model (`--force` while a "
                    "worker has the partition)."
                )
            end = self._settled_end(consumer, source, end)
            if start >= end:
                return
            consumer.assign([partition])
            consumer.seek(partition, start)
            yield from self._until(consumer, isolation, partition, end)

    def _until(
        self, consumer: Any, isolation: Isolation, partition: Any, end: int
    ) -> Iterator[list[Any]]:
        """Read up to an offset; an empty list says that none came for a moment."""
        stall_s = _STALL_REQUESTS * self._settings.request_timeout_s
        position = consumer.position(partition)
        waited_s = 0.0  # in polls alone: the caller may take its time over what it was given
        while position < end:
            began = time.monotonic()
            found = consumer.poll(_POLL_MS, _READ_RECORDS_MAX).get(partition, [])
            waited_s += time.monotonic() - began
            failure = isolation.failure(TopicPartition(*partition))
            if failure is not None:
                raise failure
            moved = consumer.position(partition)
            if moved > position:
                waited_s = 0.0
            elif waited_s > stall_s:
                raise LogUnavailableError(
                    f"{partition.topic}[{partition.partition}]@{position}: no record came within "
                    f"{stall_s:.0f} s, though the partition ends at {end}. Check the broker."
                )
            if found and found[-1].offset >= end:
                found = [record for record in found if record.offset < end]
            if found or moved == position:
                yield found
            position = moved

    def _first(self, consumer: Any, source: TopicPartition) -> int:
        partition = kafka.TopicPartition(*source)
        return int(consumer.beginning_offsets([partition], self._timeout_ms)[partition])

    def _end(self, consumer: Any, source: TopicPartition) -> int:
        partition = kafka.TopicPartition(*source)
        return int(consumer.end_offsets([partition], self._timeout_ms)[partition])

    @property
    def _timeout_ms(self) -> float:
        return 1000 * self._settings.request_timeout_s

    def _settled_end(self, consumer: Any, source: TopicPartition, limit: int | None) -> int:
        """End of what was written when this was called, or `limit` if that is less.

        Raises
        ------
        LogUnsettledError
            A transaction below it stays open.
        """
        if self._uncommitted is None:
            self._uncommitted = self._open(isolation_level="read_uncommitted")
        written = self._end(self._uncommitted.consumer, source)
        wanted = written if limit is None else min(limit, written)
        deadline = time.monotonic() + self._settle_s
        while (stable := self._end(consumer, source)) < wanted:
            if time.monotonic() > deadline:
                raise self._unsettled(consumer, source, stable, written)
            time.sleep(_SETTLE_WAIT_S)
        return wanted

    def _unsettled(
        self, consumer: Any, source: TopicPartition, stable: int, written: int
    ) -> LogUnsettledError:
        try:
            found = open_transactions(consumer, source, self._settings)
        except (DriftgateError, client.KafkaError):  # a right is missing, or an old broker
            found = []
        whose = "".join(
            f"; producer {transaction.producer_id} has one open since offset "
            f"{transaction.start_offset}, and last wrote at {_utc(transaction.since_ms)}"
            for transaction in found
        )
        return LogUnsettledError(
            f"{source.topic}[{source.partition}]: committed up to {stable}, written up to "
            f"{written}: a transaction is open{whose}. Wait for its end: the broker aborts it "
            f"after its transaction timeout, unless it hangs: `driftgate transactions list CONFIG`."
        )

    @contextmanager
    def _client(self) -> Iterator[_Client]:
        # One for each range being read: a caller may begin a second one within the first.
        opened = self._idle.pop() if self._idle else self._open()
        try:
            with translated(self._settings):
                yield opened
        except (LogUnsettledError, RecoveryError, TopicMissingError):
            self._put_back(opened)  # the connection is sound
            raise
        except BaseException:
            opened.consumer.close(timeout_ms=0)
            raise
        self._put_back(opened)

    def _put_back(self, opened: _Client) -> None:
        for partition in opened.consumer.assignment():
            opened.isolation.forget(TopicPartition(*partition))
        opened.consumer.unsubscribe()
        self._idle.append(opened)

    def _open(self, **changes: str) -> _Client:
        consumer = open_client(
            kafka.KafkaConsumer, {**self._settings.reader(), **changes}, self._settings
        )
        return _Client(consumer, Isolation(consumer, self._settings))


def to_batch(source: TopicPartition, records: list[Any]) -> RecordBatch:
    """Turn the client's records of one partition into parallel lists."""
    return RecordBatch(
        source,
        [record[3] for record in records],
        [record[4] for record in records],
        [record[6] for record in records],
        [record[7] for record in records],
    )


def _utc(milliseconds: int) -> str:
    return datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat(timespec="seconds")
