"""The transaction coordinator: producers, their epochs, and transactions across partitions.

A transaction is decided when its end is accepted; its markers come into the partitions, and its
offsets into the group, one by one and a little later. Until then its producer can begin no other,
and a producer that is opened anew waits.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from stream.log.base import Committed, TopicPartition
from stream.simulate.partition import Entry, Outcome

if TYPE_CHECKING:
    from stream.simulate.broker import Cluster

_MARKER_S = (0.001, 0.03)


class BrokerError(Exception):
    """An answer of the broker that is an error; `name` as in Kafka's protocol."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


class _Open:
    """A transaction that has begun."""

    def __init__(self, outcome: Outcome) -> None:
        self.outcome = outcome
        self.partitions: set[TopicPartition] = set()
        self.offsets: dict[TopicPartition, Committed] = {}
        self.decided: bool | None = None


class _Producer:
    """A transactional id: the number and epoch of its present producer, and its transaction."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.epoch = -1
        self.open: _Open | None = None


class Transactions:
    """The coordinator of all transactional ids."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._producers: dict[str, _Producer] = {}
        self.may_begin = True

    def begin_producer(self, name: str) -> int:
        """Open a producer anew, which fences the one before; returns its epoch.

        Raises
        ------
        BrokerError
            CONCURRENT_TRANSACTIONS while the old one's transaction ends: try again.
        """
        producer = self._producers.get(name)
        if producer is None:
            producer = self._producers[name] = _Producer(1000 + len(self._producers))
        if producer.open is not None:
            if producer.open.decided is None:
                producer.epoch += 1  # fences requests of the old producer that are on their way
                self._decide(producer, committed=False)
            raise BrokerError("CONCURRENT_TRANSACTIONS")
        producer.epoch += 1
        return producer.epoch

    def produce(
        self, name: str, epoch: int, target: TopicPartition, entries: Sequence[Entry]
    ) -> int:
        """Append records in the producer's transaction; returns the first one's offset."""
        open_ = self._transaction(name, epoch)
        open_.partitions.add(target)
        stamped = [entry._replace(outcome=open_.outcome) for entry in entries]
        return self._cluster.partition(target).append(stamped)

    def add_offsets(
        self, name: str, epoch: int, offsets: Mapping[TopicPartition, Committed]
    ) -> None:
        """Put offsets of the group into the transaction; the group has agreed already."""
        open_ = self._transaction(name, epoch)
        open_.offsets.update(offsets)
        for source in offsets:
            self._cluster.pending.setdefault(source, set()).add(open_.outcome)

    def end(self, name: str, epoch: int, committed: bool) -> None:
        """Decide the transaction's fate."""
        producer = self._checked(name, epoch)
        if producer.open is None:
            raise BrokerError("INVALID_TXN_STATE")
        if producer.open.decided is None:
            self._decide(producer, committed)

    def _checked(self, name: str, epoch: int) -> _Producer:
        producer = self._producers[name]
        if epoch != producer.epoch:
            raise BrokerError("PRODUCER_FENCED")
        return producer

    def _transaction(self, name: str, epoch: int) -> _Open:
        producer = self._checked(name, epoch)
        if producer.open is None:
            if not self.may_begin:
                raise BrokerError("INVALID_TXN_STATE")
            now = self._cluster.scheduler.now
            begun = _Open(Outcome(producer.number, epoch, now))
            producer.open = begun
            self._cluster.scheduler.after(
                self._cluster.limits.transaction_s, lambda: self._time_out(producer, begun)
            )
        if producer.open.decided is not None:
            raise BrokerError("CONCURRENT_TRANSACTIONS")
        return producer.open

    def _time_out(self, producer: _Producer, begun: _Open) -> None:
        if producer.open is begun and begun.decided is None:
            producer.epoch += 1
            self._decide(producer, committed=False)

    def _decide(self, producer: _Producer, committed: bool) -> None:
        open_ = producer.open
        assert open_ is not None
        open_.decided = committed
        left = len(open_.partitions) + 1

        def arrive(apply: Callable[[], None]) -> None:
            nonlocal left
            if self._cluster.is_down:  # the coordinator sends markers again once it is back
                self._after_a_moment(lambda: arrive(apply), self._cluster.up_at)
                return
            apply()
            left -= 1
            if left == 0 and producer.open is open_:
                producer.open = None

        for target in sorted(open_.partitions):
            self._after_a_moment(
                lambda target=target: arrive(lambda: self._mark(target, open_))  # type: ignore[misc]
            )
        self._after_a_moment(lambda: arrive(lambda: self._move_offsets(open_)))

    def _after_a_moment(self, action: Callable[[], None], since: float = 0.0) -> None:
        scheduler = self._cluster.scheduler
        scheduler.at(max(since, scheduler.now) + self._cluster.rng.uniform(*_MARKER_S), action)

    def _mark(self, target: TopicPartition, open_: _Open) -> None:
        assert open_.decided is not None
        partition = self._cluster.partition(target)
        partition.mark(open_.outcome, open_.decided, self._cluster.timestamp)

    def _move_offsets(self, open_: _Open) -> None:
        for source, committed in open_.offsets.items():
            self._cluster.pending[source].discard(open_.outcome)
            if open_.decided:
                self._cluster.offsets[source] = committed
