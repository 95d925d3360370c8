"""What is measured when nobody says otherwise."""

from __future__ import annotations

from operators.catalog import LEARNERS
from stream.bench.streams.catalog import GENERATORS
from stream.bench.streams.files import FILES

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
"""The five of the published comparison; `all` is these and everything else."""

ALL_STREAMS = (*STREAMS, *(name for name in (*GENERATORS, *FILES) if name not in STREAMS))

QUICK_PEERS = ("moa:hoeffding_tree", "capymoa:hoeffding_tree", "river:hoeffding_tree")
QUICK_STREAMS = ("led_abrupt", "sea_abrupt", "rbf_slow")
