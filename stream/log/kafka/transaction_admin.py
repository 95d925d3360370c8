"""Open transactions on Apache Kafka, by the interfaces of KIP-664.

A partition's leader knows which producers have a transaction open on it, a coordinator which
transactions it has still to end. One that only the leader knows hangs; how it should have ended is
in the coordinator's own log.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import kafka
from kafka import errors as client
from kafka.admin import KafkaAdminClient
from kafka.protocol.consumer import IsolationLevel, OffsetSpec
from kafka.protocol.producer.transaction import WriteTxnMarkersRequest

from stream.errors import InvariantError, LogAccessError, SetupError
from stream.log.base import TopicPartition
from stream.log.kafka.errors import translated
from stream.log.kafka.opening import open_client
from stream.log.kafka.reader import RangeReader
from stream.log.kafka.settings import KafkaSettings
from stream.log.kafka.transaction_log import (
    STATE_TOPIC,
    Ended,
    decisions,
    java_hash,
    partition_of,
)
from stream.log.open_transactions import (
    OFFSETS_TOPIC,
    Coordinated,
    Decision,
    JudgedTransaction,
    PartitionTransactions,
    judge,
)

_log = logging.getLogger(__name__)
# Markers that are on their way arrive within this; what is open afterwards was not about to end.
_MARKERS_WAIT_S = 0.5


class KafkaTransactions:
    """Looks at open transactions and ends them (a `TransactionAdmin`)."""

    def __init__(self, settings: KafkaSettings, admin: Any = None) -> None:
        self._settings = settings
        self._owned = admin is None
        self._admin = admin or open_client(KafkaAdminClient, settings.client(), settings)

    def transactions(self, topics: Sequence[str]) -> list[PartitionTransactions]:
        """Look at every partition of these topics that has a leader."""
        with translated(self._settings):
            sources = self._partitions(topics, led=True)
            found = self._open(sources, self._producers(sources))
            stuck = {one.source for one in found if one.stuck}
            if stuck:
                # Between the two questions a transaction may have ended. The leader is asked
                # again, so that none is called hanging that was only quick.
                time.sleep(_MARKERS_WAIT_S)
                again = self._producers(stuck)
                found = [one for one in found if one.source not in stuck or _still(one, again)]
            found = self._decided(found)
            ends = self._ends(sources)
        return [
            PartitionTransactions(
                source, *ends[source], [one for one in found if one.source == source]
            )
            for source in sources
        ]

    def without_leader(self, topics: Sequence[str]) -> list[TopicPartition]:
        """Name the partitions that cannot be looked at."""
        with translated(self._settings):
            return self._partitions(topics, led=False)

    def offsets_partition(self) -> TopicPartition:
        """Partition of `__consumer_offsets` that has the group's offsets."""
        with translated(self._settings):
            count = self._count(OFFSETS_TOPIC)
        return TopicPartition(OFFSETS_TOPIC, java_hash(self._settings.group) % max(1, count))

    def end(self, transaction: JudgedTransaction, decision: Decision) -> None:
        """Let the partition's leader write a marker."""
        where = f"{transaction.source.topic}[{transaction.source.partition}]"
        with translated(self._settings):
            try:
                self._admin._manager.run(self._write_marker, transaction, decision)
            except client.ClusterAuthorizationFailedError as error:
                user = self._settings.log.security.username or "ANONYMOUS"
                raise LogAccessError(
                    f"{where}: user `{user}` needs ALTER on the cluster to end a transaction. "
                    f"Run the command as an administrator of the brokers."
                ) from error
            except client.InvalidProducerEpochError as error:
                raise SetupError(
                    f"{where}: the producer's epoch must be {transaction.epoch}; it has risen. "
                    f"Its transaction has ended or another has begun: list them again."
                ) from error

    def close(self) -> None:
        """Close the client, if it was opened here."""
        if self._owned:
            self._admin.close()

    async def _write_marker(self, transaction: JudgedTransaction, decision: Decision) -> None:
        # The client's own method can only abort.
        partition = kafka.TopicPartition(*transaction.source)
        marker = WriteTxnMarkersRequest.WritableTxnMarker(
            producer_id=transaction.producer_id,
            producer_epoch=transaction.epoch,
            transaction_result=decision == "commit",
            topics=[
                WriteTxnMarkersRequest.WritableTxnMarker.WritableTxnMarkerTopic(
                    name=partition.topic, partition_indexes=[partition.partition]
                )
            ],
            coordinator_epoch=transaction.coordinator_epoch,
        )
        (leader,) = await self._admin._async_get_leader_for_partitions([partition])
        answer = await self._admin._manager.send(
            WriteTxnMarkersRequest(markers=[marker]), node_id=leader
        )
        for topic in (topic for result in answer.markers for topic in result.topics):
            for written in topic.partitions:
                kind = client.for_code(written.error_code)
                if kind is not client.NoError:
                    raise kind(f"the marker of {partition.topic}[{partition.partition}]")

    def _partitions(self, topics: Sequence[str], *, led: bool) -> list[TopicPartition]:
        return sorted(
            TopicPartition(topic["name"], part["partition_index"])
            for topic in self._admin.describe_topics(list(topics))
            if topic["error_code"] == 0
            for part in topic["partitions"]
            if (part["leader_id"] >= 0) == led
        )

    def _producers(self, sources: Iterable[TopicPartition]) -> dict[TopicPartition, dict[int, Any]]:
        """Producers with a transaction open, by partition and producer id."""
        asked = [kafka.TopicPartition(*source) for source in sources]
        return {
            TopicPartition(*source): {
                producer.producer_id: producer
                for producer in state.active_producers
                if producer.current_transaction_start_offset >= 0
            }
            for source, state in self._admin.describe_producers(asked).items()
        }

    def _open(
        self,
        sources: Sequence[TopicPartition],
        producers: Mapping[TopicPartition, Mapping[int, Any]],
    ) -> list[JudgedTransaction]:
        ids = sorted({producer_id for found in producers.values() for producer_id in found})
        if not ids:
            return []
        said = self._coordinated(ids)
        all_can_be_asked = self._coordinators_led()
        return [
            _judged(source, producer, said.get(producer.producer_id), all_can_be_asked)
            for source in sources
            for producer in producers.get(source, {}).values()
        ]

    def _coordinated(self, producer_ids: list[int]) -> dict[int, Coordinated]:
        listed = self._admin.list_transactions(producer_id_filters=producer_ids)
        found = {}
        for listing in (one for of_broker in listed.values() for one in of_broker):
            try:
                described = self._admin.describe_transactions([listing.transactional_id])
            except client.TransactionalIdNotFoundError:
                continue  # it has expired since it was listed
            said = described[listing.transactional_id]
            started_ms = said.transaction_start_time_ms
            found[listing.producer_id] = Coordinated(
                listing.transactional_id,
                said.state.value,
                said.producer_epoch,
                said.transaction_timeout_ms / 1000,
                time.time() - started_ms / 1000 if started_ms >= 0 else None,
                frozenset(TopicPartition(*part) for part in said.topic_partitions),
            )
        return found

    def _decided(self, found: Sequence[JudgedTransaction]) -> list[JudgedTransaction]:
        """Find out what coordinators had decided of those that hang."""
        names = {one.transactional_id for one in found if one.status == "hanging"} - {None}
        ended = {name: self._ended(name) for name in names if name is not None}
        return [
            replace(one, decision=_decision(one, ended[one.transactional_id]))
            if one.transactional_id in ended and one.status == "hanging"
            else one
            for one in found
        ]

    def _ended(self, transactional_id: str) -> list[Ended]:
        """Ended transactions by the coordinator's log; a warning if that cannot be read."""
        reader = RangeReader(self._settings, settle_s=0.0)
        try:
            source = TopicPartition(
                STATE_TOPIC, partition_of(transactional_id, max(1, self._count(STATE_TOPIC)))
            )
            batches = reader.read(source, *reader.bounds(source))
            pairs = (pair for b in batches for pair in zip(b.keys, b.values, strict=True))
            return decisions(pairs, transactional_id)
        except (LogAccessError, InvariantError) as error:  # a right is missing; a later format
            _log.warning("decisions of `%s` are not known: %s", transactional_id, error)
            return []
        finally:
            reader.close()

    def _count(self, topic: str) -> int:
        (described,) = self._admin.describe_topics([topic])
        return len(described["partitions"])

    def _coordinators_led(self) -> bool:
        """Whether all of the coordinators' state has a leader, as far as this user may see it."""
        (described,) = self._admin.describe_topics([STATE_TOPIC])
        return all(part["leader_id"] >= 0 for part in described["partitions"])

    def _ends(self, sources: Sequence[TopicPartition]) -> dict[TopicPartition, tuple[int, int]]:
        """Last stable offset and high watermark."""
        latest = {kafka.TopicPartition(*source): OffsetSpec.LATEST for source in sources}
        if not latest:
            return {}
        stable, written = (
            self._admin.list_partition_offsets(latest, isolation_level=level)
            for level in (IsolationLevel.READ_COMMITTED, IsolationLevel.READ_UNCOMMITTED)
        )
        return {
            TopicPartition(*source): (stable[source].offset, written[source].offset)
            for source in latest
        }


