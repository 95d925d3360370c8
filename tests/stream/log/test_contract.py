"""What every log promises (`stream/log/base.py`), asked of each implementation alike.

Faults of one kind of log are in test_embedded.py and tests/kafka/.
"""

from __future__ import annotations

import time

import pytest

from stream.errors import DriftgateError, FencedError, RecoveryError, TopicMissingError
from stream.log.base import Bounds, Committed, OutputBatch, TopicPartition, TopicSpec
from tests.stream.log.worlds import (
    RecordingListener,
    World,
    drain,
    join,
    output,
    read,
    transaction,
    values,
)


def numbered(count: int, start: int = 0) -> list[bytes]:
    return [b"%d" % index for index in range(start, start + count)]


def test_poll_returns_appended_records_in_order_with_all_their_fields(world: World) -> None:
    source = TopicPartition(world.topic(), 0)
    keys = [b"a", None, b"", b"d"]
    contents = [b"1", b"2", b"", None]
    world.admin.append([OutputBatch(source, [5, 3, 9, 10], keys, contents)])
    log = world.log()
    join(log, [source.topic])
    assert drain(log, 4) == {
        source: [(0, 5, b"a", b"1"), (1, 3, None, b"2"), (2, 9, b"", b""), (3, 10, b"d", None)]
    }


def test_poll_goes_on_where_it_stopped_and_sees_later_records(world: World) -> None:
    topic = world.topic()
    log = world.log()
    join(log, [topic])
    source = TopicPartition(topic, 0)
    world.append(topic, numbered(3))
    assert values(drain(log, 3)[source]) == numbered(3)
    world.append(topic, numbered(2, start=3))
    assert values(drain(log, 2)[source]) == numbered(2, start=3)


def test_poll_returns_at_most_records_max(world: World) -> None:
    topic = world.topic(partitions=2)
    for partition in (0, 1):
        world.append(topic, numbered(50), partition)
    log = world.log()
    join(log, [topic])
    sizes = []
    deadline = time.monotonic() + 20
    while sum(sizes) < 100 and time.monotonic() < deadline:
        sizes.append(sum(len(batch) for batch in log.poll(0.2, 7)))
    assert sum(sizes) == 100
    assert max(sizes) == 7


def test_poll_without_records_waits_for_its_timeout_and_no_longer(world: World) -> None:
    log = world.log()
    join(log, [world.topic()])
    log.poll(0.0, 10)
    start = time.monotonic()
    assert log.poll(0.3, 10) == []
    assert 0.2 < time.monotonic() - start < 2.0


def test_a_new_assignment_returns_nothing_until_seek(world: World) -> None:
    topic = world.topic(partitions=2)
    for partition in (0, 1):
        world.append(topic, numbered(3), partition)
    log = world.log()
    listener = RecordingListener()
    log.subscribe([topic], listener)
    deadline = time.monotonic() + 20
    while not listener.held and time.monotonic() < deadline:
        assert log.poll(0.1, 100) == []
    assert listener.calls == [("assigned", [TopicPartition(topic, 0), TopicPartition(topic, 1)])]
    assert log.poll(0.2, 100) == []
    log.seek(TopicPartition(topic, 1), 1)
    rows = drain(log, 2)
    assert {source: values(found) for source, found in rows.items()} == {
        TopicPartition(topic, 1): [b"1", b"2"]
    }


def test_seek_reads_again_from_there(world: World) -> None:
    topic = world.topic()
    world.append(topic, numbered(10))
    log = world.log()
    join(log, [topic])
    source = TopicPartition(topic, 0)
    assert values(drain(log, 10)[source]) == numbered(10)
    log.seek(source, 7)
    assert values(drain(log, 3)[source]) == numbered(3, start=7)


def test_a_paused_partition_waits_and_loses_nothing(world: World) -> None:
    topic = world.topic(partitions=2)
    paused, open_one = TopicPartition(topic, 0), TopicPartition(topic, 1)
    log = world.log()
    join(log, [topic])
    for partition in (0, 1):
        world.append(topic, numbered(5), partition)
    log.pause([paused])
    assert set(drain(log, 5)) == {open_one}
    log.resume([paused])
    assert values(drain(log, 5)[paused]) == numbered(5)


