"""River estimators as learners: what they see and answer, how they are written, signed snapshots.

The checks that every learner passes are in test_contracts.py.
"""

from __future__ import annotations

import math
import pickle
import random
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from river import compose, linear_model, naive_bayes, preprocessing, tree

from operators import river_spec, signed_pickle
from operators.base import Feature, Learner, Space
from operators.river_adapter import RiverLearner
from operators.snapshot import SnapshotRefusedError, SnapshotUnavailableError, digest
from operators.tape import LEARN, PREDICT, Rows, Tape
from operators.tape import test_then_train as learn_at_once  # pytest collects test_*

KEY = b"a key of the tests"
COLOURS = ("red", "green", "blue")
MIXED = Space(
    (Feature("load"), Feature("price"), Feature("colour", capacity=8, categories=COLOURS)),
    n_classes=2,
    classes=("down", "up"),
)
NUMERIC = Space((Feature("load"), Feature("price")), n_classes=2, classes=("down", "up"))
VALUES = Space((Feature("load"), Feature("price")), n_classes=0)
SCALED_LOGISTIC = {
    "steps": [
        {"name": "preprocessing.StandardScaler"},
        {
            "name": "river.linear_model.LogisticRegression",
            "params": {"l2": 0.01, "optimizer": {"name": "optim.Adam", "params": {"lr": 0.02}}},
        },
    ]
}


def stream(space: Space, length: int, seed: int = 1, missing: float = 0.0) -> Rows:
    """Rows whose label depends on load, and on the colour if there is one."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(length, len(space.features)))
    if space.features[-1].capacity:
        x[:, -1] = rng.integers(len(COLOURS), size=length)
    score = x[:, 0] + (x[:, -1] == 0)
    y = (score > 0).astype(np.float64) if space.n_classes else score
    x[rng.random(x.shape) < missing] = np.nan
    return Rows(x, y, np.full((length, space.n_outputs), np.nan), np.empty((length, 0)))


def piece(tape: Tape, start: int, stop: int | None = None) -> Tape:
    return Tape(tape.action[start:stop], tape.row[start:stop])


def as_dict(row: NDArray[np.float64]) -> dict[str, Any]:
    return {"load": row[0], "price": row[1], "colour": COLOURS[int(row[2])]}


def test_a_tree_sees_names_and_answers_as_in_river() -> None:
    rows = stream(MIXED, 600)
    learner = RiverLearner(MIXED, estimator="tree.HoeffdingTreeClassifier")
    learner.run(learn_at_once(600), rows)
    model, expected = tree.HoeffdingTreeClassifier(), []
    for x, y in zip(rows.x.tolist(), rows.y.tolist(), strict=True):
        probabilities = model.predict_proba_one(as_dict(x))
        expected.append([probabilities.get("down", 0.0), probabilities.get("up", 0.0)])
        model.learn_one(as_dict(x), "up" if y else "down")
    expected[0] = [0.5, 0.5]  # river has no answer before the first label
    np.testing.assert_allclose(rows.output, expected, rtol=1e-12)


def test_a_pipeline_is_written_as_plain_values() -> None:
    rows = stream(NUMERIC, 500)
    learner = RiverLearner(NUMERIC, estimator="compose.Pipeline", params=SCALED_LOGISTIC)
    learner.run(learn_at_once(500), rows)
    from river import optim

    model = compose.Pipeline(
        preprocessing.StandardScaler(),
        linear_model.LogisticRegression(optimizer=optim.Adam(lr=0.02), l2=0.01),
    )
    expected = []
    for (load, price), y in zip(rows.x.tolist(), rows.y.tolist(), strict=True):
        x = {"load": load, "price": price}
        expected.append(model.predict_proba_one(x)[True])
        model.learn_one(x, bool(y))
    np.testing.assert_allclose(rows.output[:, 1], expected, rtol=1e-12)
    assert (rows.output.argmax(axis=1) == rows.y)[100:].mean() > 0.95


def test_a_union_of_transformers_handles_categories() -> None:
    def branch(kind: str, keys: list[str]) -> dict[str, Any]:
        steps = [{"name": "compose.Select", "params": {"keys": keys}}, {"name": kind}]
        return {"name": "compose.Pipeline", "params": {"steps": steps}}

    union = {
        "name": "compose.TransformerUnion",
        "params": {
            "transformers": [
                branch("preprocessing.StandardScaler", ["load", "price"]),
                branch("preprocessing.OneHotEncoder", ["colour"]),
            ]
        },
    }
    learner = RiverLearner(
        MIXED,
        estimator="compose.Pipeline",
        params={"steps": [union, {"name": "linear_model.LogisticRegression"}]},
    )
    rows = stream(MIXED, 1500)
    learner.run(learn_at_once(1500), rows)
    assert (rows.output.argmax(axis=1) == rows.y)[500:].mean() > 0.9


def test_a_regressor_predicts_values() -> None:
    rows = stream(VALUES, 400)
    steps = [{"name": "preprocessing.StandardScaler"}, {"name": "linear_model.LinearRegression"}]
    learner = RiverLearner(VALUES, estimator="compose.Pipeline", params={"steps": steps})
    learner.run(learn_at_once(400), rows)
    model = preprocessing.StandardScaler() | linear_model.LinearRegression()
    for i, ((load, price), y) in enumerate(zip(rows.x.tolist(), rows.y.tolist(), strict=True)):
        assert rows.output[i, 0] == model.predict_one({"load": load, "price": price})
        model.learn_one({"load": load, "price": price}, y)


class Recorder(naive_bayes.GaussianNB):  # type: ignore[misc, unused-ignore]
    """A user's own classifier that keeps what it was given, and gives no probabilities."""

    seen: list[tuple[dict[str, Any], Any]]

    def __init__(self, answer: str = "up") -> None:
        super().__init__()
        self.answer = answer
        self.seen = []

    def learn_one(self, x: dict[str, Any], y: Any) -> None:
        self.seen.append((x, y))

    def predict_proba_one(self, x: dict[str, Any]) -> dict[Any, float]:
        raise NotImplementedError

    def predict_one(self, x: dict[str, Any]) -> str:
        return self.answer


