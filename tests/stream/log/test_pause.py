"""A pause with records already fetched; the bare client leaves such a partition silent."""

from __future__ import annotations

import pytest

from stream.log.base import TopicPartition
from tests.stream.log.worlds import RecordingListener, World


def test_what_was_fetched_before_a_pause_comes_after_it(world: World) -> None:
    _pause_and_resume_in_turn(world)


@pytest.mark.kafka
def test_what_kafka_had_fetched_before_a_pause_comes_after_it(kafka_broker: str) -> None:
    from tests.stream.log.worlds import KafkaWorld

    world = KafkaWorld(kafka_broker)
    try:
        _pause_and_resume_in_turn(world)
    finally:
        world.close()


def _pause_and_resume_in_turn(world: World) -> None:
    """Read two topics in small polls, with one or the other paused all the time."""
    names = [world.topic("a"), world.topic("b")]
    sources = [TopicPartition(name, 0) for name in names]
    for name in names:
        world.append(name, [b"%d" % number for number in range(500)])
    log = world.log()
    listener = RecordingListener()
    log.subscribe(names, listener)
    while not listener.held:
        log.poll(0.1, 1)
    for source in sources:
        log.seek(source, 0)
    got: dict[TopicPartition, list[bytes | None]] = {source: [] for source in sources}
    for turn in range(400):
        paused, running = sources[turn % 2], sources[1 - turn % 2]
        log.pause([paused])
        log.resume([running])
        for batch in log.poll(0.2, 20):
            got[batch.source] += batch.values
        if all(len(values) == 500 for values in got.values()):
            break
    wanted = [b"%d" % number for number in range(500)]
    assert list(got.values()) == [wanted, wanted]
