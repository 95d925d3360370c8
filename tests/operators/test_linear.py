"""Linear learners: gradients, plain restatements, river where it means the same, accuracy.

Recursive least squares is in test_rls, encoding in test_encoder; what every learner promises
(cutting, snapshots, memory) in test_contracts and test_contracts_regression.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from river import linear_model, optim, preprocessing

from operators.base import Feature, Space
from operators.kernels.linear_regression import ABSOLUTE, HUBER, SQUARED, slope
from operators.kernels.softmax import learn_softmax, predict_softmax
from operators.linear.passive_aggressive import (
    PassiveAggressiveClassifier,
    PassiveAggressiveRegressor,
)
from operators.linear.regression import LinearRegression
from operators.linear.softmax import SoftmaxRegression
from tests import generators
from tests.generators import Stream, accuracy, prequential
from tests.operators.interpreted_linear import runs
from tests.reference import linear as reference
from tests.reference.encoder import PlainEncoder

ROOT = Path(__file__).resolve().parents[2]
ENCODING = ("one_hot", 1024, "mean", True)


def mixed(count: int, seed: int, classes: int) -> Stream:
    """Two numbers and a category that tell something of the class, with gaps."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, classes, count).astype(np.float64)
    x = np.column_stack(
        [rng.normal(y, 1.0), rng.integers(0, 3, count), rng.normal(-2.0 * y, 1.0 + y)]
    )
    x[rng.random(x.shape) < 0.1] = np.nan
    return x, y, Space((Feature("a"), Feature("c", capacity=3), Feature("b")), n_classes=classes)


def numbers(count: int, seed: int, width: int = 3) -> Stream:
    """A number that depends on others, without gaps."""
    rng = np.random.default_rng(seed)
    x = rng.normal(3.0, 2.0, (count, width))
    y = x @ np.arange(1.0, width + 1) + 7.0 + rng.normal(size=count)
    return x, y, Space(tuple(Feature(f"x{j}") for j in range(width)), n_classes=0)


def records(x: np.ndarray[Any, Any], space: Space) -> list[dict[str, float]]:
    names = [feature.name for feature in space.features]
    return [dict(zip(names, row, strict=True)) for row in x.tolist()]


@pytest.mark.parametrize("classes", [2, 3])
def test_a_step_is_the_numerical_gradient_of_the_log_loss(classes: int) -> None:
    x, _, space = mixed(1, 1, classes)
    x = np.array([0.7, 2.0, -1.2])
    rate = 1e-3
    model = SoftmaxRegression(space, learning_rate=rate, standardise=False)
    kernel = model._weights.kernel
    kernel.weights[:] = np.random.default_rng(2).normal(size=kernel.weights.shape)
    before = kernel.weights.copy()
    vector = np.array([1.0, 0.7, 0.0, 0.0, 1.0, -1.2])
    expected = np.zeros_like(before)
    for place in np.ndindex(before.shape):
        sides = []
        for step in (1e-6, -1e-6):
            moved = before.copy()
            moved[place] += step
            sides.append(reference.log_loss(moved, vector, 1))
        expected[place] = (sides[0] - sides[1]) / 2e-6
    learn_softmax(kernel, x, 1, 1.0)
    np.testing.assert_allclose((before - kernel.weights) / rate, expected, atol=1e-6)
    kernel.weights[:] = before
    learn_softmax(kernel, x, 1, 3.0)
    np.testing.assert_allclose((before - kernel.weights) / rate, 3.0 * expected, atol=1e-5)


def test_slopes_are_the_numerical_derivatives_of_the_losses() -> None:
    losses = {
        SQUARED: lambda r: 0.5 * r * r,
        ABSOLUTE: abs,
        HUBER: lambda r: 0.5 * r * r if abs(r) <= 1.5 else 1.5 * (abs(r) - 0.75),
    }
    for kind, loss in losses.items():
        for residual in (-3.0, -1.0, 0.3, 2.0):
            expected = (loss(residual + 1e-6) - loss(residual - 1e-6)) / 2e-6
            assert slope(residual, kind, 1.5) == pytest.approx(expected, abs=1e-6)


