"""Gives out partition numbers, not partitions: what belongs together goes to one worker.

The client's sticky assignor places each topic's partitions on their own, so that events of
partition 3 could go to one worker and their labels to another. Here the partitions of one of the
topics are placed, and those of the others follow by number.

Members that subscribe to the same topics share these. Topics that two pipelines of one group do not
have in common are assigned apart. Where the topics of some members overlap with those of others and
differ (the inputs are being changed, worker by worker), a partition would have two owners; so only
the members with the largest set take part, and the others get nothing until they have gone. The
leader tells these why, in the free field of their assignment.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from kafka.coordinator.assignors.cooperative_sticky import CooperativeStickyAssignor
from kafka.protocol.consumer.metadata import ConsumerProtocolAssignment


class CopartitionedStickyAssignor(CooperativeStickyAssignor):  # type: ignore[misc]
    """The cooperative sticky assignor for topics of equal partition counts.

    Of the topics that some members share, the first by name leads.
    """

    # Members of a group must agree on the name, and no other assignor places in this way.
    name = "driftgate-copartitioned-sticky"

    member_assignment: Any
    left_out = ""
    """Why this member gets nothing, by the latest assignment; empty if it takes part."""

    @classmethod
    def parse_member_metadata(cls, metadata: Any) -> Any:
        """Leave nothing but the leading topic of what a member subscribes to and owns."""
        parsed = super().parse_member_metadata(metadata)
        leader = min(parsed.subscription)
        owned = [partition for partition in parsed.partitions if partition.topic == leader]
        return parsed._replace(partitions=owned, subscription=[leader])

    def forget(self, partitions: Iterable[Any]) -> None:
        """Claim these no longer: they were lost, or given up by leaving the group.

        The client remembers its latest assignment here and claims it at the next join, whatever
        became of it since. A leader that gives such a partition to another member takes it to be
        moving: it leaves it out, and waits for this member to revoke it. This one has nothing to
        revoke, so nobody would own the partition until some later rebalance.
        """
        gone = set(partitions)
        if self.member_assignment is not None:
            self.member_assignment = [at for at in self.member_assignment if at not in gone]

    def on_assignment(self, assignment: Any, generation: int) -> None:
        """Take an assignment, and what the leader says about it."""
        super().on_assignment(assignment, generation)
        self.left_out = bytes(assignment.user_data or b"").decode(errors="replace")

    def assign(self, cluster: Any, members: Any) -> dict[str, Any]:
        """Place the leading topic of each set that takes part; let its other topics follow."""
        members = list(members)
        part = list(_taking_part({_topics(member) for member in members}))
        assigned = {
            member.member_id: ConsumerProtocolAssignment(
                self.version, [], _why_left_out(_topics(member), part).encode()
            )
            for member in members
        }
        for topics in part:
            inside = [member for member in members if _topics(member) == topics]
            leaving = _held((member for member in members if _topics(member) != topics), topics)
            for name, placed in super().assign(cluster, inside).items():
                numbers = _numbers(placed.assigned_partitions) - leaving
                assigned[name] = ConsumerProtocolAssignment(
                    self.version, _follow(numbers, topics), b""
                )
        return assigned


def _topics(member: Any) -> frozenset[str]:
    return frozenset(member.metadata.topics)


def _taking_part(subscriptions: Iterable[frozenset[str]]) -> Iterator[frozenset[str]]:
    """Choose sets that do not overlap, in an order that every leader of the group finds."""
    taken: set[str] = set()
    for topics in sorted(subscriptions, key=lambda topics: (-len(topics), sorted(topics))):
        if topics and taken.isdisjoint(topics):
            taken |= topics
            yield topics


def _why_left_out(topics: frozenset[str], part: Iterable[frozenset[str]]) -> str:
    """Say which other members have what a member reads; empty if it takes part."""
    for others in part:
        if topics != others and not topics.isdisjoint(others):
            return (
                f"other workers of the group read {', '.join(sorted(others))}, and have all "
                f"partitions; this one, which reads {', '.join(sorted(topics))}, gets none while "
                "they are there. Give a pipeline of its own another log.group; where the inputs "
                "are being changed, stop the workers that read the former ones"
            )
    return ""


def _held(members: Iterable[Any], topics: frozenset[str]) -> set[int]:
    """Collect the numbers that these members have to revoke before others may own them."""
    return {
        number
        for member in members
        for owned in member.metadata.owned_partitions or ()
        if owned.topic in topics
        for number in owned.partitions
    }


def _numbers(assigned: Any) -> set[int]:
    return {number for _, partitions in map(_pair, assigned) for number in partitions}


def _follow(numbers: set[int], topics: frozenset[str]) -> list[tuple[str, list[int]]]:
    return [(topic, sorted(numbers)) for topic in sorted(topics)] if numbers else []


def _pair(entry: Any) -> tuple[str, list[int]]:
    """Read an entry as the client writes it: a pair, or a decoded message."""
    return (entry.topic, entry.partitions) if hasattr(entry, "topic") else (entry[0], entry[1])
