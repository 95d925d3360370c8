"""The regressors of the catalogue, with parameters small and eager enough for checks in seconds.

`test_contracts_regression` checks each; the tests of classifiers see here what is not theirs.
"""

from __future__ import annotations

from typing import Any

REGRESSORS: dict[str, dict[str, Any]] = {
    "linear_regression": {},
    "passive_aggressive_regressor": {},
    "recursive_least_squares": {"forgetting": 0.99},
}
