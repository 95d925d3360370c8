"""A pause with records already fetched; the bare client leaves such a partition silent."""

from __future__ import annotations

from collections.abc import Callable

from stream.log.base import Log, TopicPartition
from tests.stream.log.worlds import RecordingListener, World, join


def test_what_was_fetched_before_a_pause_comes_after_it(world: World) -> None:
    first, second = (TopicPartition(world.topic(name), 0) for name in "ab")
    for source in (first, second):
        world.append(source.topic, [b"%d" % number for number in range(500)])
    log = world.log()
    listener = join(log, [first.topic, second.topic], [first, second])
    got: dict[TopicPartition, list[bytes | None]] = {first: [], second: []}
    positions = listener.positions
    _poll_until(
        log, listener, got, lambda: bool(got[first] and got[second]) or len(got[first]) > 400
    )
    held_back = positions.pop(first)
    _poll_until(log, listener, got, lambda: len(got[second]) == 500)
    positions[first] = held_back
    _poll_until(log, listener, got, lambda: len(got[first]) == 500)
    wanted = [b"%d" % number for number in range(500)]
    assert list(got.values()) == [wanted, wanted]


def _poll_until(
    log: Log,
    listener: RecordingListener,
    got: dict[TopicPartition, list[bytes | None]],
    enough: Callable[[], bool],
) -> None:
    for _ in range(100):
        if enough():
            return
        batches = log.poll(0.1, 20, listener.positions).batches
        listener.take(batches)
        for batch in batches:
            got[batch.source] += batch.values
    counts = {source.topic: len(values) for source, values in got.items()}
    raise AssertionError(f"the log has gone silent after {counts}")
