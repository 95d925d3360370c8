"""The Bayesian mixture: its two guarantees on any stream, its recipe, real experts, parameters.

What every learner promises is in test_contracts.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from operators import tape as tapes
from operators.base import Feature, Space
from operators.catalog import LEARNERS, create_learner
from operators.kernels.fixed_share import run_fixed_share
from operators.moe.bayesian_mixture import EXPERTS, BayesianMixture
from operators.tape import LEARN, PREDICT, Rows, Tape
from tests import generators
from tests.generators import Stream, accuracy, prequential

Array = np.ndarray[Any, Any]
FLOOR = 1e-3


@st.composite
def panels(draw: st.DrawFn) -> tuple[Array, Array, Array]:
    """What some experts say (some of it certain, and wrong), the truth, and who is to be followed.

    Returns (T, K, C) probabilities, (T,) classes and (T,) experts that change now and then.
    """
    length, k, c = draw(st.integers(1, 120)), draw(st.integers(1, 5)), draw(st.integers(1, 4))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    said = rng.dirichlet(np.full(c, draw(st.sampled_from([0.02, 0.3, 1.0]))), size=(length, k))
    y = rng.integers(0, c, length)
    followed = np.cumsum(rng.random(length) < draw(st.sampled_from([0.0, 0.02, 0.3]))) % k
    skill = draw(st.sampled_from([0.0, 0.5, 0.99]))
    right = np.eye(c)[y]
    rows = np.arange(length)
    said[rows, followed] = (1 - skill) * said[rows, followed] + skill * right
    return said, y.astype(np.float64), followed


def mixed(said: Array, y: Array, alpha: float, tape: Tape | None = None) -> tuple[Array, Array]:
    """The kernel's outputs and weights."""
    length, k, c = said.shape
    weights, output = np.zeros((length, k)), np.zeros((length, c))
    tape = tape or tapes.test_then_train(length)
    run_fixed_share(
        tape.action,
        tape.row,
        y,
        np.ascontiguousarray(said.reshape(length, k * c)),
        weights,
        output,
        np.full(k, -math.log(k)),
        alpha,
        FLOOR,
    )
    return output, weights


def losses(said: Array, y: Array) -> Array:
    """Log losses of experts' answers, with the floor: (T, K)."""
    floored = (1 - FLOOR) * said + FLOOR / said.shape[2]
    return -np.log(floored[np.arange(len(y)), :, y.astype(int)])


def loss(output: Array, y: Array) -> float:
    return float(-np.log(output[np.arange(len(y)), y.astype(int)]).sum())


@settings(max_examples=150, deadline=None)
@given(panels())
def test_without_share_it_is_never_behind_the_best_expert_by_more_than_ln_k(panel: Any) -> None:
    said, y, _ = panel
    output, weights = mixed(said, y, alpha=0.0)
    each = losses(said, y)
    for length in range(1, len(y) + 1):
        best = each[:length].sum(axis=0).min()
        assert loss(output[:length], y[:length]) <= best + math.log(said.shape[1]) + 1e-9
    np.testing.assert_allclose(weights.sum(axis=1), 1.0, rtol=1e-9)
    np.testing.assert_allclose(output.sum(axis=1), 1.0, rtol=1e-9)


@settings(max_examples=150, deadline=None)
@given(panels(), st.sampled_from([1e-4, 1e-2, 0.3]))
def test_with_share_it_keeps_up_with_any_sequence_of_experts(panel: Any, alpha: float) -> None:
    said, y, followed = panel
    output, _ = mixed(said, y, alpha)
    k, length = said.shape[1], len(y)
    changes = int((np.diff(followed) != 0).sum())
    bound = math.log(k) + changes * math.log(k / alpha)
    bound -= (length - 1 - changes) * math.log(1 - alpha)
    best = losses(said, y)[np.arange(length), followed].sum()
    assert loss(output, y) <= best + bound + 1e-9


def test_an_expert_that_was_hopeless_for_long_comes_back() -> None:
    """Without share, as soon as it has made up for its past; with it, at once."""
    length = 12_000
    y = np.zeros(length)
    said = np.full((length, 2, 2), 0.5)
    said[:6000, 0] = [0.01, 0.99]
    said[6000:, 0] = [0.9999, 0.0001]
    said[6000:, 1] = [0.01, 0.99]
    _, weights = mixed(said, y, alpha=0.0)
    assert weights[6000, 0] < 1e-300
    assert weights[11_500, 0] > 0.99
    _, weights = mixed(said, y, alpha=1e-2)
    assert weights[6005, 0] > 0.9


