"""What a consumer sees that reads committed records only, and what is hidden from it."""

from __future__ import annotations

import time
from typing import Any, NamedTuple

import kafka

_STALL_S = 20.0


class Record(NamedTuple):
    """One committed record; `timestamp` in milliseconds, by the topic's own kind of time."""

    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes
    headers: dict[str, bytes]


def read_topic(bootstrap: str, topic: str) -> dict[int, list[Record]]:
    """All committed records of a topic by partition, in the order of the log.

    Raises
    ------
    TimeoutError
        A partition does not yield what its committed end promises.
    """
    consumer = _consumer(bootstrap, "read_committed")
    try:
        sources = _sources(consumer, topic)
        consumer.assign(sources)
        consumer.seek_to_beginning(*sources)
        ends = consumer.end_offsets(sources)
        found: dict[int, list[Record]] = {source.partition: [] for source in sources}
        deadline = time.monotonic() + _STALL_S
        while any(consumer.position(source) < ends[source] for source in sources):
            for source, records in consumer.poll(300, max_records=5000).items():
                found[source.partition] += [_record(record) for record in records]
                deadline = time.monotonic() + _STALL_S
            if time.monotonic() > deadline:
                raise TimeoutError(f"{topic}: nothing came for {_STALL_S:g} s before its end")
        return found
    finally:
        consumer.close()


def hidden_records(bootstrap: str, topic: str, wait_s: float = 20.0) -> dict[int, int]:
    """Offsets, by partition, that a transaction which does not end keeps from readers."""
    committed = _consumer(bootstrap, "read_committed")
    written = _consumer(bootstrap, "read_uncommitted")
    try:
        sources = _sources(committed, topic)
        deadline = time.monotonic() + wait_s
        while True:
            visible, there = committed.end_offsets(sources), written.end_offsets(sources)
            behind = {s.partition: there[s] - visible[s] for s in sources if there[s] > visible[s]}
            if not behind or time.monotonic() > deadline:
                return behind
            time.sleep(0.5)
    finally:
        committed.close()
        written.close()


def ends_of(bootstrap: str, topic: str) -> dict[int, int]:
    """End of what is committed, by partition."""
    consumer = _consumer(bootstrap, "read_committed")
    try:
        ends = consumer.end_offsets(_sources(consumer, topic))
        return {source.partition: end for source, end in ends.items()}
    finally:
        consumer.close()


def _consumer(bootstrap: str, isolation: str) -> Any:
    return kafka.KafkaConsumer(
        bootstrap_servers=bootstrap.split(","),
        isolation_level=isolation,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        fetch_max_bytes=64 * 1024 * 1024,
        max_partition_fetch_bytes=8 * 1024 * 1024,
        receive_message_max_bytes=128 * 1024 * 1024,
    )


def _sources(consumer: Any, topic: str) -> list[Any]:
    numbers = sorted(consumer.partitions_for_topic(topic) or ())
    if not numbers:
        raise LookupError(f"topic `{topic}` does not exist")
    return [kafka.TopicPartition(topic, number) for number in numbers]


def _record(record: Any) -> Record:
    return Record(
        record.partition,
        record.offset,
        record.timestamp,
        record.key,
        record.value or b"",
        dict(record.headers),
    )
