"""Names of lives. What is refused because of them: tests/replay/test_reset.py."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.recovery.life import Life, same_life, topics_digest

LIVES = st.builds(Life, st.integers(0, 10**12), st.text("0123456789abcdef", min_size=8, max_size=8))


@given(LIVES)
def test_a_name_reads_back(life: Life) -> None:
    assert Life.parse(str(life)) == life


@given(LIVES, LIVES)
def test_two_names_are_of_one_life_if_equal(one: Life, other: Life) -> None:
    assert same_life(str(one), str(other)) == (one == other)


@given(LIVES)
def test_what_has_no_name_belongs_to_a_first_life(life: Life) -> None:
    assert same_life("", str(life)) == same_life(str(life), "") == (life.begin == 0)


@pytest.mark.parametrize("text", ["", "12", "12-", "-5d01e7aa", "x-5d01e7aa", "driftgate/1"])
def test_what_is_no_name_of_a_life_is_none(text: str) -> None:
    assert Life.parse(text) is None


def test_the_ids_count_and_their_order_does_not() -> None:
    ids = {"a": "1", "b": "2"}
    assert topics_digest(ids) == topics_digest(dict(reversed(ids.items())))
    for other in ({"a": "1", "b": "3"}, {"a": "2", "b": "1"}, {"a": "1"}, {"a": "1", "c": "2"}):
        assert topics_digest(other) != topics_digest(ids)


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("0-aa", "0-aa", True),
        ("0-aa", "1-aa", False),
        ("0-aa", "0-bb", False),
        ("", "0-aa", True),
        ("0-aa", "", True),
    ],
)
def test_which_lives_are_the_same(one: str, other: str, expected: bool) -> None:
    assert same_life(one, other) is expected
