"""What every learner of the catalog promises: each learner x each check.

Learners' accuracy, and what only one of them does, is in its own test module.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from operators.base import Feature, Learner, Space
from operators.catalog import LEARNERS, create_learner
from operators.snapshot import State, digest
from operators.tape import LEARN, PREDICT, Rows, Tape
from tests.operators.managed import MANAGED, create
from tests.operators.regressors import REGRESSORS

Make = Callable[..., Learner]

CATEGORIES = ("red", "green", "blue", "grey")
CLASSES = ("low", "middle", "high")
SPACE = Space(
    (
        Feature("load"),
        Feature("price"),
        Feature("colour", capacity=6, categories=CATEGORIES),
        Feature("constant"),
    ),
    n_classes=4,  # one more than ever has a name
    classes=CLASSES,
)

# Small enough for seconds, eager enough for many splits, router updates and growths of pools.
PARAMS: dict[str, dict[str, Any]] = {
    "adaptive_random_forest": {"trees": 3, "grace_period": 20, "delta": 0.05, "leaves_max": 60},
    "leveraging_bagging": {"trees": 3, "grace_period": 20, "delta": 0.05, "leaves_max": 60},
    "streaming_random_patches": {
        "trees": 6,
        "features": 0.8,
        "grace_period": 20,
        "delta": 0.05,
        "leaves_max": 60,
    },
    "adaptive_moe": {
        "trees": 2,
        "window": 100,
        "grace_period": 20,
        "delta": 0.05,
        "leaves_max": 60,
    },
    "bayesian_mixture": {"experts": ["hoeffding_tree", "naive_bayes", "logistic_regression"]},
    "drift_moe": {
        "experts": 4,
        "top_k": 2,
        "grace_period": 20,
        "delta": 0.05,
        "hidden": [16, 8],
        "router_batch": 32,
        "leaves_max": 60,
    },
    "drift_moe_task": {
        "grace_period": 20,
        "delta": 0.05,
        "hidden": [16, 8],
        "router_batch": 4,
        "leaves_max": 60,
    },
    "hoeffding_tree": {"grace_period": 20, "delta": 0.05, "leaves_max": 60},
    "last_label": {},
    "logistic_regression": {},
    "naive_bayes": {},
    "nearest_neighbours": {"window": 200},
    "newton_regression": {},
    "passive_aggressive": {},
    "river:tree.HoeffdingTreeClassifier": {"grace_period": 20, "delta": 0.05},
}
VARIANTS = {
    **{name: (name, params) for name, params in PARAMS.items()},
    "adaptive_moe, balanced": ("adaptive_moe", {**PARAMS["adaptive_moe"], "balance": 1.0}),
    "adaptive_moe, two learn": ("adaptive_moe", {**PARAMS["adaptive_moe"], "top_k": 2}),
    "drift_moe, soft and standardised": (
        "drift_moe",
        {**PARAMS["drift_moe"], "combine": "soft", "standardise": True},
    ),
    "drift_moe, trained by torch": ("drift_moe", {**PARAMS["drift_moe"], "router": "torch"}),
    "drift_moe_task, as published": (
        "drift_moe_task",
        {**PARAMS["drift_moe_task"], "variant": "paper"},
    ),
    "hoeffding_tree, histograms, gini, one code": (
        "hoeffding_tree",
        {
            **PARAMS["hoeffding_tree"],
            "numeric_observer": "histogram",
            "criterion": "gini",
            "nominal_split": "binary",
        },
    ),
    "hoeffding_tree, majority": (
        "hoeffding_tree",
        {**PARAMS["hoeffding_tree"], "leaf_prediction": "majority"},
    ),
    "logistic_regression, ftrl and hashed": (
        "logistic_regression",
        {"optimizer": "ftrl", "l1": 0.01, "l2": 0.1, "encode": "hash", "hash_size": 8},
    ),
    "logistic_regression, adagrad and raw": (
        "logistic_regression",
        {"optimizer": "adagrad", "l1": 1e-4, "standardise": False, "impute": "last"},
    ),
    "naive_bayes, forgetting": ("naive_bayes", {"forgetting": 0.99}),
    "newton_regression, by gradient": ("newton_regression", {"decay": 0.0}),
    "newton_regression, curved": ("newton_regression", {"width": 12}),
    "passive_aggressive, pa2": ("passive_aggressive", {"variant": "pa2", "impute": "zero"}),
    **{
        f"{name}, managed": (f"{MANAGED}{name}", PARAMS[name])
        for name in ("adaptive_moe", "drift_moe", "hoeffding_tree")
    },
}
# Those that grow trees, and those whose state is of one size for ever, but for the windows of
# ADWIN, which grow with the logarithm of their length. (A Bayesian mixture is as large as its
# experts, and a managed learner as all models that it keeps.)
GROWING = [
    variant
    for variant, (name, params) in VARIANTS.items()
    if "leaves_max" in params and not name.startswith(MANAGED)
]
FIXED = [
    name
    for name in VARIANTS
    if name not in GROWING
    and not name.startswith(("river:", "bayesian_mixture"))
    and not name.endswith(", managed")
]
# Windows of ADWIN, and the bytes that each can grow to: 32 levels of 8 buckets of 2 numbers.
ENSEMBLES = ("adaptive_random_forest", "leveraging_bagging", "streaming_random_patches")
WINDOWS = {
    "adaptive_moe": 2 * PARAMS["adaptive_moe"]["trees"] + 2,
    "newton_regression": 1,
    **{name: 2 * PARAMS[name]["trees"] for name in ENSEMBLES},
}
WINDOW_MAX = 32 * (8 * 2 + 2) * 8
# Those that look at no feature: what they can learn is what label follows which.
FEATURELESS = ["last_label"]


def test_every_learner_of_the_catalog_is_checked() -> None:
    assert {name for name, _ in VARIANTS.values()} | set(REGRESSORS) >= set(LEARNERS)


@pytest.fixture(params=VARIANTS)
def make(request: pytest.FixtureRequest) -> Make:
    return maker(request.param)


def maker(variant: str) -> Make:
    name, params = VARIANTS[variant]

    def made(seed: int = 1, space: Space = SPACE) -> Learner:
        return create(name, space, seed, params)

    return made


def stream(length: int, trace_width: int, seed: int = 1, missing: float = 0.05) -> Rows:
    """Rows whose class depends on load, price and colour, and turns round halfway."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(length, 4))
    x[:, 2] = rng.integers(len(CATEGORIES), size=length)
    x[:, 3] = 2.5
    score = x[:, 0] + 0.5 * x[:, 1] + (x[:, 2] == 1)
    score[length // 2 :] *= -1
    y = np.digitize(score, [-0.5, 0.8]).astype(np.float64)
    x[rng.random(x.shape) < missing] = np.nan
    return rows_of(x, y, trace_width)


def rows_of(x: np.ndarray[Any, Any], y: np.ndarray[Any, Any], trace_width: int) -> Rows:
    output = np.full((len(x), SPACE.n_outputs), np.nan)
    return Rows(x, y, output, np.full((len(x), trace_width), np.nan))


def late_labels(length: int, delay: int = 9) -> Tape:
    """Labels come some rows late; every 7th never comes."""
    steps = [(t, PREDICT, t) for t in range(length)]
    steps += [(t + delay, LEARN, t) for t in range(length) if t % 7]
    _, action, row = zip(*sorted(steps), strict=True)
    return Tape(np.array(action, dtype=np.uint8), np.array(row, dtype=np.int64))


def piece(tape: Tape, start: int, stop: int) -> Tape:
    return Tape(tape.action[start:stop], tape.row[start:stop])


def predict_only(length: int) -> Tape:
    return Tape(np.zeros(length, dtype=np.uint8), np.arange(length, dtype=np.int64))


def bytes_of(rows: Rows) -> tuple[bytes, bytes]:
    return rows.output.tobytes(), rows.trace.tobytes()


def size(state: State) -> int:
    return sum(np.asarray(value).nbytes for value in state.values())


def assert_probabilities(rows: Rows) -> None:
    assert np.isfinite(rows.output).all()
    assert (rows.output >= 0).all()
    np.testing.assert_allclose(rows.output.sum(axis=1), 1.0, atol=1e-6)


@pytest.mark.parametrize("variant", VARIANTS)
def test_it_learns(variant: str) -> None:
    learner = maker(variant)()
    rows = stream(3000, learner.trace_width)
    if variant in FEATURELESS:
        rows.y[:] = np.arange(3000) // 50 % 3
    learner.run(late_labels(3000), rows)
    assert_probabilities(rows)
    hits = rows.output.argmax(axis=1) == rows.y
    assert hits[1000:1500].mean() > 0.6  # the largest class has 0.42


@pytest.mark.parametrize("cut", [1, 7, 256])
def test_cutting_the_tape_changes_no_bit(make: Make, cut: int) -> None:
    length = 700
    tape = late_labels(length)
    whole, parts = make(), make()
    expected, rows = (stream(length, whole.trace_width) for _ in range(2))
    whole.run(tape, expected)
    for start in range(0, len(tape), cut):
        parts.run(piece(tape, start, start + cut), rows)
    assert bytes_of(rows) == bytes_of(expected)
    assert digest(parts.snapshot()) == digest(whole.snapshot())


@pytest.mark.parametrize("cut", [0, 1, 333, 1200])
def test_a_restored_learner_goes_on_to_the_bit(make: Make, cut: int) -> None:
    length = 900
    tape = late_labels(length)
    whole, first, second = make(), make(), make()
    expected, rows, other = (stream(length, whole.trace_width) for _ in range(3))
    whole.run(tape, expected)
    first.run(piece(tape, 0, cut), rows)
    state = first.snapshot()
    kept = digest(state)
    second.run(piece(tape, 0, 600), other)  # what was there before must be gone
    second.restore(state)
    assert digest(second.snapshot()) == kept
    second.run(piece(tape, cut, len(tape)), rows)
    assert bytes_of(rows) == bytes_of(expected)
    assert digest(second.snapshot()) == digest(whole.snapshot())
    assert digest(state) == kept, "the snapshot shares memory with a learner"
    assert digest(first.snapshot()) == kept


def test_equal_seeds_reproduce(make: Make) -> None:
    digests = []
    for _ in range(2):
        learner = make(seed=5)
        rows = stream(500, learner.trace_width)
        learner.run(late_labels(500), rows)
        digests.append((digest(learner.snapshot()), bytes_of(rows)))
    assert digests[0] == digests[1]


def test_seeds_matter_where_something_is_random() -> None:
    outputs = []
    for seed in (1, 2):
        learner = maker("drift_moe")(seed=seed)
        rows = stream(500, learner.trace_width)
        learner.run(late_labels(500), rows)
        outputs.append(rows.output)
    assert (outputs[0] != outputs[1]).any()


@pytest.mark.parametrize("learnt", [0, 400])
def test_predicting_changes_no_state(make: Make, learnt: int) -> None:
    learner = make()
    learner.run(
        late_labels(learnt) if learnt else predict_only(0), stream(400, learner.trace_width)
    )
    before = digest(learner.snapshot())
    rows, again = (stream(200, learner.trace_width, seed=2) for _ in range(2))
    learner.run(predict_only(200), rows)
    learner.run(predict_only(200), again)
    assert digest(learner.snapshot()) == before
    assert bytes_of(rows) == bytes_of(again)
    assert_probabilities(rows)


def test_inputs_are_left_alone(make: Make) -> None:
    learner = make()
    rows, untouched = (stream(400, learner.trace_width) for _ in range(2))
    learner.run(late_labels(400), rows)
    np.testing.assert_array_equal(rows.x, untouched.x)
    np.testing.assert_array_equal(rows.y, untouched.y)


def test_before_any_label_all_rows_have_an_answer(make: Make) -> None:
    learner = make()
    rows = stream(20, learner.trace_width)
    learner.run(predict_only(20), rows)
    assert_probabilities(rows)


def test_a_class_may_come_late(make: Make) -> None:
    """The third class is first seen in the middle; old leaves take as many labels to turn."""
    learner = make()
    rows = stream(2000, learner.trace_width, missing=0.0)
    rows.y[:1000] = np.minimum(rows.y[:1000], 1.0)
    rows.y[1000:] = 2.0
    learner.run(late_labels(2000), rows)
    assert_probabilities(rows)
    assert rows.output[:1000, 2].max() < 0.5
    assert (rows.output[1900:].argmax(axis=1) == 2).mean() > 0.6


def test_a_category_may_come_late(make: Make) -> None:
    learner = make()
    rows = stream(800, learner.trace_width)
    rows.x[:400, 2] = 0.0
    rows.x[400:, 2] = 3.0
    learner.run(late_labels(800), rows)
    assert_probabilities(rows)


def test_missing_values_everywhere(make: Make) -> None:
    learner = make()
    rows = stream(600, learner.trace_width)
    rows.x[200:400] = np.nan
    learner.run(late_labels(600), rows)
    assert_probabilities(rows)


def test_constant_features(make: Make) -> None:
    learner = make()
    rows = stream(600, learner.trace_width)
    rows.x[:] = [1.0, -1e9, 2.0, 0.0]
    learner.run(late_labels(600), rows)
    assert_probabilities(rows)


def test_a_single_class(make: Make) -> None:
    learner = make()
    rows = stream(600, learner.trace_width)
    rows.y[:] = 1.0
    learner.run(late_labels(600), rows)
    assert_probabilities(rows)
    # An expert that has learnt nothing yet may still be asked: all classes are alike to it.
    assert (rows.output[100:].argmax(axis=1) == 1).mean() > 0.99


def test_huge_and_tiny_values(make: Make) -> None:
    learner = make()
    rows = stream(600, learner.trace_width)
    rows.x[:, 0] *= 1e12
    rows.x[:, 1] *= 1e-12
    learner.run(late_labels(600), rows)
    assert_probabilities(rows)


def test_an_empty_tape(make: Make) -> None:
    learner = make()
    before = digest(learner.snapshot())
    learner.run(predict_only(0), stream(0, learner.trace_width))
    assert digest(learner.snapshot()) == before


@pytest.mark.parametrize("variant", FIXED)
def test_a_state_of_one_size_never_grows(variant: str) -> None:
    learner = maker(variant)()
    empty = size(learner.snapshot())
    for turn in range(5):
        rows = stream(1000, learner.trace_width, seed=turn)
        learner.run(late_labels(1000), rows)
    grown = size(learner.snapshot()) - empty
    assert 0 <= grown <= WINDOWS.get(VARIANTS[variant][0], 0) * WINDOW_MAX
    assert empty < 20_000


@pytest.mark.parametrize("variant", GROWING)
def test_memory_has_a_bound(variant: str) -> None:
    """The class turns round every 500 rows, so trees would grow for ever if they could.

    No learner may need more than its trees would if each were as large as one can get. A river
    model has no bound but its own parameters.
    """
    name, params = VARIANTS[variant]
    params = {**params, "leaves_max": 8}
    alone = params if name == "hoeffding_tree" else {**PARAMS["hoeffding_tree"], "leaves_max": 8}
    tree = create_learner("hoeffding_tree", SPACE, 1, alone)
    learner = create_learner(name, SPACE, 1, params)
    empty, tree_sizes, sizes = size(learner.snapshot()), [], []
    for turn in range(40):
        rows = stream(1000, learner.trace_width, seed=turn)
        learner.run(late_labels(1000), rows)
        sizes.append(size(learner.snapshot()))
        tree.run(late_labels(1000), rows)
        tree_sizes.append(size(tree.snapshot()))
    assert len(set(tree_sizes[20:])) == 1
    n_trees = {
        "adaptive_moe": 2 * params.get("trees", 0),  # as many in the background
        "drift_moe_task": SPACE.n_classes,
        **{name: 2 * PARAMS[name]["trees"] for name in ENSEMBLES},
    }.get(name, params.get("experts", 1))
    batch = 4 * params.get("router_batch", 0) * (len(SPACE.features) + 2 * n_trees)
    windows = WINDOWS.get(name, 0) * WINDOW_MAX
    assert empty < max(sizes) <= empty + n_trees * tree_sizes[-1] + batch + windows
