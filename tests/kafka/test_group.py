"""The consumer group on a real broker: rebalances between workers, eviction, slow handing over."""

from __future__ import annotations

import json
import logging
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest
from kafka.structs import MemberState

from stream.errors import FencedError, OvertakenError
from stream.log.base import Committed, Identity, Log, OutputBatch, Polled, TopicPartition
from stream.log.kafka import KafkaLog
from tests.stream.log.worlds import (
    KafkaWorld,
    RecordingListener,
    await_assignment,
    begin_at_committed,
    drain,
    join,
    output,
    read,
    transaction,
    values,
)

pytestmark = pytest.mark.kafka

PARTITIONS = 4
ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def _quiet(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL, logger="kafka")


class EchoWorker:
    """Copies one topic to another, and goes on from what was committed after each assignment."""

    def __init__(
        self, world: KafkaWorld, name: str, topics: tuple[str, str], also: Iterable[str] = ()
    ) -> None:
        self.source, self.target = topics
        self.listener = RecordingListener()
        self.log: KafkaLog = world.open_log(name)
        world.stack.callback(self.log.close)
        self.log.subscribe([self.source, *also], self.listener)

    def step(self) -> None:
        batches = self.log.poll(0.05, 20, self.listener.positions).batches
        begin_at_committed(self.log, self.listener)
        for batch in batches:
            self.listener.take([batch])
            target = TopicPartition(self.target, batch.source.partition)
            copied = OutputBatch(target, batch.timestamps, batch.keys, batch.values)
            self.log.commit(transaction(self.log, [copied], {batch.source: batch.offsets[-1] + 1}))


