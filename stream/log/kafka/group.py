"""The consumer group on Kafka, seen from outside.

A broker takes the offsets of a transaction that names neither member nor generation, even while
the group has members. So one partition's position can be moved while workers go on with the others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

import kafka
from kafka.admin import KafkaAdminClient

from stream.errors import CommitUncertainError, LogUnavailableError, OvertakenError
from stream.log.base import NOBODY, Committed, OutputBatch, TopicPartition, Transaction
from stream.log.kafka.errors import translated
from stream.log.kafka.offsets import CommittedOffsets, Positions
from stream.log.kafka.opening import open_client
from stream.log.kafka.reader import RangeReader
from stream.log.kafka.settings import KafkaSettings
from stream.log.kafka.transactions import Transactor

_SETTLED = ("Stable", "Empty", "Dead")  # a group that does not exist is Dead
_NAME = "reset"  # APP-reset is the transactional id: no worker is fenced by it


class KafkaGroup:
    """Moves a group's positions (a `GroupAdmin`)."""

    def __init__(self, settings: KafkaSettings) -> None:
        log = settings.log.model_copy(update={"worker": _NAME, "static_membership": False})
        self._settings = replace(settings, log=log)
        self._reader = RangeReader(self._settings, self._settings.transaction_timeout_s)
        self._consumer = open_client(kafka.KafkaConsumer, self._settings.consumer(), self._settings)
        self._offsets = CommittedOffsets(self._consumer, self._settings)
        self._admin = open_client(KafkaAdminClient, self._settings.client(), self._settings)
        self._transactor = Transactor(self._settings)
        self._is_closed = False

    def owners(self) -> dict[TopicPartition, str]:
        """Ask the coordinator which member of the group has which partition."""
        name = self._settings.group
        with translated(self._settings):
            group = self._admin.describe_groups([name])[name]
        if group["group_state"] not in _SETTLED:
            raise LogUnavailableError(
                f"group `{name}`: its partitions are being given out anew "
                f"({group['group_state']}). Try again in a moment."
            )
        return {
            TopicPartition(topic["topic"], number): f"`{member['client_id']}`"
            for member in group["members"]
            for topic in (member["member_assignment"] or {}).get("assigned_partitions", ())
            for number in topic["partitions"]
        }

    def offset_at(self, source: TopicPartition, timestamp_ms: int) -> int:
        """Offset of the first record with at least this timestamp; the end if there is none."""
        return self._reader.offset_at(source, timestamp_ms)

    def set_positions(
        self,
        outputs: Sequence[OutputBatch],
        positions: Mapping[TopicPartition, Committed],
        follows: Mapping[TopicPartition, Committed | None],
    ) -> None:
        """Append records and move the positions, in one transaction of a producer of its own."""
        transaction = Transaction(outputs, positions, NOBODY, follows)
        self._transactor.open()
        try:
            self._transactor.commit_from_outside(transaction, self._begin_committed)
        except OvertakenError:
            self._transactor.open()  # aborts what was begun, which would hold readers back
            raise
        except CommitUncertainError:
            self._transactor.open()  # settles what became of it
            if self._begin_committed(positions)() != positions:
                raise

    def close(self) -> None:
        """Release everything; safe to call twice."""
        if self._is_closed:
            return
        self._is_closed = True
        self._transactor.close(self._settings.request_timeout_s)
        self._reader.close()
        self._consumer.close(timeout_ms=0)
        self._admin.close()

    def _begin_committed(self, sources: Iterable[TopicPartition]) -> Callable[[], Positions]:
        return self._offsets.begin(sources, self._settings.commit_timeout_s)
