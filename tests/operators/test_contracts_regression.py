"""What every regressor of the catalogue promises: each regressor x each check.

The same promises as in test_contracts, where the target is a number. How well regressors
predict, and what only one of them does, is in its own test module.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from operators.base import Feature, Learner, Space
from operators.catalog import LEARNERS
from operators.snapshot import State, digest
from operators.tape import LEARN, PREDICT, Rows, Tape
from tests.operators.managed import MANAGED, create
from tests.operators.regressors import REGRESSORS

Make = Callable[..., Learner]
Array = np.ndarray[Any, Any]

CATEGORIES = ("red", "green", "blue", "grey")
SPACE = Space(
    (
        Feature("load"),
        Feature("price"),
        Feature("colour", capacity=6, categories=CATEGORIES),
        Feature("constant"),
    ),
    n_classes=0,
)
RIVER: dict[str, dict[str, Any]] = {
    "river:tree.HoeffdingTreeRegressor": {
        "grace_period": 20,
        "delta": 0.05,
        "leaf_prediction": "mean",
    },
}
# Further settings of regressors, by what is said of them; "name, what is said of it".
SETTINGS: dict[str, dict[str, Any]] = {
    "hoeffding_tree_regressor, means": {"leaf_prediction": "mean"},
    "hoeffding_tree_regressor, linear": {"leaf_prediction": "linear"},
    "linear_regression, adagrad on absolute errors": {
        "optimizer": "adagrad",
        "learning_rate": 0.1,
        "loss": "absolute",
        "impute": "last",
    },
    "linear_regression, ftrl on Huber's loss": {
        "optimizer": "ftrl",
        "learning_rate": 0.1,
        "loss": "huber",
        "l1": 1e-3,
        "encode": "hash",
        "hash_size": 8,
    },
    "passive_aggressive_regressor, pa2": {"variant": "pa2"},
    "recursive_least_squares, hashed": {"encode": "hash", "hash_size": 8, "impute": "zero"},
}
VARIANTS = {
    **{name: (name, params) for name, params in {**REGRESSORS, **RIVER}.items()},
    **{
        f"{name}, {said}": (name, {**REGRESSORS[name], **params})
        for (name, _, said), params in (
            (key.partition(", "), value) for key, value in SETTINGS.items()
        )
    },
}
VARIANTS["hoeffding_tree_regressor, managed"] = (
    f"{MANAGED}hoeffding_tree_regressor",
    REGRESSORS["hoeffding_tree_regressor"],
)
OURS = [variant for variant in VARIANTS if variant not in RIVER]


def test_only_regressors_of_the_catalog_are_listed() -> None:
    assert set(REGRESSORS) <= set(LEARNERS)


@pytest.fixture(params=VARIANTS)
def make(request: pytest.FixtureRequest) -> Make:
    return maker(request.param)


@pytest.fixture(params=OURS)
def make_ours(request: pytest.FixtureRequest) -> Make:
    return maker(request.param)


def maker(variant: str) -> Make:
    name, params = VARIANTS[variant]

    def made(seed: int = 1, space: Space = SPACE) -> Learner:
        return create(name, space, seed, params)

    return made


def stream(length: int, trace_width: int, seed: int = 1, missing: float = 0.05) -> Rows:
    """Rows whose target depends on load, price and colour, and turns round halfway."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(length, 4))
    x[:, 2] = rng.integers(len(CATEGORIES), size=length)
    x[:, 3] = 2.5
    y = 3.0 * x[:, 0] + np.abs(x[:, 1]) + 2.0 * (x[:, 2] == 1) + rng.normal(0.0, 0.2, length)
    y[length // 2 :] *= -1.0
    y += 20.0
    x[rng.random(x.shape) < missing] = np.nan
    return rows_of(x, y, trace_width)


def rows_of(x: Array, y: Array, trace_width: int) -> Rows:
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


def assert_values(rows: Rows) -> None:
    assert rows.output.shape == (len(rows), 1)
    assert np.isfinite(rows.output).all()


def test_it_learns(make: Make) -> None:
    learner = make()
    rows = stream(3000, learner.trace_width)
    learner.run(late_labels(3000), rows)
    assert_values(rows)
    error = np.abs(rows.output[:, 0] - rows.y)[1000:1500].mean()
    spread = np.abs(rows.y[1000:1500] - rows.y[1000:1500].mean()).mean()
    assert error < 0.9 * spread


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
    assert_values(rows)


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
    assert_values(rows)


def test_a_target_that_never_changes_is_predicted(make: Make) -> None:
    learner = make()
    rows = stream(600, learner.trace_width)
    rows.y[:] = 7.25
    learner.run(late_labels(600), rows)
    assert_values(rows)
    assert np.abs(rows.output[300:] - 7.25).max() < 0.5


def test_a_category_may_come_late(make: Make) -> None:
    learner = make()
    rows = stream(800, learner.trace_width)
    rows.x[:400, 2] = 0.0
    rows.x[400:, 2] = 3.0
    learner.run(late_labels(800), rows)
    assert_values(rows)


def test_missing_values_everywhere(make: Make) -> None:
    learner = make()
    rows = stream(600, learner.trace_width)
    rows.x[200:400] = np.nan
    learner.run(late_labels(600), rows)
    assert_values(rows)


def test_a_stream_that_begins_with_missing_values(make_ours: Make) -> None:
    learner = make_ours()
    rows = stream(600, learner.trace_width)
    rows.x[:200] = np.nan
    learner.run(late_labels(600), rows)
    assert_values(rows)


def test_constant_features(make: Make) -> None:
    learner = make()
    rows = stream(600, learner.trace_width)
    rows.x[:] = [1.0, -1e9, 2.0, 0.0]
    learner.run(late_labels(600), rows)
    assert_values(rows)


@pytest.mark.parametrize("scale", [1e-12, 1e12, 1e200])
def test_huge_and_tiny_values_of_features(make_ours: Make, scale: float) -> None:
    learner = make_ours()
    rows = stream(600, learner.trace_width)
    rows.x[:, 0] *= scale
    rows.x[:, 1] /= scale
    learner.run(late_labels(600), rows)
    assert_values(rows)


@pytest.mark.parametrize("huge", [1e200, -1.7e308])
def test_single_values_near_the_end_of_floats(make_ours: Make, huge: float) -> None:
    learner = make_ours()
    rows = stream(600, learner.trace_width)
    rows.x[::7, 0] = huge
    learner.run(late_labels(600), rows)
    assert_values(rows)


@pytest.mark.parametrize("scale", [1e-9, 1e9])
def test_the_unit_of_the_target_does_not_matter(make_ours: Make, scale: float) -> None:
    outputs = []
    for factor in (1.0, scale):
        learner = make_ours()
        rows = stream(600, learner.trace_width)
        rows.y[:] *= factor
        learner.run(late_labels(600), rows)
        assert_values(rows)
        outputs.append(np.abs(rows.output[:, 0] - rows.y)[200:300].mean() / factor)
    assert outputs[1] == pytest.approx(outputs[0], rel=0.05)


def test_single_targets_near_the_end_of_floats(make_ours: Make) -> None:
    learner = make_ours()
    rows = stream(600, learner.trace_width)
    rows.y[100::50] = 1e300
    learner.run(late_labels(600), rows)
    assert_values(rows)


def test_an_empty_tape(make: Make) -> None:
    learner = make()
    before = digest(learner.snapshot())
    learner.run(predict_only(0), stream(0, learner.trace_width))
    assert digest(learner.snapshot()) == before


@pytest.mark.parametrize("variant", OURS)
def test_classes_are_refused(variant: str) -> None:
    with pytest.raises(ValueError, match=r"space.n_classes: must be 0 for a regressor; got 3"):
        maker(variant)(space=Space(SPACE.features, n_classes=3))


@pytest.mark.parametrize("variant", OURS)
def test_memory_has_a_bound(variant: str) -> None:
    """The target turns round every 500 rows, so models would grow for ever if they could."""
    name, params = VARIANTS[variant]
    if "leaves_max" in params:
        params = {**params, "leaves_max": 8}
    learner = create(name, SPACE, 1, params)
    sizes = []
    for turn in range(60):
        rows = stream(1000, learner.trace_width, seed=turn)
        learner.run(late_labels(1000), rows)
        sizes.append(size(learner.snapshot()))
    assert max(sizes[30:]) <= 1.1 * max(sizes[:30])
