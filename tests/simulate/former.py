"""The worker of 968189c in the simulation: its contract of a log, over the same simulated cluster.

Only `broken` uses this, in a checkout of that commit.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import stream.recovery
import stream.worker
from stream.checkpoint import CheckpointStore
from stream.errors import (
    CommitUncertainError,
    FencedError,
    LogUnavailableError,
    RecoveryError,
)
from stream.log.base import (
    AssignmentListener,
    Bounds,
    Committed,
    RecordBatch,
    TopicPartition,
    Transaction,
)
from stream.simulate.clock import Killed
from stream.simulate.fetcher import Fetcher
from stream.simulate.membership import Membership
from stream.simulate.network import DisconnectedError
from stream.simulate.partition import Entry
from stream.simulate.transactions import BrokerError
from stream.simulate.world import Life
from stream.topology import build_parts

_CHUNK = 50
_BATCH = 10
_STEP_S = 0.0005


class FormerLog:
    """A worker's log as the contract of 968189c has it, as its `KafkaLog` behaves."""

    def __init__(self, life: Life) -> None:
        self._life = life
        self._network = life.network
        self._cluster = life.network.cluster
        self._limits = self._cluster.limits
        shape = life.world.plan.shape
        self._shape = shape
        self._fetcher = Fetcher(
            self._network, life.world.rng, shape.fetch_records, shape.fetch_s
        )
        self._membership: Membership | None = None
        self._listener: AssignmentListener | None = None
        self._positions: dict[TopicPartition, int] = {}
        self._paused: set[TopicPartition] = set()
        self._identity = ("", -1)
        self._epoch: int | None = None
        self._closed = False

    def subscribe(self, topics: Sequence[str], listener: AssignmentListener) -> None:
        self._open()
        self._listener = listener
        self._membership = Membership(self._network, list(topics), self)

    # The membership's listener: partitions are held until they are sought.

    def assigned(self, partitions: Iterable[TopicPartition]) -> None:
        assert self._listener is not None
        self._listener.assigned(list(partitions))

    def revoked(self, partitions: Iterable[TopicPartition]) -> None:
        assert self._listener is not None
        self._listener.revoked(self._forget(partitions))

    def lost(self, partitions: Iterable[TopicPartition]) -> None:
        assert self._listener is not None
        self._listener.lost(self._forget(partitions))

    def _forget(self, partitions: Iterable[TopicPartition]) -> list[TopicPartition]:
        sources = list(partitions)
        for source in sources:
            self._positions.pop(source, None)
        self._paused.difference_update(sources)
        self._fetcher.forget(sources)
        return sources

    def poll(self, timeout_s: float, records_max: int) -> list[RecordBatch]:
        assert self._membership is not None
        deadline = self._network.now + timeout_s
        self._network.pass_hook("poll")
        try:
            self._membership.poll(deadline)
            wanted = {s: at for s, at in self._positions.items() if s not in self._paused}
            batches = self._fetcher.poll(wanted, records_max, deadline)
        finally:
            self._identity = (self._membership.member, self._membership.generation)
        for source, first in self._fetcher.trimmed.items():
            raise RecoveryError(f"{source}: the first record kept is {first}")
        for batch in batches:
            self._positions[batch.source] = batch.offsets[-1] + 1
        self._network.actor.sleep(_STEP_S * sum(map(len, batches)))
        return batches

    def seek(self, source: TopicPartition, offset: int) -> None:
        assert self._membership is not None
        assert source in self._membership.sources, f"{source} must be assigned"
        self._fetcher.forget([source])
        self._positions[source] = offset

    def pause(self, sources: Iterable[TopicPartition]) -> None:
        assert self._membership is not None
        self._paused.update(set(sources) & set(self._membership.sources))

    def resume(self, sources: Iterable[TopicPartition]) -> None:
        self._paused.difference_update(sources)

    def lag(self, source: TopicPartition) -> int | None:
        ends = self._fetcher.ends.get(source)
        return None if ends is None or ends.asked < 0 else max(0, ends.stable - ends.position)

    def committed(
        self, sources: Iterable[TopicPartition]
    ) -> dict[TopicPartition, Committed | None]:
        found: dict[TopicPartition, Committed | None] = {}
        for source in sources:  # one request for each: another's commit may come between
            found |= self._ask(
                "committed",
                lambda source=source: self._cluster.committed([source]),  # type: ignore[misc]
                self._limits.commit_s,
                of_group=True,
            )
        return found

    def commit(self, transaction: Transaction) -> dict[TopicPartition, int]:
        return self.begin_commit(transaction)()

    def begin_commit(self, transaction: Transaction) -> Callable[[], dict[TopicPartition, int]]:
        if self._epoch is None:
            raise LogUnavailableError("log: the producer is not open")
        try:
            written = self._commit(transaction)
        except Exception as error:
            raised = error

            def fail() -> dict[TopicPartition, int]:
                raise raised

            return fail
        return lambda: written

    def _commit(self, transaction: Transaction) -> dict[TopicPartition, int]:
        started, epoch, name = self._network.now, self._epoch, self._life.name
        assert epoch is not None
        coordinator, limit = self._cluster.transactions, self._limits.commit_s
        written: dict[TopicPartition, int] = {}
        try:
            for output in transaction.outputs:
                entries = _entries(output)
                written[output.target] = self._network.persist_once(
                    "produce",
                    lambda target=output.target, entries=entries: coordinator.produce(  # type: ignore[misc]
                        name, epoch, target, entries
                    ),
                    limit,
                )
            self._network.persist(
                "offsets", lambda: self._add_offsets(transaction, epoch), limit, of_group=True
            )
            self._network.request("end", lambda: coordinator.end(name, epoch, committed=True))
        except (DisconnectedError, BrokerError) as error:
            self._epoch = None
            overdue = self._network.now - started >= self._limits.transaction_s
            if getattr(error, "name", "") == "PRODUCER_FENCED" and not overdue:
                raise FencedError(f"another worker has taken over from {name}") from error
            raise CommitUncertainError(f"a commit failed: {error!r}") from error
        return written

    def _add_offsets(self, transaction: Transaction, epoch: int) -> None:
        self._cluster.group.check(*self._identity)
        self._cluster.transactions.add_offsets(self._life.name, epoch, transaction.offsets)

    def reopen(self) -> None:
        self._open()

    def _open(self) -> None:
        self._epoch = None
        self._epoch = self._ask(
            "reopen",
            lambda: self._cluster.transactions.begin_producer(self._life.name),
            self._limits.commit_s,
        )

    def read(self, source: TopicPartition, start: int, end: int) -> Iterator[RecordBatch]:
        first = self.bounds(source)
        if start < first.first:
            raise RecoveryError(f"{source}@{start}: the first record kept is {first.first}")
        end = min(end, first.end)
        partition = self._cluster.partition(source)
        while start < end:
            offsets, start = self._ask(
                "read",
                lambda start=start: partition.visible(start, end, _CHUNK),  # type: ignore[misc]
                3 * self._limits.request_s,
            )
            is_journal = source.topic.endswith("journal")
            for at in range(0, len(offsets), _BATCH):
                piece = offsets[at : at + _BATCH]
                self._network.actor.sleep(0.0 if is_journal else self._shape.replay_s * len(piece))
                yield partition.batch(piece)

    def bounds(self, source: TopicPartition) -> Bounds:
        partition = self._cluster.partition(source)
        written = self._ask("bounds", lambda: partition.end, self._limits.request_s)
        deadline = self._network.now + self._limits.transaction_s
        while partition.stable < written and self._network.now < deadline:
            self._network.actor.sleep(0.005)
        return Bounds(partition.first, max(partition.first, partition.stable))

    def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        if self._membership is not None:
            self._membership.close()

    def _ask(self, kind: str, carry_out: Any, seconds: float, of_group: bool = False) -> Any:
        try:
            return self._network.persist(kind, carry_out, seconds, of_group)
        except (DisconnectedError, BrokerError) as error:
            raise LogUnavailableError(f"simulated:9092: {kind}: {error!r}") from error