@settings(max_examples=30, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    classes=st.sampled_from([2, 4]),
    optimizer=st.sampled_from(["sgd", "adagrad", "ftrl"]),
    rate=st.sampled_from([0.01, 0.5]),
    l1=st.sampled_from([0.0, 0.02]),
    l2=st.sampled_from([0.0, 0.1]),
)
def test_softmax_is_what_the_formulas_say(
    seed: int, classes: int, optimizer: Any, rate: float, l1: float, l2: float
) -> None:
    x, y, space = mixed(60, seed, classes)
    model = SoftmaxRegression(space, optimizer=optimizer, learning_rate=rate, l1=l1, l2=l2)
    plain = PlainEncoder(space, *ENCODING)
    shape = plain.n_columns, 1 if classes == 2 else classes
    steps = reference.Optimizer(shape, optimizer, rate, l1, l2)
    out = np.zeros(classes)
    for record, label in zip(x, y.astype(int), strict=True):
        scores = plain.encode(record.tolist()) @ steps.weights
        scores = np.append(0.0, scores) if classes == 2 else scores
        predict_softmax(model._weights.kernel, record, out)
        np.testing.assert_allclose(out, reference.softmax(scores), rtol=1e-6, atol=1e-9)
        learn_softmax(model._weights.kernel, record, label, 1.0)
        plain.learn(record.tolist())
        vector = plain.encode(record.tolist())
        errors = vector @ steps.weights
        if classes == 2:
            errors = 1.0 / (1.0 + np.exp(-errors)) - label
        else:
            errors = reference.softmax(errors)
            errors[label] -= 1.0
        steps.step(vector, errors)
    np.testing.assert_allclose(model._weights.kernel.weights, steps.weights, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("variant", ["pa1", "pa2"])
def test_passive_aggressive_is_what_the_formulas_say(variant: Any) -> None:
    x, y, space = mixed(200, 1, 4)
    model = PassiveAggressiveClassifier(space, variant=variant, aggressiveness=0.05)
    output = prequential(model, (x, y, space))
    plain = PlainEncoder(space, *ENCODING)
    weights = np.zeros((plain.n_columns, 4))
    for i, (record, label) in enumerate(zip(x.tolist(), y.astype(int), strict=True)):
        expected = reference.softmax(plain.encode(record) @ weights)
        np.testing.assert_allclose(output[i], expected, rtol=1e-6)
        plain.learn(record)
        vector = plain.encode(record)
        weights = reference.passive_aggressive(weights, vector, label, variant, 0.05)


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ({"optimizer": "sgd", "learning_rate": 0.01}, optim.SGD(0.01)),
        ({"optimizer": "adagrad", "learning_rate": 0.1}, optim.AdaGrad(0.1)),
    ],
)
def test_logistic_regression_is_rivers(ours: dict[str, Any], theirs: Any) -> None:
    x, _, space = numbers(400, 1)
    x[:2] = [[-2.0] * 3, [8.0] * 3]  # so that none is ever ten deviations off, our bound
    y = (x[:, 0] > x[:, 1]).astype(np.float64)
    space = Space(space.features, n_classes=2)
    output = prequential(SoftmaxRegression(space, **ours), (x, y, space))
    scaler = preprocessing.StandardScaler()
    # An intercept of river's own would have an optimizer of its own.
    model = linear_model.LogisticRegression(theirs, intercept_lr=0.0)
    for i, record in enumerate(records(x, space)):
        scaled = {**scaler.transform_one(record), "intercept": 1.0}
        assert output[i, 1] == pytest.approx(model.predict_proba_one(scaled)[True], abs=1e-9)
        scaler.learn_one(record)
        model.learn_one({**scaler.transform_one(record), "intercept": 1.0}, bool(y[i]))


def test_linear_regression_is_rivers() -> None:
    x, y, space = numbers(400, 2)
    ours = LinearRegression(space, learning_rate=0.002, standardise=False)
    output = prequential(ours, (x, y, space))
    # River's squared loss has no factor 1/2.
    model = linear_model.LinearRegression(optim.SGD(0.001), intercept_lr=0.001)
    for i, record in enumerate(records(x, space)):
        assert output[i, 0] == pytest.approx(model.predict_one(record), rel=1e-9)
        model.learn_one(record, y[i])


@pytest.mark.parametrize(("variant", "mode"), [("pa1", 1), ("pa2", 2)])
def test_passive_aggressive_learners_are_rivers(variant: Any, mode: int) -> None:
    x, y, space = numbers(300, 3)
    two = Space(space.features, n_classes=2)
    labels = (x[:, 0] > x[:, 1]).astype(np.float64)
    settings: dict[str, Any] = {"variant": variant, "standardise": False}
    regressor = PassiveAggressiveRegressor(space, aggressiveness=0.1, insensitivity=0.2, **settings)
    # Two scores instead of one: the paper's binary algorithm has twice the C.
    classifier = PassiveAggressiveClassifier(two, aggressiveness=0.05, **settings)
    values = prequential(regressor, (x, y, space))
    shares = prequential(classifier, (x, labels, two))
    number = linear_model.PARegressor(C=0.1, mode=mode, eps=0.2, learn_intercept=False)
    # River's own loss takes every target for a class, 0 or 1, and doubles it less 1.
    number.loss = lambda true, predicted: max(abs(true - predicted) - 0.2, 0.0)
    binary = linear_model.PAClassifier(C=0.1, mode=mode, learn_intercept=False)
    for i, record in enumerate(records(x, space)):
        record["intercept"] = 1.0
        assert values[i, 0] == pytest.approx(number.predict_one(record), rel=1e-6, abs=1e-9)
        assert shares[i, 1] == pytest.approx(binary.predict_proba_one(record)[True], abs=1e-9)
        number.learn_one(record, y[i])
        binary.learn_one(record, bool(labels[i]))


