"""Small runs of the compiled regressors, made once compiled and once with numba switched off."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from operators.base import Feature, Space
from operators.ensembles.adaptive_random_forest_regressor import AdaptiveRandomForestRegressor
from operators.ensembles.leveraging_bagging_regressor import LeveragingBaggingRegressor
from operators.trees.regression import HoeffdingTreeRegressor
from tests.generators import prequential


def runs() -> list[NDArray[np.generic]]:
    """Outputs of trees and ensembles, and the splits that a tree made."""
    rng = np.random.default_rng(3)
    a, b = rng.normal(size=(2, 400))
    c = rng.integers(0, 3, 400)
    y = np.abs(a) - b * c
    y[250:] *= -3.0
    x = np.column_stack([a, c, b])
    x[rng.random(x.shape) < 0.1] = np.nan
    space = Space((Feature("a"), Feature("c", capacity=3), Feature("b")), n_classes=0)
    tree = HoeffdingTreeRegressor(space, grace_period=15, delta=0.3, tie_threshold=0.2)
    eager = {"trees": 2, "grace_period": 15, "delta": 0.3, "tie_threshold": 0.2}
    learners = [
        tree,
        HoeffdingTreeRegressor(space, leaf_prediction="mean", grace_period=15, delta=0.3),
        AdaptiveRandomForestRegressor(space, delta_warning=0.3, delta_drift=0.1, **eager),
        LeveragingBaggingRegressor(space, delta_drift=0.1, **eager),
    ]
    outputs = [prequential(learner, (x, y, space)) for learner in learners]
    nodes = tree.snapshot()["nodes"]
    return [*outputs, nodes["feature"], nodes["heavy"], nodes["threshold"]]
