"""Linear models restated with whole vectors and matrices, one record at a time."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]


def softmax(scores: Vector) -> Vector:
    terms: Vector = np.exp(scores - scores.max())
    return terms / terms.sum()


def log_loss(weights: Vector, x: Vector, y: int) -> float:
    """Weights (n, 1) mean two classes, the other one's score being 0."""
    scores = x @ weights
    if len(scores) == 1:
        scores = np.array([0.0, scores[0]])
    return -math.log(softmax(scores)[y])


class Optimizer:
    """SGD, AdaGrad and FTRL on weights of any shape; row 0 is the intercept."""

    def __init__(
        self, shape: tuple[int, int], name: str, rate: float, l1: float = 0.0, l2: float = 0.0
    ) -> None:
        self.name, self.rate, self.l1, self.l2 = name, rate, l1, l2
        self.weights = np.zeros(shape)
        self.gradients: list[Vector] = []
        self.pulls = np.zeros(shape)

    def step(self, x: Vector, errors: Vector) -> None:
        gradient = np.outer(x, errors)
        touched = np.broadcast_to((x != 0)[:, None], gradient.shape)
        penalised = touched.copy()
        penalised[0] = False
        past = sum((g**2 for g in self.gradients), np.zeros_like(gradient))
        self.gradients.append(gradient)
        if self.name == "ftrl":
            self._follow(gradient, past, touched, penalised)
            return
        if self.name == "sgd":
            rate = np.full(gradient.shape, min(self.rate, 1.0 / (x @ x)))
        else:
            rate = self.rate / np.sqrt(past + gradient**2 + 1e-8)
        moved = self.weights - rate * gradient
        shrunk = np.sign(moved) * np.maximum(np.abs(moved) - rate * self.l1, 0.0)
        shrunk /= 1.0 + rate * self.l2
        self.weights = np.where(penalised, shrunk, moved)

    def _follow(self, gradient: Vector, past: Vector, touched: Vector, penalised: Vector) -> None:
        root = np.sqrt(past + gradient**2)
        self.pulls += (root - np.sqrt(past)) / self.rate * self.weights
        z = np.sum(self.gradients, axis=0) - self.pulls
        l1, l2 = self.l1 * penalised, self.l2 * penalised
        leader = np.sign(z) * np.maximum(np.abs(z) - l1, 0.0) / ((1.0 + root) / self.rate + l2)
        self.weights = np.where(touched, -leader, self.weights)


def passive_aggressive(
    weights: Vector, x: Vector, y: int, variant: str, aggressiveness: float
) -> Vector:
    """Weights (n, classes) after a record of class `y`, by the paper's formulas."""
    scores = x @ weights
    rivals = scores.copy()
    rivals[y] = -np.inf
    rival = int(rivals.argmax())
    loss = max(0.0, 1.0 - scores[y] + scores[rival])
    if variant == "pa1":
        tau = min(aggressiveness, loss / (2 * x @ x))
    else:
        tau = loss / (2 * x @ x + 0.5 / aggressiveness)
    moved = weights.copy()
    moved[:, y] += tau * x
    moved[:, rival] -= tau * x
    return moved
