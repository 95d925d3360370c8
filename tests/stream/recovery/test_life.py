"""Names of lives. What is refused because of them: tests/replay/test_reset.py."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from stream.recovery.life import Life, same_life

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


def test_a_change_of_the_topics_is_another_life() -> None:
    ids = {"a.features": "x", "a.journal": "y"}
    assert Life.of(0, ids) == Life.of(0, dict(reversed(ids.items())))
    assert Life.of(0, ids) != Life.of(0, {**ids, "a.features": "z"})
