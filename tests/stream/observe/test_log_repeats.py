"""Covers stream.observe.log_repeats: what passes, what is counted, against a plain restatement.

That the handler has it: tests/stream/observe/test_logs.py.
"""

from __future__ import annotations

import logging

from hypothesis import given
from hypothesis import strategies as st

from stream.observe.log_repeats import RepeatLimit


class Clock:
    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


def said(limit: RepeatLimit, logger: str, message: str, *args: object, level: int = 30) -> str:
    """What a line becomes; empty if it is left out."""
    record = logging.LogRecord(logger, level, __file__, 1, message, args, None)
    return record.getMessage() if limit.filter(record) else ""


def test_lines_of_one_kind_are_limited_whatever_their_arguments() -> None:
    clock = Clock()
    limit = RepeatLimit("kafka", 60.0, clock)
    assert said(limit, "kafka.net", "node %s is away", 1) == "node 1 is away"
    clock.seconds = 30.0
    assert said(limit, "kafka.net", "node %s is away", 2) == ""
    assert said(limit, "kafka.net", "node %s is away", 3) == ""
    clock.seconds = 61.0
    assert said(limit, "kafka.net", "node %s is away", 4) == (
        "node 4 is away (2 more like this in 61 s)"
    )
    clock.seconds = 200.0
    assert said(limit, "kafka.net", "node %s is away", 5) == "node 5 is away"


def test_kinds_differ_by_logger_level_and_words_but_not_by_figures() -> None:
    limit = RepeatLimit("kafka", 60.0, Clock())
    assert said(limit, "kafka.net", "attempt 1 failed after 0.05 s")
    assert not said(limit, "kafka.net", "attempt 22 failed after 1.75 s")
    assert said(limit, "kafka.client", "attempt 1 failed after 0.05 s")
    assert said(limit, "kafka.net", "attempt 1 failed after 0.05 s", level=logging.ERROR)
    assert said(limit, "kafka.net", "attempt 1 refused")


def test_addresses_of_objects_are_figures() -> None:
    limit = RepeatLimit("kafka", 60.0, Clock())
    assert said(limit, "kafka.net", "<Task object at 0x7f3bba36bc50> ran for 0.119s")
    assert said(limit, "kafka.net", "<Task object at 0x7f49b814e310> ran for 0.103s") == ""


def test_other_loggers_are_not_limited() -> None:
    limit = RepeatLimit("kafka", 60.0, Clock())
    for name in ("stream.worker.worker", "kafkaesque", "driftgate"):
        assert said(limit, name, "partition held back") == "partition held back"
        assert said(limit, name, "partition held back") == "partition held back"


def test_a_message_that_is_no_text_and_one_with_percent_signs() -> None:
    clock = Clock()
    limit = RepeatLimit("kafka", 60.0, clock)
    for message in (ValueError("away"), "90% full"):
        record = logging.LogRecord("kafka", 30, __file__, 1, message, (), None)
        assert limit.filter(record)
        assert not limit.filter(logging.LogRecord("kafka", 30, __file__, 1, message, (), None))
    clock.seconds = 60.0
    assert said(limit, "kafka", "90% full") == "90% full (1 more like this in 60 s)"


def test_kinds_without_end_take_bounded_memory() -> None:
    limit = RepeatLimit("kafka", 60.0, Clock())
    words = ["".join(chr(97 + int(digit)) for digit in str(index)) for index in range(5000)]
    assert all(said(limit, "kafka", word) for word in words)
    assert len(limit._kinds) <= 512
    assert not said(limit, "kafka", words[-1])


def test_the_kind_that_passed_longest_ago_is_forgotten_first() -> None:
    clock = Clock()
    limit = RepeatLimit("kafka", 60.0, clock)
    words = ["".join(chr(97 + int(digit)) for digit in str(index)) for index in range(514)]
    for word in words[:512]:
        assert said(limit, "kafka", word)
    clock.seconds = 60.0
    assert said(limit, "kafka", words[1])  # among the first, and now the last
    assert all(said(limit, "kafka", word) for word in words[512:])  # in the places of the oldest
    assert not said(limit, "kafka", words[1])
    assert not said(limit, "kafka", words[512])


@given(
    st.lists(
        st.tuples(st.integers(0, 90), st.sampled_from(["away", "refused", "gone"])), max_size=60
    )
)
def test_every_line_is_said_or_counted_and_none_comes_too_soon(
    steps: list[tuple[int, str]],
) -> None:
    clock = Clock()
    limit = RepeatLimit("kafka", 60.0, clock)
    last: dict[str, tuple[float, int]] = {}
    for wait, word in steps:
        clock.seconds += wait
        since, left_out = last.get(word, (-60.0, 0))
        if clock.seconds - since < 60:
            expected = ""
            last[word] = (since, left_out + 1)
        else:
            count = f" ({left_out} more like this in {clock.seconds - since:.0f} s)"
            expected = word + (count if left_out else "")
            last[word] = (clock.seconds, 0)
        assert said(limit, "kafka.net", word) == expected
