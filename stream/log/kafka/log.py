"""A worker's connection to Kafka: the group's consumer, its transactions, and range reads."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

from stream.log.base import (
    AssignmentListener,
    Bounds,
    Committed,
    RecordBatch,
    TopicPartition,
    Transaction,
)
from stream.log.kafka.membership import Membership
from stream.log.kafka.reader import RangeReader
from stream.log.kafka.settings import KafkaSettings
from stream.log.kafka.transactions import Transactor


class KafkaLog:
    """One worker on Apache Kafka (a `Log`)."""

    def __init__(self, settings: KafkaSettings) -> None:
        self._reader = RangeReader(settings)
        self._transactor = Transactor(settings)
        self._membership = Membership(settings)
        self._committer = ThreadPoolExecutor(1, thread_name_prefix="driftgate-commit")
        self._closed = False

    def subscribe(self, topics: Sequence[str], listener: AssignmentListener) -> None:
        """Fence a predecessor of the same name, and join the group at the next `poll`."""
        for topic in topics:
            self._reader.partition_count(topic)
        self._transactor.open()
        self._membership.subscribe(topics, listener)

    def poll(self, timeout_s: float, records_max: int) -> list[RecordBatch]:
        """Return the next records, and let the listener know of rebalances."""
        return self._membership.poll(timeout_s, records_max)

    def seek(self, source: TopicPartition, offset: int) -> None:
        """Read this assigned partition from `offset` next."""
        self._membership.seek(source, offset)

    def pause(self, sources: Iterable[TopicPartition]) -> None:
        """Return no records of these until `resume`."""
        self._membership.pause(sources)

    def resume(self, sources: Iterable[TopicPartition]) -> None:
        """End a `pause`."""
        self._membership.resume(sources)

    def lag(self, source: TopicPartition) -> int | None:
        """Count what lies beyond the position, as the latest answer of the broker says."""
        return self._membership.lag(source)

    def committed(
        self, sources: Iterable[TopicPartition]
    ) -> dict[TopicPartition, Committed | None]:
        """Read the group's committed positions from the coordinator."""
        return self._membership.committed(sources)

    def commit(self, transaction: Transaction) -> dict[TopicPartition, int]:
        """Commit in one Kafka transaction; see `stream.log.kafka.transactions`."""
        return self.begin_commit(transaction)()

    def begin_commit(self, transaction: Transaction) -> Callable[[], dict[TopicPartition, int]]:
        """Commit in a thread of its own, which mostly waits for the broker."""
        for output in transaction.outputs:
            self._reader.partition_count(output.target.topic)
        identity = self._membership.identity
        return self._committer.submit(self._transactor.commit, transaction, identity).result

    def reopen(self) -> None:
        """Take a new producer, which settles what the old one left."""
        self._transactor.open()

    def read(self, source: TopicPartition, start: int, end: int) -> Iterator[RecordBatch]:
        """Read the committed records with start <= offset < end."""
        return self._reader.read(source, start, end)

    def bounds(self, source: TopicPartition) -> Bounds:
        """First offset kept and end offset (committed records only)."""
        return self._reader.bounds(source)

    def close(self) -> None:
        """Leave the group and release everything; safe to call twice."""
        if self._closed:
            return
        self._closed = True
        with ExitStack() as stack:  # each is closed, whatever the one before it raises
            stack.callback(self._reader.close)
            stack.callback(self._transactor.close)
            stack.callback(self._membership.close)
            stack.callback(self._committer.shutdown)