def test_an_l1_penalty_makes_exact_zeros() -> None:
    x, y, _ = mixed(2000, 4, 2)
    noise = np.random.default_rng(5).normal(size=(2000, 20))
    x = np.hstack([np.nan_to_num(x), noise])
    space = Space(tuple(Feature(f"x{j}") for j in range(x.shape[1])), n_classes=2)
    model = SoftmaxRegression(space, optimizer="ftrl", learning_rate=0.1, l1=60.0)
    output = prequential(model, (x, y, space))
    weights = model._weights.kernel.weights[:, 0]
    assert (weights[4:] == 0.0).sum() >= 18
    assert weights[1] != 0.0
    assert accuracy(output[1000:], y[1000:]) > 0.76  # 0.76 without a penalty too


@pytest.mark.parametrize("optimizer", ["sgd", "adagrad", "ftrl"])
@pytest.mark.parametrize("scale", [1e-12, 1e6, 1e150])
def test_no_scale_of_raw_inputs_makes_a_model_diverge(optimizer: Any, scale: float) -> None:
    x, y, space = numbers(500, 6)
    model = LinearRegression(space, optimizer=optimizer, learning_rate=10.0, standardise=False)
    assert np.isfinite(prequential(model, (x * scale, y, space))).all()
    two = Space(space.features, n_classes=2)
    classifier = SoftmaxRegression(two, optimizer=optimizer, learning_rate=10.0, standardise=False)
    output = prequential(classifier, (x * scale, (y > 20.0).astype(np.float64), two))
    np.testing.assert_allclose(output.sum(axis=1), 1.0)


@pytest.mark.parametrize("loss", ["absolute", "huber"])
def test_outliers_pull_less(loss: Any) -> None:
    x, y, space = numbers(6000, 7)
    clean = y.copy()
    y[::10] += 500.0
    errors = [
        np.abs(prequential(LinearRegression(space, loss=kind), (x, y, space))[:, 0] - clean)[3000:]
        for kind in ("squared", loss)
    ]
    assert np.median(errors[1]) < 0.5 * np.median(errors[0])


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"optimizer": "adam"}, "optimizer: must be one of sgd, adagrad, ftrl; got 'adam'."),
        ({"learning_rate": 0.0}, "learning_rate: must be > 0; got 0.0."),
        ({"l1": -1.0}, "l1: must be >= 0; got -1.0."),
        ({"l2": float("nan")}, "l2: must be >= 0; got nan."),
    ],
)
def test_parameters_are_checked(params: dict[str, Any], message: str) -> None:
    space = numbers(1, 1)[2]
    with pytest.raises(ValueError, match=message):
        LinearRegression(space, **params)
    with pytest.raises(ValueError, match=message):
        SoftmaxRegression(Space(space.features, n_classes=2), **params)


def test_what_only_one_learner_takes_is_checked() -> None:
    space = numbers(1, 1)[2]
    two = Space(space.features, n_classes=2)
    with pytest.raises(ValueError, match="loss: must be one of squared, absolute, huber; got 'hi"):
        LinearRegression(space, loss="hinge")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="huber_delta: must be > 0; got 0"):
        LinearRegression(space, huber_delta=0)
    with pytest.raises(ValueError, match="variant: must be one of pa1, pa2; got 'pa'"):
        PassiveAggressiveClassifier(two, variant="pa")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"aggressiveness: must be > 0; got -1.0."):
        PassiveAggressiveClassifier(two, aggressiveness=-1.0)
    with pytest.raises(ValueError, match=r"insensitivity: must be >= 0; got -1.0."):
        PassiveAggressiveRegressor(space, insensitivity=-1.0)
    with pytest.raises(ValueError, match="n_classes: must be >= 1 for a classifier; got 0"):
        SoftmaxRegression(space)
    with pytest.raises(ValueError, match="n_classes: must be 0 for a regressor; got 2"):
        PassiveAggressiveRegressor(two)


INTERPRETED = """
import sys
import numpy as np
from tests.operators.interpreted_linear import runs
np.savez(sys.argv[1], *runs())
"""


def test_interpreted_kernels_compute_the_same(tmp_path: Path) -> None:
    path = tmp_path / "interpreted.npz"
    subprocess.run(
        # Interpreted, a hash is a sum of numpy scalars that wraps round, of which numpy warns.
        [sys.executable, "-W", "ignore::RuntimeWarning", "-c", INTERPRETED, str(path)],
        cwd=ROOT,
        env={**os.environ, "NUMBA_DISABLE_JIT": "1"},
        check=True,
    )
    with np.load(path) as interpreted:
        for compiled, name in zip(runs(), interpreted.files, strict=True):
            np.testing.assert_allclose(interpreted[name], compiled, rtol=1e-9, atol=1e-12)


def test_accuracies() -> None:
    """As measured when the defaults were chosen."""
    electricity, led = generators.electricity(), generators.led(30_000, seed=1)
    for make, expected in ((SoftmaxRegression, 0.832), (PassiveAggressiveClassifier, 0.855)):
        output = prequential(make(electricity[2]), electricity)
        assert accuracy(output, electricity[1]) == pytest.approx(expected, abs=0.003)
        output = prequential(make(led[2]), led)
        assert accuracy(output, led[1]) == pytest.approx(0.730, abs=0.008)
