"""The bare client's transactional echo, consume -> produce: the Kafka log's yardstick.

    python -m tests.bench.kafka_echo BOOTSTRAP [RECORDS]

Straightforward kafka-python, with nothing checked: poll up to 2,000 records, send each one on, add
the offsets, commit. Same codec, batch and linger as the Kafka log's. Prints records a second of the
bare echo and of the Kafka log's own poll + commit, turn and turn about.
"""

from __future__ import annotations

import sys
import time
import uuid
from collections.abc import Callable

import kafka

from stream.config.log import KafkaLog
from stream.log.base import Committed, OutputBatch, TopicPartition, TopicSpec, Transaction
from stream.log.kafka import KafkaAdmin, KafkaSettings
from stream.log.kafka import KafkaLog as KafkaWorker
from tests.stream.log.worlds import join

TRANSACTION_RECORDS = 2000


def bare_echo(bootstrap: str, source: str, target: str, records: int) -> float:
    """Echo `records` records with the bare client; return records a second."""
    name = uuid.uuid4().hex
    consumer = kafka.KafkaConsumer(
        source,
        bootstrap_servers=bootstrap,
        group_id=name,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        isolation_level="read_committed",
        max_poll_records=TRANSACTION_RECORDS,
        metrics_enabled=False,
    )
    producer = kafka.KafkaProducer(
        bootstrap_servers=bootstrap,
        transactional_id=name,
        compression_type="lz4",
        linger_ms=5,
        batch_size=256 * 1024,
        retry_backoff_ms=15,
        metrics_enabled=False,
    )
    producer.init_transactions()
    while not consumer.assignment():
        consumer.poll(100, 1)
    consumer.seek_to_beginning()
    echoed, started = 0, time.perf_counter()
    while echoed < records:
        polled = consumer.poll(1000)
        if not polled:
            continue
        producer.begin_transaction()
        offsets = {}
        for partition, found in polled.items():
            for record in found:
                producer.send(
                    target,
                    record.value,
                    record.key,
                    partition=partition.partition,
                    timestamp_ms=record.timestamp,
                )
            offsets[partition] = kafka.OffsetAndMetadata(found[-1].offset + 1, "", -1)
            echoed += len(found)
        producer.send_offsets_to_transaction(offsets, consumer.group_metadata())
        producer.commit_transaction()
    elapsed = time.perf_counter() - started
    consumer.close()
    producer.close()
    return echoed / elapsed


def log_echo(bootstrap: str, source: str, target: str, records: int) -> float:
    """Echo `records` records with the Kafka log; return records a second."""
    section = KafkaLog.model_validate({"type": "kafka", "bootstrap": bootstrap, "worker": "w"})
    log = KafkaWorker(KafkaSettings(section, uuid.uuid4().hex))
    listener = join(log, [source])
    follows: dict[TopicPartition, Committed | None] = dict.fromkeys(listener.held)
    echoed, started = 0, time.perf_counter()
    while echoed < records:
        batches = log.poll(1.0, TRANSACTION_RECORDS, listener.positions).batches
        if not batches:
            continue
        listener.take(batches)
        outputs, offsets = [], {}
        for batch in batches:
            to = TopicPartition(target, batch.source.partition)
            outputs.append(OutputBatch(to, batch.timestamps, batch.keys, batch.values))
            offsets[batch.source] = Committed(batch.offsets[-1] + 1, "")
            echoed += len(batch)
        before = {source: follows[source] for source in offsets}
        log.commit(Transaction(outputs, offsets, log.identity, before))
        follows |= offsets
    elapsed = time.perf_counter() - started
    log.close()
    return echoed / elapsed


def fill(bootstrap: str, topics: list[str], records: int, partitions: int = 4) -> None:
    """Create topics; fill the first with records of about 100 bytes."""
    section = KafkaLog.model_validate({"type": "kafka", "bootstrap": bootstrap, "worker": "fill"})
    admin = KafkaAdmin(KafkaSettings(section, "fill"))
    admin.create([TopicSpec(topic, partitions) for topic in topics])
    share = records // partitions
    for partition in range(partitions):
        values = [b'{"id": %d, "x": [%s]}' % (i, b"0.125, " * 10) for i in range(share)]
        keys = [b"%d" % i for i in range(share)]
        target = TopicPartition(topics[0], partition)
        admin.append([OutputBatch(target, [1000] * share, keys, values)])
    admin.close()


def compare(bootstrap: str, records: int, rounds: int = 3) -> dict[str, list[float]]:
    """Measure both, turn and turn about, over the same records."""
    name = uuid.uuid4().hex[:8]
    topics = [f"{name}.in", f"{name}.bare", f"{name}.log"]
    fill(bootstrap, topics, records)
    echoes: dict[str, Callable[[str, str, str, int], float]] = {"bare": bare_echo, "log": log_echo}
    rates: dict[str, list[float]] = {key: [] for key in echoes}
    for _ in range(rounds):
        for key, echo in echoes.items():
            rates[key].append(echo(bootstrap, topics[0], f"{name}.{key}", records))
    return rates


if __name__ == "__main__":
    measured = compare(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 100_000)
    for key, found in measured.items():
        print(f"{key}: " + ", ".join(f"{rate:,.0f}" for rate in found) + " records/s")
    print(f"ratio of the best: {max(measured['log']) / max(measured['bare']):.2f}")
