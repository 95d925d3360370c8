"""Small runs of the linear and probabilistic learners, compiled and with numba switched off."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from operators.base import Feature, Space
from operators.bayes.naive_bayes import NaiveBayes
from operators.linear.passive_aggressive import (
    PassiveAggressiveClassifier,
    PassiveAggressiveRegressor,
)
from operators.linear.regression import LinearRegression
from operators.linear.rls import RecursiveLeastSquares
from operators.linear.softmax import SoftmaxRegression
from tests.generators import prequential

FEATURES = (Feature("a"), Feature("c", capacity=3), Feature("b"))


def runs() -> list[NDArray[np.generic]]:
    """Outputs of each learner."""
    rng = np.random.default_rng(3)
    y = rng.integers(0, 3, 150).astype(np.float64)
    x = np.column_stack([rng.normal(y), rng.integers(0, 3, 150), rng.normal(-2 * y, 1 + y)])
    x[rng.random(x.shape) < 0.1] = np.nan
    classes, two, value = (Space(FEATURES, n_classes=n) for n in (3, 2, 0))
    labels = np.minimum(y, 1.0)
    number = 5.0 * np.nan_to_num(x[:, 0]) + y
    runs = [
        (SoftmaxRegression(classes, optimizer="ftrl", l1=0.01, encode="hash", hash_size=4), y),
        (SoftmaxRegression(classes, optimizer="adagrad", l2=0.01, impute="last"), y),
        (SoftmaxRegression(two), labels),
        (NaiveBayes(classes, forgetting=0.5), y),  # divides its scale out twice
        (PassiveAggressiveClassifier(classes), y),
        (LinearRegression(value, loss="huber"), number),
        (PassiveAggressiveRegressor(value, variant="pa2"), number),
        (RecursiveLeastSquares(value), number),
    ]
    return [prequential(learner, (x, target, learner.space)) for learner, target in runs]
