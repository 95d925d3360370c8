"""Gates restated: everything that was said and learnt is kept, and weighed anew."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tests.reference.linear import softmax

Array = NDArray[np.float64]
FLOOR = 1e-3


@dataclass
class Said:
    """What was said about a record."""

    experts: Array
    answers: Array
    shares: Array
    chosen: int
    pooled: Array

    @property
    def logs(self) -> Array:
        return np.log(np.maximum(self.experts, FLOOR))


class PlainGates:
    def __init__(self, n_experts: int, memory: tuple[float, ...], pool_rate: float) -> None:
        self.pool = np.full(n_experts, 1.0 / n_experts)
        self.pool_rate = pool_rate
        self.memory = memory
        self.learnt: list[tuple[Said, int, float]] = []
        self.slopes: list[Array] = []

    def recent(self, memory: float) -> Array:
        """Sum of faded log likelihoods, as a mixture's shares."""
        ages = range(len(self.learnt) - 1, -1, -1)
        total = np.zeros(len(self.pool))
        for age, (said, y, weight) in zip(ages, self.learnt, strict=True):
            total += memory**age * weight * said.logs[:, y]
        return softmax(total)

    def scores(self, rate: float) -> Array:
        """Share of right answers, those of long ago counting less."""
        score = np.zeros(2 + len(self.memory) + len(self.pool))
        for said, y, weight in self.learnt:
            gain = min(rate * weight, 1.0)
            score = (1.0 - gain) * score + gain * (said.answers.argmax(axis=1) == y)
        return score

    def answer(self, experts: Array, logits: Array) -> Said:
        logs = np.log(np.maximum(experts, FLOOR))
        pooled = softmax(self.pool @ logs)
        powers = np.maximum(self.pool, 0.0)
        shares = [powers / powers.sum() if powers.sum() else np.full_like(powers, 1 / len(powers))]
        shares += [self.recent(memory) for memory in self.memory]
        shares += [softmax(logits), *np.eye(len(self.pool))]
        answers = np.array([pooled, *(share @ experts for share in shares[1:])])
        chosen = int(self.scores(0.001).argmax())
        return Said(experts, answers, np.array(shares), chosen, pooled)

    def learn(self, said: Said, y: int, weight: float) -> None:
        """Move the pool's powers against the gradient of the log loss, in units of its size."""
        slope = weight * (said.logs @ said.pooled - said.logs[:, y])
        self.slopes.append(slope)
        ages = np.arange(len(self.slopes))[::-1, None]
        size = np.sqrt((0.001 * 0.999**ages * np.array(self.slopes) ** 2).sum(axis=0))
        self.pool = self.pool - self.pool_rate * slope / (size + 0.1)
        self.learnt.append((said, y, weight))


def right_ones(said: Said, y: int) -> Array:
    """Mask of the experts that were right, or of the one that came nearest to it."""
    mask = (said.experts.argmax(axis=1) == y).astype(np.float64)
    if not mask.any():
        mask[said.logs[:, y].argmax()] = 1.0
    return mask


def class_weights(labels: list[int], n_classes: int, balance: float) -> list[float]:
    """What each label counts: the mean frequency over its class's, to a power, bounded."""
    weights = []
    for n in range(1, len(labels) + 1):
        faded = np.zeros(n_classes)
        for age, label in enumerate(labels[:n][::-1]):
            faded[label] += 0.999**age
        mean = faded.sum() / (faded > 0).sum()
        weights.append(float(np.clip((mean / faded[labels[n - 1]]) ** balance, 0.05, 20.0)))
    return weights
