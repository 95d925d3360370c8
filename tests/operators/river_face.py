"""A learner of ours as an estimator that river's own checks can handle."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from river import base

from operators.base import Feature, Space
from operators.catalog import create_learner

CAPACITY = 8


class RiverClassifier(base.Classifier):
    """A classifier of the catalogue, which needs to know its features and classes beforehand.

    Parameters
    ----------
    name, options
        Of the catalogue; `options` are its parameters.
    space
        What the data set at hand looks like.
    seed
        Of everything random.
    """

    _multiclass = True

    def __init__(self, name: str, space: Space, options: dict[str, Any], seed: int = 1):
        self.name = name
        self.space = space
        self.options = options
        self.seed = seed
        self.learner: Any = create_learner(name, space, seed, options)

    def learn_one(self, x: dict[str, Any], y: Any) -> None:
        self.learner.learn_one(x, y)

    def predict_proba_one(self, x: dict[str, Any]) -> dict[Any, float]:
        return self.learner.predict_proba_one(x)  # type: ignore[no-any-return]


class RiverRegressor(base.Regressor):
    """As `RiverClassifier`, for the regressors."""

    def __init__(self, name: str, space: Space, options: dict[str, Any], seed: int = 1):
        self.name = name
        self.space = space
        self.options = options
        self.seed = seed
        self.learner: Any = create_learner(name, space, seed, options)

    def learn_one(self, x: dict[str, Any], y: float) -> None:
        self.learner.learn_one(x, y)

    def predict_one(self, x: dict[str, Any]) -> float:
        return self.learner.predict_one(x)  # type: ignore[no-any-return]


def space_of(records: Sequence[tuple[dict[str, Any], Any]], *, is_classifier: bool) -> Space:
    """Describe records: text is a category, the classes are all that occur."""
    first = records[0][0]
    features = tuple(
        Feature(name, CAPACITY if isinstance(value, str) else 0) for name, value in first.items()
    )
    n_classes = len({y for _, y in records}) if is_classifier else 0
    return Space(features, n_classes)