def _judged(
    source: TopicPartition, producer: Any, said: Coordinated | None, all_can_be_asked: bool
) -> JudgedTransaction:
    status = judge(source, producer.producer_epoch, said, all_can_be_asked=all_can_be_asked)
    since_record = max(0.0, time.time() - producer.last_timestamp / 1000)
    known = said.open_s if said is not None and status in ("ongoing", "ending", "overdue") else None
    return JudgedTransaction(
        source,
        producer.producer_id,
        producer.producer_epoch,
        producer.current_transaction_start_offset,
        status,
        since_record if known is None else known,
        said.transactional_id if said is not None else None,
        said.state if said is not None else None,
        producer.coordinator_epoch,
    )


def _decision(one: JudgedTransaction, ended: Sequence[Ended]) -> Decision | None:
    """Take the latest of its producer and epoch on this partition: it has none after that."""
    return next(
        (
            each.decision
            for each in reversed(ended)
            if (each.producer_id, each.epoch) == (one.producer_id, one.epoch)
            and one.source in each.partitions
        ),
        None,
    )


def _still(one: JudgedTransaction, producers: Mapping[TopicPartition, Mapping[int, Any]]) -> bool:
    now = producers[one.source].get(one.producer_id)
    return now is not None and now.current_transaction_start_offset == one.start_offset
