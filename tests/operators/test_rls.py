"""Recursive least squares against the solution in one batch, and against winding up.

What every regressor promises is in test_contracts_regression; interpreted kernels in test_linear.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from operators.base import Feature, Space
from operators.kernels.rls import learn_rls, predict_rls
from operators.linear.rls import RecursiveLeastSquares
from tests.generators import Stream, prequential

Array = np.ndarray[Any, np.dtype[np.float64]]


def numbers(count: int, seed: int, width: int = 4) -> Stream:
    """A number that depends on correlated others."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(count, width)) @ rng.normal(size=(width, width))
    y = x @ rng.normal(size=width) + 3.0 + 0.1 * rng.normal(size=count)
    return x, y, Space(tuple(Feature(f"x{j}") for j in range(width)), n_classes=0)


def raw(space: Space, **params: Any) -> RecursiveLeastSquares:
    """A model on the values as they are, which a batch can be solved for."""
    return RecursiveLeastSquares(space, standardise=False, **params)


def covariance(model: RecursiveLeastSquares) -> Array:
    """P = U D U'."""
    kernel = model.kernel
    upper = np.tril(kernel.factor, -1).T + np.eye(len(kernel.weights))
    return upper @ np.diag(kernel.variance) @ upper.T


def weighted_ridge(
    x: Array, y: Array, forgetting: float, ridge: float, sample: Array | None = None
) -> tuple[Array, Array]:
    """Weights and covariance of the batch solution; the ridge fades as records do."""
    design = np.column_stack([np.ones(len(x)), x])
    weight = forgetting ** np.arange(len(x))[::-1].astype(np.float64)
    if sample is not None:
        weight = weight * sample
    prior = np.full(design.shape[1], ridge * forgetting ** len(x))
    prior[0] *= 1e-6
    p = np.linalg.inv((design.T * weight) @ design + np.diag(prior))
    return p @ (design.T * weight) @ y, p


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    count=st.integers(1, 80),
    ridge=st.sampled_from([0.1, 1.0, 10.0]),
)
def test_without_forgetting_it_is_the_ridge_solution(seed: int, count: int, ridge: float) -> None:
    x, y, space = numbers(count, seed)
    model = raw(space, forgetting=1.0, ridge=ridge)
    prequential(model, (x, y, space))
    weights, p = weighted_ridge(x, y, 1.0, ridge)
    np.testing.assert_allclose(model.kernel.weights, weights, rtol=1e-6, atol=1e-7)
    np.testing.assert_allclose(covariance(model), p, rtol=1e-6, atol=1e-9 * p.max())


@pytest.mark.parametrize("forgetting", [0.9, 0.99])
def test_with_forgetting_it_is_the_weighted_solution(forgetting: float) -> None:
    """Once the ridge has faded: until then the solutions differ by design, see the kernel."""
    x, y, space = numbers(400, 3)
    model = raw(space, forgetting=forgetting, ridge=1e-6)
    prequential(model, (x, y, space))
    weights, p = weighted_ridge(x, y, forgetting, 1e-6)
    np.testing.assert_allclose(model.kernel.weights, weights, rtol=1e-5)
    np.testing.assert_allclose(covariance(model), p, rtol=1e-4, atol=1e-6 * p.max())


def test_a_weight_counts_as_so_many_records() -> None:
    x, y, space = numbers(100, 4)
    model = raw(space, forgetting=1.0)
    sample = np.where(np.arange(100) % 3 == 0, 2.5, 0.5)
    for record, target, weight in zip(x, y, sample, strict=True):
        learn_rls(model.kernel, record, target, weight)
    weights, _ = weighted_ridge(x, y, 1.0, 1.0, sample)
    np.testing.assert_allclose(model.kernel.weights, weights, rtol=1e-7)


def test_nothing_winds_up_while_inputs_carry_nothing() -> None:
    """Without a bound, variances would grow by 0.99 ** -20000, which is 1e87."""
    x, y, space = numbers(20_500, 5)
    x[500:20_400] = x[500]
    y[500:20_400] = y[500]
    model = raw(space, forgetting=0.99)
    output = prequential(model, (x, y, space))[:, 0]
    kernel = model.kernel
    assert (kernel.variance <= kernel.variance_max).all()
    p = covariance(model)
    assert np.isfinite(p).all()
    assert np.linalg.eigvalsh(p).min() >= 0.0
    assert np.abs(output[20_400:] - y[20_400:]).max() < 10.0 * y.std()
    assert np.abs(output[20_450:] - y[20_450:]).mean() < 0.3


def test_it_stays_exact_over_many_records_with_almost_equal_columns() -> None:
    rng = np.random.default_rng(6)
    x, _, space = numbers(30_000, 6)
    x[:, 1] = x[:, 0] + 1e-5 * rng.normal(size=len(x))
    y = x[:, 0] - x[:, 2] + 0.01 * rng.normal(size=len(x))
    model = raw(space, forgetting=0.99)
    output = prequential(model, (x, y, space))[:, 0]
    assert (model.kernel.variance >= 0.0).all()
    assert np.abs(output - y)[20_000:].mean() < 0.012


def test_it_follows_a_change_as_fast_as_it_forgets() -> None:
    x, y, space = numbers(4000, 7)
    y[2000:] = -y[2000:]
    errors = {
        forgetting: np.abs(
            prequential(RecursiveLeastSquares(space, forgetting=forgetting), (x, y, space))[:, 0]
            - y
        )
        for forgetting in (0.98, 1.0)
    }
    assert errors[0.98][2300:].mean() < 0.2
    assert errors[1.0][2300:].mean() > 1.0


def test_a_target_far_from_zero_is_no_trouble() -> None:
    x, y, space = numbers(60, 8)
    output = prequential(RecursiveLeastSquares(space), (x, y + 1e6, space))[:, 0]
    assert np.abs(output[20:] - y[20:] - 1e6).max() < 10.0


def test_a_category_is_a_level() -> None:
    space = Space((Feature("c", capacity=3),), n_classes=0)
    model = RecursiveLeastSquares(space, forgetting=1.0, ridge=1e-3)
    for _ in range(20):
        for code, value in enumerate((5.0, -1.0, 8.0)):
            learn_rls(model.kernel, np.array([float(code)]), value, 1.0)
    predicted = [predict_rls(model.kernel, np.array([float(code)])) for code in range(3)]
    np.testing.assert_allclose(predicted, [5.0, -1.0, 8.0], atol=0.01)


def test_parameters_are_checked() -> None:
    space = numbers(1, 1)[2]
    with pytest.raises(ValueError, match=r"forgetting: must be in \(0, 1\]; got 1.1."):
        RecursiveLeastSquares(space, forgetting=1.1)
    with pytest.raises(ValueError, match="ridge: must be > 0; got 0"):
        RecursiveLeastSquares(space, ridge=0)
    with pytest.raises(ValueError, match="n_classes: must be 0 for a regressor; got 2"):
        RecursiveLeastSquares(Space(space.features, n_classes=2))
    wide = Space((Feature("c", capacity=5000),), n_classes=0)
    with pytest.raises(ValueError, match="encode: must give at most 2048 columns; got 5001"):
        RecursiveLeastSquares(wide)
    RecursiveLeastSquares(wide, encode="hash")