@pytest.mark.parametrize("alpha", [0.0, 0.02])
def test_weights_are_of_the_labels_known_at_the_prediction(alpha: float) -> None:
    rng = np.random.default_rng(1)
    length, k, c, delay = 200, 3, 4, 17
    said, y = rng.dirichlet(np.ones(c), size=(length, k)), rng.integers(0, c, length) * 1.0
    steps = [(i, PREDICT, i) for i in range(length)]
    steps += [(i + delay, LEARN, i) for i in range(length) if i % 5]  # every fifth never comes
    _, action, row = zip(*sorted(steps), strict=True)
    tape = Tape(np.array(action, dtype=np.uint8), np.array(row, dtype=np.int64))
    output, weights = mixed(said, y, alpha, tape)
    floored = (1 - FLOOR) * said + FLOOR / c
    expected = np.full(k, 1 / k)
    for code, i in zip(action, row, strict=True):
        if code == PREDICT:
            np.testing.assert_allclose(weights[i], expected, rtol=1e-9)
            np.testing.assert_allclose(output[i], expected @ floored[i], rtol=1e-9)
        else:
            expected = expected * floored[i, :, int(y[i])]
            expected = (1 - alpha) * expected / expected.sum() + alpha / k


def turning(count: int) -> Stream:
    """Two numbers and a category; which number tells the class changes halfway."""
    rng = np.random.default_rng(1)
    x = rng.normal(size=(count, 3))
    x[:, 2] = rng.integers(0, 3, count)
    half = np.arange(count) < count // 2
    y = (np.where(half, x[:, 0] + x[:, 1], x[:, 0] * x[:, 1]) > 0).astype(np.float64)
    features = (Feature("a"), Feature("b"), Feature("c", capacity=3))
    return x, y, Space(features, n_classes=2)


def test_real_experts_answer_as_they_do_alone_and_the_mixture_keeps_its_promise() -> None:
    data = turning(3000)
    x, y, space = data
    names = ("hoeffding_tree", "naive_bayes", "logistic_regression", "hoeffding_tree")
    model = BayesianMixture(space, experts=names, alpha=0.0)
    rows = Rows(x, y, np.zeros((3000, 2)), np.zeros((3000, model.trace_width)))
    model.run(tapes.test_then_train(3000), rows)
    alone = [
        prequential(create_learner(name, space, 1 + k, {}), data) for k, name in enumerate(names)
    ]
    said = np.stack(alone, axis=1)
    assert loss(rows.output, y) <= losses(said, y).sum(axis=0).min() + math.log(4)
    shares = model.shares(rows)
    floored = (1 - FLOOR) * said + FLOOR / 2
    np.testing.assert_allclose(rows.output, (shares[:, :, None] * floored).sum(axis=1), rtol=1e-9)
    assert model.expert_names == (*names[:3], "hoeffding_tree_2")
    np.testing.assert_allclose(shares[:, 0], shares[:, 3], rtol=1e-9)


@pytest.mark.parametrize(
    ("params", "said"),
    [
        ({"experts": []}, "params.experts: must name at least one learner; got ()."),
        ({"experts": "naive_bayes"}, "params.experts: must be a list of any number of values; "),
        ({"experts": [3]}, "params.experts[0]: must be of type str; got 3."),
        ({"experts": ["naive_bayse"]}, "params.experts: must be one of adaptive_"),
        ({"experts": ["bayesian_mixture"]}, "params.experts: must be one of adaptive_"),
        (
            {"experts": ["linear_regression"]},
            "params.experts: linear_regression does not fit: space.n_classes: must be 0 for a",
        ),
        ({"alpha": 1.0}, "params.alpha: must be in [0, 1); got 1.0."),
        ({"floor": 0.0}, "params.floor: must be in (0, 1); got 0.0."),
    ],
)
def test_parameters_are_checked(params: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=r"^params") as caught:
        create_learner("bayesian_mixture", turning(1)[2], 1, params)
    assert str(caught.value).startswith(said)


def test_it_is_made_for_classes() -> None:
    with pytest.raises(ValueError, match="must be >= 1, for bayesian_mixture mixes classifiers"):
        BayesianMixture(Space((Feature("a"),), n_classes=0))


def test_the_default_experts_are_of_the_catalogue() -> None:
    assert set(EXPERTS) <= set(LEARNERS)


def test_a_snapshot_of_other_experts_is_refused() -> None:
    space = turning(1)[2]
    state = BayesianMixture(space, experts=("naive_bayes", "hoeffding_tree")).snapshot()
    other = BayesianMixture(space, experts=("hoeffding_tree", "naive_bayes"))
    with pytest.raises(ValueError, match="experts must be hoeffding_tree, naive_bayes; got naive"):
        other.restore(state)
    with pytest.raises(ValueError, match="bayesian_mixture: snapshot version must be 1; got 9"):
        other.restore({**other.snapshot(), "version": 9})


@pytest.mark.slow
def test_on_electricity_it_is_ahead_of_each_of_its_experts() -> None:
    data = generators.electricity()
    together = accuracy(prequential(BayesianMixture(data[2]), data), data[1])
    alone = [
        accuracy(prequential(create_learner(name, data[2], 1, {}), data), data[1])
        for name in EXPERTS
    ]
    assert together > max(alone) + 0.01