def test_a_partition_paused_before_its_seek_still_waits(world: World) -> None:
    topic = world.topic()
    world.append(topic, numbered(5))
    log = world.log()
    listener = RecordingListener()
    log.subscribe([topic], listener)
    deadline = time.monotonic() + 20
    while not listener.held and time.monotonic() < deadline:
        log.poll(0.1, 100)
    source = TopicPartition(topic, 0)
    log.pause([source])
    log.seek(source, 0)
    assert log.poll(0.3, 100) == []
    log.resume([source])
    assert values(drain(log, 5)[source]) == numbered(5)


def test_lag_counts_what_poll_has_not_returned(world: World) -> None:
    topic = world.topic()
    world.append(topic, numbered(10))
    log = world.log()
    join(log, [topic])
    source = TopicPartition(topic, 0)
    seen = 0
    deadline = time.monotonic() + 20
    while seen < 4 and time.monotonic() < deadline:
        seen += sum(len(batch) for batch in log.poll(0.2, 4))
    assert (seen, log.lag(source)) == (4, 6)
    drain(log, 6)
    assert log.lag(source) == 0
    assert log.lag(TopicPartition(topic, 99)) is None


def test_bounds_are_those_of_committed_records(world: World) -> None:
    topic = world.topic()
    source = TopicPartition(topic, 0)
    log = world.log()
    assert log.bounds(source) == world.admin.bounds(source) == Bounds(0, 0)
    world.append(topic, numbered(3))
    assert log.bounds(source) == world.admin.bounds(source) == Bounds(0, 3)


def test_commit_makes_outputs_offsets_and_note_visible(world: World) -> None:
    inputs, outputs = world.topic("in"), world.topic("out", partitions=2)
    world.append(inputs, numbered(5))
    log = world.log()
    join(log, [inputs])
    source = TopicPartition(inputs, 0)
    first, second = TopicPartition(outputs, 0), TopicPartition(outputs, 1)
    assert log.committed([source]) == {source: None}
    written = log.commit(
        transaction([output(outputs, [b"a", b"b"], 0), output(outputs, [b"c"], 1)], {source: 3})
    )
    assert written == {first: 0, second: 0}
    assert log.committed([source]) == {source: Committed(3, "")}
    assert values(read(log, first, 0, 10)) == [b"a", b"b"]
    assert read(log, second, 0, 10) == [(0, 1000, b"k0", b"c")]


def test_commit_returns_the_offset_of_each_targets_first_record(world: World) -> None:
    inputs, outputs = world.topic("in"), world.topic("out")
    log = world.log()
    join(log, [inputs])
    target = TopicPartition(outputs, 0)
    for start in (0, 5, 10):
        batch = [output(outputs, numbered(3, start)), output(outputs, numbered(2, start + 3))]
        written = log.commit(transaction(batch))
        assert values(read(log, target, written[target], written[target] + 5)) == numbered(5, start)


def test_commit_of_offsets_alone_keeps_the_note(world: World) -> None:
    topic = world.topic(partitions=2)
    first, second = TopicPartition(topic, 0), TopicPartition(topic, 1)
    log = world.log()
    join(log, [topic])
    note = "checkpoint é " + "x" * 1000
    assert log.commit(transaction(offsets={first: 0}, note=note)) == {}
    assert log.committed([first, second]) == {first: Committed(0, note), second: None}


def test_commit_of_nothing_is_no_error(world: World) -> None:
    topic = world.topic()
    log = world.log()
    join(log, [topic])
    assert log.commit(transaction([output(topic, [])])) == {}
    assert log.bounds(TopicPartition(topic, 0)) == Bounds(0, 0)


