"""The clock of one topic: when it moves, when it does not, and that a snapshot resumes."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from stream.labels.topic_clock import BEGINNING, RUN, TopicClock
from tests.reference.fates import clocks

times = st.lists(st.integers(0, 30) | st.just(10**12), max_size=80)


def read(clock: TopicClock, some: list[int]) -> list[int]:
    """The clock after each record."""
    after = []
    for time in some:
        before = clock.time
        assert clock.advance(time) == (clock.time != before)
        after.append(clock.time)
    return after


@given(times)
def test_it_is_the_smallest_of_a_run_that_lies_beyond_it(some: list[int]) -> None:
    assert read(TopicClock(), some) == clocks(some, RUN)


@given(times, st.integers(0, 80))
def test_a_snapshot_resumes(some: list[int], at: int) -> None:
    whole, first, second = TopicClock(), TopicClock(), TopicClock()
    after = read(whole, some)
    started = read(first, some[:at])
    second.restore(first.snapshot())
    assert started + read(second, some[at:]) == after
    assert second.snapshot().tolist() == whole.snapshot().tolist()


def test_fewer_than_a_run_in_a_row_do_not_move_it() -> None:
    clock = TopicClock()
    read(clock, [5] * RUN)
    read(clock, ([10**12] * (RUN - 1) + [5]) * 20)
    assert clock.time == 5
    read(clock, [10**12] * RUN)
    assert clock.time == 10**12


def test_it_has_not_begun_before_a_run_has_come() -> None:
    clock = TopicClock()
    assert read(clock, list(range(RUN))) == [BEGINNING] * (RUN - 1) + [0]
