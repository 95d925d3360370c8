"""The group's coordinator: members, generations, rebalances (Kafka's classic protocol).

A rebalance waits until every member has joined (or its time is up), hands the members' claims to
the leader, and passes the leader's assignment on. What a coordinator has written down (the group
as of the latest assignment) outlives it; joins under way do not.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from stream.log.base import TopicPartition
from stream.simulate.clock import Timer
from stream.simulate.transactions import BrokerError

if TYPE_CHECKING:
    from stream.simulate.broker import Cluster

Assignment = frozenset[int]
"""Partition numbers: topics are co-partitioned, so a number means that partition of each."""


class Joined(NamedTuple):
    """The answer to a join; `claims` is empty for all but the leader."""

    member: str
    generation: int
    claims: dict[str, Assignment]


JoinReply = Callable[[Joined | BrokerError], None]
SyncReply = Callable[[Assignment | BrokerError], None]


class _Member:
    def __init__(self, name: str) -> None:
        self.name = name
        self.claims: Assignment = frozenset()
        self.deadline = 0.0
        self.join: JoinReply | None = None
        self.sync: SyncReply | None = None
        self.timer: Timer | None = None


class Group:
    """One consumer group."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self.generation = 0
        self.members: dict[str, _Member] = {}
        self.assignment: dict[str, Assignment] = {}
        self._leader = ""
        self._state = "stable"
        self._made = 0
        self._written: tuple[int, list[str], dict[str, Assignment], str] = (0, [], {}, "")

    def join(self, name: str, claims: Assignment, reply: JoinReply) -> None:
        """Ask to be part of the next generation."""
        if name and name not in self.members:
            reply(BrokerError("UNKNOWN_MEMBER_ID"))
            return
        if not name:
            self._made += 1
            name = f"member-{self._made}"
            self.members[name] = _Member(name)
        member = self.members[name]
        member.claims, member.join = claims, reply
        if self._state != "joining":
            self._rebalance()
        self._complete_join_if_all()

    def sync(
        self, name: str, generation: int, plan: dict[str, Assignment] | None, reply: SyncReply
    ) -> None:
        """Ask for the assignment; the leader brings it as `plan`."""
        error = self._refusal(name, generation)
        if error is not None:
            reply(error)
            return
        member = self.members[name]
        member.sync = reply
        self._touch(member)
        if plan is not None and self._state == "syncing":
            self.assignment = plan
            self._state = "stable"
            self._written = (generation, list(self.members), plan, self._leader)
        if self._state == "stable":
            for other in self.members.values():
                if other.sync is not None:
                    answer, other.sync = other.sync, None
                    self._touch(other)
                    answer(self.assignment.get(other.name, frozenset()))

    def heartbeat(self, name: str, generation: int) -> None:
        """Stay a member.

        Raises
        ------
        BrokerError
            UNKNOWN_MEMBER_ID, ILLEGAL_GENERATION, REBALANCE_IN_PROGRESS
        """
        member = self.members.get(name)
        if member is None:
            raise BrokerError("UNKNOWN_MEMBER_ID")
        if generation != self.generation and self._state != "joining":
            raise BrokerError("ILLEGAL_GENERATION")
        self._touch(member)
        if self._state == "joining":
            raise BrokerError("REBALANCE_IN_PROGRESS")

    def leave(self, name: str) -> None:
        """Leave, so that the others need not wait for a session to end."""
        if name in self.members:
            self._remove(self.members[name])

    def check(self, name: str, generation: int) -> None:
        """Refuse offsets of a client that is not a member of the present generation.

        Raises
        ------
        BrokerError
        """
        if name not in self.members:
            raise BrokerError("UNKNOWN_MEMBER_ID")
        if generation != self.generation:
            raise BrokerError("ILLEGAL_GENERATION")

    def disconnect(self) -> None:
        """Lose what is under way."""
        for member in self.members.values():
            replies = (member.join, member.sync)
            member.join = member.sync = None
            for reply in replies:
                if reply is not None:
                    reply(BrokerError("COORDINATOR_NOT_AVAILABLE"))

    def load(self) -> None:
        """Take the group up as it was written down; every session begins anew."""
        self.generation, names, self.assignment, self._leader = self._written
        self.members = {name: _Member(name) for name in names}
        self._state = "stable"
        for member in self.members.values():
            member.claims = self.assignment.get(member.name, frozenset())
            self._begin_session(member)

    def _refusal(self, name: str, generation: int) -> BrokerError | None:
        if name not in self.members:
            return BrokerError("UNKNOWN_MEMBER_ID")
        if generation != self.generation:
            return BrokerError("ILLEGAL_GENERATION")
        if self._state == "joining":
            return BrokerError("REBALANCE_IN_PROGRESS")
        return None

    def _rebalance(self) -> None:
        self._state = "joining"
        generation = self.generation
        for member in self.members.values():
            if member.sync is not None:
                answer, member.sync = member.sync, None
                self._begin_session(member)
                answer(BrokerError("REBALANCE_IN_PROGRESS"))
        self._cluster.scheduler.after(
            self._cluster.limits.poll_interval_s, lambda: self._time_out_join(generation)
        )

    def _time_out_join(self, generation: int) -> None:
        if self._state == "joining" and self.generation == generation:
            for member in [m for m in self.members.values() if m.join is None]:
                del self.members[member.name]
            self._complete_join_if_all()

    def _complete_join_if_all(self) -> None:
        if self._state != "joining" or any(m.join is None for m in self.members.values()):
            return
        self.generation += 1
        self._state = "syncing" if self.members else "stable"
        if not self.members:
            return
        if self._leader not in self.members:
            self._leader = next(iter(self.members))
        # Brokers keep members in a hash map: the order in which the leader sees them is arbitrary.
        names = sorted(self.members)
        self._cluster.rng.shuffle(names)
        claims = {name: self.members[name].claims for name in names}
        for member in list(self.members.values()):
            reply, member.join = member.join, None
            assert reply is not None
            self._begin_session(member)
            reply(
                Joined(member.name, self.generation, claims if member.name == self._leader else {})
            )

    def _touch(self, member: _Member) -> None:
        member.deadline = self._cluster.scheduler.now + self._cluster.limits.session_s

    def _begin_session(self, member: _Member) -> None:
        self._touch(member)
        if member.timer is not None:
            member.timer.cancel()
        member.timer = self._cluster.scheduler.at(member.deadline, lambda: self._expire(member))

    def _expire(self, member: _Member) -> None:
        if self.members.get(member.name) is not member or self._cluster.is_coordinator_away:
            return
        if member.join is not None or member.sync is not None:
            self._begin_session(member)  # one that waits for an answer is not silent
            return
        if self._cluster.scheduler.now < member.deadline:
            member.timer = self._cluster.scheduler.at(member.deadline, lambda: self._expire(member))
            return
        self._remove(member)

    def _remove(self, member: _Member) -> None:
        del self.members[member.name]
        if member.sync is not None:
            member.sync(BrokerError("UNKNOWN_MEMBER_ID"))
        if self._state != "joining":
            self._rebalance()
        self._complete_join_if_all()


def sources_of(topics: list[str], numbers: Assignment) -> list[TopicPartition]:
    """All partitions of these numbers."""
    return sorted(TopicPartition(topic, number) for topic in topics for number in numbers)