def test_a_commit_that_fails_leaves_nothing_behind(world: World) -> None:
    inputs, outputs = world.topic("in"), world.topic("out")
    log = world.log()
    join(log, [inputs])
    source, target = TopicPartition(inputs, 0), TopicPartition(outputs, 0)
    with pytest.raises(DriftgateError):
        log.commit(
            transaction([output(outputs, [b"a"]), output(f"{outputs}.absent", [b"b"])], {source: 1})
        )
    log.reopen()
    assert log.committed([source]) == {source: None}
    assert read(log, target, 0, 10) == []
    written = log.commit(transaction([output(outputs, [b"c"])], {source: 2}))
    assert log.committed([source]) == {source: Committed(2, "")}
    assert values(read(log, target, 0, written[target] + 1)) == [b"c"]


def test_positions_and_outputs_outlive_the_worker(world: World) -> None:
    inputs, outputs = world.topic("in"), world.topic("out")
    world.append(inputs, numbered(100))
    source, target = TopicPartition(inputs, 0), TopicPartition(outputs, 0)
    for _ in range(2):
        log = world.log()
        join(log, [inputs])
        read_count = 0
        while read_count < 50:
            for batch in log.poll(0.2, 10):
                copied = OutputBatch(target, batch.timestamps, batch.keys, batch.values)
                log.commit(transaction([copied], {source: batch.offsets[-1] + 1}))
                read_count += len(batch)
        log.poll(0.0, 10)  # read, but never committed: the next worker reads it again
        log.close()
    end = world.admin.bounds(target).end
    assert values(read(world.admin, target, 0, end)) == numbered(100)


def test_read_crosses_transactions_and_cuts_at_both_ends(world: World) -> None:
    inputs, outputs = world.topic("in"), world.topic("out")
    log = world.log()
    join(log, [inputs])
    target = TopicPartition(outputs, 0)
    firsts = [
        log.commit(transaction([output(outputs, numbered(4, 4 * index))]))[target]
        for index in range(5)
    ]
    end = log.bounds(target).end
    for reader in (log, world.admin):
        assert values(read(reader, target, 0, end)) == numbered(20)
        assert values(read(reader, target, 0, end + 1000)) == numbered(20)
        assert values(read(reader, target, firsts[1] + 1, firsts[3] + 2)) == numbered(9, 5)
        assert read(reader, target, end, end) == read(reader, target, firsts[1], firsts[1]) == []


def test_read_leaves_the_position_of_poll_alone(world: World) -> None:
    topic = world.topic()
    world.append(topic, numbered(6))
    log = world.log()
    join(log, [topic])
    source = TopicPartition(topic, 0)
    assert values(read(log, source, 2, 4)) == [b"2", b"3"]
    assert values(drain(log, 6)[source]) == numbered(6)


def test_a_range_can_be_read_within_another(world: World) -> None:
    topic = world.topic(partitions=2)
    outer, inner = TopicPartition(topic, 0), TopicPartition(topic, 1)
    for source in (outer, inner):
        world.append(topic, numbered(3), source.partition)
    log = world.log()
    found = [
        (value, values(read(log, inner, 0, 3)))
        for batch in log.read(outer, 0, 3)
        for value in batch.values
    ]
    assert found == [(value, numbered(3)) for value in numbered(3)]


def test_read_below_what_is_kept_is_an_error(world: World) -> None:
    topic = world.topic()
    world.append(topic, numbered(10))
    source = TopicPartition(topic, 0)
    world.admin.trim(source, 4)
    log = world.log()
    assert log.bounds(source) == Bounds(4, 10)
    for reader in (log, world.admin):
        with pytest.raises(RecoveryError, match="4"):
            read(reader, source, 3, 10)
        assert values(read(reader, source, 4, 10)) == numbered(6, start=4)


def test_poll_from_below_what_is_kept_is_an_error_and_never_skips(world: World) -> None:
    topic = world.topic()
    world.append(topic, numbered(10))
    source = TopicPartition(topic, 0)
    world.admin.trim(source, 4)
    log = world.log()
    join(log, [topic])  # seeks to 0
    with pytest.raises(RecoveryError, match=r"\[0\]@0"):
        drain(log, 1)


