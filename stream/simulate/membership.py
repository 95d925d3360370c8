"""The group's member in a client, as kafka-python 3.0.12 behaves.

Joins and heartbeats run beside the worker's thread; what a join brought is taken up in the next
poll. Partitions count as lost only when an *attempt* to join begins: a membership that is refused
while a join is under way is joined anew in the same attempt, and the worker is told nothing.
"""

from __future__ import annotations

from collections.abc import Callable

from stream.log.base import AssignmentListener, TopicPartition
from stream.simulate.assignor import assign
from stream.simulate.group import Assignment, Joined, sources_of
from stream.simulate.network import Network
from stream.simulate.transactions import BrokerError

_RETRY_S = 0.1


class Membership:
    """One member.

    Parameters
    ----------
    network
        Its way to the coordinator.
    topics
        Subscribed to.
    listener
        Told of what was given and taken.
    """

    def __init__(self, network: Network, topics: list[str], listener: AssignmentListener) -> None:
        self._network = network
        self._group = network.cluster.group
        self._topics = topics
        self._listener = listener
        self.member = ""
        self.generation = -1
        self.owned: Assignment = frozenset()
        self._claims: Assignment = frozenset()  # the assignor's memory: `lost` does not clear it
        self._rejoin_needed = True
        self._attempt_under_way = False
        self._waits = False
        self._outcome: Assignment | BrokerError | None = None
        self._beats = False
        self._polled_at = network.now
        self._closed = False
        self._beat_later()

    @property
    def sources(self) -> list[TopicPartition]:
        """Partitions that this member takes to be its own."""
        return sources_of(self._topics, self.owned)

    @property
    def is_stable(self) -> bool:
        """Whether the assignment in force is that of the present generation."""
        return not self._attempt_under_way

    def poll(self, deadline: float) -> None:
        """Join where that is due; the listener is called from here."""
        self._polled_at = self._network.now
        while self._rejoin_needed:
            if not self._waits and self._outcome is None:
                self._begin_attempt()
            while self._outcome is None:
                if self._network.now >= deadline:
                    return
                self._network.actor.wait(deadline - self._network.now)
            outcome, self._outcome = self._outcome, None
            if isinstance(outcome, BrokerError):
                if self._network.now >= deadline:
                    return
                if outcome.name == "COORDINATOR_NOT_AVAILABLE":
                    self._network.actor.sleep(
                        max(0.0, min(_RETRY_S, deadline - self._network.now))
                    )
                continue
            self._attempt_under_way = self._rejoin_needed = False
            self._beats = True
            self._complete(outcome)

    def rejoin(self) -> None:
        """Leave the group, and join it again at the next poll."""
        self._leave()
        self._tell(self._listener.revoked, self.owned)
        self.owned = self._claims = frozenset()
        self._reset("")

    def close(self) -> None:
        """Hand over, and leave."""
        if self._closed:
            return
        self._closed = True
        lost = self.generation < 0
        owned, self.owned = self.owned, frozenset()
        self._tell(self._listener.lost if lost else self._listener.revoked, owned)
        self._leave()

    def _begin_attempt(self) -> None:
        if not self._attempt_under_way:
            if self.generation < 0 and self.owned:
                lost, self.owned = self.owned, frozenset()
                self._tell(self._listener.lost, lost)
            self._attempt_under_way = True
        self._beats = False
        self._waits = True
        member, claims = self.member, self._claims

        def reply(answer: Joined | BrokerError) -> None:
            self._network.deliver(lambda: self._joined(answer))

        self._network.send(
            lambda: self._group.join(member, claims, reply),
            lambda: self._end_attempt(BrokerError("COORDINATOR_NOT_AVAILABLE")),
        )
        self._network.pass_hook("join")

    def _joined(self, answer: Joined | BrokerError) -> None:
        if isinstance(answer, BrokerError):
            if answer.name == "UNKNOWN_MEMBER_ID":
                self._reset("")
            self._end_attempt(answer)
            return
        self.member, self.generation = answer.member, answer.generation
        count = self._network.cluster.counts[self._topics[0]]
        plan = assign(answer.claims, count) if answer.claims else None
        generation = self.generation

        def reply(assignment: Assignment | BrokerError) -> None:
            self._network.deliver(lambda: self._synced(assignment))

        self._network.send(
            lambda: self._group.sync(answer.member, generation, plan, reply),
            lambda: self._end_attempt(BrokerError("COORDINATOR_NOT_AVAILABLE")),
        )

    def _synced(self, answer: Assignment | BrokerError) -> None:
        if isinstance(answer, BrokerError):
            if answer.name == "UNKNOWN_MEMBER_ID":
                self._reset("")
            elif answer.name == "ILLEGAL_GENERATION":
                self._reset(self.member)
        self._end_attempt(answer)

    def _end_attempt(self, outcome: Assignment | BrokerError) -> None:
        self._waits = False
        self._outcome = outcome
        self._network.actor.wake()

    def _reset(self, member: str) -> None:
        self.member, self.generation = member, -1
        self._rejoin_needed = True

    def _complete(self, assignment: Assignment) -> None:
        revoked, added = self.owned - assignment, assignment - self.owned
        self.owned = self._claims = assignment
        self._tell(self._listener.revoked, revoked)
        self._tell(self._listener.assigned, added, always=not revoked)
        if revoked:
            self._rejoin_needed = True

    def _tell(
        self,
        callback: Callable[[list[TopicPartition]], None],
        numbers: Assignment,
        always: bool = False,
    ) -> None:
        if numbers or always:
            callback(sources_of(self._topics, numbers))

    # Heartbeats, in the client's own thread.

    def _beat_later(self) -> None:
        self._network.cluster.scheduler.after(self._network.cluster.limits.heartbeat_s, self._beat)

    def _beat(self) -> None:
        actor = self._network.actor
        if actor.killed or actor.ended or self._closed:
            return
        if self._network.now < actor.frozen_until:
            self._network.cluster.scheduler.at(actor.frozen_until + 0.001, self._beat)
            return
        if self._beats and self.generation >= 0:
            if self._network.now - self._polled_at > self._network.cluster.limits.poll_interval_s:
                self._beats = False
                self._leave()
                self._reset("")
            else:
                member, generation = self.member, self.generation
                self._network.send(lambda: self._heartbeat(member, generation), lambda: None)
        self._beat_later()

    def _heartbeat(self, member: str, generation: int) -> None:
        try:
            self._group.heartbeat(member, generation)
        except BrokerError as error:
            name = error.name
            self._network.deliver(lambda: self._refused(member, generation, name))

    def _refused(self, member: str, generation: int, name: str) -> None:
        if (member, generation) != (self.member, self.generation) or not self._beats:
            return
        if name == "REBALANCE_IN_PROGRESS":
            self._rejoin_needed = True
        elif name == "ILLEGAL_GENERATION":
            self._reset(self.member)
        else:
            self._reset("")

    def _leave(self) -> None:
        member = self.member
        if member:
            self._network.send(lambda: self._group.leave(member), lambda: None)
