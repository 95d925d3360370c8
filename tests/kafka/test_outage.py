"""The broker itself dies and comes back: commits end in time, and nothing is lost or repeated."""

from __future__ import annotations

import logging
import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import pytest

from deploy.kafka import dev_broker
from stream.errors import CommitUncertainError, LogUnavailableError, OvertakenError
from stream.log.base import Committed, OutputBatch, TopicPartition
from stream.log.kafka import KafkaLog
from tests.stream.log.worlds import (
    KafkaWorld,
    RecordingListener,
    join,
    output,
    read,
    transaction,
    values,
)

pytestmark = pytest.mark.kafka

T = TypeVar("T")


@pytest.fixture
def own_broker(dev_kafka: dev_broker.Broker, tmp_path: Path) -> Iterator[dev_broker.Broker]:
    """Start a broker that may be killed; the session's shows that one can be had here."""
    del dev_kafka
    broker = dev_broker.start(data=tmp_path / "data", state=tmp_path / "state")
    yield broker
    dev_broker.stop(broker)


def test_a_killed_broker_leaves_doubt_until_it_is_back(
    own_broker: dev_broker.Broker, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL, logger="kafka")
    world = KafkaWorld(own_broker.bootstrap, request_timeout="1s", commit_timeout="3s")
    inputs, outputs = world.topic("in"), world.topic("out")
    source, target = TopicPartition(inputs, 0), TopicPartition(outputs, 0)
    log: KafkaLog = world.open_log("w")
    listener = join(log, [inputs])
    log.commit(transaction(log, [output(outputs, [b"before"])], {source: 1}))
    world.append(inputs, [b"x"])

    during = transaction(log, [output(outputs, [b"during"])], {source: 2})
    os.kill(own_broker.pids[0], signal.SIGKILL)
    started = time.monotonic()
    with pytest.raises(CommitUncertainError):
        log.commit(during)
    assert time.monotonic() - started < 8
    with pytest.raises(LogUnavailableError, match="refused"):
        log.reopen()
    assert log.poll(0.2, 10, listener.positions).batches == []

    dev_broker.restart_node(own_broker, 0)
    patiently(log.reopen)
    assert patiently(lambda: log.committed([source])) == {source: Committed(1, "")}
    end = patiently(lambda: log.bounds(target)).end
    assert patiently(lambda: values(read(log, target, 0, end))) == [b"before"]
    _commit_in_the_end(log, listener, [output(outputs, [b"after"])], {source: 2})
    end = log.bounds(target).end
    assert values(read(log, target, 0, end)) == [b"before", b"after"]
    log.close()
    world.close()


def test_close_ends_in_time_though_nobody_answers(
    own_broker: dev_broker.Broker, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL, logger="kafka")
    world = KafkaWorld(own_broker.bootstrap, request_timeout="10s", commit_timeout="30s")
    topic = world.topic()
    log: KafkaLog = world.open_log("w")
    listener = join(log, [topic])
    source = TopicPartition(topic, 0)
    log.commit(transaction(log, [output(topic, [b"x"])], {source: 0}))
    log.bounds(source)
    os.kill(own_broker.pids[0], signal.SIGSTOP)  # takes connections, and answers nothing
    started = time.monotonic()
    log.close(timeout_s=4.0)
    assert time.monotonic() - started < 5.0
    assert listener.held == set()
    os.kill(own_broker.pids[0], signal.SIGKILL)
    world.close()


def patiently(call: Callable[[], T]) -> T:
    """Call again while the log cannot be reached, as a worker does."""
    deadline = time.monotonic() + 60
    while True:
        try:
            return call()
        except LogUnavailableError:
            assert time.monotonic() < deadline
            time.sleep(0.2)


def _commit_in_the_end(
    log: KafkaLog,
    listener: RecordingListener,
    outputs: list[OutputBatch],
    offsets: dict[TopicPartition, int],
) -> None:
    """Commit, though the group may have given this worker up while the broker was away."""
    deadline = time.monotonic() + 30
    while True:
        log.poll(0.2, 10, listener.positions)
        try:
            log.commit(transaction(log, outputs, offsets))
            return
        except (CommitUncertainError, OvertakenError):
            assert time.monotonic() < deadline
            log.reopen()
