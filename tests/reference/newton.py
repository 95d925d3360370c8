"""Newton's steps restated: second moments are added up, and inverted at each record."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tests.reference.linear import softmax

Array = NDArray[np.float64]


class PlainNewton:
    def __init__(self, n_classes: int, width: int, decay: float) -> None:
        self.weights = np.zeros((n_classes, width))
        self.moments = np.eye(width)
        self.decay = decay

    def predict(self, vector: Array) -> Array:
        return softmax(self.weights @ vector)

    def learn(self, vector: Array, y: int, weight: float) -> None:
        p = self.predict(vector)
        n_classes, width = self.weights.shape
        undecided = (p * (1.0 - p)).sum() / (1 if n_classes == 2 else n_classes)
        undecided = weight * max(undecided, 0.01)
        self.moments = self.decay * self.moments + undecided * np.outer(vector, vector)
        curvature = np.linalg.inv(self.moments)
        error = weight * (np.eye(n_classes)[y] - p)
        self.weights += np.outer(error, curvature @ vector)
        excess = np.trace(curvature) / (10.0 * width)
        if excess > 1.0:
            self.moments *= excess


def batch_solution(vectors: Array, y: Array, weights: Array, ridge: float) -> Array:
    """Weights (width,) of weighted logistic regression, by Newton's method to convergence."""
    w = np.zeros(vectors.shape[1])
    for _ in range(50):
        p = 1.0 / (1.0 + np.exp(-(vectors @ w)))
        hessian = (vectors * (weights * p * (1.0 - p))[:, None]).T @ vectors
        hessian += ridge * np.eye(len(w))
        w -= np.linalg.solve(hessian, vectors.T @ (weights * (p - y)) + ridge * w)
    return w
