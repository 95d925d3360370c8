"""The watchdog and partitions that end with markers; the rest is in test_watchdog.py."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from stream.clock import SystemClock
from stream.log.base import Bounds, RecordBatch, TopicPartition
from stream.observer import Observer
from stream.watchdog import LOOK_S, STALL_S, Watchdog
from tests.builders import EVENTS, batch, toy_config


class _Clock(SystemClock):
    now = 0.0

    def monotonic(self) -> float:
        return self.now


class _Positions:
    def positions(self) -> dict[TopicPartition, int]:
        return {EVENTS: 10}

    def running(self) -> dict[int, Any]:
        return {}


class _Log:
    """A partition that ends at 11, with what stands at 10 given."""

    def __init__(self, last: RecordBatch) -> None:
        self.last = last
        self.fetched_anew = 0

    def bounds(self, source: TopicPartition) -> Bounds:
        return Bounds(0, 11)

    def read(self, source: TopicPartition, start: int, end: int) -> Iterator[RecordBatch]:
        assert (start, end) == (10, 11)
        yield self.last

    def refetch(self, sources: object) -> None:
        self.fetched_anew += 1

    def partition_counts(self, topics: list[str]) -> dict[str, int]:
        return dict.fromkeys(topics, 1)


def _watch(log: _Log) -> None:
    clock = _Clock()
    watchdog = Watchdog(toy_config(), log, _Positions(), clock, Observer())  # type: ignore[arg-type]
    while clock.now < 1.5 * STALL_S:
        clock.now += LOOK_S
        watchdog.look()


def test_a_marker_at_the_end_of_a_partition_is_nothing_to_wait_for() -> None:
    log = _Log(batch(EVENTS, []))
    _watch(log)
    assert log.fetched_anew == 0


def test_a_record_that_does_not_come_is_fetched_anew() -> None:
    log = _Log(batch(EVENTS, [b"{}"], first=10))
    _watch(log)
    assert log.fetched_anew == 1
