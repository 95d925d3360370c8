"""Covers stream.recovery.replay: cutting batches at offsets, comparing what a replayed step took.

Whole replays, with settings and lives, are in tests/replay/.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.errors import InvariantError, RecoveryError
from stream.journal import JournalEntry, Range
from stream.log.base import RecordBatch, TopicPartition
from stream.recovery.replay import RangeReader, reached, run_again
from stream.task import PartitionTask, Step
from stream.topology import build_parts
from tests.builders import EVENTS, LABELS, batch, event, toy_config

SPLIT = toy_config(labels={"source": "topic", "max_delay": "1h"})


def piece(*offsets: int) -> RecordBatch:
    count = len(offsets)
    return RecordBatch(EVENTS, list(offsets), [0] * count, [None] * count, [b"x"] * count)


def taken(reader: RangeReader, end: int) -> list[int | None]:
    """Offsets of what comes; None for a moment without records."""
    return [
        offset
        for got in reader.until(end)
        for offset in ([None] if got is None else list(got.offsets))
    ]


@given(
    st.lists(st.lists(st.integers(1, 3), max_size=4), max_size=6),
    st.lists(st.integers(0, 9), max_size=6),
)
def test_every_record_comes_once_in_its_range(steps: list[list[int]], widths: list[int]) -> None:
    """Batches with gaps between offsets, cut at any places."""
    at, batches = 0, []
    for gaps in steps:
        offsets = [at := at + gap for gap in gaps]
        batches.append(piece(*offsets))
    everything = [offset for got in batches for offset in got.offsets]
    reader, start = RangeReader(iter(batches)), 0
    for width in [*widths, 1000]:
        end = start + width
        came = [offset for offset in taken(reader, end) if offset is not None]
        assert came == [offset for offset in everything if start <= offset < end]
        start = end


def test_the_stream_is_asked_for_no_more_once_the_range_is_whole() -> None:
    def endless() -> Iterator[RecordBatch]:
        yield piece(0, 1, 2)
        raise AssertionError("nothing more is needed")

    reader = RangeReader(endless())
    assert taken(reader, 2) == [0, 1]
    assert taken(reader, 3) == [2]


def test_a_moment_without_records_is_not_the_end() -> None:
    reader = RangeReader(iter([piece(), piece(0), piece(), piece(1)]))
    assert taken(reader, 2) == [None, 0, None, 1]


def new_task(first: int = 0) -> PartitionTask:
    return PartitionTask(build_parts(SPLIT, 0), {EVENTS.topic: first, LABELS.topic: 0})


def ran(bad: bytes = b"{") -> tuple[Step, RecordBatch]:
    """A step over ten events, one of them unreadable, and no label."""
    values = [event(a=n / 10) for n in range(9)]
    events = batch(EVENTS, [*values[:4], bad, *values[4:]])
    task = new_task()
    task.accept(events)
    step = task.step({EVENTS.topic: False, LABELS.topic: False}, 100)
    assert step is not None
    return step, events


def none_read() -> Iterator[RecordBatch]:
    raise AssertionError("an empty range needs no reading")
    yield piece()


def test_a_step_is_taken_again_and_its_records_are_counted() -> None:
    step, events = ran()
    task = new_task()
    columns = (events.offsets, events.timestamps, events.keys, events.values)
    halves = [
        RecordBatch(EVENTS, *(column[half] for column in columns))
        for half in (slice(0, 5), slice(5, 10))
    ]
    readers = {EVENTS.topic: RangeReader(iter([halves[0], piece(), halves[1]])),
               LABELS.topic: RangeReader(none_read())}  # fmt: skip
    assert list(run_again(task, step.entry, readers)) == [None, 10]
    assert (task.steps, task.offsets) == (1, {EVENTS: 10, LABELS: 0})


def again(entry: JournalEntry, events: RecordBatch) -> None:
    readers = {topic: RangeReader(iter([events])) for topic in entry.ranges}
    list(run_again(new_task(), entry, readers))


def entry_with(step: Step, **changes: int) -> JournalEntry:
    found = step.entry.ranges[EVENTS.topic]
    values = {"first": found.first, "next": found.next, "count": found.count, "crc": found.crc}
    empty = step.entry.ranges[LABELS.topic]
    return JournalEntry(0, {EVENTS.topic: Range(**(values | changes)), LABELS.topic: empty})


@pytest.mark.parametrize("changes", [{"count": 9}, {"crc": 1}, {"count": 9, "crc": 1}])
def test_other_records_than_those_of_the_step_are_noticed(changes: dict[str, int]) -> None:
    step, events = ran()
    with pytest.raises(RecoveryError, match=r"toy.features\[0\]@0..10, step 0: replay must find"):
        again(entry_with(step, **changes), events)


def test_a_range_of_a_version_that_did_not_count_is_taken() -> None:
    step, events = ran()
    again(entry_with(step, count=-1, crc=0), events)


def test_a_step_of_good_records_alone_is_taken_whole() -> None:
    step, events = ran(bad=event())
    again(step.entry, events)


@pytest.mark.parametrize("left", [[], [0, 1, 2], [0, 1, 2, 3, 4, 5, 6, 7, 8]])
def test_records_that_are_gone_at_the_end_of_a_range_are_noticed(left: list[int]) -> None:
    step, events = ran()
    columns = (events.offsets, events.timestamps, events.keys, events.values)
    kept = RecordBatch(EVENTS, *([column[i] for i in left] for column in columns))
    with pytest.raises(RecoveryError, match="replay must end where the step ended"):
        again(entry_with(step), kept)


def test_a_replay_ends_at_the_committed_offsets_and_step() -> None:
    task = new_task(first=4)
    at = {EVENTS.topic: 4, LABELS.topic: 0}
    reached(task, at, 0)
    for offsets, steps in ((at, 1), ({**at, LABELS.topic: 1}, 0), ({EVENTS.topic: 4}, 0)):
        with pytest.raises(InvariantError, match="replay must end at the committed offsets"):
            reached(task, offsets, steps)


def test_the_errors_name_the_partition() -> None:
    step, events = ran()
    with pytest.raises(RecoveryError, match="--partition 0 --to journal"):
        again(entry_with(step, crc=1), events)
    assert TopicPartition(EVENTS.topic, 0) == EVENTS
