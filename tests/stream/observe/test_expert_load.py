"""Faded means over a mixture's experts: any cut of the answers, the extremes, nothing at all."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.observe.expert_load import ExpertLoad

FACTOR = 0.95


def named(shares: np.ndarray) -> dict[str, np.ndarray]:  # type: ignore[type-arg]
    return {f"tree_{k}": column for k, column in enumerate(shares.T)}


@given(st.lists(st.integers(0, 20), min_size=1, max_size=6))
def test_batches_make_no_difference(sizes: list[int]) -> None:
    shares = np.random.default_rng(sum(sizes)).dirichlet([0.3, 1.0, 2.0], sum(sizes))
    load = ExpertLoad(FACTOR)
    start = 0
    for size in sizes:
        load.observe(named(shares[start : start + size]))
        start += size
    if not len(shares):
        assert load.shares == {}
        return
    weights = FACTOR ** np.arange(len(shares) - 1, -1, -1.0)
    means = weights @ shares / weights.sum()
    assert list(load.shares.values()) == pytest.approx(means.tolist())
    entropies = -(shares * np.log2(np.maximum(shares, 1e-300))).sum(axis=1)
    assert load.entropy_bits == pytest.approx(weights @ entropies / weights.sum())
    assert 1 / 3 <= load.utilisation <= 1.0 + 1e-12


def test_one_that_does_everything_and_all_that_do_as_much() -> None:
    alone, even, turns = (ExpertLoad(FACTOR) for _ in range(3))
    alone.observe(named(np.array([[1.0, 0.0, 0.0, 0.0]] * 9)))
    even.observe(named(np.full((9, 4), 0.25)))
    turns.observe(named(np.tile(np.eye(4), (200, 1))))
    assert (alone.utilisation, alone.entropy_bits) == (0.25, 0.0)
    assert (even.utilisation, even.entropy_bits) == pytest.approx((1.0, 2.0))
    # Each answer is made by one, and over time all are busy.
    assert turns.entropy_bits == 0.0
    assert turns.utilisation == pytest.approx(1.0, abs=0.01)


def test_before_any_answer_there_is_nothing_to_say() -> None:
    load = ExpertLoad(FACTOR)
    load.observe({})
    load.observe({"old": np.empty(0), "young": np.empty(0)})
    assert load.shares == {}
    assert math.isnan(load.utilisation)
    assert math.isnan(load.entropy_bits)
