"""What every `GroupAdmin` does: positions are moved from outside, whoever owns the partition.

What a reset makes of it: tests/replay/test_reset.py and tests/kafka/test_reset.py.
"""

from __future__ import annotations

import pytest

from stream.errors import OvertakenError
from stream.log.base import Committed, TopicPartition
from tests.stream.log.worlds import World, join, output, read, transaction, values


def test_positions_and_records_are_written_together_without_a_member(world: World) -> None:
    source = TopicPartition(world.topic(), 0)
    group, after = world.group(), {source: Committed(7, "moved")}
    group.set_positions([output(source.topic, [b"entry"])], after, {source: None})
    assert world.log().committed([source]) == after
    bounds = world.admin.bounds(source)
    assert values(read(world.admin, source, *bounds)) == [b"entry"]


def test_a_member_whose_position_was_moved_cannot_commit_what_it_had_in_hand(world: World) -> None:
    source = TopicPartition(world.topic(), 0)
    log = world.log()
    join(log, [source.topic])
    in_hand = transaction(log, [output(source.topic, [b"stale"])], {source: 1})
    moved = {source: Committed(5, "moved")}
    world.group().set_positions([], moved, {source: None})
    with pytest.raises(OvertakenError):
        log.commit(in_hand)
    log.reopen()
    assert log.committed([source]) == moved
    assert not values(read(log, source, *log.bounds(source)))
    log.commit(transaction(log, [output(source.topic, [b"fresh"])], {source: 6}))
    assert log.committed([source]) == {source: Committed(6, "")}


def test_what_does_not_follow_is_refused_whole(world: World) -> None:
    source = TopicPartition(world.topic(), 0)
    group = world.group()
    group.set_positions([], {source: Committed(1, "first")}, {source: None})
    entry = [output(source.topic, [b"entry"])]
    with pytest.raises(OvertakenError, match="first"):
        group.set_positions(entry, {source: Committed(9, "second")}, {source: None})
    assert world.log().committed([source]) == {source: Committed(1, "first")}
    bounds = world.admin.bounds(source)  # nothing is left open either
    assert not values(read(world.admin, source, *bounds))


@pytest.mark.parametrize(("timestamp_ms", "offset"), [(0, 0), (1001, 1), (1002, 2), (1003, 3)])
def test_a_time_is_the_first_record_of_at_least_it(
    world: World, timestamp_ms: int, offset: int
) -> None:
    source = TopicPartition(world.topic(), 0)
    world.append(source.topic, [b"a", b"b", b"c"])  # at 1000, 1001, 1002
    assert world.group().offset_at(source, timestamp_ms) == offset


def test_a_time_before_what_is_kept_is_the_first_record_kept(world: World) -> None:
    source = TopicPartition(world.topic(), 0)
    world.append(source.topic, [b"a", b"b", b"c"])
    world.admin.trim(source, 2)
    assert world.group().offset_at(source, 0) == 2


def test_owners_are_the_members_of_a_group_on_kafka(world: World) -> None:
    topic = world.topic(partitions=2)
    group, log = world.group(), world.log("w7")
    assert group.owners() == {}
    join(log, [topic])
    owners = group.owners()
    if world.kind == "embedded":  # whose owner may have died without a word
        assert owners == {}
    else:
        assert owners.keys() == {TopicPartition(topic, 0), TopicPartition(topic, 1)}
        assert all(f"{world.name}-w7" in owner for owner in owners.values())


def test_close_twice(world: World) -> None:
    group = world.group()
    group.close()
    group.close()
