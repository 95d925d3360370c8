"""The matrix's judgement, on made-up logs: what is wrong is counted, what is right is not.

Whether the pipeline deserves it: `tests/kafka/test_matrix_short.py`, `python -m tests.matrix`.
"""

from __future__ import annotations

import itertools
from collections import Counter

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.matrix.committed import Record
from tests.matrix.sampling import slope
from tests.matrix.verdict import (
    commit_gaps,
    differing,
    journal_tears,
    judge_predictions,
    longest_gap_s,
    quantile,
)


def prediction(number: int, name: str | None = None) -> Record:
    value = msgspec.json.encode({"id": name or f"0-{number}", "source": {"offset": number}})
    return Record(0, number, 0, b"", value, {})


def entry(step: int, first: int, end: int, at_ms: int = 0, partition: int = 0) -> Record:
    value = msgspec.json.encode({"step": step, "ranges": {"f": [first, end]}})
    return Record(partition, step, at_ms, b"", value, {})


def ids(count: int) -> dict[int, list[bytes]]:
    return {0: [b"0-%d" % number for number in range(count)]}


def test_a_whole_run_has_no_faults() -> None:
    outcome = judge_predictions({0: [prediction(n) for n in range(5)]}, ids(5))
    assert (outcome.predictions, outcome.faults()) == (5, 0)


@given(st.lists(st.integers(0, 9), max_size=30))
def test_duplicates_and_missing_are_what_a_multiset_says(numbers: list[int]) -> None:
    outcome = judge_predictions({0: [prediction(n) for n in numbers]}, ids(10))
    counts = Counter(numbers)
    assert outcome.duplicates == sum(count - 1 for count in counts.values())
    assert outcome.missing == 10 - len(counts)
    falls = sum(after < before for before, after in itertools.pairwise(numbers))
    assert outcome.disordered == falls


def test_a_prediction_of_no_event_is_a_stranger() -> None:
    assert judge_predictions({0: [prediction(0, "who")]}, ids(0)).strangers == 1


def test_a_partition_without_predictions_is_missing_whole() -> None:
    assert judge_predictions({}, ids(3)).missing == 3


def test_other_values_have_other_digests() -> None:
    first = judge_predictions({0: [prediction(0), prediction(1)]}, ids(2))
    second = judge_predictions({0: [prediction(1), prediction(0)]}, ids(2))
    assert differing(first.digests, second.digests) == [0]
    assert differing(first.digests, first.digests) == []
    assert differing({0: "a"}, {0: "a", 1: "b"}) == [1]


def test_a_journal_that_goes_on_has_no_tear() -> None:
    assert journal_tears({0: [entry(0, 0, 5), entry(1, 5, 9), entry(2, 9, 9)]}) == []


@pytest.mark.parametrize(
    ("records", "word"),
    [
        ([entry(0, 0, 5), entry(2, 5, 9)], "step 2 after 0"),
        ([entry(0, 0, 5), entry(1, 5, 9), entry(1, 5, 9)], "step 1 after 1"),
        ([entry(0, 0, 5), entry(1, 3, 9)], "f@3 is taken twice"),
        ([entry(1, 0, 5)], "step 1 after -1"),
    ],
)
def test_a_journal_that_does_not_go_on_is_torn(records: list[Record], word: str) -> None:
    assert any(word in tear for tear in journal_tears({0: records}))


def test_gaps_are_between_commits_of_one_partition() -> None:
    gaps = commit_gaps(
        {
            0: [entry(0, 0, 1, 1000), entry(1, 1, 2, 4000)],
            1: [entry(0, 0, 1, 2000, 1), entry(1, 1, 2, 2500, 1)],
        }
    )
    assert gaps == {0: [(1000, 4000)], 1: [(2000, 2500)]}
    assert longest_gap_s(gaps) == 3.0


@given(st.lists(st.floats(0, 100), min_size=1), st.floats(0.01, 1.0))
def test_a_quantile_is_the_smallest_value_that_enough_do_not_exceed(
    values: list[float], part: float
) -> None:
    found = quantile(values, part)
    assert sum(value <= found for value in values) >= part * len(values)
    assert sum(value < found for value in values) < part * len(values)


def test_the_slope_of_a_line_is_found() -> None:
    assert slope([(x, 3 * x + 1) for x in (0.0, 1.0, 5.0)]) == pytest.approx(3.0)
    assert slope([(1.0, 2.0)]) == 0.0
