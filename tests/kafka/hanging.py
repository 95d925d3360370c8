"""Makes a transaction that no coordinator knows, as a broker without verification lets one."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import kafka
from kafka.admin import ConfigResource, ConfigResourceType, KafkaAdminClient
from kafka.protocol.producer import ProduceRequest
from kafka.record.memory_records import MemoryRecordsBuilder

from stream.log.base import TopicPartition

_VERIFICATION = "transaction.partition.verification.enable"
# The last version in which writing to a partition does not add it to the transaction (KIP-890).
_PRODUCE_VERSION = 11
_NOT_VERIFIED = 120


@contextmanager
def unverified(bootstrap: str) -> Iterator[KafkaAdminClient]:
    """Let the brokers take transactional records of partitions that no coordinator was told of."""
    admin = KafkaAdminClient(bootstrap_servers=bootstrap)
    brokers = [str(broker["broker_id"]) for broker in admin.describe_cluster()["brokers"]]

    def verify(value: str) -> None:
        resources = [
            ConfigResource(ConfigResourceType.BROKER, broker, {_VERIFICATION: value})
            for broker in brokers
        ]
        admin.alter_configs(resources)

    verify("false")
    try:
        yield admin
    finally:
        verify("true")
        admin.close()


def hang(bootstrap: str, target: TopicPartition, values: Sequence[bytes]) -> int:
    """Leave a transaction open on `target` for ever; return its producer's id."""
    name = f"hung-{uuid.uuid4().hex[:8]}"
    producer = kafka.KafkaProducer(bootstrap_servers=bootstrap, transactional_id=name)
    producer.init_transactions()
    identity = producer._transaction_manager.producer_id_and_epoch
    batch = _batch(identity, values)
    with unverified(bootstrap) as admin:
        _produce(admin, name, target, batch)
    producer.close(timeout=1)
    return int(identity.producer_id)


def hang_after_commit(bootstrap: str, target: TopicPartition, values: Sequence[bytes]) -> int:
    """Leave a transaction open on `target` that its coordinator has committed; return its producer.

    A coordinator that gives up a marker leaves the same: in its log the latest transaction of this
    producer and epoch with this partition is committed, on the partition it is open.
    """
    name = f"hung-{uuid.uuid4().hex[:8]}"
    producer = kafka.KafkaProducer(bootstrap_servers=bootstrap, transactional_id=name)
    producer.init_transactions()
    identity = producer._transaction_manager.producer_id_and_epoch
    producer.begin_transaction()
    producer.send(target.topic, b"first", partition=target.partition).get(10)
    producer.commit_transaction()
    batch = _batch(identity, values, first_sequence=1)
    with unverified(bootstrap) as admin:
        _produce(admin, name, target, batch)
    producer.close(timeout=1)
    return int(identity.producer_id)


def _batch(identity: Any, values: Sequence[bytes], first_sequence: int = 0) -> Any:
    builder = MemoryRecordsBuilder(
        magic=2,
        compression_type=0,
        batch_size=1 << 20,
        transactional=True,
        producer_id=identity.producer_id,
        producer_epoch=identity.epoch,
        base_sequence=first_sequence,
    )
    for value in values:
        builder.append(int(1000 * time.time()), None, value, [])
    builder.close()
    return builder.buffer()


def _produce(admin: Any, transactional_id: str, target: TopicPartition, batch: Any) -> None:
    topic = ProduceRequest.TopicProduceData
    request = ProduceRequest(
        transactional_id=transactional_id,
        acks=-1,
        timeout_ms=5000,
        topic_data=[
            topic(
                name=target.topic,
                partition_data=[topic.PartitionProduceData(index=target.partition, records=batch)],
            )
        ],
        max_version=_PRODUCE_VERSION,
    )

    async def send() -> Any:
        partition = kafka.TopicPartition(*target)
        (leader,) = await admin._async_get_leader_for_partitions([partition])
        return await admin._manager.send(request, node_id=leader)

    deadline = time.monotonic() + 10
    while True:
        response = admin._manager.run(send)
        (written,) = response.responses[0].partition_responses
        if written.error_code != _NOT_VERIFIED or time.monotonic() > deadline:
            break
        time.sleep(0.1)  # the setting takes a moment to reach the partition's leader
    assert written.error_code == 0, response
