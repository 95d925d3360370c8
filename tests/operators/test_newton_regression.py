"""Newton's steps against plain restatements, what keeps P sound, and drift.

How records are encoded is in test_dense; what every learner promises in test_contracts.
"""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from operators.base import Feature, Space
from operators.kernels.newton import TRACE_MAX, Linear, learn_linear, make_linear, predict_linear
from operators.kernels.waves import make_waves, write_waves
from operators.linear.newton import NewtonRegression
from operators.linear.softmax import SoftmaxRegression
from tests.generators import Stream, accuracy, prequential
from tests.reference.linear import softmax
from tests.reference.newton import PlainNewton, batch_solution


def vectors(count: int, seed: int, width: int = 4) -> NDArray[np.float64]:
    x = np.random.default_rng(seed).normal(size=(count, width))
    x[:, 0] = 1.0
    return x


def boundary(count: int, seed: int, turn_at: int = 0) -> Stream:
    """Two classes parted by a plane, a tenth of them mislabelled; from `turn_at` on the reverse."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(count, 6))
    y = (x @ rng.normal(size=6) > 0.3) ^ (rng.random(count) < 0.1)
    y[turn_at:] ^= turn_at > 0
    return x, y.astype(np.float64), Space(tuple(Feature(f"x{j}") for j in range(6)), n_classes=2)


def learn(model: Linear, vector: NDArray[np.float64], y: int, weight: float) -> int:
    """Predict, as whoever learns has to, and learn; return the class predicted."""
    predict_linear(model, vector, model.probabilities)
    return int(learn_linear(model, vector, y, weight))


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    n_classes=st.sampled_from([1, 2, 3, 10]),
    decay=st.sampled_from([0.9, 0.999]),
)
def test_a_step_is_what_the_formulas_say(seed: int, n_classes: int, decay: float) -> None:
    rng = np.random.default_rng(seed)
    x = vectors(60, seed)
    x[20:40, 1] = 0.0  # not seen: P grows there up to its bound
    model = make_linear(n_classes, 4, rate=0.1, decay=decay)
    plain = PlainNewton(n_classes, 4, decay)
    out = np.zeros(n_classes)
    for vector in x:
        y, weight = int(rng.integers(n_classes)), float(rng.choice([0.05, 1.0, 20.0]))
        predict_linear(model, vector, out)
        np.testing.assert_allclose(out, plain.predict(vector), rtol=1e-5, atol=1e-9)
        assert learn(model, vector, y, weight) == out.argmax()
        plain.learn(vector, y, weight)
        np.testing.assert_allclose(model.weights, plain.weights, rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(
            model.curvature, np.linalg.inv(plain.moments), rtol=1e-5, atol=1e-8
        )


def test_a_gradient_step_goes_against_the_gradient() -> None:
    model = make_linear(3, 4, rate=0.05, decay=0.0)
    model.weights[:] = np.random.default_rng(1).normal(size=(3, 4))
    vector, before = vectors(1, 2)[0], model.weights.copy()
    learn(model, vector, 2, 3.0)
    error = softmax(before @ vector) - np.eye(3)[2]
    np.testing.assert_allclose(before - model.weights, 0.15 * np.outer(error, vector), atol=1e-12)


def test_it_finds_what_a_batch_solution_finds() -> None:
    """On a stream that stays as it is, one pass comes to the weighted maximum of likelihood."""
    rng = np.random.default_rng(3)
    x = vectors(4000, 4)
    truth = np.array([0.3, 1.0, -0.5, 0.2])
    y = (rng.random(4000) < 1.0 / (1.0 + np.exp(-(x @ truth)))).astype(np.float64)
    weight = rng.choice([0.5, 2.0], 4000)
    decay = 1.0 - 1e-9
    model = make_linear(2, 4, rate=0.1, decay=decay)
    for vector, label, count in zip(x, y, weight, strict=True):
        learn(model, vector, int(label), count)
    expected = batch_solution(x, y, weight, ridge=1.0)
    found = model.weights[1] - model.weights[0]
    np.testing.assert_allclose(found, expected, atol=0.05)
    assert np.abs(expected - truth).max() < 0.2


@pytest.mark.parametrize("decay", [0.5, 0.99, 0.9999])
def test_the_curvature_stays_sound(decay: float) -> None:
    """Whatever comes: symmetric to the bit, bounded, of positive diagonal."""
    rng = np.random.default_rng(5)
    model = make_linear(3, 8, rate=0.1, decay=decay)
    for t in range(4000):
        vector = np.zeros(8)
        vector[0] = 1.0
        if t % 3:
            vector[1:] = rng.normal(size=7) * rng.choice([1e-9, 1.0, 4.0])
        vector[2] = vector[1]  # twice the same
        learn(model, vector, t % 3, float(rng.choice([0.05, 1.0, 20.0])))
        assert (model.curvature == model.curvature.T).all()
        assert 0.0 < np.trace(model.curvature) <= TRACE_MAX * 8 * (1 + 1e-12)
        assert np.isfinite(model.weights).all()


def test_rounding_that_spoils_the_curvature_is_mended() -> None:
    model = make_linear(2, 3, rate=0.1, decay=0.99)
    model.curvature[:] = -np.eye(3)
    weights = model.weights.copy()
    learn(model, np.ones(3), 1, 1.0)
    np.testing.assert_array_equal(model.curvature, np.eye(3))
    np.testing.assert_array_equal(model.weights, weights)
    model.curvature[0, 0] = np.nan
    learn(model, np.ones(3), 1, 1.0)
    np.testing.assert_array_equal(model.curvature, np.eye(3))


def test_features_that_move_together_cost_it_nothing() -> None:
    """Where plain gradients creep along a valley: its accuracy there is as without."""
    rng = np.random.default_rng(1)
    z = rng.normal(size=(1000, 6))
    y = ((z @ [1, -1, 1, -1, 1, -1] > 0.3) ^ (rng.random(1000) < 0.1)).astype(np.float64)
    space = boundary(1, 1)[2]
    together = z + 10.0 * rng.normal(size=(1000, 1))
    for make, apart_min, together_range in (
        (NewtonRegression, 0.86, (0.85, 0.9)),
        (SoftmaxRegression, 0.86, (0.5, 0.65)),
    ):
        hits = [
            accuracy(prequential(make(space), (x, y, space))[300:], y[300:]) for x in (z, together)
        ]
        assert hits[0] > apart_min
        assert together_range[0] < hits[1] < together_range[1]


def test_after_a_drift_it_starts_again() -> None:
    data = boundary(12_000, seed=2, turn_at=6000)
    model = NewtonRegression(data[2])
    prequential(model, tuple(part[:6000] if i < 2 else part for i, part in enumerate(data)))  # type: ignore[arg-type]
    sure = np.trace(model._kernel.curvature)
    after = data[0][6000:], data[1][6000:], data[2]
    output = prequential(model, after)
    assert accuracy(output[600:1600], after[1][600:1600]) > 0.85
    blind = NewtonRegression(data[2], delta_drift=1e-300)
    turned = prequential(blind, data)[6000:]
    assert accuracy(turned[600:1600], after[1][600:1600]) < 0.7
    assert sure < 0.1


def ring(count: int, seed: int) -> Stream:
    """Inside a circle or outside: no straight boundary tells."""
    x = np.random.default_rng(seed).normal(size=(count, 2))
    y = (x**2).sum(axis=1) > 1.4
    return x, y.astype(np.float64), Space((Feature("a"), Feature("b")), n_classes=2)


def test_with_waves_boundaries_curve() -> None:
    data = ring(3000, 1)
    right = [
        accuracy(prequential(NewtonRegression(data[2], width=width), data)[500:], data[1][500:])
        for width in (0, 32)
    ]
    assert right[0] < 0.6
    assert right[1] > 0.95


def test_waves_are_cosines_of_two_entries() -> None:
    waves = make_waves(7, 3, seed=1)
    vector = np.concatenate([[1.0], 3.0 * np.random.default_rng(2).normal(size=3), np.zeros(7)])
    before = vector.copy()
    write_waves(waves, vector)
    angle = 2.0 * np.pi * ((before[waves.entry] * waves.turns).sum(axis=1) + waves.phase)
    np.testing.assert_allclose(vector[4:], np.sqrt(2.0) * np.cos(angle), atol=1e-5)
    assert (vector[:4] == before[:4]).all()
    assert (waves.entry[:, 0] != waves.entry[:, 1]).all()
    assert set(waves.entry.ravel()) == {1, 2, 3}


def test_one_entry_makes_waves_too() -> None:
    assert (make_waves(3, 1, seed=1).entry == 1).all()


def test_waves_are_in_the_snapshot() -> None:
    data = ring(300, 2)
    one, two = (NewtonRegression(data[2], seed=seed, width=16) for seed in (1, 2))
    prequential(one, data)
    two.restore(one.snapshot())
    assert (prequential(one, data) == prequential(two, data)).all()


def test_wide_records_are_learnt_by_gradient() -> None:
    space = Space(tuple(Feature(f"x{j}") for j in range(64)), n_classes=2)
    assert NewtonRegression(space)._kernel.curvature.shape == (0, 0)
    space = Space(space.features[:63], n_classes=2)
    assert NewtonRegression(space)._kernel.curvature.shape == (64, 64)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"decay": 1.0}, r"decay: must be in \[0, 1\); got 1.0"),
        ({"rate": 0.0}, "rate: must be > 0; got 0.0"),
        ({"width": 65}, r"width: must be in \[0, 64\]; got 65"),
        ({"delta_drift": 1.0}, r"delta_drift: must be in \(0, 1\); got 1.0"),
    ],
)
def test_parameters_are_checked(params: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        NewtonRegression(boundary(1, 1)[2], **params)
