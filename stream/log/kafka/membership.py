"""The group's consumer: its assignment, and records of those partitions that were sought.

Offsets are ours: a newly assigned partition is paused at a position nobody reads from, until
`seek` names the true one, so that the client never goes to a committed or a default offset by
itself.

The client tells of rebalances on its network thread, which also sends the heartbeats. `revoked` may
take as long as writing checkpoints does; it runs in a thread of its own while heartbeats go on and
the thread that called `poll` waits, so that a log is still used by one thread at a time.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import kafka
from kafka import errors as client
from kafka.consumer.subscription_state import AsyncConsumerRebalanceListener
from kafka.future import Future

from stream.log.base import (
    AssignmentListener,
    Committed,
    RecordBatch,
    TopicPartition,
)
from stream.log.kafka.errors import translate, translated
from stream.log.kafka.opening import open_client
from stream.log.kafka.pending_join import keep_pending_join
from stream.log.kafka.reader import to_batch
from stream.log.kafka.settings import KafkaSettings


class Membership:
    """A member of the consumer group."""

    def __init__(self, settings: KafkaSettings) -> None:
        self._settings = settings
        self._consumer = open_client(kafka.KafkaConsumer, settings.consumer(), settings)
        self._unsought: set[TopicPartition] = set()
        self._paused: set[TopicPartition] = set()
        self._failure: BaseException | None = None
        self._listener: AssignmentListener | None = None
        self.identity: Any = self._consumer.group_metadata()
        """Member and generation as of the latest `poll`, for the fencing of commits."""

    def subscribe(self, topics: Sequence[str], listener: AssignmentListener) -> None:
        """Join the group at the next `poll`."""
        assert self._listener is None, "a log subscribes once"
        self._listener = listener
        self._consumer.subscribe(topics=list(topics), listener=_Bridge(self, self._consumer._net))

    def poll(self, timeout_s: float, records_max: int) -> list[RecordBatch]:
        """Return the next records of partitions that were sought and are not paused."""
        keep_pending_join(self._consumer)
        self._free_the_slot()
        try:
            found = self._consumer.poll(int(1000 * timeout_s), records_max)
        except client.KafkaError as error:
            self._raise_failure()
            raise translate(error, self._settings) from error
        finally:
            self.identity = self._consumer.group_metadata()
        return [
            to_batch(TopicPartition(*partition), records) for partition, records in found.items()
        ]

    def seek(self, source: TopicPartition, offset: int) -> None:
        """Read from `offset` next."""
        partition = kafka.TopicPartition(*source)
        assert partition in self._consumer.assignment(), f"{source} must be assigned"
        self._consumer.seek(partition, offset)
        self._unsought.discard(source)
        if source not in self._paused:
            self._consumer.resume(partition)

    def pause(self, sources: Iterable[TopicPartition]) -> None:
        """Return no records of these."""
        for source in self._assigned(sources):
            self._paused.add(source)
            self._consumer.pause(kafka.TopicPartition(*source))

    def resume(self, sources: Iterable[TopicPartition]) -> None:
        """End a `pause`."""
        for source in self._assigned(sources):
            self._paused.discard(source)
            if source not in self._unsought:
                self._consumer.resume(kafka.TopicPartition(*source))

    def lag(self, source: TopicPartition) -> int | None:
        """Count offsets between the position and the partition's end in the latest answer."""
        partition = kafka.TopicPartition(*source)
        if source in self._unsought or partition not in self._consumer.assignment():
            return None
        end = self._consumer.highwater(partition)
        if end is None:
            return None
        return max(0, int(end) - int(self._consumer.position(partition, timeout_ms=0)))

    def committed(
        self, sources: Iterable[TopicPartition]
    ) -> dict[TopicPartition, Committed | None]:
        """Ask the coordinator, which waits for open transactions on these offsets to end."""
        timeout_ms = round(1000 * self._settings.commit_timeout_s)
        found: dict[TopicPartition, Committed | None] = {}
        with translated(self._settings):
            for source in sources:
                at = self._consumer.committed(
                    kafka.TopicPartition(*source), metadata=True, timeout_ms=timeout_ms
                )
                found[source] = None if at is None else Committed(at.offset, at.metadata)
        return found

    def close(self) -> None:
        """Leave the group; the listener is told."""
        try:
            self._consumer.close()
        except client.KafkaError as error:
            self._raise_failure()
            raise translate(error, self._settings) from error

    def _assigned(self, sources: Iterable[TopicPartition]) -> list[TopicPartition]:
        assignment = self._consumer.assignment()
        return [source for source in sources if kafka.TopicPartition(*source) in assignment]

    def _free_the_slot(self) -> None:
        """Let records that were parked by `pause` come back after `resume`.

        The client puts them back only into a slot that is None, but leaves a drained, empty
        object in it when no further fetch is waiting (kafka-python 3.0.12, `fetched_records`).
        The partition then neither returns what was parked nor fetches anew, for ever.
        """
        fetcher = self._consumer._fetcher
        if fetcher._next_partition_records is not None and not fetcher._next_partition_records:
            fetcher._next_partition_records = None

    def _raise_failure(self) -> None:
        """Raise what the listener raised, rather than what the client made of it."""
        failure, self._failure = self._failure, None
        if failure is not None:
            raise failure

    # What follows is called by the client, while the thread that uses this log waits in it.

    def on_assigned(self, partitions: Iterable[Any]) -> None:
        """Hold new partitions at a position that is never read, and tell the listener."""
        sources = _ours(partitions)
        for partition in partitions:
            self._consumer.pause(partition)
            self._consumer.seek(partition, 0)
        self._unsought.update(sources)
        self._tell("assigned", sources)

    def on_revoked(self, partitions: Iterable[Any]) -> None:
        """Tell the listener of partitions that are handed over."""
        self._tell("revoked", self._forget(partitions))

    def on_lost(self, partitions: Iterable[Any]) -> None:
        """Tell the listener of partitions that somebody else has already."""
        self._tell("lost", self._forget(partitions))

    def _forget(self, partitions: Iterable[Any]) -> list[TopicPartition]:
        sources = _ours(partitions)
        self._unsought.difference_update(sources)
        self._paused.difference_update(sources)
        return sources

    def _tell(self, event: str, sources: list[TopicPartition]) -> None:
        try:
            getattr(self._listener, event)(sources)
        except BaseException as error:
            self._failure = error
            raise


class _Bridge(AsyncConsumerRebalanceListener):  # type: ignore[misc]  # the client has no types
    """Brings the client's calls to the membership."""

    def __init__(self, membership: Membership, net: Any) -> None:
        self._membership = membership
        self._net = net

    async def on_partitions_assigned(self, assigned: Iterable[Any]) -> None:
        self._membership.on_assigned(assigned)

    async def on_partitions_revoked(self, revoked: Iterable[Any]) -> None:
        await self._in_thread(lambda: self._membership.on_revoked(revoked))

    async def on_partitions_lost(self, lost: Iterable[Any]) -> None:
        self._membership.on_lost(lost)

    async def _in_thread(self, work: Callable[[], None]) -> None:
        done = Future()

        def run() -> None:
            try:
                work()
            except Exception as error:
                outcome: BaseException | None = error
            else:
                outcome = None
            self._net.call_soon_threadsafe(
                lambda: done.success(None) if outcome is None else done.failure(outcome)
            )

        threading.Thread(target=run, name="driftgate-revoked", daemon=True).start()
        await done


def _ours(partitions: Iterable[Any]) -> list[TopicPartition]:
    return sorted(TopicPartition(*partition) for partition in partitions)
