"""Reads ranges of partitions outside of the group, and where partitions begin and end.

Transactions put markers between records, and aborted records stay in the log unseen, so that a
range is read until the *position* reaches its end, never until so many records have come.

A commit returns before its markers are in every partition: for a moment committed records are not
visible yet. `bounds` and `read` wait for transactions that were open when they were called, so that
whatever had been committed before the call is seen by it.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import kafka

from stream.errors import LogUnavailableError, RecoveryError
from stream.log.base import Bounds, Headers, RecordBatch, TopicPartition
from stream.log.kafka.errors import topic_missing, translated
from stream.log.kafka.opening import open_client
from stream.log.kafka.settings import KafkaSettings

_POLL_MS = 200
_READ_RECORDS_MAX = 5000
_SETTLE_WAIT_S = 0.005
_STALL_REQUESTS = 3  # requests that may time out before a read that does not advance is given up


class RangeReader:
    """Consumers that belong to no group, opened when needed and used again."""

    def __init__(self, settings: KafkaSettings) -> None:
        self._settings = settings
        self._idle: list[Any] = []
        self._uncommitted: Any = None
        self._topics: dict[str, int] = {}

    def partition_count(self, topic: str) -> int:
        """Count the partitions of a topic.

        Raises
        ------
        TopicMissingError
        """
        if topic not in self._topics:
            with self._consumer() as consumer:
                found = consumer.partitions_for_topic(topic)
            if not found:
                raise topic_missing(topic, self._settings)
            self._topics[topic] = len(found)
        return self._topics[topic]

    def bounds(self, source: TopicPartition) -> Bounds:
        """First offset kept, and the end of what is committed."""
        self._check(source)
        partition = kafka.TopicPartition(*source)
        with self._consumer() as consumer:
            first = consumer.beginning_offsets([partition])[partition]
            return Bounds(first, max(first, self._settled_end(consumer, partition)))

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
        for consumer in opened:
            consumer.close()

    def _records(self, source: TopicPartition, start: int, end: int) -> Iterator[list[Any]]:
        self._check(source)
        partition = kafka.TopicPartition(*source)
        with self._consumer() as consumer:
            first = consumer.beginning_offsets([partition])[partition]
            if start < first:
                raise RecoveryError(
                    f"{source.topic}[{source.partition}]@{start}: records must be kept from there "
                    f"on; the first kept is {first}. Keep records longer, or reset this "
                    f"partition's state and position."
                )
            end = min(end, self._settled_end(consumer, partition))
            if start >= end:
                return
            consumer.assign([partition])
            consumer.seek(partition, start)
            yield from self._until(consumer, partition, end)

    def _until(self, consumer: Any, partition: Any, end: int) -> Iterator[list[Any]]:
        stall_s = _STALL_REQUESTS * self._settings.request_timeout_s
        position = consumer.position(partition)
        deadline = time.monotonic() + stall_s
        while position < end:
            found = consumer.poll(_POLL_MS, _READ_RECORDS_MAX).get(partition)
            if found:
                if found[-1].offset >= end:
                    found = [record for record in found if record.offset < end]
                if found:
                    yield found
            moved = consumer.position(partition)
            if moved > position:
                deadline = time.monotonic() + stall_s
            elif time.monotonic() > deadline:
                raise LogUnavailableError(
                    f"{partition.topic}[{partition.partition}]@{position}: no record came within "
                    f"{stall_s:.0f} s, though the partition ends at {end}. Check the broker."
                )
            position = moved

    def _settled_end(self, consumer: Any, partition: Any) -> int:
        """End of what is committed, once the transactions open now have ended."""
        if self._uncommitted is None:
            self._uncommitted = self._open(isolation_level="read_uncommitted")
        written = self._uncommitted.end_offsets([partition])[partition]
        deadline = time.monotonic() + self._settings.transaction_timeout_s
        while True:
            committed = int(consumer.end_offsets([partition])[partition])
            # A transaction still open at the deadline is a stranger's: ours end before that.
            if committed >= written or time.monotonic() > deadline:
                return committed
            time.sleep(_SETTLE_WAIT_S)

    def _check(self, source: TopicPartition) -> None:
        if source.partition >= self.partition_count(source.topic):
            raise topic_missing(f"{source.topic}[{source.partition}]", self._settings)

    @contextmanager
    def _consumer(self) -> Iterator[Any]:
        # One for each range being read: a caller may begin a second one within the first.
        consumer = self._idle.pop() if self._idle else self._open()
        try:
            with translated(self._settings):
                yield consumer
        except BaseException:
            consumer.close()
            raise
        consumer.unsubscribe()
        self._idle.append(consumer)

    def _open(self, **changes: str) -> Any:
        return open_client(
            kafka.KafkaConsumer, {**self._settings.reader(), **changes}, self._settings
        )


def to_batch(source: TopicPartition, records: list[Any]) -> RecordBatch:
    """Turn the client's records of one partition into parallel lists."""
    return RecordBatch(
        source,
        [record[3] for record in records],
        [record[4] for record in records],
        [record[6] for record in records],
        [record[7] for record in records],
    )