def test_headers_come_back_in_order(world: World) -> None:
    topic = world.topic()
    headers = [[("reason", b"bad"), ("reason", b"\x00\xff")], [], [("é", b"")]]
    source = TopicPartition(topic, 0)
    world.admin.append([output(topic, numbered(3), headers=headers)])
    assert world.admin.read_headers(source, 0, 3) == headers
    assert world.admin.read_headers(source, 1, 3) == headers[1:]
    log = world.log()
    join(log, [topic])
    first = log.commit(transaction([output(topic, [b"x"], headers=[[("a", b"b")]])]))[source]
    assert world.admin.read_headers(source, first, first + 1) == [[("a", b"b")]]


def test_a_large_record_passes(world: World) -> None:
    topics = [world.topic(name, 1, {"max.message.bytes": "20000000"}) for name in ("in", "out")]
    value = bytes(range(256)) * 40_000  # 10 MB
    world.append(topics[0], [b"small", value])
    log = world.log()
    join(log, [topics[0]])
    source, target = (TopicPartition(topic, 0) for topic in topics)
    rows = drain(log, 2)[source]
    assert values(rows) == [b"small", value]
    log.commit(transaction([output(topics[1], [value, b"after"])], {source: 2}))
    assert values(read(log, target, 0, 2)) == [value, b"after"]


def test_many_partitions_of_two_topics(world: World) -> None:
    topics = [world.topic(name, partitions=12) for name in ("features", "labels")]
    sources = [TopicPartition(topic, index) for topic in topics for index in range(12)]
    contents = {source: numbered(5, start=10 * index) for index, source in enumerate(sources)}
    world.admin.append([output(*source[:1], contents[source], source[1]) for source in sources])
    log = world.log()
    assert join(log, topics, sources).held == set(sources)
    rows = drain(log, 5 * len(sources))
    assert {source: values(found) for source, found in rows.items()} == contents
    log.commit(transaction(offsets=dict.fromkeys(sources, 5)))
    assert log.committed(sources) == {source: Committed(5, "") for source in sources}


def test_a_zombie_is_fenced_and_writes_nothing(world: World) -> None:
    inputs, outputs = world.topic("in"), world.topic("out")
    world.append(inputs, numbered(4))
    source, target = TopicPartition(inputs, 0), TopicPartition(outputs, 0)
    zombie = world.log("same")
    join(zombie, [inputs])
    zombie.commit(transaction([output(outputs, [b"old"])], {source: 1}))
    successor = world.log("same")
    successor.subscribe([inputs], RecordingListener())
    with pytest.raises(FencedError):
        zombie.commit(transaction([output(outputs, [b"zombie"])], {source: 4}))
    assert successor.committed([source]) == {source: Committed(1, "")}
    end = successor.bounds(target).end
    assert values(read(successor, target, 0, end)) == [b"old"]


def test_the_listener_hears_of_the_end(world: World) -> None:
    topic = world.topic()
    log = world.log()
    listener = join(log, [topic])
    log.close()
    source = [TopicPartition(topic, 0)]
    assert listener.calls == [("assigned", source), ("revoked", source)]


def test_close_twice_and_close_unused(world: World) -> None:
    log = world.log()
    log.close()
    log.close()
    joined = world.log()
    listener = join(joined, [world.topic()])
    joined.close()
    joined.close()
    assert [call for call, _ in listener.calls] == ["assigned", "revoked"]


def test_create_is_idempotent(world: World) -> None:
    topic = world.topic(partitions=3)
    assert world.admin.create([TopicSpec(topic, 3), TopicSpec(f"{topic}.new", 2)]) == [
        f"{topic}.new"
    ]
    found = world.admin.topics()
    assert (found[topic], found[f"{topic}.new"]) == (3, 2)


def test_a_missing_topic_is_named(world: World) -> None:
    log = world.log()
    with pytest.raises(TopicMissingError, match=f"{world.name}.absent"):
        log.subscribe([f"{world.name}.absent"], RecordingListener())
    with pytest.raises(TopicMissingError, match=f"{world.name}.absent"):
        world.admin.append([output(f"{world.name}.absent", [b"x"])])
