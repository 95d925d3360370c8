"""River's face on our learners: dictionaries in, labels out, alone and at the end of a pipeline."""

from __future__ import annotations

import numpy as np
import pytest
from river import compose, preprocessing

from operators.base import Feature, Space
from operators.moe.drift_moe import DriftMoE
from operators.one import ValueOneByOne
from operators.tape import LEARN, Rows, Tape
from operators.trees.hoeffding import HoeffdingTreeClassifier

SPACE = Space((Feature("load"), Feature("colour", capacity=2)), n_classes=3, classes=("low",))


def test_labels_and_categories_get_codes_as_they_come() -> None:
    tree = HoeffdingTreeClassifier(SPACE)
    assert tree.predict_proba_one({"load": 1.0}) == {"low": 1.0}
    for load in range(40):
        tree.learn_one({"load": load, "colour": "red"}, "low" if load < 20 else "high")
    assert tree.predict_one({"load": 3, "colour": "red"}) == "low"
    assert tree.predict_one({"load": 33, "colour": "red"}) == "high"
    probabilities = tree.predict_proba_one({"load": 33, "colour": "red"})
    assert set(probabilities) == {"low", "high"}
    assert sum(probabilities.values()) == pytest.approx(1.0)


def test_nothing_known_is_no_answer() -> None:
    tree = HoeffdingTreeClassifier(Space((Feature("load"),), n_classes=2))
    assert tree.predict_one({"load": 1.0}) is None
    assert tree.predict_proba_one({"load": 1.0}) == {}


def test_absent_none_nan_and_unknown_values_are_missing() -> None:
    tree = HoeffdingTreeClassifier(SPACE)
    for load in range(50):
        tree.learn_one({"load": load, "colour": "red"}, "low" if load < 20 else "high")
    answers = [
        tree.predict_proba_one(x)
        for x in (
            {},
            {"load": None, "colour": None, "more": 1},
            {"load": float("nan"), "colour": "never seen"},
        )
    ]
    assert all(answer == answers[0] for answer in answers)


def test_categories_stop_at_the_capacity() -> None:
    tree = HoeffdingTreeClassifier(SPACE)
    for colour in ("red", "green", "blue", "grey"):
        tree.learn_one({"load": 1.0, "colour": colour}, "low")
    assert tree._category_codes[1] == {"red": 0, "green": 1}


def test_one_class_too_many_is_refused() -> None:
    tree = HoeffdingTreeClassifier(SPACE)
    for label in ("middle", "high"):
        tree.learn_one({"load": 1.0}, label)
    with pytest.raises(ValueError, match=r"y: must be one of \['low', 'middle', 'high'\]"):
        tree.learn_one({"load": 1.0}, "top")


@pytest.mark.parametrize("kind", ["tree", "mixture"])
def test_at_the_end_of_a_river_pipeline(kind: str) -> None:
    space = Space((Feature("a"), Feature("b")), n_classes=2)
    model = (
        HoeffdingTreeClassifier(space)
        if kind == "tree"
        else DriftMoE(space, experts=3, top_k=2, hidden=(8, 8), router_batch=16)
    )
    pipeline = compose.Pipeline(preprocessing.StandardScaler(), model)
    rng = np.random.default_rng(1)
    right = 0
    for a, b in rng.normal(50.0, 10.0, (400, 2)).tolist():
        x, y = {"a": a, "b": b}, a > b
        right += pipeline.predict_one(x) == y
        pipeline.learn_one(x, y)
    assert right > 330
    assert set(pipeline.predict_proba_one({"a": 60.0, "b": 40.0})) == {True, False}


def test_a_number_is_learnt_and_predicted_one_by_one() -> None:
    """With the smallest learner there can be: it says what the last two targets were."""
    learner = LastTargets(Space((Feature("load"), Feature("colour", capacity=2)), n_classes=0))
    learner.learn_one({"load": 1.0, "colour": "red"}, 3)
    learner.learn_one({"load": None, "colour": "blue"}, 4.5)
    assert learner.predict_one({"load": 2.0, "colour": "blue", "more": 1}) == 4.5 + 1
    assert learner.predict_one({}) == 4.5
    for y in (float("nan"), float("inf")):
        with pytest.raises(ValueError, match="y: must be a finite number; got"):
            learner.learn_one({"load": 1.0}, y)


class LastTargets(ValueOneByOne):
    """Predicts the last target plus the code of the colour."""

    trace_width = 0

    def __init__(self, space: Space) -> None:
        self.space = space
        self.last = 0.0

    def run(self, tape: Tape, rows: Rows) -> None:
        for action, row in zip(tape.action, tape.row, strict=True):
            if action == LEARN:
                self.last = float(rows.y[row])
            else:
                rows.output[row, 0] = self.last + np.nan_to_num(rows.x[row, 1])
