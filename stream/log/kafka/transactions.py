"""Transactions that are never falsely acknowledged.

kafka-python 3.0 alone cannot be believed: a commit returns although an expired batch is missing
from it, or raises although the broker committed (tests/kafka/test_faults.py shows both). So:

1. Send everything, flush, and look at *every* future. With one failed the transaction is never
   committed.
2. Only then, with nothing in flight, add the offsets and end the transaction, each under a
   deadline of our own: the client's waits have none.
3. After any error that leaves doubt, discard the producer without another word to it. A new one
   with the same transactional id makes the broker finish or abort what was left
   (`init_transactions`), and the group's committed offsets tell which.

A worker that the group has given up meanwhile (it was silent for too long, or the broker was away)
has its offsets refused by the broker, since they carry the member and generation under which its
state was proved. Beside that, what is committed is read while the records are on their way, before
the offsets are added, and has to be what the transaction follows: the broker would let a member
overwrite anything. The read waits for the markers of this worker's previous transaction, as the
first record of the next one does anyway.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Sequence
from itertools import repeat
from typing import Any

import kafka
from kafka import errors as client

from stream.errors import (
    CommitUncertainError,
    DriftgateError,
    FencedError,
    LogUnavailableError,
    OvertakenError,
    RecordRefusedError,
)
from stream.log.base import OutputBatch, TopicPartition, Transaction
from stream.log.kafka.errors import FENCED, REFUSED, record_refused, translate
from stream.log.kafka.offsets import Positions, to_client
from stream.log.kafka.opening import open_client
from stream.log.kafka.refused import find_refused
from stream.log.kafka.settings import KafkaSettings

_SMALL_BYTES = 64 * 1024  # no limit on records is set below this
_DISCARD_TIMEOUT_S = 2.0
_NOTE_BYTES_MAX = 4096  # offset.metadata.max.bytes of a broker, unless it was changed

_log = logging.getLogger(__name__)


class Transactor:
    """The worker's transactional producer."""

    def __init__(self, settings: KafkaSettings) -> None:
        self._settings = settings
        self._producer: Any = None
        self._in_doubt = False

    def open(self) -> None:
        """Open the producer; this fences every older one of the same transactional id."""
        self._discard()
        self._producer = open_client(
            kafka.KafkaProducer, self._settings.transactional_producer(), self._settings
        )
        try:
            self._producer.init_transactions()
        except client.KafkaError as error:
            self._discard()
            raise translate(error, self._settings) from error
        self._in_doubt = False

    def commit(
        self,
        transaction: Transaction,
        begin_committed: Callable[[Iterable[TopicPartition]], Callable[[], Positions]],
    ) -> dict[TopicPartition, int]:
        """Commit outputs and offsets; return each target's first offset.

        Parameters
        ----------
        begin_committed
            Begins to read what the group has committed; what it returns waits for that.
        """
        self._refuse_if_nobody(transaction)
        return self.commit_from_outside(transaction, begin_committed)

    def commit_from_outside(
        self,
        transaction: Transaction,
        begin_committed: Callable[[Iterable[TopicPartition]], Callable[[], Positions]],
    ) -> dict[TopicPartition, int]:
        """Commit as `commit` does, but also as nobody of the group, which a broker takes."""
        assert not self._in_doubt, "reopen must follow a commit that failed"
        if self._producer is None:
            raise LogUnavailableError("log: the producer is not open. Call reopen first.")
        outputs = [output for output in transaction.outputs if len(output)]
        if not outputs and not transaction.offsets:
            return {}
        started = time.monotonic()
        self._in_doubt = True
        futures: list[list[Any]] = []
        try:
            committed = begin_committed(transaction.offsets)
            self._producer.begin_transaction()
            futures.extend(map(self._send, outputs))
            self._flush(futures, started)
            self._refuse_if_overtaken(transaction, committed())
            self._add_offsets(transaction, started)
            self._end(started)
        except client.KafkaError as error:
            raise self._explain(error, outputs, futures, started) from error
        except (OvertakenError, RecordRefusedError):
            self._discard()
            raise
        except LogUnavailableError as error:
            self._discard()
            raise self._uncertain(error) from error
        self._in_doubt = False
        return _first_offsets(outputs, futures)

    def close(self, timeout_s: float) -> None:
        """Release the producer; a transaction in doubt is left for the broker to abort."""
        producer = self._producer
        if producer is None or self._in_doubt:
            self._discard()
            return
        # Nothing is unsent: every commit has ended, or is in doubt.
        producer.close(timeout=timeout_s)
        self._producer = None

    def _left_s(self, started: float) -> float:
        return max(0.0, started + self._settings.commit_timeout_s - time.monotonic())

    def _send(self, output: OutputBatch) -> list[Any]:
        try:
            return send_all(self._producer, output)
        except REFUSED as error:  # by the client itself, which knows its own limit
            raise record_refused(error, output.target) from error

    def _flush(self, futures: Sequence[Sequence[Any]], started: float) -> None:
        flush_all(self._producer, futures, self._left_s(started))
        for sent in futures:
            for future in sent:
                if not future.succeeded():
                    raise future.exception or client.KafkaTimeoutError("no answer in time")

    def _refuse_if_nobody(self, transaction: Transaction) -> None:
        """Refuse offsets of a worker that is not in the group: a broker would take them."""
        member, generation = transaction.identity
        if transaction.offsets and (not member or generation < 0):
            raise OvertakenError(
                f"group `{self._settings.group}`: a commit must be made as a member; got "
                f"{transaction.identity}. Nothing was committed; recover."
            )

    def _refuse_if_overtaken(self, transaction: Transaction, committed: Positions) -> None:
        for source, found in committed.items():
            expected = transaction.follows[source]
            if found != expected:
                raise OvertakenError(
                    f"{source.topic}[{source.partition}]: a commit must follow {expected}; group "
                    f"`{self._settings.group}` has committed {found}. Nothing was committed; "
                    f"recover."
                )

    def _add_offsets(self, transaction: Transaction, started: float) -> None:
        if not transaction.offsets:
            return
        for at in transaction.offsets.values():
            assert len(at.note.encode()) <= _NOTE_BYTES_MAX, "the broker refuses longer notes"
        member = kafka.ConsumerGroupMetadata(
            self._settings.group,
            transaction.identity.generation,
            transaction.identity.member,
            self._settings.group_instance_id,
        )
        # The client's own methods do the same and then wait for ever.
        manager = self._producer._transaction_manager
        positions = to_client(transaction.offsets)
        self._wait(manager.send_offsets_to_transaction(positions, member), started)

    def _end(self, started: float) -> None:
        self._wait(self._producer._transaction_manager.begin_commit(), started)

    def _wait(self, result: Any, started: float) -> None:
        self._producer._sender.wakeup()
        if not result.wait(timeout_ms=1000 * self._left_s(started)):
            raise client.KafkaTimeoutError(
                f"the coordinator did not answer within {self._settings.commit_timeout_s:g} s"
            )

    def _explain(
        self,
        error: client.KafkaError,
        outputs: Sequence[OutputBatch],
        futures: Sequence[Sequence[Any]],
        started: float,
    ) -> DriftgateError:
        """Say what a failed commit means; the producer is not used again."""
        causes = [error, self._producer._transaction_manager.last_error]
        causes += [future.exception for sent in futures for future in sent if future.failed()]
        self._discard()
        # The broker aborts a transaction after its timeout by raising the epoch, which looks like
        # being fenced by another worker.
        overdue = time.monotonic() - started >= self._settings.transaction_timeout_s
        if any(isinstance(cause, FENCED) for cause in causes) and not overdue:
            return FencedError(
                f"group `{self._settings.group}`: another worker has taken over from "
                f"`{self._settings.transactional_id}`. Give every worker a log.worker of its own."
            )
        if any(isinstance(cause, client.CommitFailedError) for cause in causes):
            return OvertakenError(
                f"group `{self._settings.group}`: `{self._settings.transactional_id}` is not the "
                f"member, or not of the generation, as which it commits: it was given up, or the "
                f"partitions were given out anew. Nothing was committed; recover."
            )
        refused = find_refused(outputs, futures)
        if refused is not None:
            return refused
        for cause in causes:
            if cause is not None and not isinstance(translate(cause, self._settings), _Doubtful):
                return translate(cause, self._settings)
        return self._uncertain(error)

    def _uncertain(self, error: Exception) -> CommitUncertainError:
        return CommitUncertainError(
            f"`{self._settings.transactional_id}`: a commit failed: {error}. Its outcome is read "
            f"back from the broker."
        )

    def _discard(self) -> None:
        """Drop the producer without flushing, and without waiting for its transaction."""
        producer, self._producer = self._producer, None
        if producer is None:
            return
        # KafkaProducer.close() flushes first, raises when that fails, and then leaves its thread.
        producer._sender.force_close()
        producer._sender.join(_DISCARD_TIMEOUT_S)
        producer._unregister_cleanup()
        producer._closed = True


