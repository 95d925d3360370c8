"""Scales, round values, and labels that are moved apart."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.report.scales import Scale, apart, bounds, ticks

values = st.floats(-1e6, 1e6)


@given(values, st.floats(1e-3, 1e6), st.integers(2, 10))
def test_ticks_are_round_few_and_within(low: float, width: float, count: int) -> None:
    high = low + width
    found = ticks(low, high, count)
    assert 1 <= len(found) <= count + 2 or count < 3
    room = 1e-6 * max(abs(low), abs(high), 1)
    assert all(low - room <= value <= high + room for value in found)
    steps = [after - before for before, after in pairwise(found)]
    assert all(step == pytest.approx(steps[0], rel=1e-3) for step in steps)


@given(st.lists(st.floats(0, 300), max_size=12))
def test_labels_keep_their_distance_and_their_order(places: list[float]) -> None:
    moved = apart(places, 16.0, 0.0, 300.0)
    order = sorted(range(len(places)), key=lambda index: places[index])
    assert all(moved[b] - moved[a] >= 16 - 1e-6 for a, b in pairwise(order))
    assert all(-1e-6 <= place <= 300 + 1e-6 for place in moved)


def test_labels_that_have_room_stay() -> None:
    assert apart([100.0, 20.0, 60.0], 16.0, 0.0, 300.0) == [100.0, 20.0, 60.0]


def test_scales_and_bounds() -> None:
    down = Scale(0.0, 1.0, 300.0, 20.0)
    assert (down(0.0), down(1.0), down(0.5)) == (300.0, 20.0, 160.0)
    assert Scale(2.0, 2.0, 0.0, 10.0)(2.0) == 0.0
    assert down.holds(1.0)
    assert not down.holds(1.1)
    assert bounds([float("nan")]) == (0.0, 1.0)
    low, high = bounds([5.0, 5.0])
    assert low < 5 < high