@pytest.fixture
def user_package(monkeypatch: pytest.MonkeyPatch) -> str:
    """Import path of `Recorder`, as if it stood in a package of the user's."""
    import sys
    import types

    module = types.ModuleType("users_models")
    module.Recorder = Recorder  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "users_models", module)
    return "users_models.Recorder"


def test_missing_values_are_left_out_and_categories_are_named(user_package: str) -> None:
    nan = math.nan
    x = np.array([[1.5, nan, 2.0], [nan, 2.0, nan]])
    rows = Rows(x, np.array([1.0, 0.0]), np.full((2, 2), nan), np.empty((2, 0)))
    learner = RiverLearner(MIXED, estimator=user_package)
    learner.run(learn_at_once(2), rows)
    assert learner._model.seen == [
        ({"load": 1.5, "colour": "blue"}, "up"),
        ({"price": 2.0}, "down"),
    ]


def test_an_estimator_without_probabilities_has_its_answer_taken_whole(user_package: str) -> None:
    for answer, expected in (("down", [1.0, 0.0]), ("sideways", [0.5, 0.5])):
        rows = stream(MIXED, 3)
        RiverLearner(MIXED, estimator=user_package, params={"answer": answer}).run(
            learn_at_once(3), rows
        )
        assert rows.output.tolist() == [expected] * 3


def test_classes_that_become_known_later_get_their_codes() -> None:
    names = ["down"]
    space = Space((Feature("load"),), n_classes=3, classes=names)
    learner = RiverLearner(space, estimator="naive_bayes.GaussianNB")
    loads = np.array([[0.0], [0.1], [5.0], [5.1], [5.0]])
    y = np.array([0.0, 0.0, 1.0, 1.0, np.nan])
    rows = Rows(loads, y, np.full((5, 3), np.nan), np.empty((5, 0)))
    tape = learn_at_once(4)
    learner.run(piece(tape, 0, 4), rows)
    names.append("up")
    learner.run(piece(tape, 4), rows)
    learner.run(Tape(np.array([PREDICT], dtype=np.uint8), np.array([4])), rows)
    assert rows.output[4].argmax() == 1
    assert rows.output[:, 2].max() == pytest.approx(1 / 3)  # only before the first label


