"""What the watchdog makes of a real broker: markers, aborted records, open transactions.

Its rules and its timing, with a log moved by hand: tests/stream/watchdog/.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import kafka
import pytest

from stream.log.base import TopicPartition
from stream.log.kafka import KafkaLog
from stream.watchdog.held_outputs import HeldOutputs
from stream.watchdog.stalled_inputs import StalledInputs
from tests.stream.log.worlds import KafkaWorld
from tests.stream.watchdog.worlds import ManualClock

pytestmark = pytest.mark.kafka


@pytest.fixture
def producer(kafka_broker: str) -> Iterator[Any]:
    opened = kafka.KafkaProducer(
        bootstrap_servers=kafka_broker, transactional_id=f"other-{uuid.uuid4().hex[:8]}"
    )
    opened.init_transactions()
    yield opened
    opened.close(timeout=2)


class Looking:
    """The log's watchdog, at a position of one input."""

    def __init__(self, log: KafkaLog, source: TopicPartition) -> None:
        self.clock, self.source, self.position = ManualClock(), source, 0
        lifecycle: Any = SimpleNamespace(positions=lambda: {source: self.position})
        self.inputs = StalledInputs(log, lifecycle, self.clock, time.time)

    def reasons(self) -> list[str]:
        """Everything that stands still after half a minute at the same position."""
        list(self.inputs.look())
        for _ in range(3):
            self.inputs.polled(is_full=False)
        self.clock.now_s += 31
        return [trouble.reason for trouble in self.inputs.look()]


def write(producer: Any, topic: str, value: bytes) -> None:
    producer.begin_transaction()
    producer.send(topic, value, partition=0)
    producer.flush()


def test_markers_and_aborted_records_are_nothing_to_read_and_records_are(
    world: KafkaWorld, producer: Any
) -> None:
    topic = world.topic()
    log: Any = world.log()
    looking = Looking(log, TopicPartition(topic, 0))
    write(producer, topic, b"0")
    producer.commit_transaction()
    looking.position = 1
    assert log.bounds(looking.source).end == 2
    assert looking.reasons() == []
    write(producer, topic, b"2")
    producer.abort_transaction()
    assert log.bounds(looking.source).end == 4
    assert looking.reasons() == []
    world.append(topic, [b"4"])
    assert looking.reasons() == [f"{topic}[0]@1: no record came for 31 s, though there are more"]
    looking.position = 5
    assert looking.reasons() == []


def test_whose_open_transaction_holds_an_input_or_an_output_back(
    world: KafkaWorld, producer: Any
) -> None:
    topic = world.topic()
    log: Any = world.log()
    looking = Looking(log, TopicPartition(topic, 0))
    write(producer, topic, b"0")
    list(looking.inputs.look())
    looking.clock.now_s += 31
    list(looking.inputs.look())  # written a moment ago: nobody knows yet that it stays open
    looking.clock.now_s += 31
    (trouble,) = looking.inputs.look()
    identity = producer._transaction_manager.producer_id_and_epoch.producer_id
    assert f"a transaction of producer {identity} " in trouble.reason
    assert "open from offset 0 on for 31 s" in trouble.reason

    lifecycle: Any = SimpleNamespace(statuses=[SimpleNamespace(partition=0)])
    later = HeldOutputs(log, lifecycle, (topic,), 10.0, looking.clock, lambda: time.time() + 100.0)
    (held,) = later.look()
    assert held.reason.startswith(f"{topic}[0]: readers of committed records wait at offset 0")
    assert f"a transaction of producer {identity} " in held.reason
    assert "`driftgate transactions list CONFIG` says" in held.reason
    producer.abort_transaction()
    log.bounds(looking.source)  # waits for the markers
    assert later.look() == []
    assert list(looking.inputs.look()) == []
