"""Partitions of equal number go to one worker; a real group of two is in tests/kafka/."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from kafka.protocol.consumer.metadata import ConsumerProtocolSubscription
from kafka.structs import TopicPartition

from stream.log.kafka.assignor import CopartitionedStickyAssignor
from stream.log.kafka.membership import Membership
from tests.stream.log.worlds import RecordingListener

TOPICS = ["x.features", "x.labels"]


class Cluster:
    def __init__(self, partitions: int) -> None:
        self.count = partitions

    def topics(self) -> set[str]:
        return set(TOPICS)

    def partitions_for_topic(self, topic: str) -> set[int]:
        assert topic in TOPICS
        return set(range(self.count))


def member(name: str, owned: list[int] | None = None) -> Any:
    held = ConsumerProtocolSubscription.TopicPartition
    subscription = ConsumerProtocolSubscription(
        version=1,
        topics=TOPICS,
        user_data=b"",
        owned_partitions=[held(topic=topic, partitions=owned) for topic in TOPICS if owned],
    )
    return SimpleNamespace(member_id=name, metadata=subscription)


def place(partitions: int, *members: Any) -> dict[str, dict[str, list[int]]]:
    placed = CopartitionedStickyAssignor().assign(Cluster(partitions), members)
    return {
        name: {entry.topic: list(entry.partitions) for entry in assignment.assigned_partitions}
        if assignment.assigned_partitions and hasattr(assignment.assigned_partitions[0], "topic")
        else {topic: list(numbers) for topic, numbers in assignment.assigned_partitions}
        for name, assignment in placed.items()
    }


@pytest.mark.parametrize("partitions", [1, 4, 7])
@pytest.mark.parametrize("workers", [1, 2, 3])
def test_each_number_goes_to_one_worker_with_all_its_topics(partitions: int, workers: int) -> None:
    placed = place(partitions, *(member(f"w{number}") for number in range(workers)))
    for topics in placed.values():
        assert topics == {} or topics["x.features"] == topics["x.labels"]
    numbers = [n for topics in placed.values() for n in topics.get("x.features", [])]
    assert sorted(numbers) == list(range(partitions))
    sizes = [len(topics.get("x.features", [])) for topics in placed.values()]
    assert max(sizes) - min(sizes) <= 1


def test_a_newcomer_gets_nothing_that_is_still_owned() -> None:
    placed = place(4, member("old", [0, 1, 2, 3]), member("new"))
    assert placed["new"] == {}
    assert len(placed["old"]["x.features"]) == 2
    kept = placed["old"]["x.features"]
    placed = place(4, member("old", kept), member("new"))
    assert placed["old"]["x.features"] == placed["old"]["x.labels"] == kept
    assert sorted(placed["new"]["x.labels"]) == sorted(set(range(4)) - set(kept))


def test_what_was_lost_is_not_claimed_at_the_next_join() -> None:
    assignor = CopartitionedStickyAssignor()
    held = [TopicPartition(topic, number) for topic in TOPICS for number in (0, 1)]
    assignor.on_assignment(SimpleNamespace(partitions=lambda: held), 3)
    assignor.forget([at for at in held if at.partition == 1])
    claimed = assignor.metadata(TOPICS).owned_partitions
    assert {entry.topic: list(entry.partitions) for entry in claimed} == {t: [0] for t in TOPICS}


def test_a_member_that_lost_its_partitions_forgets_its_claims() -> None:
    assignor = CopartitionedStickyAssignor()
    held = [TopicPartition(TOPICS[0], 0)]
    assignor.on_assignment(SimpleNamespace(partitions=lambda: held), 3)
    member = Membership.__new__(Membership)
    member._consumer = SimpleNamespace(
        _coordinator=SimpleNamespace(_assignors={assignor.name: assignor})
    )
    member._next = {}
    member._isolation = SimpleNamespace(forget=lambda _: None)  # type: ignore[assignment]
    listener = RecordingListener()
    member._listener = listener
    member.on_lost(held)
    assert listener.calls == [("lost", [(TOPICS[0], 0)])]
    assert list(assignor.member_assignment) == []


def test_a_claim_to_a_lost_partition_would_leave_it_without_an_owner() -> None:
    claims_on, honest = member("w0", [0, 1, 2, 3]), member("w0")
    orphaned = place(4, claims_on, member("w1"), member("w2"))
    assert sum(len(topics.get("x.features", [])) for topics in orphaned.values()) < 4
    placed = place(4, honest, member("w1"), member("w2"))
    assert sum(len(topics.get("x.features", [])) for topics in placed.values()) == 4