def test_seeds_reach_each_estimator_that_takes_one() -> None:
    params = {"model": {"name": "tree.HoeffdingAdaptiveTreeClassifier"}, "n_models": 2}
    learner = RiverLearner(MIXED, estimator="ensemble.BaggingClassifier", params=params, seed=7)
    assert learner._model.seed == 7
    assert learner._model.model.seed == 7
    learner = RiverLearner(
        MIXED, estimator="ensemble.BaggingClassifier", params={**params, "seed": 9}, seed=7
    )
    assert learner._model.seed == 9


ESTIMATORS: dict[str, tuple[str, dict[str, Any], Space]] = {
    "hoeffding_tree": ("tree.HoeffdingTreeClassifier", {}, MIXED),
    "adaptive_tree": ("tree.HoeffdingAdaptiveTreeClassifier", {}, MIXED),
    "forest": ("forest.ARFClassifier", {"n_models": 3}, NUMERIC),
    "mondrian": ("forest.AMFClassifier", {"n_estimators": 3}, NUMERIC),
    "bagging": (
        "ensemble.LeveragingBaggingClassifier",
        {"model": {"name": "tree.HoeffdingTreeClassifier"}, "n_models": 3},
        MIXED,
    ),
    "neighbours": ("neighbors.KNNClassifier", {}, NUMERIC),
    "naive_bayes": ("naive_bayes.GaussianNB", {}, NUMERIC),
    "pipeline": ("compose.Pipeline", SCALED_LOGISTIC, NUMERIC),
    "regression_tree": ("tree.HoeffdingTreeRegressor", {}, VALUES),
}


@pytest.mark.parametrize("name", ESTIMATORS)
def test_a_restored_model_goes_on_to_the_bit(name: str) -> None:
    path, params, space = ESTIMATORS[name]

    def make() -> RiverLearner:
        return RiverLearner(space, estimator=path, params=params, signing_key=KEY)

    tape, rows, again = learn_at_once(800), stream(space, 800), stream(space, 800)
    whole, first, second = make(), make(), make()
    whole.run(tape, rows)
    first.run(piece(tape, 0, 1000), again)
    state = first.snapshot()
    second.restore(state)
    assert digest(second.snapshot()) == digest(state)
    second.run(piece(tape, 1000), again)
    np.testing.assert_array_equal(again.output, rows.output)
    # The neighbours' graph is refined in the order of its sets, which no pickle keeps.
    if name != "neighbours":
        assert digest(second.snapshot()) == digest(whole.snapshot())


def test_snapshots_need_a_key() -> None:
    learner = RiverLearner(MIXED, estimator="naive_bayes.GaussianNB")
    signed = RiverLearner(MIXED, estimator="naive_bayes.GaussianNB", signing_key=KEY).snapshot()
    with pytest.raises(SnapshotUnavailableError, match="signing key must be given"):
        learner.snapshot()
    with pytest.raises(SnapshotUnavailableError, match="signing key must be given"):
        learner.restore(signed)
    with pytest.raises(ValueError, match="signing_key: must not be empty"):
        RiverLearner(MIXED, estimator="naive_bayes.GaussianNB", signing_key=b"")


class Bomb:
    """Tells when it is unpickled."""

    exploded = False

    def __reduce__(self) -> tuple[Any, ...]:
        return (_explode, ())


def _explode() -> None:
    Bomb.exploded = True


