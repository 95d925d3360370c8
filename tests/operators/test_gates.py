"""Gates against a plain restatement, their gradient, their votes, and the weights of classes.

The mixture they belong to is in test_adaptive_moe.
"""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from operators.kernels.gates import (
    Gates,
    answer_gates,
    learn_gates,
    make_gates,
    mark_right,
    note,
    weigh_classes,
)
from tests.reference.gates import PlainGates, class_weights, right_ones

MEMORY = (0.9, 0.99, 0.999)


def made(n_experts: int, n_classes: int) -> Gates:
    return make_gates(n_experts, n_classes, MEMORY, pool_rate=0.003, score_rate=0.001)


def trace_of(gates: Gates) -> NDArray[np.float64]:
    return np.full(gates.logs.size + len(gates.score) + len(gates.pool), np.nan)


def ask(gates: Gates, said: NDArray[np.float64], logits: NDArray[np.float32]) -> int:
    gates.probabilities[:] = said
    gates.logits[:] = logits
    return int(answer_gates(gates))


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    n_experts=st.sampled_from([1, 3, 7]),
    n_classes=st.sampled_from([2, 5]),
    delay=st.sampled_from([0, 4, 30]),
)
def test_gates_are_what_the_formulas_say(
    seed: int, n_experts: int, n_classes: int, delay: int
) -> None:
    """Hits are judged on what was said when the record was predicted, however late its label."""
    rng = np.random.default_rng(seed)
    gates, plain = made(n_experts, n_classes), PlainGates(n_experts, MEMORY, 0.003)
    waiting = []
    for t in range(60):
        said = rng.dirichlet(np.full(n_classes, 0.3), n_experts)
        said[0] = np.eye(n_classes)[t % n_classes]  # an expert that is sure, and often wrong
        logits = rng.normal(size=n_experts).astype(np.float32)
        chosen, expected = ask(gates, said, logits), plain.answer(said, logits.astype(float))
        np.testing.assert_allclose(gates.answers, expected.answers, rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(gates.shares, expected.shares, rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(gates.shares.sum(axis=1), 1.0)
        np.testing.assert_allclose(gates.answers.sum(axis=1), 1.0)
        assert chosen == expected.chosen
        trace = trace_of(gates)
        note(gates, trace)
        assert np.isfinite(trace).all()
        waiting.append((trace, expected))
        if len(waiting) <= delay or t % 6 == 5:
            continue
        trace, expected = waiting.pop(0)
        y, weight = int(rng.integers(n_classes)), float(rng.choice([0.05, 1.0, 20.0]))
        mask = np.full(n_experts, np.nan, dtype=np.float32)
        mark_right(gates, trace, y, mask)
        np.testing.assert_array_equal(mask, right_ones(expected, y))
        learn_gates(gates, trace, y, weight)
        plain.learn(expected, y, weight)
        np.testing.assert_allclose(gates.pool, plain.pool, rtol=1e-9)
        np.testing.assert_allclose(gates.score, plain.scores(0.001), rtol=1e-9, atol=1e-15)


@pytest.mark.parametrize("y", [0, 2])
def test_the_pools_step_is_the_numerical_gradient_of_the_log_loss(y: int) -> None:
    rng = np.random.default_rng(1)
    gates = made(4, 3)
    said, logits = rng.dirichlet(np.ones(3), 4), np.zeros(4, dtype=np.float32)
    gates.pool[:] = before = rng.normal(size=4)

    def loss(powers: NDArray[np.float64]) -> float:
        gates.pool[:] = powers
        ask(gates, said, logits)
        return -math.log(gates.answers[0, y])

    expected = np.array(
        [(loss(before + step) - loss(before - step)) / 2e-6 for step in 1e-6 * np.eye(4)]
    )
    loss(before)
    trace = trace_of(gates)
    note(gates, trace)
    learn_gates(gates, trace, y, 1.0)
    size = np.sqrt(0.001 * expected**2) + 0.1
    np.testing.assert_allclose((before - gates.pool) * size / 0.003, expected, atol=1e-6)


def test_an_expert_that_turns_bad_is_left_within_its_memory() -> None:
    gates = made(2, 2)
    logits = np.zeros(2, dtype=np.float32)
    trace = trace_of(gates)
    for t in range(600):
        good = t >= 300
        said = np.array([[0.1, 0.9], [0.9, 0.1]]) if good else np.array([[0.9, 0.1], [0.1, 0.9]])
        ask(gates, said, logits)
        note(gates, trace)
        learn_gates(gates, trace, 1, 1.0)
        if t == 320:
            assert gates.shares[1, 0] > 0.99  # memory of about 10 labels
            assert gates.shares[2, 0] < 0.01  # of about 100
            assert gates.shares[3, 0] < 0.01


def test_the_best_of_late_is_believed() -> None:
    """An expert's gate wins once it alone is right, and loses when it alone is wrong."""
    gates = made(3, 2)
    logits = np.zeros(3, dtype=np.float32)
    trace = trace_of(gates)
    rng = np.random.default_rng(2)
    believed = []
    for t in range(4000):
        y = int(rng.integers(2))
        right = np.array([0.02, 0.98]) if y else np.array([0.98, 0.02])
        said = np.array([right[::-1], right[::-1], right])
        if t >= 2000:
            said = said[::-1]
        believed.append(ask(gates, said, logits))
        note(gates, trace)
        learn_gates(gates, trace, y, 1.0)
        if t % 500 == 499:
            answer = gates.answers[believed[-1]].argmax()
            assert answer == y
    assert believed[0] == 0  # before any label the pool answers


@settings(max_examples=25, deadline=None)
@given(
    labels=st.lists(st.integers(0, 3), min_size=1, max_size=60),
    balance=st.sampled_from([0.0, 0.5, 1.0]),
)
def test_class_weights_are_what_the_formulas_say(labels: list[int], balance: float) -> None:
    counts, weight = np.zeros(4), np.zeros(len(labels))
    row = np.arange(len(labels))[::-1].copy()
    y = np.array(labels, dtype=np.float64)[::-1].copy()
    weigh_classes(np.ones(len(labels), np.uint8), row, y, counts, balance, weight)
    np.testing.assert_allclose(weight[::-1], class_weights(labels, 4, balance), rtol=1e-9)


def test_balance_gives_each_class_as_much() -> None:
    rng = np.random.default_rng(3)
    y = rng.choice(3, 20_000, p=[0.8, 0.15, 0.05]).astype(np.float64)
    counts, weight = np.zeros(3), np.zeros(len(y))
    action, row = np.ones(len(y), np.uint8), np.arange(len(y))
    weigh_classes(action, row, y, counts, 1.0, weight)
    totals = np.array([weight[y == c].sum() for c in range(3)])
    np.testing.assert_allclose(totals / totals.sum(), 1 / 3, atol=0.03)
    weigh_classes(action, row, y, counts, 0.0, weight)
    assert (weight == 1.0).all()
    rare = (np.arange(5000) == 4999).astype(np.float64)
    weigh_classes(action[:5000], row[:5000], rare, np.zeros(3), 1.0, weight)
    assert weight[4999] == 20.0  # its bound
