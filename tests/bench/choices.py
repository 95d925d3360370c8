"""What is measured when nobody says otherwise."""

from __future__ import annotations

from dataclasses import dataclass

from operators.catalog import LEARNERS
from tests.bench.kinds import CLASSIFICATION, Kind
from tests.bench.streams.catalog import GENERATORS, REGRESSION_STREAMS
from tests.bench.streams.files import FILES

_CLASSIFIERS = (
    "hoeffding_tree",
    "adaptive_random_forest",
    "leveraging_bagging",
    "streaming_random_patches",
    "drift_moe",
    "drift_moe_task",
    "adaptive_moe",
    "bayesian_mixture",
    "naive_bayes",
    "logistic_regression",
)
MODELS = tuple(name for name in _CLASSIFIERS if name in LEARNERS)
"""Our classifiers, each with its defaults."""

PEERS = (
    "moa:majority_class",
    "moa:hoeffding_tree",
    "moa:naive_bayes",
    "moa:adaptive_random_forest{trees=10}",
    "moa:leveraging_bagging{trees=10}",
    "moa:streaming_random_patches{trees=10}",
    "capymoa:hoeffding_tree",
    "capymoa:naive_bayes",
    "capymoa:adaptive_random_forest{trees=10}",
    "capymoa:leveraging_bagging{trees=10}",
    "capymoa:streaming_random_patches{trees=10}",
    "river:hoeffding_tree",
    "river:naive_bayes",
    "river:logistic_regression",
    "river:adaptive_random_forest{trees=10}",
)
"""MOA's majority class shows what reading the file costs its command line: little else is left.
Its ensembles have 100 trees by default, which is another order of cost: name them too."""

STREAMS = ("electricity", "led_abrupt", "sea_abrupt", "rbf_slow", "rbf_fast")
"""The five of the published comparison; `all` is these and everything else with classes."""

ALL_STREAMS = (
    *STREAMS,
    *(name for name in (*GENERATORS, *FILES) if name not in (*STREAMS, *REGRESSION_STREAMS)),
)

QUICK_PEERS = ("moa:hoeffding_tree", "capymoa:hoeffding_tree", "river:hoeffding_tree")
QUICK_STREAMS = ("led_abrupt", "sea_abrupt", "rbf_slow")

REGRESSORS = (
    "hoeffding_tree_regressor",
    "adaptive_random_forest_regressor",
    "streaming_random_patches_regressor",
    "leveraging_bagging_regressor",
    "linear_regression",
    "passive_aggressive_regressor",
    "recursive_least_squares",
)
"""Our models for numbers, each with its defaults."""

REGRESSION_PEERS = (
    "moa:target_mean",
    "moa:fimtdd",
    "moa:arffimtdd",
    "moa:adaptive_random_forest_regressor{trees=10}",
    "moa:soknl{trees=10}",
    "capymoa:fimtdd",
    "capymoa:arffimtdd",
    "capymoa:adaptive_random_forest_regressor{trees=10}",
    "capymoa:soknl{trees=10}",
    "river:hoeffding_tree_regressor",
    "river:hoeffding_adaptive_tree_regressor",
    "river:adaptive_random_forest_regressor{trees=10}",
    "river:streaming_random_patches_regressor{trees=10}",
    "river:linear_regression",
    "river:passive_aggressive_regressor",
)
QUICK_REGRESSION_PEERS = ("moa:fimtdd", "capymoa:fimtdd", "river:hoeffding_tree_regressor")

GROUPS = {"all": ALL_STREAMS, "regression": REGRESSION_STREAMS}
"""Names for several streams at once."""


@dataclass(frozen=True, slots=True)
class Defaults:
    """Models and peers of one kind of streams."""

    models: tuple[str, ...]
    peers: tuple[str, ...]
    quick_peers: tuple[str, ...]
    results: str


def defaults(kind: Kind) -> Defaults:
    """Give what is measured on a kind of streams, and the file that the figures go to."""
    if kind is CLASSIFICATION:
        return Defaults(MODELS, PEERS, QUICK_PEERS, "learners.csv")
    return Defaults(REGRESSORS, REGRESSION_PEERS, QUICK_REGRESSION_PEERS, "regressors.csv")
