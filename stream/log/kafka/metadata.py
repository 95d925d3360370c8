"""Asks brokers what topics there are now, and which transactions are open in a partition.

The client keeps metadata for minutes; what is asked here is never remembered.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Any, NamedTuple

import kafka
from kafka import errors as client
from kafka.admin._transactions import TransactionsAdminMixin
from kafka.protocol.metadata import MetadataRequest

from stream.log.base import OpenTransaction, TopicPartition
from stream.log.kafka.errors import looking_denied, translated
from stream.log.kafka.settings import KafkaSettings

_RETRY_WAIT_S = 0.1
_NO_TRANSACTION = -1


class Topic(NamedTuple):
    """A topic as the brokers know it; `id` is empty where they give none."""

    partitions: int
    id: str


def describe(consumer: Any, topics: Iterable[str], settings: KafkaSettings) -> dict[str, Topic]:
    """Describe those topics that exist.

    Raises
    ------
    LogUnavailableError, LogAccessError
    """
    manager = consumer._manager
    with translated(settings):
        answer = manager.run(_ask, manager, list(topics), settings.request_timeout_s)
        found = {}
        for topic in answer.topics:
            kind = client.for_code(topic.error_code)
            if kind is client.NoError:
                known = topic.topic_id if answer.API_VERSION >= 10 else None
                found[topic.name] = Topic(
                    len(topic.partitions), "" if known is None else str(known)
                )
            elif kind is client.TopicAuthorizationFailedError:
                raise kind({topic.name})
    return found


def open_transactions(
    consumer: Any, source: TopicPartition, settings: KafkaSettings
) -> list[OpenTransaction]:
    """List a partition's open transactions, the oldest first.

    The broker knows when each of them wrote its latest record, but not when it began.

    Raises
    ------
    LogUnavailableError, LogAccessError
    """
    manager, partition = consumer._manager, kafka.TopicPartition(*source)
    consumer.end_offsets([partition], timeout_ms=1000 * settings.request_timeout_s)
    leader = consumer._cluster.leader_for_partition(partition)
    request = TransactionsAdminMixin._describe_producers_request({source.topic: [source.partition]})
    with translated(settings):
        answer = manager.run(_send, manager, request, leader, settings.request_timeout_s)
        try:
            states = TransactionsAdminMixin._describe_producers_process_response(answer)
        except client.TopicAuthorizationFailedError as error:
            raise looking_denied(source.topic, settings) from error
    return sorted(
        (
            OpenTransaction(
                source,
                producer.producer_id,
                producer.producer_epoch,
                producer.current_transaction_start_offset,
                producer.last_timestamp,
            )
            for producer in states[partition].active_producers
            if producer.current_transaction_start_offset != _NO_TRANSACTION
        ),
        key=lambda found: found.start_offset,
    )


async def _ask(manager: Any, topics: list[str], timeout_s: float) -> Any:
    """Ask any broker, and another one while that helps."""
    deadline = time.monotonic() + timeout_s
    request = MetadataRequest(
        topics=[MetadataRequest.MetadataRequestTopic(name=topic) for topic in topics],
        allow_auto_topic_creation=False,
        include_cluster_authorized_operations=False,
        include_topic_authorized_operations=False,
    )
    while True:
        try:
            return await _send(manager, request, None, max(0.001, deadline - time.monotonic()))
        except client.RetriableError:
            if time.monotonic() + _RETRY_WAIT_S > deadline:
                raise
            await manager._net.sleep(_RETRY_WAIT_S)


async def _send(manager: Any, request: Any, node: int | None, timeout_s: float) -> Any:
    return await manager.wait_for(manager.send(request, node_id=node), 1000 * timeout_s)
