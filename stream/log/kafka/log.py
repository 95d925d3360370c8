"""A worker's connection to Kafka: the group's consumer, its transactions, and range reads."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

from stream.log.base import (
    AssignmentListener,
    Bounds,
    Committed,
    Identity,
    Lag,
    OpenTransaction,
    Polled,
    RecordBatch,
    TopicPartition,
    Transaction,
)
from stream.log.kafka.membership import Membership
from stream.log.kafka.reader import RangeReader
from stream.log.kafka.settings import KafkaSettings
from stream.log.kafka.transactions import Transactor

_SETTLE_S = 0.5
"""The markers of a commit that has returned are written long before this; a worker that has other
partitions to see to does not wait for the end of another program's transaction."""


class KafkaLog:
    """One worker on Apache Kafka (a `Log`)."""

    def __init__(self, settings: KafkaSettings) -> None:
        self._reader = RangeReader(settings, _SETTLE_S)
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

    @property
    def identity(self) -> Identity:
        """Member and generation of the latest assignment, as of the latest `poll`."""
        return self._membership.identity

    @property
    def left_out(self) -> str:
        """Why the group gives this worker nothing (`stream.log.kafka.assignor`)."""
        return self._membership.left_out

    def poll(
        self, timeout_s: float, records_max: int, positions: Mapping[TopicPartition, int]
    ) -> Polled:
        """Return the next records, and let the listener know of rebalances."""
        return self._membership.poll(timeout_s, records_max, positions)

    def refetch(self, sources: Iterable[TopicPartition]) -> None:
        """Drop what was fetched of these, and fetch again from the positions of the next poll."""
        self._membership.refetch(sources)

    def rejoin(self) -> None:
        """Leave the group (the listener is told) and join it again at the next poll."""
        self._membership.rejoin()

    def lag(self, source: TopicPartition) -> Lag | None:
        """Count what lies beyond what was returned, as the broker's latest answer says."""
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
            self._reader.check(output.target)
        read_back = self._membership.begin_committed
        return self._committer.submit(self._transactor.commit, transaction, read_back).result

    def reopen(self) -> None:
        """Take a new producer, which settles what the old one left."""
        self._transactor.open()

    def read(self, source: TopicPartition, start: int, end: int) -> Iterator[RecordBatch]:
        """Read the committed records with start <= offset < end."""
        return self._reader.read(source, start, end)

    def first(self, source: TopicPartition) -> int:
        """First offset still kept; open transactions are nothing to it."""
        return self._reader.first(source)

    def bounds(self, source: TopicPartition) -> Bounds:
        """First offset kept and end offset (committed records only)."""
        return self._reader.bounds(source)

    def open_transactions(self, source: TopicPartition) -> list[OpenTransaction]:
        """List the transactions that hold back a partition, the oldest first."""
        return self._reader.open_transactions(source)

    def partition_counts(self, topics: Iterable[str]) -> dict[str, int]:
        """Count the partitions of topics as they are now; 0 for one that does not exist."""
        return self._reader.partition_counts(topics)

    def topic_ids(self, topics: Iterable[str]) -> dict[str, str]:
        """Ids that the brokers gave to topics; empty where they are too old for that."""
        return self._reader.topic_ids(topics)

    def close(self, timeout_s: float = 10.0) -> None:
        """Leave the group and release everything; safe to call twice."""
        if self._closed:
            return
        self._closed = True
        with ExitStack() as stack:  # each is closed, whatever the one before it raises
            stack.callback(self._reader.close)
            stack.callback(self._transactor.close, timeout_s / 4)
            stack.callback(self._membership.close, timeout_s / 4)
            # A commit under way has its own deadline, and goes on beside what follows.
            stack.callback(self._committer.shutdown, wait=False)
