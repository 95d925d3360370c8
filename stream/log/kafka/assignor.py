"""Gives out partition numbers, not partitions: what belongs together goes to one worker.

The client's sticky assignor places each topic's partitions on their own, so that events of
partition 3 could go to one worker and their labels to another. Here the partitions of one of the
topics are placed, and those of the others follow by number.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from kafka.coordinator.assignors.cooperative_sticky import CooperativeStickyAssignor
from kafka.protocol.consumer.metadata import ConsumerProtocolAssignment


class CopartitionedStickyAssignor(CooperativeStickyAssignor):  # type: ignore[misc]
    """The cooperative sticky assignor for topics of equal partition counts.

    All members of the group subscribe to the same topics. The first of these by name leads.
    """

    # Members of a group must agree on the name, and no other assignor places in this way.
    name = "driftgate-copartitioned-sticky"

    member_assignment: Any

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

    def assign(self, cluster: Any, members: Any) -> dict[str, Any]:
        """Place the leading topic; let the others follow."""
        members = list(members)
        topics = {topic for member in members for topic in member.metadata.topics}
        placed = super().assign(cluster, members)
        return {
            member: ConsumerProtocolAssignment(
                self.version, _follow(assignment.assigned_partitions, sorted(topics)), b""
            )
            for member, assignment in placed.items()
        }


def _follow(assigned: Any, topics: list[str]) -> list[tuple[str, list[int]]]:
    numbers = sorted({number for _, partitions in map(_pair, assigned) for number in partitions})
    return [(topic, numbers) for topic in topics] if numbers else []


def _pair(entry: Any) -> tuple[str, list[int]]:
    """Read an entry as the client writes it: a pair, or a decoded message."""
    return (entry.topic, entry.partitions) if hasattr(entry, "topic") else (entry[0], entry[1])
