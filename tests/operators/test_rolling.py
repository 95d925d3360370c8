"""Windows by key, lags and the bound of keys against a plain restatement; snapshots, cuts, bounds.

What a pipeline makes of them is in tests/stream/codec/test_derived.py.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from operators.preprocess.key_slots import KeySlots
from operators.preprocess.rolling import Rolling
from operators.snapshot import digest
from tests.reference.rolling import PlainRolling

FUNCTIONS = ["count", "sum", "mean", "min", "max", "distinct", "lag"]
Events = tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.float64]]

KEYS = st.sampled_from([1.0, 2.0, 3.0, 4.0, math.nan])
# Few times, so that many are equal, at a window's edge, or late.
EVENT = st.tuples(
    KEYS, st.integers(-20, 60), st.sampled_from([0.1, -0.0, 0.0, 0.2, 7.0, -3.5, 1e9, math.nan])
)
EVENTS = st.lists(EVENT, max_size=60)
PARAMETERS = st.fixed_dictionaries(
    {
        "function": st.sampled_from(FUNCTIONS),
        "window_ms": st.sampled_from([1, 5, 20, 1000]),
        "lag": st.integers(1, 3),
        "with_current": st.booleans(),
        "events_max": st.integers(1, 6),
        "keys_max": st.integers(1, 4),
    }
)


def arrays(events: list[tuple[float, int, float]]) -> Events:
    keys, times, values = zip(*events, strict=True) if events else ((), (), ())
    return np.array(keys, float), np.array(times, np.int64), np.array(values, float)


@settings(max_examples=400, deadline=None)
@given(EVENTS, PARAMETERS)
def test_answers_are_those_of_the_plain_restatement(
    events: list[tuple[float, int, float]], parameters: dict[str, Any]
) -> None:
    plain = PlainRolling(**parameters)
    expected = [plain.update(*event) for event in events]
    found = Rolling(**parameters).update(*arrays(events))
    np.testing.assert_array_equal(found, np.array(expected, float))


@settings(max_examples=200, deadline=None)
@given(EVENTS, PARAMETERS, st.integers(1, 20))
def test_neither_cuts_nor_restores_change_a_bit(
    events: list[tuple[float, int, float]], parameters: dict[str, Any], size: int
) -> None:
    whole, cut = Rolling(**parameters), Rolling(**parameters)
    expected = whole.update(*arrays(events))
    found = []
    for start in range(0, len(events), size):
        state, cut = cut.snapshot(), Rolling(**parameters)
        cut.restore(state)
        assert digest(cut.snapshot()) == digest(state)
        found += cut.update(*arrays(events[start : start + size])).tolist()
    assert np.array(found, float).tobytes() == expected.tobytes()
    assert digest(cut.snapshot()) == digest(whole.snapshot())


def test_a_snapshot_shares_no_memory_and_does_not_grow_beyond_the_bounds() -> None:
    rolling = Rolling("mean", window_ms=10, events_max=3, keys_max=5)
    rng = np.random.default_rng(1)
    states = []
    for _ in range(3):
        keys = rng.integers(0, 100, 500).astype(float)
        rolling.update(keys, np.arange(500), rng.normal(size=500))
        states.append(rolling.snapshot())
        digests = [digest(state) for state in states]
    assert digests == [digest(state) for state in states]
    assert all(len(state["keys"]) == 5 for state in states)  # type: ignore[arg-type]
    assert all(len(state["times"]) <= 15 for state in states)  # type: ignore[arg-type]


def test_a_sum_beyond_the_largest_float_is_missing() -> None:
    rolling = Rolling("sum", window_ms=10, events_max=3, keys_max=1)
    found = rolling.update(np.zeros(3), np.array([0, 1, 20]), np.array([1e308, 1e308, 5.0]))
    assert np.isnan(found[1])
    assert found[2] == 5.0


def test_a_window_is_open_at_its_far_edge_and_closed_at_its_near_one() -> None:
    rolling = Rolling("count", window_ms=10, events_max=9, keys_max=1)
    times = np.array([0, 9, 10, 10, 19, 20])
    assert rolling.update(np.zeros(6), times, np.ones(6)).tolist() == [1, 2, 2, 3, 3, 2]


def test_both_zeros_are_one_value() -> None:
    rolling = Rolling("distinct", window_ms=10, events_max=3, keys_max=1)
    found = rolling.update(np.zeros(3), np.zeros(3, np.int64), np.array([0.0, -0.0, 1.0]))
    assert found.tolist() == [1.0, 1.0, 2.0]


def test_nothing_of_a_later_time_is_used() -> None:
    """A late event gets what it would have got in time, of what was accepted by then."""
    rolling = Rolling("sum", window_ms=100, events_max=10, keys_max=1)
    times, values = np.array([50, 90, 60, 95]), np.array([1.0, 10.0, 100.0, 1000.0])
    assert rolling.update(np.zeros(4), times, values).tolist() == [1.0, 11.0, 101.0, 1111.0]


def test_the_least_recently_used_key_is_evicted_and_begins_anew() -> None:
    rolling = Rolling("count", window_ms=100, events_max=10, keys_max=2)
    keys = np.array([1.0, 2.0, 1.0, 3.0, 1.0, 2.0])
    found = rolling.update(keys, np.zeros(6, np.int64), np.ones(6))
    assert found.tolist() == [1.0, 1.0, 2.0, 1.0, 3.0, 1.0]


@pytest.mark.parametrize("keys_max", [1, 3])
def test_slots_stay_within_their_bound(keys_max: int) -> None:
    slots = KeySlots(keys_max)
    found, is_new = slots.take(np.arange(50.0) % 7)
    assert (found.min(), found.max()) == (0, keys_max - 1)
    assert is_new.all()
    assert len(slots) == keys_max
