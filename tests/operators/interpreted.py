"""Small runs of the compiled learners, made once compiled and once with numba switched off."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from operators.base import Feature, Space
from operators.moe.adaptive_moe import AdaptiveMoE
from operators.moe.bayesian_mixture import BayesianMixture
from operators.moe.drift_moe import DriftMoE
from operators.moe.drift_moe_task import DriftMoETask
from operators.trees.hoeffding import HoeffdingTreeClassifier
from tests.generators import prequential


def runs() -> list[NDArray[np.generic]]:
    """Outputs of a tree and of five mixtures, and the splits that the tree made."""
    rng = np.random.default_rng(3)
    y = rng.integers(0, 3, 400).astype(np.float64)
    x = np.column_stack([rng.normal(y), rng.integers(0, 3, 400), rng.normal(-2 * y, 1 + y)])
    x[rng.random(x.shape) < 0.1] = np.nan
    space = Space((Feature("a"), Feature("c", capacity=3), Feature("b")), n_classes=3)
    eager = {"grace_period": 15, "delta": 0.3, "tie_threshold": 0.2}
    small = {"experts": 3, "top_k": 2, "hidden": (8, 8), "router_batch": 32, **eager}
    tree = HoeffdingTreeClassifier(space, **eager)
    learners = [
        tree,
        DriftMoE(space, **small),
        DriftMoE(space, standardise=True, combine="soft", **small),
        DriftMoETask(space, hidden=(8, 8), router_batch=3, **eager),
        BayesianMixture(space, experts=("hoeffding_tree", "naive_bayes")),
        AdaptiveMoE(
            space,
            trees=2,
            window=30,
            balance=0.5,
            grace_period=15,
            delta=0.3,
            delta_drift=0.2,
            delta_warning=0.5,
        ),
    ]
    outputs = [prequential(learner, (x, y, space)) for learner in learners]
    nodes = tree.snapshot()["nodes"]
    return [*outputs, nodes["feature"], nodes["heavy"], nodes["threshold"]]
