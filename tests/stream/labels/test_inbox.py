"""Inboxes and the order of turns; what the records mean is in test_labels.py and test_task.py."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.labels.inbox import EVENT, LABEL, DeadLetter, Inbox, Records, interleave
from stream.log.base import RecordBatch, TopicPartition

SOURCE = TopicPartition("t", 0)


def batch(*offsets: int) -> RecordBatch:
    count = len(offsets)
    return RecordBatch(SOURCE, list(offsets), [0] * count, [None] * count, [b"x"] * count)


def records(*offsets: int) -> Records:
    count = len(offsets)
    return Records(
        [f"e{o}" for o in offsets],
        list(offsets),
        [None] * count,
        [None] * count,
        list(offsets),
        [0] * count,
        [None] * count,
        [b"x"] * count,
    )


def dead(offset: int) -> DeadLetter:
    return DeadLetter(SOURCE, offset, 0, None, b"x", "malformed", "why")


def test_taking_everything_moves_past_the_last_record() -> None:
    inbox = Inbox(SOURCE, 5)
    inbox.add(batch(5, 6, 9), records(5, 6, 9), [])
    taken = inbox.take(3)
    assert (taken.first, taken.next_offset) == (5, 10)
    assert taken.records.ids == ["e5", "e6", "e9"]
    assert len(inbox) == 0


def test_taking_a_part_stops_after_the_last_record_taken_not_before_the_next() -> None:
    inbox = Inbox(SOURCE, 0)
    inbox.add(batch(0, 1, 4), records(0, 1, 4), [])
    assert inbox.take(2).next_offset == 2
    assert inbox.take(1).first == 2


def test_unreadable_records_leave_with_those_around_them() -> None:
    inbox = Inbox(SOURCE, 0)
    inbox.add(batch(0, 1, 2, 3, 4), records(0, 2, 4), [dead(1), dead(3)])
    assert len(inbox) == 5
    first, second = inbox.take(1), inbox.take(0)
    assert (first.count, second.count, len(inbox)) == (2, 0, 3)
    assert [letter.offset for letter in first.dead] == [1]
    assert first.next_offset == 2
    assert (second.first, second.next_offset, second.dead) == (2, 2, [])
    assert [letter.offset for letter in inbox.take(2).dead] == [3]


def test_a_batch_of_unreadable_records_only_can_be_taken() -> None:
    inbox = Inbox(SOURCE, 0)
    inbox.add(batch(0, 1), Records(), [dead(0), dead(1)])
    taken = inbox.take(0)
    assert (len(taken.dead), taken.next_offset) == (2, 2)


def test_a_batch_must_follow_the_one_before_and_be_of_the_same_partition() -> None:
    inbox = Inbox(SOURCE, 5)
    inbox.add(batch(), Records(), [])
    inbox.add(batch(5, 7), records(5, 7), [])
    assert inbox.end == 8
    with pytest.raises(AssertionError, match="must follow"):
        inbox.add(batch(7, 8), records(7, 8), [])
    other = RecordBatch(TopicPartition("t", 1), [8], [0], [None], [b"x"])
    with pytest.raises(AssertionError):
        inbox.add(other, records(8), [])
    assert (inbox.end, len(inbox)) == (8, 2)


def test_events_go_before_labels_of_the_same_time() -> None:
    turns = interleave([1, 2], [1, 2], more_events=False, more_labels=False)
    assert turns == [EVENT, LABEL, EVENT, LABEL]


def test_a_topic_waits_for_the_other_only_while_that_holds_more() -> None:
    assert interleave([1, 2], [], more_events=False, more_labels=True) == []
    assert interleave([1, 2], [], more_events=False, more_labels=False) == [EVENT, EVENT]
    assert interleave([], [7], more_events=True, more_labels=False) == []


times = st.lists(st.integers(0, 9), max_size=30)


@given(times, times, st.lists(st.tuples(st.integers(0, 7), st.integers(0, 7)), max_size=12))
def test_the_order_does_not_depend_on_how_batches_were_cut(
    events: list[int], labels: list[int], cuts: list[tuple[int, int]]
) -> None:
    whole = interleave(events, labels, more_events=False, more_labels=False)
    seen: list[int] = []
    at = [0, 0]
    end = [0, 0]
    for more_events, more_labels in [*cuts, (len(events), len(labels))]:
        end = [min(end[0] + more_events, len(events)), min(end[1] + more_labels, len(labels))]
        turns = interleave(
            events[at[0] : end[0]],
            labels[at[1] : end[1]],
            more_events=end[0] < len(events),
            more_labels=end[1] < len(labels),
        )
        at = [at[0] + turns.count(EVENT), at[1] + turns.count(LABEL)]
        seen += turns
    assert seen == whole