_Doubtful = LogUnavailableError
"""What `translate` makes of errors that say nothing certain."""


def send_all(producer: Any, output: OutputBatch) -> list[Any]:
    """Hand all records of a batch to a producer; return their futures.

    `KafkaProducer.send` checks for each record what is the same for all of a batch: serializers,
    metadata, the partition, the transaction. That is half of its time, so here it is done once,
    and the records go straight to the accumulator. (`send` also refuses a record with neither key
    nor value, which Kafka takes, and which a dead letter may be.)
    """
    partition = kafka.TopicPartition(*output.target)
    producer._wait_on_metadata(partition.topic, producer.config["max_block_ms"])
    manager = producer._transaction_manager
    if manager is not None and manager.is_transactional():
        manager.maybe_add_partition_to_transaction(partition)
    headers = output.headers if output.headers is not None else repeat([])
    # With headers None the shortest list ends the loop; all others are equally long.
    records = zip(output.timestamps, output.keys, output.values, headers, strict=False)
    append, wake = producer._accumulator.append, producer._sender.wakeup
    check_size = producer._ensure_valid_record_size
    futures = []
    for timestamp, key, value, header in records:
        if value is not None and len(value) > _SMALL_BYTES:
            check_size(producer._estimate_size_in_bytes(key, value, header))
        future, is_full, is_new, _ = append(partition, timestamp, key, value, header)
        if is_full or is_new:
            wake()
        futures.append(future)
    return futures


def flush_all(producer: Any, futures: Sequence[Sequence[Any]], timeout_s: float) -> None:
    """Flush until every future is done, or raise when they are not in time."""
    deadline = time.monotonic() + timeout_s
    while True:
        try:
            producer.flush(timeout=max(0.0, deadline - time.monotonic()))
        except client.UnknownError:
            # A batch too large for the broker was split in two while flush waited for it.
            _log.debug("a batch was split; flushing its halves")
        if all(future.is_done for sent in futures for future in sent):
            return
        if time.monotonic() > deadline:
            raise client.KafkaTimeoutError(f"records were not acknowledged in {timeout_s:g} s")


def _first_offsets(
    outputs: Sequence[OutputBatch], futures: Sequence[Sequence[Any]]
) -> dict[TopicPartition, int]:
    firsts: dict[TopicPartition, int] = {}
    for output, sent in zip(outputs, futures, strict=True):
        firsts.setdefault(output.target, sent[0].value.offset)
    return firsts
