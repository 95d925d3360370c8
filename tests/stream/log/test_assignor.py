"""Partitions of equal number go to one worker; a real group of two is in tests/kafka/."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
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
        return {*TOPICS, "x.weather", "a.features", "b.features", *"abcdefxyz"}

    def partitions_for_topic(self, topic: str) -> set[int]:
        return set(range(self.count))


def member(name: str, owned: Sequence[int] | None = None, topics: Sequence[str] = TOPICS) -> Any:
    return owner(name, topics, {topic: list(owned) for topic in topics} if owned else {})


def owner(name: str, topics: Sequence[str], owned: Mapping[str, list[int]]) -> Any:
    held = ConsumerProtocolSubscription.TopicPartition
    subscription = ConsumerProtocolSubscription(
        version=1,
        topics=list(topics),
        user_data=b"",
        owned_partitions=[held(topic=topic, partitions=at) for topic, at in owned.items()],
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


def test_topics_that_two_pipelines_do_not_share_are_assigned_apart() -> None:
    placed = place(2, member("a", topics=["a.features"]), member("b", topics=["b.features"]))
    assert placed == {"a": {"a.features": [0, 1]}, "b": {"b.features": [0, 1]}}


def test_while_the_inputs_change_only_the_largest_set_of_topics_is_assigned() -> None:
    wide = [*TOPICS, "x.weather"]
    placed = place(2, member("old", [0, 1]), member("new", topics=wide))
    assert placed == {"old": {}, "new": {}}  # the old one has to revoke first
    placed = place(2, member("old"), member("new", topics=wide))
    assert placed == {"old": {}, "new": {topic: [0, 1] for topic in wide}}


def test_of_equally_many_topics_the_first_by_name_are_assigned() -> None:
    placed = place(1, member("z", topics=["x", "z"]), member("y", topics=["x", "y"]))
    assert placed == {"z": {}, "y": {"x": [0], "y": [0]}}


def test_members_that_are_left_out_are_told_by_whom_until_they_take_part() -> None:
    members = [member("old"), member("new", topics=[*TOPICS, "x.weather"]), member("a", topics="a")]
    placed = CopartitionedStickyAssignor().assign(Cluster(2), members)
    old = CopartitionedStickyAssignor()
    old.on_assignment(placed["old"], 1)
    assert "read x.features, x.labels, x.weather, and have all partitions" in old.left_out
    assert "log.group" in old.left_out
    assert [bytes(placed[name].user_data) for name in ("new", "a")] == [b"", b""]
    old.on_assignment(CopartitionedStickyAssignor().assign(Cluster(2), members[:1])["old"], 2)
    assert old.left_out == ""


Subscriptions = dict[str, frozenset[str]]
Owned = dict[str, dict[str, list[int]]]
_GROUPS = st.dictionaries(
    st.sampled_from(["m0", "m1", "m2", "m3", "m4"]),
    st.sampled_from(["a", "ab", "bc", "abc", "d", "de", "f"]).map(frozenset),
    min_size=1,
)


def settle(partitions: int, group: Subscriptions, owned: Owned) -> Owned:
    """Rebalance until nothing changes; nobody may get what another one has not yet revoked."""
    for _ in range(4):
        placed = place(
            partitions, *(owner(name, sorted(group[name]), owned.get(name, {})) for name in group)
        )
        for name, got in placed.items():
            assert got.keys() <= group[name]
            for other in placed.keys() - {name}:
                assert not pairs(got) & pairs(owned.get(other, {}))
                assert not pairs(got) & pairs(placed[other])
        if placed == owned:
            return placed
        owned = placed
    raise AssertionError("the group does not settle")


def pairs(owned: Mapping[str, list[int]]) -> set[tuple[str, int]]:
    return {(topic, number) for topic, numbers in owned.items() for number in numbers}


@given(st.integers(1, 5), st.lists(_GROUPS, min_size=1, max_size=3))
def test_members_with_any_topics_come_and_go(partitions: int, groups: list[Subscriptions]) -> None:
    owned: Owned = {}
    before: Subscriptions = {}
    for group in groups:
        # One that has changed its topics has been restarted, and owns nothing.
        kept = {name: owned[name] for name in owned if before[name] == group.get(name)}
        owned, before = settle(partitions, group, kept), group
        # A set takes part if none that overlaps with it comes before it, which takes part itself.
        working: list[frozenset[str]] = []
        for topics in sorted(set(group.values()), key=lambda each: (-len(each), sorted(each))):
            if not any(topics & other for other in working):
                working.append(topics)
        for topics in working:
            for topic in topics:
                members = [name for name in group if group[name] == topics]
                given_out = [n for name in members for n in owned[name].get(topic, [])]
                assert sorted(given_out) == list(range(partitions))
        for name, topics in group.items():
            assert topics in working or owned[name] == {}


def test_what_was_lost_is_not_claimed_at_the_next_join() -> None:
    assignor = CopartitionedStickyAssignor()
    held = [TopicPartition(topic, number) for topic in TOPICS for number in (0, 1)]
    assignor.on_assignment(SimpleNamespace(partitions=lambda: held, user_data=b""), 3)
    assignor.forget([at for at in held if at.partition == 1])
    claimed = assignor.metadata(TOPICS).owned_partitions
    assert {entry.topic: list(entry.partitions) for entry in claimed} == {t: [0] for t in TOPICS}


def test_a_member_that_lost_its_partitions_forgets_its_claims() -> None:
    assignor = CopartitionedStickyAssignor()
    held = [TopicPartition(TOPICS[0], 0)]
    assignor.on_assignment(SimpleNamespace(partitions=lambda: held, user_data=b""), 3)
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