def until(condition: Callable[[], bool], workers: Iterable[EchoWorker]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline, [worker.listener.calls for worker in workers]
        for worker in workers:
            worker.step()


def test_partitions_move_one_by_one_and_every_record_is_copied_once(world: KafkaWorld) -> None:
    topics = world.topic("in", PARTITIONS), world.topic("out", PARTITIONS)
    sources = {TopicPartition(topics[0], index) for index in range(PARTITIONS)}

    def feed(start: int) -> None:
        for index in range(PARTITIONS):
            world.append(topics[0], [b"%d" % i for i in range(start, start + 50)], index)

    def copied(count: int) -> bool:
        return all(
            world.admin.bounds(TopicPartition(topics[1], index)).end >= count
            for index in range(PARTITIONS)
        )

    feed(0)
    first = EchoWorker(world, "first", topics)
    until(lambda: first.listener.held == sources, [first])
    second = EchoWorker(world, "second", topics)
    until(lambda: len(second.listener.held) == 2, [first, second])
    assert first.listener.held | second.listener.held == sources
    assert not first.listener.held & second.listener.held
    moved = sorted(second.listener.held)
    # Cooperative: only what moved was revoked; the rest was never interrupted.
    assert first.listener.calls == [("assigned", sorted(sources)), ("revoked", moved)]
    feed(50)
    until(lambda: copied(100), [first, second])
    second.log.close()
    assert second.listener.calls == [("assigned", moved), ("revoked", moved)]
    feed(100)
    until(lambda: first.listener.held == sources and copied(150), [first])
    for index in range(PARTITIONS):
        target = TopicPartition(topics[1], index)
        found = values(read(world.admin, target, 0, world.admin.bounds(target).end))
        assert found == [b"%d" % i for i in range(150)]


def test_pipelines_of_one_group_that_share_no_topic_work_side_by_side(world: KafkaWorld) -> None:
    names = ("a", "b")
    workers = [
        EchoWorker(world, name, (world.topic(f"{name}.in", 2), world.topic(f"{name}.out", 2)))
        for name in names
    ]
    until(lambda: all(len(worker.listener.held) == 2 for worker in workers), workers)
    for worker in workers:
        world.append(worker.source, [b"1", b"2"], 1)
    targets = [TopicPartition(worker.target, 1) for worker in workers]
    until(lambda: all(world.admin.bounds(at).end >= 2 for at in targets), workers)
    for worker in workers:
        held = [TopicPartition(worker.source, number) for number in range(2)]
        calls = [call for call in worker.listener.calls if call[1]]
        assert calls == [("assigned", held)]  # no partition went to and fro


def test_a_worker_with_more_inputs_takes_over_from_those_with_fewer(world: KafkaWorld) -> None:
    topics = world.topic("in", 2), world.topic("out", 2)
    old = EchoWorker(world, "old", topics)
    until(lambda: len(old.listener.held) == 2, [old])
    new = EchoWorker(world, "new", topics, also=[world.topic("more", 2)])
    until(lambda: len(new.listener.held) == 4, [old, new])
    assert old.listener.held == set()
    assert old.listener.calls[-1][0] == "revoked"


def test_workers_that_never_wait_in_poll_still_join(world: KafkaWorld) -> None:
    """Every join ends between two polls then (`stream/log/kafka/pending_join.py`)."""
    for turn in range(5):
        topic = world.topic(f"t{turn}", partitions=2)
        log, listener = world.log("first"), RecordingListener()
        log.subscribe([topic], listener)
        deadline = time.monotonic() + 15
        while len(listener.held) < 2:
            assert time.monotonic() < deadline, listener.calls
            assert log.poll(0.0, 10, {}) == Polled([])
            time.sleep(0.01)
        log.close()


def test_topics_of_one_number_move_together(world: KafkaWorld) -> None:
    topics = [world.topic("features", PARTITIONS), world.topic("labels", PARTITIONS)]
    logs: list[tuple[Log, RecordingListener]] = []
    for name in ("first", "second"):
        log, listener = world.log(name), RecordingListener()
        log.subscribe(topics, listener)
        logs.append((log, listener))
    deadline = time.monotonic() + 20
    while [len(listener.held) for _, listener in logs] != [4, 4]:
        assert time.monotonic() < deadline, [listener.calls for _, listener in logs]
        for log, _ in logs:
            log.poll(0.05, 10, {})
    for _, listener in logs:
        numbers = [{tp.partition for tp in listener.held if tp.topic == topic} for topic in topics]
        assert numbers[0] == numbers[1]


def test_an_evicted_worker_commits_nothing_and_comes_back(world: KafkaWorld) -> None:
    world.config |= {"poll_interval_max": "2s", "revoke_budget": "1s"}
    inputs, outputs = world.topic("in"), world.topic("out")
    source, target = TopicPartition(inputs, 0), TopicPartition(outputs, 0)
    world.append(inputs, [b"a", b"b"])
    sleeper = world.log("sleeper")
    listener = join(sleeper, [inputs])
    drain(sleeper, listener, 2)
    time.sleep(2.5)  # longer than a worker may go without polling
    other = world.log("other")
    join(other, [inputs])
    other.commit(transaction(other, [output(outputs, [b"other"])], {source: 1}))
    before = sleeper.identity
    with pytest.raises(OvertakenError, match="sleeper"):
        sleeper.commit(transaction(sleeper, [output(outputs, [b"zombie"])], {source: 2}))
    sleeper.reopen()
    assert sleeper.committed([source]) == {source: Committed(1, "")}
    sleeper.poll(0.05, 10, {})
    assert listener.calls == [("assigned", [source]), ("lost", [source])]
    other.close()
    deadline = time.monotonic() + 15
    while not listener.held and time.monotonic() < deadline:
        sleeper.poll(0.05, 10, {})
    assert sleeper.identity != before
    begin_at_committed(sleeper, listener)
    assert values(drain(sleeper, listener, 1)[source]) == [b"b"]
    sleeper.commit(transaction(sleeper, [output(outputs, [b"sleeper"])], {source: 2}))
    end = world.admin.bounds(target).end
    assert values(read(world.admin, target, 0, end)) == [b"other", b"sleeper"]


class SlowListener(RecordingListener):
    """Takes longer over handing over than a session lasts."""

    def revoked(self, partitions: Iterable[TopicPartition]) -> None:
        time.sleep(3.0)
        super().revoked(partitions)


def test_handing_over_may_take_longer_than_the_session(world: KafkaWorld) -> None:
    topic = world.topic(partitions=2)
    second = world.log("second")
    world.config |= {"session_timeout": "1500ms"}
    first = world.log("first")
    slow, quick = SlowListener(), RecordingListener()
    first.subscribe([topic], slow)
    deadline = time.monotonic() + 30
    while len(slow.held) < 2 and time.monotonic() < deadline:
        first.poll(0.05, 10, {})
    second.subscribe([topic], quick)
    while not quick.held and time.monotonic() < deadline:
        first.poll(0.05, 10, {})
        second.poll(0.05, 10, {})
    assert [call for call, _ in slow.calls] == ["assigned", "revoked"]
    assert slow.held | quick.held == {TopicPartition(topic, 0), TopicPartition(topic, 1)}


class BrokenListener(RecordingListener):
    def assigned(self, partitions: Iterable[TopicPartition]) -> None:
        raise ZeroDivisionError("a mistake in the listener")


def test_what_the_listener_raises_comes_out_of_poll(world: KafkaWorld) -> None:
    topic = world.topic()
    log = world.log()
    log.subscribe([topic], BrokenListener())
    with pytest.raises(ZeroDivisionError, match="a mistake"):
        await_assignment(log, RecordingListener())


def test_a_pause_ends_with_the_assignment(world: KafkaWorld) -> None:
    """A partition that goes away paused and comes back is read again once it is sought."""
    topic = world.topic(partitions=2)
    worker = EchoWorker(world, "first", (topic, world.topic("out", 2)))
    until(lambda: len(worker.listener.held) == 2, [worker])
    for _ in range(5):
        worker.log.poll(0.05, 20, {})  # asks for nothing
    second = EchoWorker(world, "second", (topic, worker.target))
    until(lambda: len(second.listener.held) == 1, [worker, second])
    (moved,) = second.listener.held
    second.log.close()
    until(lambda: len(worker.listener.held) == 2, [worker])
    world.append(topic, [b"x"], moved.partition)
    target = TopicPartition(worker.target, moved.partition)
    until(lambda: world.admin.bounds(target).end > 0, [worker])
    assert values(read(world.admin, target, 0, 1)) == [b"x"]


def test_a_worker_outside_of_the_group_commits_no_offsets(world: KafkaWorld) -> None:
    """A broker takes offsets of a transaction that names no member."""
    inputs, outputs = world.topic("in"), world.topic("out")
    source, target = TopicPartition(inputs, 0), TopicPartition(outputs, 0)
    log = world.log()
    join(log, [inputs])
    log.rejoin()
    with pytest.raises(OvertakenError, match="must be made as a member"):
        log.commit(transaction(log, [output(outputs, [b"x"])], {source: 1}))
    log.reopen()
    assert log.committed([source]) == {source: None}
    assert log.bounds(target).end == 0


def test_the_identity_changes_with_the_assignment_and_not_before(
    world: KafkaWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    topic = world.topic()
    log: KafkaLog = world.open_log("w")
    world.stack.callback(log.close)
    listener = join(log, [topic])
    joined = log.identity
    real = log._membership._consumer.group_metadata()

    def pretend(generation: int, state: str) -> None:
        changed = real._replace(generation_id=generation, state=state)
        monkeypatch.setattr(log._membership._consumer, "group_metadata", lambda: changed)
        log.poll(0.0, 10, listener.positions)

    pretend(joined.generation + 1, MemberState.REBALANCING)
    assert log.identity == joined
    pretend(joined.generation + 1, MemberState.STABLE)
    assert log.identity == Identity(joined.member, joined.generation + 1)
    pretend(-1, MemberState.UNJOINED)
    assert log.identity == Identity("", -1)


@pytest.mark.parametrize("ending", ["killed", "closed"])
def test_a_static_member_that_comes_back_keeps_its_partitions(
    world: KafkaWorld, ending: str
) -> None:
    world.config |= {"static_membership": True, "session_timeout": "30s"}
    topic = world.topic(partitions=4)
    first, second = world.log("first"), RecordingListener()
    quick = RecordingListener()
    script = textwrap.dedent(STATIC_MEMBER)
    command = [sys.executable, "-c", script, json.dumps(world.config), world.name, topic]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=ROOT, stdin=pipe, stdout=pipe, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "joined\n"
        first.subscribe([topic], quick)
        while len(quick.held) < 2:
            first.poll(0.1, 10, {})
        for _ in range(10):  # the rebalance ends for both of them
            first.poll(0.1, 10, {})
        if ending == "killed":
            process.send_signal(signal.SIGKILL)
    given = sorted(quick.held)
    again = world.log("second")
    started = time.monotonic()
    again.subscribe([topic], second)
    while len(second.held) < 2 and time.monotonic() - started < 25:
        first.poll(0.05, 10, {})
        again.poll(0.05, 10, {})
    assert time.monotonic() - started < 5  # far less than a session
    assert sorted(quick.held) == given
    assert second.held | quick.held == {TopicPartition(topic, index) for index in range(4)}
    again.commit(transaction(again, offsets=dict.fromkeys(second.held, 1)))


def test_a_static_member_may_rejoin(world: KafkaWorld) -> None:
    world.config |= {"static_membership": True, "session_timeout": "30s"}
    topic = world.topic()
    source = TopicPartition(topic, 0)
    world.append(topic, [b"a", b"b"])
    log = world.log()
    listener = join(log, [topic])
    drain(log, listener, 2)
    log.commit(transaction(log, offsets={source: 1}))
    started, before = time.monotonic(), log.identity
    log.rejoin()
    await_assignment(log, listener)
    assert time.monotonic() - started < 5
    assert log.identity != before
    begin_at_committed(log, listener)
    assert values(drain(log, listener, 1)[source]) == [b"b"]
    log.commit(transaction(log, offsets={source: 2}))


def test_two_workers_of_one_static_name(world: KafkaWorld) -> None:
    world.config |= {"static_membership": True, "session_timeout": "6s"}
    topic = world.topic()
    older, newer = world.log("same"), world.log("same")
    listener = join(older, [topic])
    stale = transaction(older, offsets={TopicPartition(topic, 0): 1})
    second = join(newer, [topic])
    with pytest.raises(FencedError, match="same"):
        older.commit(stale)
    with pytest.raises(FencedError, match="same"):
        poll_for(10.0, older, listener)
    poll_for(1.0, newer, second)
    assert newer.committed([TopicPartition(topic, 0)]) == {TopicPartition(topic, 0): None}


def poll_for(seconds: float, log: Log, listener: RecordingListener) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        log.poll(0.1, 10, listener.positions)


STATIC_MEMBER = """
    import json, select, sys
    from stream.config.log import KafkaLog
    from stream.log.kafka import KafkaLog as KafkaWorker, KafkaSettings
    from tests.stream.log.worlds import RecordingListener

    section = KafkaLog.model_validate({**json.loads(sys.argv[1]), "worker": "second"})
    log, listener = KafkaWorker(KafkaSettings(section, sys.argv[2])), RecordingListener()
    log.subscribe([sys.argv[3]], listener)
    while len(listener.held) < 4:
        log.poll(0.1, 10, {})
    print("joined", flush=True)
    while not select.select([sys.stdin], [], [], 0)[0]:
        log.poll(0.1, 10, {})
    log.close()
"""
