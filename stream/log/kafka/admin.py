"""Topics and plain appends on Apache Kafka."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import Any

import kafka
from kafka import errors as client
from kafka.admin import KafkaAdminClient

from stream.errors import LogUnavailableError, SetupError, TopicMissingError
from stream.log.base import (
    Bounds,
    Headers,
    OutputBatch,
    RecordBatch,
    TopicPartition,
    TopicSpec,
)
from stream.log.kafka.errors import topic_missing, translated
from stream.log.kafka.opening import open_client
from stream.log.kafka.reader import RangeReader
from stream.log.kafka.settings import KafkaSettings
from stream.log.kafka.transactions import flush_all, send_all

_CLOSE_TIMEOUT_S = 5.0
_SPREAD_WAIT_S = 0.02
_SETUP_ERRORS = (
    client.InvalidConfigurationError,
    client.InvalidPartitionsError,
    client.InvalidReplicationFactorError,
    client.InvalidTopicError,
    client.PolicyViolationError,
)


class KafkaAdmin:
    """Sets up topics on Kafka, loads records into them and reads them (a `LogAdmin`)."""

    def __init__(self, settings: KafkaSettings) -> None:
        self._settings = settings
        self._reader = RangeReader(settings, settings.transaction_timeout_s)
        self._admin = open_client(KafkaAdminClient, settings.client(), settings)
        self._producer: Any = None

    def topics(self) -> dict[str, int]:
        """Partition count of every topic that may be seen, but Kafka's own."""
        with translated(self._settings):
            return {
                topic["name"]: len(topic["partitions"])
                for topic in self._admin.describe_topics()
                if not topic["is_internal"]
            }

    def create(self, topics: Sequence[TopicSpec]) -> list[str]:
        """Create the topics that do not exist; return the names of those created."""
        return [topic.name for topic in topics if self._create(topic)]

    def add_partitions(self, topic: str, count: int) -> None:
        """Let a topic have `count` partitions; it must not have more of them already."""
        present = self._reader.partition_counts([topic])[topic]
        if not present:
            raise topic_missing(topic, self._settings)
        if count < present:
            raise SetupError(
                f"topic `{topic}` must have at most {count} partitions; got {present}. Partitions "
                f"can be added, but not taken away."
            )
        if count > present:
            with translated(self._settings):
                self._admin.create_partitions({topic: count})
                self._wait_for_leaders(topic, count)
            self._until_counted(topic, count)

    def delete(self, topics: Sequence[str]) -> None:
        """Delete topics with all that is in them; one that does not exist is passed over."""
        for topic in topics:
            try:
                with translated(self._settings):
                    self._admin.delete_topics([topic])
            except TopicMissingError:
                continue
            self._until_counted(topic, 0)

    def append(self, outputs: Sequence[OutputBatch]) -> None:
        """Append with an idempotent producer; returns when all records are acknowledged."""
        for output in outputs:
            self._reader.check(output.target)
        if self._producer is None:
            self._producer = open_client(
                kafka.KafkaProducer, self._settings.producer(), self._settings
            )
        with translated(self._settings):
            futures = [send_all(self._producer, output) for output in outputs]
            flush_all(self._producer, futures, self._settings.commit_timeout_s)
            for sent in futures:
                for future in sent:
                    if future.failed():
                        raise future.exception

    def bounds(self, source: TopicPartition) -> Bounds:
        """First offset kept and end offset (committed records only)."""
        return self._reader.bounds(source)

    def read(self, source: TopicPartition, start: int, end: int) -> Iterator[RecordBatch]:
        """Read the committed records with start <= offset < end."""
        return (batch for batch in self._reader.read(source, start, end) if len(batch))

    def read_headers(self, source: TopicPartition, start: int, end: int) -> list[Headers]:
        """Headers of the same records."""
        return self._reader.read_headers(source, start, end)

    def trim(self, source: TopicPartition, first: int) -> None:
        """Forget the records below `first`, as retention does by itself."""
        with translated(self._settings):
            self._admin.delete_records({kafka.TopicPartition(*source): first})

    def close(self) -> None:
        """Release everything; safe to call twice."""
        self._reader.close()
        self._admin.close()
        producer, self._producer = self._producer, None
        if producer is not None:
            producer.close(timeout=_CLOSE_TIMEOUT_S)

    def _wait_for_leaders(self, topic: str, count: int) -> None:
        deadline = time.monotonic() + self._settings.request_timeout_s
        while True:
            (described,) = self._admin.describe_topics([topic])
            led = [part for part in described["partitions"] if part["leader_id"] >= 0]
            if len(led) >= count:
                return
            if time.monotonic() > deadline:
                raise LogUnavailableError(
                    f"topic `{topic}`: {count - len(led)} of its {count} partitions have no leader "
                    f"yet. They were added; check that all brokers are running."
                )
            time.sleep(_SPREAD_WAIT_S)

    def _create(self, topic: TopicSpec) -> bool:
        spec = {
            "num_partitions": topic.partitions,
            "replication_factor": topic.replication,
            "configs": dict(topic.config),
        }
        try:
            self._admin.create_topics({topic.name: spec}, wait_for_metadata=True)
        except client.TopicAlreadyExistsError:
            return False
        except _SETUP_ERRORS as error:
            raise SetupError(
                f"topic `{topic.name}` cannot be created with {topic.partitions} partitions and "
                f"{topic.replication} copies: {type(error).__name__}. Check log.partitions, "
                f"log.replication and the topic's settings."
            ) from error
        except client.KafkaError as error:
            with translated(self._settings):
                raise error from None
        return True

    def _until_counted(self, topic: str, count: int) -> None:
        """Wait for a change that the controller has made to reach the brokers."""
        deadline = time.monotonic() + self._settings.request_timeout_s
        while self._reader.partition_counts([topic])[topic] != count:
            if time.monotonic() > deadline:
                raise LogUnavailableError(
                    f"topic `{topic}`: it must come to have {count} partitions everywhere, and has "
                    f"not within {self._settings.request_timeout_s:g} s. Look again."
                )
            time.sleep(_SPREAD_WAIT_S)
