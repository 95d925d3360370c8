"""What every log promises (`stream/log/base.py`), asked of each implementation alike.

Faults of one kind of log are in test_embedded.py and tests/kafka/.
"""

from __future__ import annotations

import time
from dataclasses import replace

import pytest

from stream.errors import (
    DriftgateError,
    FencedError,
    OvertakenError,
    RecoveryError,
    SetupError,
    TopicMissingError,
)
from stream.log.base import (
    Bounds,
    Committed,
    Lag,
    OutputBatch,
    Polled,
    TopicPartition,
    TopicSpec,
)
from tests.stream.log.worlds import (
    RecordingListener,
    World,
    await_assignment,
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
    listener = join(log, [source.topic])
    assert drain(log, listener, 4) == {
        source: [(0, 5, b"a", b"1"), (1, 3, None, b"2"), (2, 9, b"", b""), (3, 10, b"d", None)]
    }


def test_poll_goes_on_where_it_stopped_and_sees_later_records(world: World) -> None:
    topic = world.topic()
    log = world.log()
    listener = join(log, [topic])
    source = TopicPartition(topic, 0)
    world.append(topic, numbered(3))
    assert values(drain(log, listener, 3)[source]) == numbered(3)
    world.append(topic, numbered(2, start=3))
    assert values(drain(log, listener, 2)[source]) == numbered(2, start=3)


def test_poll_returns_at_most_records_max(world: World) -> None:
    topic = world.topic(partitions=2)
    for partition in (0, 1):
        world.append(topic, numbered(50), partition)
    log = world.log()
    listener = join(log, [topic])
    sizes = []
    deadline = time.monotonic() + 20
    while sum(sizes) < 100 and time.monotonic() < deadline:
        batches = log.poll(0.2, 7, listener.positions).batches
        listener.take(batches)
        sizes.append(sum(len(batch) for batch in batches))
    assert sum(sizes) == 100
    assert max(sizes) == 7


def test_poll_without_records_waits_for_its_timeout_and_no_longer(world: World) -> None:
    log = world.log()
    listener = join(log, [world.topic()])
    log.poll(0.0, 10, listener.positions)
    start = time.monotonic()
    assert log.poll(0.3, 10, listener.positions) == Polled([])
    assert 0.2 < time.monotonic() - start < 2.0


def test_only_what_is_asked_for_is_returned(world: World) -> None:
    topic = world.topic(partitions=2)
    for partition in (0, 1):
        world.append(topic, numbered(3), partition)
    log = world.log()
    listener = RecordingListener()
    log.subscribe([topic], listener)
    await_assignment(log, listener)
    first, second = TopicPartition(topic, 0), TopicPartition(topic, 1)
    assert listener.calls == [("assigned", [first, second])]
    assert log.poll(0.2, 100, {}) == Polled([])
    listener.positions[second] = 1
    rows = drain(log, listener, 2)
    assert {source: values(found) for source, found in rows.items()} == {second: [b"1", b"2"]}


def test_a_partition_of_another_worker_is_passed_over(world: World) -> None:
    topic, other = world.topic(), world.topic("other")
    for name in (topic, other):
        world.append(name, numbered(2))
    log = world.log()
    listener = join(log, [topic])
    listener.positions[TopicPartition(other, 0)] = 0
    listener.positions[TopicPartition(topic, 7)] = 0
    assert set(drain(log, listener, 2)) == {TopicPartition(topic, 0)}


def test_a_batch_that_was_not_taken_is_returned_again(world: World) -> None:
    topic = world.topic(partitions=2)
    for partition in (0, 1):
        world.append(topic, numbered(40), partition)
    log = world.log()
    listener = join(log, [topic])
    refused = TopicPartition(topic, 0)
    seen = {TopicPartition(topic, partition): 0 for partition in (0, 1)}
    deadline = time.monotonic() + 20
    while not all(seen.values()) and time.monotonic() < deadline:
        for batch in log.poll(0.2, 20, listener.positions).batches:
            assert (batch.source != refused) or batch.offsets[0] == 0
            seen[batch.source] += len(batch)
            if batch.source != refused:
                listener.take([batch])
    rows = drain(log, listener, 80 - seen[TopicPartition(topic, 1)])
    assert values(rows[refused]) == numbered(40)


def test_poll_reads_from_where_it_is_asked_to(world: World) -> None:
    topic = world.topic()
    world.append(topic, numbered(10))
    log = world.log()
    listener = join(log, [topic])
    source = TopicPartition(topic, 0)
    assert values(drain(log, listener, 10)[source]) == numbered(10)
    for position in (7, 0, 9, 3):
        listener.positions[source] = position
        rows = drain(log, listener, 10 - position)
        assert values(rows[source]) == numbered(10 - position, start=position)


def test_a_partition_that_is_not_asked_for_waits_and_loses_nothing(world: World) -> None:
    topic = world.topic(partitions=2)
    held_back, open_one = TopicPartition(topic, 0), TopicPartition(topic, 1)
    log = world.log()
    listener = join(log, [topic])
    for partition in (0, 1):
        world.append(topic, numbered(5), partition)
    position = listener.positions.pop(held_back)
    assert set(drain(log, listener, 5)) == {open_one}
    listener.positions[held_back] = position
    assert values(drain(log, listener, 5)[held_back]) == numbered(5)


def test_what_is_fetched_anew_is_the_same(world: World) -> None:
    topic = world.topic()
    world.append(topic, numbered(500))
    log = world.log()
    listener = join(log, [topic])
    source = TopicPartition(topic, 0)
    found: list[bytes | None] = []
    deadline = time.monotonic() + 20
    while len(found) < 500 and time.monotonic() < deadline:
        batches = log.poll(0.2, 50, listener.positions).batches
        listener.take(batches)
        found += [value for batch in batches for value in batch.values]
        log.refetch([source])
    assert found == numbered(500)


def test_rejoin_hands_over_and_gets_the_partitions_again(world: World) -> None:
    topic = world.topic()
    world.append(topic, numbered(6))
    log = world.log()
    listener = join(log, [topic])
    sources = [TopicPartition(topic, 0)]
    drain(log, listener, 6)
    before = log.identity
    log.commit(transaction(log, offsets={sources[0]: 4}))
    log.rejoin()
    assert listener.calls == [("assigned", sources), ("revoked", sources)]
    await_assignment(log, listener)
    assert listener.calls[2:] == [("assigned", sources)]
    assert log.identity != before
    listener.positions[sources[0]] = 4
    assert values(drain(log, listener, 2)[sources[0]]) == numbered(2, start=4)
    log.commit(transaction(log, offsets={sources[0]: 6}))


def test_lag_counts_what_poll_has_not_returned(world: World) -> None:
    topic = world.topic()
    world.append(topic, numbered(10))
    log = world.log()
    listener = join(log, [topic])
    source = TopicPartition(topic, 0)
    seen = 0
    deadline = time.monotonic() + 20
    while seen < 4 and time.monotonic() < deadline:
        batches = log.poll(0.2, 4, listener.positions).batches
        listener.take(batches)
        seen += sum(len(batch) for batch in batches)
    assert (seen, log.lag(source)) == (4, Lag(6, 6))
    drain(log, listener, 6)
    assert log.lag(source) == Lag(0, 0)
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
        transaction(
            log, [output(outputs, [b"a", b"b"], 0), output(outputs, [b"c"], 1)], {source: 3}
        )
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
        written = log.commit(transaction(log, batch))
        assert values(read(log, target, written[target], written[target] + 5)) == numbered(5, start)


def test_commit_of_offsets_alone_keeps_the_note(world: World) -> None:
    topic = world.topic(partitions=2)
    first, second = TopicPartition(topic, 0), TopicPartition(topic, 1)
    log = world.log()
    join(log, [topic])
    note = "checkpoint é " + "x" * 1000
    assert log.commit(transaction(log, offsets={first: 0}, note=note)) == {}
    assert log.committed([first, second]) == {first: Committed(0, note), second: None}


def test_commit_of_nothing_is_no_error(world: World) -> None:
    topic = world.topic()
    log = world.log()
    join(log, [topic])
    assert log.commit(transaction(log, [output(topic, [])])) == {}
    assert log.bounds(TopicPartition(topic, 0)) == Bounds(0, 0)


def test_a_commit_that_fails_leaves_nothing_behind(world: World) -> None:
    inputs, outputs = world.topic("in"), world.topic("out")
    log = world.log()
    join(log, [inputs])
    source, target = TopicPartition(inputs, 0), TopicPartition(outputs, 0)
    with pytest.raises(DriftgateError):
        log.commit(
            transaction(
                log, [output(outputs, [b"a"]), output(f"{outputs}.absent", [b"b"])], {source: 1}
            )
        )
    log.reopen()
    assert log.committed([source]) == {source: None}
    assert read(log, target, 0, 10) == []
    written = log.commit(transaction(log, [output(outputs, [b"c"])], {source: 2}))
    assert log.committed([source]) == {source: Committed(2, "")}
    assert values(read(log, target, 0, written[target] + 1)) == [b"c"]


def test_positions_and_outputs_outlive_the_worker(world: World) -> None:
    inputs, outputs = world.topic("in"), world.topic("out")
    world.append(inputs, numbered(100))
    source, target = TopicPartition(inputs, 0), TopicPartition(outputs, 0)
    for _ in range(2):
        log = world.log()
        listener = join(log, [inputs])
        read_count = 0
        while read_count < 50:
            for batch in log.poll(0.2, 10, listener.positions).batches:
                listener.take([batch])
                copied = OutputBatch(target, batch.timestamps, batch.keys, batch.values)
                log.commit(transaction(log, [copied], {source: batch.offsets[-1] + 1}))
                read_count += len(batch)
        log.poll(
            0.0, 10, listener.positions
        )  # read, but never committed: the next worker reads it again
        log.close()
    end = world.admin.bounds(target).end
    assert values(read(world.admin, target, 0, end)) == numbered(100)


def test_read_crosses_transactions_and_cuts_at_both_ends(world: World) -> None:
    inputs, outputs = world.topic("in"), world.topic("out")
    log = world.log()
    join(log, [inputs])
    target = TopicPartition(outputs, 0)
    firsts = [
        log.commit(transaction(log, [output(outputs, numbered(4, 4 * index))]))[target]
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
    listener = join(log, [topic])
    source = TopicPartition(topic, 0)
    assert values(read(log, source, 2, 4)) == [b"2", b"3"]
    assert values(drain(log, listener, 6)[source]) == numbered(6)


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
    assert log.first(source) == 4
    for reader in (log, world.admin):
        with pytest.raises(RecoveryError, match="4"):
            read(reader, source, 3, 10)
        assert values(read(reader, source, 4, 10)) == numbered(6, start=4)


def test_a_position_outside_of_what_is_kept_fails_alone_and_never_skips(world: World) -> None:
    topic = world.topic(partitions=3)
    for partition in range(3):
        world.append(topic, numbered(10), partition)
    below, beyond, sound = (TopicPartition(topic, partition) for partition in range(3))
    world.admin.trim(below, 4)
    log = world.log()
    listener = join(log, [topic])
    listener.positions = {below: 0, beyond: 17, sound: 0}
    found: list[bytes | None] = []
    failures: dict[TopicPartition, DriftgateError] = {}
    deadline = time.monotonic() + 20
    while (len(found) < 10 or len(failures) < 2) and time.monotonic() < deadline:
        polled = log.poll(0.2, 3, listener.positions)
        assert {batch.source for batch in polled.batches} <= {sound}
        listener.take(polled.batches)
        found += [value for batch in polled.batches for value in batch.values]
        failures |= polled.failures
    assert found == numbered(10)
    assert set(failures) == {below, beyond}
    assert all(isinstance(error, RecoveryError) for error in failures.values())
    assert f"{topic}[0]@0" in str(failures[below])
    assert f"{topic}[1]@17" in str(failures[beyond])
    listener.positions |= {below: 4, beyond: 8}
    rows = drain(log, listener, 8)
    assert values(rows[below]) == numbered(6, start=4)
    assert values(rows[beyond]) == numbered(2, start=8)


def test_a_commit_that_does_not_follow_what_is_committed_is_refused(world: World) -> None:
    inputs, outputs = world.topic("in"), world.topic("out")
    source, target = TopicPartition(inputs, 0), TopicPartition(outputs, 0)
    log = world.log()
    join(log, [inputs])
    first = transaction(log, [output(outputs, [b"a"])], {source: 3}, "note")
    for follows in (None, Committed(3, "another"), Committed(2, "note")):
        if follows is not None:
            with pytest.raises(OvertakenError, match=rf"{inputs}\[0\]"):
                log.commit(replace(first, follows={source: follows}))
        else:
            log.commit(first)
            with pytest.raises(OvertakenError, match=rf"{inputs}\[0\]"):
                log.commit(first)
        log.reopen()
        assert log.committed([source]) == {source: Committed(3, "note")}
        assert values(read(log, target, 0, log.bounds(target).end)) == [b"a"]
    log.commit(transaction(log, [output(outputs, [b"b"])], {source: 4}))
    assert values(read(log, target, 0, log.bounds(target).end)) == [b"a", b"b"]


def test_a_commit_under_an_identity_that_is_gone_is_refused(world: World) -> None:
    inputs, outputs = world.topic("in"), world.topic("out")
    source, target = TopicPartition(inputs, 0), TopicPartition(outputs, 0)
    log = world.log()
    listener = join(log, [inputs])
    stale = transaction(log, [output(outputs, [b"stale"])], {source: 1})
    log.rejoin()
    await_assignment(log, listener)
    with pytest.raises(OvertakenError):
        log.commit(stale)
    log.reopen()
    assert log.committed([source]) == {source: None}
    assert read(log, target, 0, log.bounds(target).end) == []


def test_partitions_that_are_added_are_counted_and_can_be_used(world: World) -> None:
    topic = world.topic(partitions=2)
    log = world.log()
    assert log.partition_counts([topic, f"{topic}.absent"]) == {topic: 2, f"{topic}.absent": 0}
    added = TopicPartition(topic, 3)
    with pytest.raises(TopicMissingError, match=topic):
        log.bounds(added)
    world.admin.add_partitions(topic, 4)
    world.append(topic, numbered(2), 3)
    assert values(read(log, added, 0, log.bounds(added).end)) == numbered(2)
    assert log.partition_counts([topic]) == {topic: 4}
    with pytest.raises(SetupError, match="4"):
        world.admin.add_partitions(topic, 3)
    with pytest.raises(TopicMissingError):
        world.admin.add_partitions(f"{topic}.absent", 3)
    assert world.admin.topics()[topic] == 4


def test_a_topic_made_anew_has_another_id(world: World) -> None:
    topic, other = world.topic(), world.topic("other")
    world.append(topic, numbered(3))
    log = world.log()
    before = log.topic_ids([topic, other])
    assert len(set(before.values())) == 2
    assert log.topic_ids([topic]) == {topic: before[topic]}
    world.admin.delete([topic, f"{topic}.absent"])
    assert topic not in world.admin.topics()
    with pytest.raises(TopicMissingError, match=topic):
        log.topic_ids([other, topic])
    world.admin.create([TopicSpec(topic, 1)])
    after = log.topic_ids([topic, other])
    assert after[other] == before[other]
    assert after[topic] != before[topic]
    assert log.bounds(TopicPartition(topic, 0)) == Bounds(0, 0)
    assert log.committed([TopicPartition(topic, 0)]) == {TopicPartition(topic, 0): None}


def test_no_transaction_is_open_after_a_commit(world: World) -> None:
    inputs, outputs = world.topic("in"), world.topic("out")
    log = world.log()
    join(log, [inputs])
    log.commit(transaction(log, [output(outputs, [b"a"])], {TopicPartition(inputs, 0): 1}))
    target = TopicPartition(outputs, 0)
    log.bounds(target)
    assert log.open_transactions(target) == []


def test_headers_come_back_in_order(world: World) -> None:
    topic = world.topic()
    headers = [[("reason", b"bad"), ("reason", b"\x00\xff")], [], [("é", b"")]]
    source = TopicPartition(topic, 0)
    world.admin.append([output(topic, numbered(3), headers=headers)])
    assert world.admin.read_headers(source, 0, 3) == headers
    assert world.admin.read_headers(source, 1, 3) == headers[1:]
    log = world.log()
    join(log, [topic])
    first = log.commit(transaction(log, [output(topic, [b"x"], headers=[[("a", b"b")]])]))[source]
    assert world.admin.read_headers(source, first, first + 1) == [[("a", b"b")]]


def test_a_large_record_passes(world: World) -> None:
    topics = [world.topic(name, 1, {"max.message.bytes": "20000000"}) for name in ("in", "out")]
    value = bytes(range(256)) * 40_000  # 10 MB
    world.append(topics[0], [b"small", value])
    log = world.log()
    listener = join(log, [topics[0]])
    source, target = (TopicPartition(topic, 0) for topic in topics)
    rows = drain(log, listener, 2)[source]
    assert values(rows) == [b"small", value]
    log.commit(transaction(log, [output(topics[1], [value, b"after"])], {source: 2}))
    assert values(read(log, target, 0, 2)) == [value, b"after"]


def test_many_partitions_of_two_topics(world: World) -> None:
    topics = [world.topic(name, partitions=12) for name in ("features", "labels")]
    sources = [TopicPartition(topic, index) for topic in topics for index in range(12)]
    contents = {source: numbered(5, start=10 * index) for index, source in enumerate(sources)}
    world.admin.append([output(*source[:1], contents[source], source[1]) for source in sources])
    log = world.log()
    listener = join(log, topics, sources)
    assert listener.held == set(sources)
    rows = drain(log, listener, 5 * len(sources))
    assert {source: values(found) for source, found in rows.items()} == contents
    log.commit(transaction(log, offsets=dict.fromkeys(sources, 5)))
    assert log.committed(sources) == {source: Committed(5, "") for source in sources}


def test_a_zombie_is_fenced_and_writes_nothing(world: World) -> None:
    inputs, outputs = world.topic("in"), world.topic("out")
    world.append(inputs, numbered(4))
    source, target = TopicPartition(inputs, 0), TopicPartition(outputs, 0)
    zombie = world.log("same")
    join(zombie, [inputs])
    zombie.commit(transaction(zombie, [output(outputs, [b"old"])], {source: 1}))
    successor = world.log("same")
    successor.subscribe([inputs], RecordingListener())
    with pytest.raises(FencedError):
        zombie.commit(transaction(zombie, [output(outputs, [b"zombie"])], {source: 4}))
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