def _entries(output: Any) -> list[Entry]:
    headers = output.headers or [[]] * len(output)
    rows = zip(output.timestamps, output.keys, output.values, headers, strict=True)
    return [Entry(*row, None) for row in rows]


class _Silent:
    """An observer that notes restores, and nothing else."""

    def __init__(self, life: Life) -> None:
        self._life = life

    def recovered(self, recovered: Any) -> None:
        self._life.world.note(
            f"worker {self._life.index} has recovered partition {recovered.task.partition}: "
            f"{recovered.replayed_records} records in {recovered.replayed_steps} steps"
        )

    def assigned(self, partitions: Iterable[int]) -> None:
        self._life.world.note(f"worker {self._life.index} is assigned {list(partitions)}")

    def revoked(self, partitions: Iterable[int]) -> None:
        self._life.world.note(f"worker {self._life.index} gives up {list(partitions)}")

    def __getattr__(self, _: str) -> Callable[..., None]:
        return lambda *_args, **_named: None


class FormerWorker:
    """A worker of 968189c, run as `driftgate run` did."""

    def __init__(self, life: Life) -> None:
        world = life.world
        stream.worker.monotonic = lambda: world.scheduler.now
        stream.worker.perf_counter = stream.recovery.perf_counter = lambda: world.scheduler.now
        config = world.config
        store = CheckpointStore(config.checkpoint.store, config.app, config.checkpoint.keep)
        self._life = life
        self._log = FormerLog(life)
        self._worker = stream.worker.Worker(
            config, self._log, store, lambda number: build_parts(config, number), _Silent(life)
        )

    def run(self, stop: threading.Event) -> None:
        try:
            self._worker.start()
            self._life.is_started = True
            self._worker.run(stop)
            self._worker.close()
        except Killed:
            raise
        finally:
            self._log.close()

    def live(self) -> set[int]:
        return set(self._worker.tasks)

    def ready(self) -> bool:
        return True
