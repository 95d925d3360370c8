"""The regressors of the catalogue, with parameters small and eager enough for checks in seconds.

`test_contracts_regression` checks each; the tests of classifiers see here what is not theirs.
"""

from __future__ import annotations

from typing import Any

_TREE = {"grace_period": 20, "delta": 0.05, "leaves_max": 60}
REGRESSORS: dict[str, dict[str, Any]] = {
    "adaptive_random_forest_regressor": {"trees": 3, **_TREE},
    "hoeffding_tree_regressor": _TREE,
    "leveraging_bagging_regressor": {"trees": 3, **_TREE},
    "linear_regression": {},
    "passive_aggressive_regressor": {},
    "recursive_least_squares": {"forgetting": 0.99},
    "streaming_random_patches_regressor": {"trees": 3, **_TREE},
}
