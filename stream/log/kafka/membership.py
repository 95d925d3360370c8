"""The group's consumer: its assignment, and records from the offsets that each poll asks for.

Offsets are ours: a newly assigned partition is paused at a position that is never read from, until
a poll names the true one, so that the client never goes to a committed or a default offset by
itself. What a poll does not ask for is paused, and what it asks for from another offset than the
one that comes next is sought; the client's own position decides nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import kafka
from kafka import errors as client
from kafka.structs import MemberState

from stream.errors import DriftgateError
from stream.log.base import (
    NOBODY,
    AssignmentListener,
    Committed,
    Identity,
    Lag,
    Polled,
    TopicPartition,
)
from stream.log.kafka.assignor import CopartitionedStickyAssignor
from stream.log.kafka.buffers import drop_fetched, free_the_slot
from stream.log.kafka.errors import translate
from stream.log.kafka.isolation import Isolation
from stream.log.kafka.offsets import CommittedOffsets
from stream.log.kafka.opening import open_client
from stream.log.kafka.pending_join import keep_pending_join
from stream.log.kafka.reader import to_batch
from stream.log.kafka.rebalance_bridge import RebalanceBridge
from stream.log.kafka.settings import KafkaSettings

_COMMITTED_S_MAX = 5.0
_ASSIGNOR = CopartitionedStickyAssignor.name


class Membership:
    """A member of the consumer group."""

    def __init__(self, settings: KafkaSettings) -> None:
        self._settings = settings
        self._consumer = open_client(kafka.KafkaConsumer, settings.consumer(), settings)
        self._isolation = Isolation(self._consumer, settings)
        self._offsets = CommittedOffsets(self._consumer, settings)
        self._next: dict[TopicPartition, int] = {}
        self._failure: BaseException | None = None
        self._listener: AssignmentListener | None = None
        self.identity = NOBODY
        """Member and generation of the latest assignment, as of the latest `poll`."""

    @property
    def left_out(self) -> str:
        """Why this member gets no partition, as the group's leader says."""
        return str(self._consumer._coordinator._assignors[_ASSIGNOR].left_out)

    def subscribe(self, topics: Sequence[str], listener: AssignmentListener) -> None:
        """Join the group at the next `poll`."""
        assert self._listener is None, "a log subscribes once"
        self._listener = listener
        self._consumer.subscribe(
            topics=list(topics), listener=RebalanceBridge(self, self._consumer._net)
        )

    def poll(
        self, timeout_s: float, records_max: int, positions: Mapping[TopicPartition, int]
    ) -> Polled:
        """Return the next records of the partitions that are asked for."""
        keep_pending_join(self._consumer)
        free_the_slot(self._consumer._fetcher)
        self._place(positions)
        try:
            found = self._consumer.poll(int(1000 * timeout_s), records_max)
        except client.LogTruncationError as error:
            self._isolation.truncated(error, positions)
            found = {}
        except client.KafkaError as error:
            # Records may have been on their way out: every partition is sought again.
            self._next.clear()
            self._raise_failure()
            raise translate(error, self._settings) from error
        finally:
            self._note_identity()
        self._refuse_if_replaced()
        batches = [
            to_batch(TopicPartition(*partition), records) for partition, records in found.items()
        ]
        for batch in batches:
            self._next[batch.source] = batch.offsets[-1] + 1
        return Polled(batches, self._failures(positions))

    def refetch(self, sources: Iterable[TopicPartition]) -> None:
        """Drop what was fetched of these, and seek them anew at the next poll."""
        dropped = {kafka.TopicPartition(*source) for source in sources}
        for partition in dropped:
            self._next.pop(TopicPartition(*partition), None)
            self._isolation.forgive(TopicPartition(*partition))
        # On the thread that takes in the broker's answers, between two of them.
        self._consumer._manager.run(drop_fetched, self._consumer._fetcher, dropped)

    def rejoin(self) -> None:
        """Leave the group, tell the listener, and join again at the next poll."""
        coordinator = self._consumer._coordinator
        try:
            self._consumer._net.run(coordinator._on_close_prepare_async)
            coordinator.maybe_leave_group(timeout_ms=1000 * self._settings.request_timeout_s)
        except client.KafkaError as error:
            self._raise_failure()
            raise translate(error, self._settings) from error
        finally:
            self._note_identity()

    def lag(self, source: TopicPartition) -> Lag | None:
        """Count offsets between what was returned and the ends in the broker's latest answer."""
        ends = self._isolation.ends.get(source)
        state = self._consumer._subscription.assignment.get(kafka.TopicPartition(*source))
        if ends is None or state is None or source not in self._next:
            return None
        # Markers after the last record that was returned are passed by: they are no lag.
        at = state.position.offset
        return Lag(max(0, ends.stable - at), max(0, ends.written - at))

    def committed(
        self, sources: Iterable[TopicPartition]
    ) -> dict[TopicPartition, Committed | None]:
        """Ask the coordinator, which waits for open transactions on these offsets to end."""
        timeout_s = min(self._settings.commit_timeout_s, _COMMITTED_S_MAX)
        return self._offsets.read(sources, timeout_s)

    def begin_committed(
        self, sources: Iterable[TopicPartition]
    ) -> Callable[[], dict[TopicPartition, Committed | None]]:
        """Begin what `committed` does, from any thread; the returned function waits for it."""
        return self._offsets.begin(sources, self._settings.commit_timeout_s)

    def close(self, timeout_s: float) -> None:
        """Leave the group; the listener is told."""
        try:
            self._consumer.close(timeout_ms=1000 * timeout_s)
        except client.KafkaError as error:
            self._raise_failure()
            raise translate(error, self._settings) from error

    def _place(self, positions: Mapping[TopicPartition, int]) -> None:
        """Pause what is not asked for; resume the rest, at the offsets that are asked for.

        The client's own position may be beyond the last record that it returned: it passes by
        markers and aborted records. So what counts is the offset after that record, or the one
        that was sought last.
        """
        for partition in self._consumer.assignment():
            source = TopicPartition(*partition)
            wanted = positions.get(source)
            if wanted is not None and self._next.get(source) != wanted:
                self._consumer.seek(partition, wanted)
                self._next[source] = wanted
                self._isolation.moved(source, wanted)
            if wanted is None or self._isolation.rests(source):
                self._consumer.pause(partition)
            else:
                self._consumer.resume(partition)

    def _failures(
        self, positions: Mapping[TopicPartition, int]
    ) -> dict[TopicPartition, DriftgateError]:
        held = {TopicPartition(*partition) for partition in self._consumer.assignment()}
        return {
            source: failure
            for source in positions
            if source in held and (failure := self._isolation.failure(source)) is not None
        }

    def _refuse_if_replaced(self) -> None:
        """Raise what a heartbeat of a static member was told: another one has its name.

        The client only logs it, and stops its heartbeats (kafka-python 3.0.12, `_do_heartbeat`).
        """
        group = self._consumer._coordinator
        beats = group._heartbeat_enabled or group.rejoining or not group.stable()
        if self._settings.group_instance_id is not None and not beats:
            raise translate(client.FencedInstanceIdError(), self._settings)

    def _note_identity(self) -> None:
        """Take the identity over once the assignment that belongs to it is in force.

        While a join is under way the client knows its new generation already, but has the old
        assignment: nothing may be committed under the two together.
        """
        now = self._consumer.group_metadata()
        if now.state is MemberState.STABLE:
            self.identity = Identity(now.member_id, now.generation_id)
        elif now.generation_id < 0 or not now.member_id:
            self.identity = NOBODY

    def _raise_failure(self) -> None:
        """Raise what the listener raised, rather than what the client made of it."""
        failure, self._failure = self._failure, None
        if failure is not None:
            raise failure

    # What follows is called by the client, while the thread that uses this log waits in it.

    def on_assigned(self, partitions: Iterable[Any]) -> None:
        """Hold new partitions at a position that is never read, and tell the listener."""
        for partition in partitions:
            self._consumer.pause(partition)
            self._consumer.seek(partition, 0)
            self._forget(partition)
        self._tell("assigned", _ours(partitions))

    def on_revoked(self, partitions: Iterable[Any]) -> None:
        """Tell the listener of partitions that are handed over."""
        self._give_up(partitions)
        self._tell("revoked", _ours(partitions))

    def on_lost(self, partitions: Iterable[Any]) -> None:
        """Tell the listener of partitions that another worker has already."""
        self._give_up(partitions)
        self._tell("lost", _ours(partitions))

    def _give_up(self, partitions: Iterable[Any]) -> None:
        for partition in partitions:
            self._forget(partition)
        for assignor in self._consumer._coordinator._assignors.values():
            assignor.forget(partitions)

    def _forget(self, partition: Any) -> None:
        self._next.pop(TopicPartition(*partition), None)
        self._isolation.forget(TopicPartition(*partition))

    def _tell(self, event: str, sources: list[TopicPartition]) -> None:
        try:
            getattr(self._listener, event)(sources)
        except BaseException as error:
            self._failure = error
            raise


def _ours(partitions: Iterable[Any]) -> list[TopicPartition]:
    return sorted(TopicPartition(*partition) for partition in partitions)
