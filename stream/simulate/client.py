"""One worker's log in a simulation: the contract of `stream.log.base`, as `KafkaLog` keeps it."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TypeVar

from stream.errors import (
    CommitUncertainError,
    DriftgateError,
    FencedError,
    LogUnavailableError,
    LogUnsettledError,
    OvertakenError,
    RecoveryError,
    TopicMissingError,
)
from stream.log.base import (
    AssignmentListener,
    Bounds,
    Committed,
    Identity,
    Lag,
    OpenTransaction,
    OutputBatch,
    Polled,
    RecordBatch,
    TopicPartition,
    Transaction,
)
from stream.simulate.fetcher import Fetcher
from stream.simulate.inputs import Shape
from stream.simulate.membership import Membership
from stream.simulate.network import DisconnectedError, Network
from stream.simulate.partition import Entry, Partition
from stream.simulate.transactions import BrokerError

NOBODY = Identity("", -1)
_COMMITTED_S_MAX = 5.0
_SETTLE_S = 0.5
_SETTLE_WAIT_S = 0.005
_READ_RECORDS = 50
_BATCH_RECORDS = 10
_READ_WAIT_S = 0.2
_STEP_S = 0.0005
_NOT_OURS = ("UNKNOWN_MEMBER_ID", "ILLEGAL_GENERATION")

T = TypeVar("T")


class SimulatedLog:
    """One worker's connection to a simulated cluster (a `Log`).

    Parameters
    ----------
    network
        Its way there.
    rng
        Where the order of fetches comes from.
    name
        The worker's transactional id.
    shape
        What records cost.
    """

    def __init__(self, network: Network, rng: random.Random, name: str, shape: Shape) -> None:
        self._network = network
        self._cluster = network.cluster
        self._limits = network.cluster.limits
        self._name = name
        self._shape = shape
        self._fetcher = Fetcher(network, rng, shape.fetch_records, shape.fetch_s)
        self._membership: Membership | None = None
        self._epoch: int | None = None
        self._closed = False
        self.identity = NOBODY
        """Member and generation of the latest assignment, as of the latest `poll`."""
        self.left_out = ""

    def subscribe(self, topics: Sequence[str], listener: AssignmentListener) -> None:
        assert self._membership is None, "a log subscribes once"
        self._open()
        self._membership = Membership(self._network, list(topics), listener)

    def poll(
        self, timeout_s: float, records_max: int, positions: Mapping[TopicPartition, int]
    ) -> Polled:
        assert self._membership is not None, "poll must come after subscribe"
        deadline = self._network.now + timeout_s
        self._network.pass_hook("poll")
        try:
            is_member = self._membership.poll(deadline)
            held = set(self._membership.sources)
            asked = {source: at for source, at in positions.items() if source in held}
            batches = self._fetcher.poll(asked, records_max, deadline) if is_member else []
        finally:
            self._note_identity()
        self._network.actor.sleep(_STEP_S * sum(map(len, batches)))
        return Polled(batches, {s: self._trimmed(s) for s in asked if s in self._fetcher.trimmed})

    def refetch(self, sources: Iterable[TopicPartition]) -> None:
        self._fetcher.forget(sources)

    def rejoin(self) -> None:
        assert self._membership is not None, "rejoin must come after subscribe"
        self._membership.rejoin()
        self._note_identity()

    def lag(self, source: TopicPartition) -> Lag | None:
        ends = self._fetcher.ends.get(source)
        if ends is None or ends.asked < 0:
            return None
        return Lag(max(0, ends.stable - ends.position), max(0, ends.written - ends.position))

    def committed(
        self, sources: Iterable[TopicPartition]
    ) -> dict[TopicPartition, Committed | None]:
        sources = list(sources)
        return self._ask(
            "committed",
            lambda: self._cluster.committed(sources),
            min(self._limits.commit_s, _COMMITTED_S_MAX),
            of_group=True,
        )

    def commit(self, transaction: Transaction) -> dict[TopicPartition, int]:
        return self.begin_commit(transaction)()

    def begin_commit(self, transaction: Transaction) -> Callable[[], dict[TopicPartition, int]]:
        """Commit at once, and bring the outcome when it is asked for."""
        if self._epoch is None:
            raise LogUnavailableError("log: the producer is not open. Call reopen first.")
        try:
            written = self._commit(transaction, self._epoch)
        except DriftgateError as error:
            self._epoch = None
            failure = error

            def fail() -> dict[TopicPartition, int]:
                raise failure

            return fail
        return lambda: written

    def reopen(self) -> None:
        self._open()

    def read(self, source: TopicPartition, start: int, end: int) -> Iterator[RecordBatch]:
        first = self.first(source)
        if start < first:
            raise self._trimmed(source)
        end = self._settled_end(source, end)
        partition = self._cluster.partition(source)
        still_since = self._network.now
        while start < end:
            try:
                offsets, start = self._network.request(
                    "read",
                    lambda start=start: partition.visible(start, end, _READ_RECORDS),  # type: ignore[misc]
                )
            except (DisconnectedError, BrokerError) as error:
                if self._network.now - still_since > 3 * self._limits.request_s:
                    raise LogUnavailableError(f"{_where(source)}@{start}: {error!r}") from error
                self._network.actor.sleep(_READ_WAIT_S)
                yield partition.batch([])
                continue
            for at in range(0, len(offsets), _BATCH_RECORDS):
                piece = offsets[at : at + _BATCH_RECORDS]
                self._network.actor.sleep(self._cost_s(source) * len(piece))
                yield partition.batch(piece)
            still_since = self._network.now

    def first(self, source: TopicPartition) -> int:
        partition = self._partition(source)
        return self._ask("bounds", lambda: partition.first, self._limits.request_s)

    def bounds(self, source: TopicPartition) -> Bounds:
        first = self.first(source)
        return Bounds(first, max(first, self._settled_end(source, None)))

    def open_transactions(self, source: TopicPartition) -> list[OpenTransaction]:
        partition = self._partition(source)
        return self._ask(
            "bounds",
            lambda: [
                OpenTransaction(source, o.producer, o.epoch, start, self._wall_ms(o.since))
                for o, start in partition.open.items()
            ],
            self._limits.request_s,
        )

    def partition_counts(self, topics: Iterable[str]) -> dict[str, int]:
        topics = list(topics)
        return self._ask(
            "bounds",
            lambda: {topic: self._cluster.counts.get(topic, 0) for topic in topics},
            self._limits.request_s,
        )

    def topic_ids(self, topics: Iterable[str]) -> dict[str, str]:
        topics = list(topics)
        missing = [topic for topic in topics if topic not in self._cluster.counts]
        if missing:
            raise TopicMissingError(f"log: topic `{missing[0]}` does not exist.")
        return self._ask(
            "bounds", lambda: {topic: f"id-of-{topic}" for topic in topics}, self._limits.request_s
        )

    def close(self, timeout_s: float = 10.0) -> None:
        if self._closed:
            return
        self._closed = True
        if self._membership is not None:
            self._membership.close()

    # Commits.

    def _commit(self, transaction: Transaction, epoch: int) -> dict[TopicPartition, int]:
        started, name, limit = self._network.now, self._name, self._limits.commit_s
        coordinator = self._cluster.transactions
        if transaction.offsets and transaction.identity == NOBODY:
            raise OvertakenError("group: a commit must be made as a member. Recover.")
        written: dict[TopicPartition, int] = {}
        try:
            for output in transaction.outputs:
                first = self._network.persist_once(
                    "produce",
                    lambda output=output: coordinator.produce(  # type: ignore[misc]
                        name, epoch, output.target, _entries(output)
                    ),
                    limit,
                )
                written.setdefault(output.target, first)
            self._refuse_if_overtaken(transaction)
            self._network.persist(
                "offsets", lambda: self._add_offsets(transaction, epoch), limit, of_group=True
            )
            self._network.request("end", lambda: coordinator.end(name, epoch, committed=True))
        except DisconnectedError as error:
            raise CommitUncertainError(f"`{name}`: a commit failed: no answer") from error
        except BrokerError as error:
            overdue = self._network.now - started >= self._limits.transaction_s
            if error.name == "PRODUCER_FENCED" and not overdue:
                raise FencedError(f"another worker has taken over from `{name}`") from error
            if error.name in _NOT_OURS:
                raise OvertakenError(f"`{name}` is not the member as which it commits") from error
            raise CommitUncertainError(f"`{name}`: a commit failed: {error.name}") from error
        return written

    def _refuse_if_overtaken(self, transaction: Transaction) -> None:
        sources = list(transaction.offsets)
        found = self._network.persist(
            "committed",
            lambda: self._cluster.committed(sources),
            self._limits.commit_s,
            of_group=True,
        )
        for source, committed in found.items():
            if committed != transaction.follows[source]:
                raise OvertakenError(
                    f"{_where(source)}: a commit must follow {transaction.follows[source]}; the "
                    f"group has committed {committed}."
                )

    def _add_offsets(self, transaction: Transaction, epoch: int) -> None:
        self._cluster.group.check(*transaction.identity)
        self._cluster.transactions.add_offsets(self._name, epoch, transaction.offsets)

    def _open(self) -> None:
        self._epoch = None
        self._epoch = self._ask(
            "reopen",
            lambda: self._cluster.transactions.begin_producer(self._name),
            self._limits.commit_s,
        )

    # What the others have in common.

    def _note_identity(self) -> None:
        """Take the identity over once the assignment that belongs to it is in force."""
        assert self._membership is not None
        if self._membership.generation < 0:
            self.identity = NOBODY
        elif self._membership.is_stable:
            self.identity = Identity(self._membership.member, self._membership.generation)

    def _settled_end(self, source: TopicPartition, limit: int | None) -> int:
        partition = self._partition(source)
        written = self._ask("bounds", lambda: partition.end, self._limits.request_s)
        wanted = written if limit is None else min(limit, written)
        deadline = self._network.now + _SETTLE_S
        while partition.stable < wanted:
            if self._network.now > deadline:
                raise LogUnsettledError(
                    f"{_where(source)}: committed up to {partition.stable}, written up to "
                    f"{written}: a transaction is open."
                )
            self._network.actor.sleep(_SETTLE_WAIT_S)
        return wanted

    def _ask(
        self, kind: str, carry_out: Callable[[], T], seconds: float, of_group: bool = False
    ) -> T:
        try:
            return self._network.persist(kind, carry_out, seconds, of_group)
        except DisconnectedError as error:
            raise LogUnavailableError(f"log: {kind}: no answer") from error
        except BrokerError as error:
            if error.name == "UNSTABLE_OFFSET_COMMIT":
                raise LogUnsettledError("log: a transaction holds the offsets back") from error
            raise LogUnavailableError(f"log: {kind}: {error.name}") from error

    def _wall_ms(self, since: float) -> int:
        """Date by the clock that the worker reads for this: as long ago as simulated."""
        return round(1000 * (time.time() - (self._network.now - since)))

    def _partition(self, source: TopicPartition) -> Partition:
        if source.partition >= self._cluster.counts.get(source.topic, 0):
            raise TopicMissingError(f"log: {_where(source)} does not exist.")
        return self._cluster.partition(source)

    def _cost_s(self, source: TopicPartition) -> float:
        is_journal = source.topic.endswith(".journal")
        return 0.0 if is_journal else self._shape.replay_s

    def _trimmed(self, source: TopicPartition) -> RecoveryError:
        first = self._cluster.partition(source).first
        return RecoveryError(f"{_where(source)}: the first record kept is {first}.")


def _entries(output: OutputBatch) -> list[Entry]:
    headers = output.headers or [[]] * len(output)
    rows = zip(output.timestamps, output.keys, output.values, headers, strict=True)
    return [Entry(*row) for row in rows]


def _where(source: TopicPartition) -> str:
    return f"{source.topic}[{source.partition}]"