def test_nothing_is_unpickled_unless_its_signature_verifies() -> None:
    learner = RiverLearner(MIXED, estimator="naive_bayes.GaussianNB", signing_key=KEY)
    good = learner.snapshot()
    bomb = np.frombuffer(pickle.dumps(Bomb()), dtype=np.uint8)
    own_signature = np.frombuffer(signed_pickle._signature(bomb.tobytes(), b"x"), dtype=np.uint8)
    flipped = np.array(good["pickle"])
    flipped[len(flipped) // 2] ^= 1
    for changed in (
        {"pickle": bomb},
        {"pickle": bomb, "signature": own_signature},
        {"pickle": flipped},
        {"signature": np.zeros(32, dtype=np.uint8)},
        {"signature": np.empty(0, dtype=np.uint8)},
    ):
        with pytest.raises(SnapshotRefusedError, match="Nothing of it was read"):
            learner.restore({**good, **changed})
    assert not Bomb.exploded
    other = RiverLearner(MIXED, estimator="naive_bayes.GaussianNB", signing_key=b"other")
    with pytest.raises(SnapshotRefusedError):
        other.restore(good)
    learner.restore(good)


def test_a_seeded_generator_keeps_its_state() -> None:
    rng_of = signed_pickle.verified(signed_pickle.signed(_Seeded(5), KEY), KEY)._rng
    expected = random.Random(5)
    expected.random()
    assert rng_of.random() == expected.random()


def test_sets_stay_what_they_were_and_lose_their_order() -> None:
    shared = {"b", "a"}
    model = {"one": shared, "same": shared, "twin": {"b", "a"}, "mixed": {1, "a"}, "none": set()}
    copy = signed_pickle.verified(signed_pickle.signed(model, KEY), KEY)
    assert copy == model
    assert copy["one"] is copy["same"]
    assert copy["one"] is not copy["twin"]
    # 0, 8 and 16 share a place in a small set: who came first is seen in its order.
    first, second = (set[int]().union([first], {0, 8, 16}) for first in (0, 16))
    assert list(first) != list(second)
    assert digest(signed_pickle.signed(first, KEY)) == digest(signed_pickle.signed(second, KEY))


class _Seeded:
    def __init__(self, seed: int) -> None:
        self.seed = seed
        self._rng = random.Random(seed)
        self._rng.random()


@pytest.mark.parametrize(
    ("name", "params", "said"),
    [
        ("HoeffdingTreeClassifier", {}, "name: must be the import path of a river class"),
        ("forests.ARF", {}, "name: must be the import path of a river class"),
        (
            "tree.HoeffdingTreeClasifier",
            {},
            "got 'HoeffdingTreeClasifier'. Did you mean HoeffdingTreeClassifier?",
        ),
        ("os.system", {"command": "true"}, "name: must be a class derived from river.base.Base"),
        ("collections.OrderedDict", {}, "name: must be a class derived from river.base.Base"),
        ("linear_model.LinearRegression", {}, "name: must be a classifier"),
        ("preprocessing.StandardScaler", {}, "name: must be a classifier"),
        ("forest.ARFClassifier", {"trees": 3}, "params.trees: must be one of"),
        ("ensemble.BaggingClassifier", {}, "params.model: must be given"),
        ("compose.Pipeline", {"steps": {"name": "x.Y"}}, "params.steps.name: must be the import"),
        ("compose.Pipeline", {"steps": 3}, "params.steps: must be a list; got 3"),
        (
            "compose.Pipeline",
            {"steps": [{"name": "preprocessing.StandardScaler", "params": {"with_sd": True}}]},
            "params.steps[0].params.with_sd: must be one of window_size, with_std; got",
        ),
        (
            "compose.Pipeline",
            {"steps": [{"name": "preprocessing.StandardScaler", "params": [1]}]},
            "params.steps[0].params: must be a mapping; got [1].",
        ),
    ],
)
def test_what_cannot_be_built_is_refused(name: str, params: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=r"^(name|params)") as caught:
        RiverLearner(MIXED, estimator=name, params=params)
    assert said in str(caught.value)


def test_what_the_constructor_refuses_is_passed_on() -> None:
    with pytest.raises(ValueError, match=r"^params: must be what .* it says: The joint use of L1"):
        river_spec.build("linear_model.LinearRegression", {"l1": 0.1, "l2": 0.1}, seed=1)


def test_a_two_class_estimator_is_refused_for_more() -> None:
    space = Space((Feature("load"),), n_classes=3, classes=("a", "b", "c"))
    with pytest.raises(ValueError, match="must be able to tell 3 classes apart"):
        RiverLearner(space, estimator="linear_model.LogisticRegression")
    wrapped = {"classifier": {"name": "linear_model.LogisticRegression"}}
    learner = RiverLearner(space, estimator="multiclass.OneVsRestClassifier", params=wrapped)
    rows = Rows(
        np.array([[0.0], [5.0], [9.0]]),
        np.array([0.0, 1.0, 2.0]),
        np.full((3, 3), np.nan),
        np.empty((3, 0)),
    )
    tape = Tape(np.array([LEARN] * 3 + [PREDICT] * 3, dtype=np.uint8), np.array([0, 1, 2] * 2))
    learner.run(tape, rows)
    np.testing.assert_allclose(rows.output.sum(axis=1), 1.0)


def test_it_is_a_learner() -> None:
    assert isinstance(RiverLearner(MIXED, estimator="naive_bayes.GaussianNB"), Learner)
