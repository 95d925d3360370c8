"""Ensembles of regression trees: better than one tree, soon right again after a drift, bounded.

What every regressor promises is in test_contracts_regression, the trees' kernels are tested in
test_regression_trees, and the ensembles' interpreted run is there too.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from operators.base import Feature, Space
from operators.catalog import create_learner
from operators.ensembles.ensemble_regressor import TreeEnsembleRegressor
from operators.kernels.regression_forest import (
    FREE_LEAF,
    FREE_PAIR,
    FREE_STUMP,
    LEAVES_USED,
    NEXT,
    NODES_USED,
    STUMPS_USED,
)
from operators.snapshot import digest
from operators.trees.regression import HoeffdingTreeRegressor
from tests.generators import Stream, friedman, prequential

ENSEMBLES = [
    "adaptive_random_forest_regressor",
    "leveraging_bagging_regressor",
    "streaming_random_patches_regressor",
]
LENGTH = 24_000


@pytest.fixture(scope="module")
def drifting() -> Stream:
    return friedman(LENGTH, seed=2, drift=True)


@pytest.fixture(scope="module")
def tree_errors(drifting: Stream) -> Any:
    return errors_of(HoeffdingTreeRegressor(drifting[2]), drifting)


@pytest.fixture(scope="module", params=ENSEMBLES)
def fitted(request: pytest.FixtureRequest, drifting: Stream) -> tuple[TreeEnsembleRegressor, Any]:
    ensemble = make(request.param, drifting[2], trees=5)
    return ensemble, errors_of(ensemble, drifting)


def make(name: str, space: Space, seed: int = 1, **params: Any) -> TreeEnsembleRegressor:
    ensemble = create_learner(name, space, seed, params)
    assert isinstance(ensemble, TreeEnsembleRegressor)
    return ensemble


def errors_of(learner: Any, data: Stream) -> Any:
    return np.abs(prequential(learner, data)[:, 0] - data[1])


def test_an_ensemble_is_better_than_its_tree(fitted: Any, tree_errors: Any) -> None:
    _, errors = fitted
    assert errors.mean() < 0.85 * tree_errors.mean()


def test_an_ensemble_is_right_again_soon_after_each_drift(fitted: Any) -> None:
    _, errors = fitted
    for quarter in (1, 2, 3):
        drift = quarter * LENGTH // 4
        before = errors[drift - 1000 : drift].mean()
        assert errors[drift : drift + 200].mean() > 1.3 * before
        assert errors[drift + 4000 : drift + 5000].mean() < 1.35 * before


def test_trees_are_replaced_by_drifts_and_by_nothing_else(fitted: Any) -> None:
    ensemble, _ = fitted
    assert 5 <= ensemble.trees_replaced <= 5 * 3 + 3


@pytest.mark.parametrize("name", ENSEMBLES)
def test_without_a_drift_all_trees_stay(name: str) -> None:
    data = friedman(6000, seed=3)
    ensemble = make(name, data[2], trees=3)
    prequential(ensemble, data)
    assert ensemble.trees_replaced == 0


@pytest.mark.parametrize("name", ENSEMBLES)
def test_a_falling_error_replaces_nothing(name: str) -> None:
    """Noise that ends is good news."""
    x, y, space = friedman(6000, seed=3)
    y[:3000] += np.random.default_rng(1).normal(0.0, 10.0, 3000)
    ensemble = make(name, space, trees=3)
    prequential(ensemble, (x, y, space))
    assert ensemble.trees_replaced == 0


@pytest.mark.parametrize("name", ENSEMBLES)
def test_seeds_matter(name: str) -> None:
    data = friedman(500, seed=1)
    one, two = (prequential(make(name, data[2], seed=seed), data) for seed in (1, 2))
    assert (one != two).any()


def test_rooms_of_replaced_trees_are_used_again() -> None:
    """The function turns round every 1,000 records; each row is in a tree or in the free list."""
    space = Space((Feature("a"), Feature("b")), n_classes=0)
    ensemble = make(
        "adaptive_random_forest_regressor", space, trees=3, leaves_max=30, grace_period=30
    )
    for turn in range(60):
        rng = np.random.default_rng(turn)
        x = rng.random((1000, 2))
        y = (-1.0) ** turn * 10.0 * np.sin(6.0 * x[:, 0]) * x[:, 1] + rng.normal(0.0, 0.1, 1000)
        prequential(ensemble, (x, y, space))
    assert ensemble.trees_replaced > 20
    forest = ensemble._pools.forest
    in_trees = int(forest.leaf_counts.sum())
    free_rows = chain(forest.used[FREE_LEAF], forest.leaves[:, NEXT])
    free_pairs = chain(forest.used[FREE_PAIR], forest.nodes["child"])
    assert in_trees + len(free_rows) == forest.used[LEAVES_USED] <= 2 * 3 * 30
    sleeping = int(forest.stump_counts.sum())
    free_stumps = chain(forest.used[FREE_STUMP], forest.stumps[:, NEXT])
    assert sleeping + len(free_stumps) == forest.used[STUMPS_USED] <= 2 * 3 * 90
    in_trees += sleeping
    trees = int((forest.leaf_counts > 0).sum())
    assert 6 + 2 * (in_trees - trees) + 2 * len(free_pairs) == forest.used[NODES_USED]


def chain(first: int, following: Any) -> list[int]:
    """The free list that begins with `first`."""
    found = []
    while first >= 0:
        found.append(int(first))
        first = int(following[first])
    assert len(set(found)) == len(found)
    return found


def test_a_snapshot_taken_while_trees_grow_behind_restores_them() -> None:
    data = friedman(10_000, seed=5, drift=True)
    x, y, space = data
    hesitant: dict[str, Any] = {"trees": 4, "delta_warning": 0.1, "delta_drift": 1e-30}
    whole, parts, again = (
        make("streaming_random_patches_regressor", space, **hesitant) for _ in range(3)
    )
    expected = prequential(whole, data)
    first = prequential(parts, (x[:2800], y[:2800], space))
    assert parts._members.has_background.any()
    again.restore(parts.snapshot())
    second = prequential(again, (x[2800:], y[2800:], space))
    np.testing.assert_array_equal(np.concatenate([first, second]), expected)
    assert digest(again.snapshot()) == digest(whole.snapshot())


@pytest.mark.parametrize("share", [0.01, 1.0])
def test_any_share_of_the_features_is_one_at_least_and_all_at_most(share: float) -> None:
    data = friedman(300, seed=1)
    ensemble = make("adaptive_random_forest_regressor", data[2], trees=2, features=share)
    assert np.isfinite(prequential(ensemble, data)).all()
    assert len(ensemble._pools.forest.slots) == (1 if share == 0.01 else 10)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"trees": 0}, "trees: must be >= 1; got 0."),
        ({"rate": 0.0}, r"rate: must be in \(0, 100\]; got 0.0."),
        ({"delta_drift": 1.0}, r"delta_drift: must be in \(0, 1\); got 1.0."),
        ({"delta_warning": -0.1}, r"delta_warning: must be in \[0, 1\); got -0.1."),
        ({"features": 0.0}, r"features: must be in \(0, 1\]; got 0.0."),
        ({"aggregation": "vote"}, "aggregation: must be one of mean, weighted; got 'vote'."),
        ({"grace_period": 0}, "grace_period: must be >= 1; got 0."),
    ],
)
def test_parameters_are_checked(params: dict[str, Any], message: str) -> None:
    space = Space((Feature("a"),), n_classes=0)
    with pytest.raises(ValueError, match=message):
        create_learner("adaptive_random_forest_regressor", space, 1, params)
