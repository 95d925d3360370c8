"""One wild value costs a model a moment, whatever the model standardises by.

One value of 1e6 in a column of 0 to 1 used to leave five models at chance for good.
"""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from operators import tape
from operators.base import Feature, Space
from operators.catalog import create_learner
from operators.kernels.dense import MEAN, VARIANCE, learn_dense, make_dense
from operators.kernels.outliers import winsorised
from operators.tape import Rows
from tests.reference.outliers import winsorised as plain

N, WILD = 3_000, 1_000
LATER = slice(WILD + 200, None)
SPACE = (Feature("a"), Feature("b"))


def predicted(name: str, x: NDArray[np.float64], y: NDArray[np.float64], n_classes: int) -> NDArray:
    model = create_learner(name, Space(SPACE, n_classes, ("no", "yes")[:n_classes]), 1, {})
    width = max(n_classes, 1)
    rows = Rows(
        x, y, np.full((len(x), width), np.nan), np.full((len(x), model.trace_width), np.nan)
    )
    model.run(tape.test_then_train(len(x)), rows)
    return rows.output


@pytest.mark.parametrize(
    "name",
    [
        "logistic_regression",
        "passive_aggressive",
        "naive_bayes",
        "nearest_neighbours",
        "newton_regression",
        "adaptive_moe",
    ],
)
@pytest.mark.parametrize("wild", [[WILD], [5], list(range(WILD, WILD + 200, 10))])
def test_a_classifier_recovers_from_wild_values(name: str, wild: list[int]) -> None:
    rng = np.random.default_rng(7)
    x = np.column_stack([rng.random(N), rng.normal(size=N)])
    y = (x[:, 0] > 0.5).astype(float)
    x[wild, 0] = 1e6
    right = predicted(name, x, y, 2).argmax(axis=1) == y
    assert right[LATER].mean() > 0.96


@pytest.mark.parametrize(
    "name",
    [
        "linear_regression",
        "passive_aggressive_regressor",
        "recursive_least_squares",
        "hoeffding_tree_regressor",
    ],
)
def test_a_regressor_recovers_from_a_wild_value(name: str) -> None:
    rng = np.random.default_rng(7)
    x = rng.normal(size=(N, 2))
    y = 3 * x[:, 0] + x[:, 1] + 0.1 * rng.normal(size=N)
    x[WILD, 0] = 1e6
    errors = np.abs(predicted(name, x, y, 0)[:, 0] - y)
    assert np.median(errors[LATER]) < 0.2  # the noise alone makes 0.07


@pytest.mark.parametrize("name", ["linear_regression", "passive_aggressive_regressor"])
def test_a_regressor_recovers_from_a_wild_target(name: str) -> None:
    rng = np.random.default_rng(7)
    x = rng.normal(size=(N, 2))
    y = 3 * x[:, 0] + x[:, 1] + 0.1 * rng.normal(size=N)
    y[WILD] = 1e6
    errors = np.abs(predicted(name, x, y, 0)[:, 0] - y)
    assert np.median(errors[LATER]) < 0.2


@pytest.mark.parametrize("name", ["logistic_regression", "naive_bayes", "newton_regression"])
def test_a_rare_class_that_lies_far_away_is_told_apart(name: str) -> None:
    rng = np.random.default_rng(7)
    n = 30_000
    y = (rng.random(n) < 0.002).astype(float)
    x = rng.normal(size=(n, 2))
    x[:, 0] += 100.0 * y
    found = predicted(name, x, y, 2).argmax(axis=1)[n // 2 :] == 1
    is_rare = y[n // 2 :] == 1.0
    assert found[is_rare].mean() > 0.9
    assert found[~is_rare].mean() < 0.001


@pytest.mark.parametrize("name", ["logistic_regression", "nearest_neighbours", "naive_bayes"])
def test_a_spread_that_has_grown_is_learnt(name: str) -> None:
    """A change of unit, metres to millimetres: not one wild value, but the new world."""
    rng = np.random.default_rng(7)
    x = rng.normal(size=(N, 2))
    y = (x[:, 0] > 0).astype(float)
    x[WILD:, 0] *= 1_000
    right = predicted(name, x, y, 2).argmax(axis=1) == y
    assert right[WILD + 500 :].mean() > 0.93


@pytest.mark.parametrize("name", ["logistic_regression", "nearest_neighbours", "naive_bayes"])
def test_a_column_constant_but_for_rounding_that_comes_to_life_is_learnt(name: str) -> None:
    rng = np.random.default_rng(7)
    x = np.column_stack([np.full(N, 1e6), rng.normal(size=N)])
    x[5, 0] = np.nextafter(1e6, np.inf)
    x[WILD:, 0] += rng.normal(size=N - WILD)
    y = (x[:, 0] > 1e6 + 0.5).astype(float)
    right = predicted(name, x, y, 2).argmax(axis=1) == y
    assert right[WILD + 500 :].mean() > 0.9  # 0.7 are of one class


def test_a_spread_that_has_faded_away_bounds_nothing() -> None:
    dense = make_dense(Space((Feature("a"),), 2, ("no", "yes")), memory=10.0)
    for value in [*[1.0, -1.0] * 10, *[0.0] * 9_000, *[3.0, 5.0] * 20]:
        learn_dense(dense, np.array([value]))
    assert dense.statistics[0, MEAN] == pytest.approx(4.0, abs=0.2)
    assert dense.statistics[0, VARIANCE] == pytest.approx(1.0, abs=0.3)


@settings(deadline=None)  # the first call compiles
@given(
    learnt=st.lists(st.integers(-1000, 1000), max_size=40),
    value=st.floats(-1e9, 1e9),
)
def test_it_is_what_the_definition_says(learnt: list[int], value: float) -> None:
    values = [float(each) for each in learnt]
    mean = float(np.mean(values)) if values else 0.0
    m2 = float(np.sum((np.array(values) - mean) ** 2)) if len(set(values)) > 1 else 0.0
    found = winsorised(value, mean, m2, float(len(values)))
    assert found == pytest.approx(plain(value, values, [1.0] * len(values)), rel=1e-9, abs=1e-9)
