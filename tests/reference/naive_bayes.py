"""Naive Bayes restated: all records are kept, each with the weight that its age leaves it."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from operators.base import Space
from tests.reference.outliers import winsorised


class PlainNaiveBayes:
    def __init__(self, space: Space, forgetting: float, smoothing: float) -> None:
        self.space = space
        self.forgetting = forgetting
        self.smoothing = smoothing
        self.records: list[list[float]] = []
        self.labels: list[int] = []

    def learn(self, x: list[float], y: int) -> None:
        self.records.append([self._learnt(j, value) for j, value in enumerate(x)])
        self.labels.append(y)

    def _learnt(self, j: int, value: float) -> float:
        if self.space.features[j].capacity or math.isnan(value):
            return value
        weights = self.forgetting ** np.arange(len(self.records), 0, -1)
        pairs = [
            (record[j], weight)
            for record, weight in zip(self.records, weights.tolist(), strict=True)
            if not math.isnan(record[j])
        ]
        return winsorised(value, [value for value, _ in pairs], [weight for _, weight in pairs])

    def predict(self, x: list[float]) -> NDArray[np.float64]:
        n_classes = self.space.n_classes
        if not self.records:
            return np.full(n_classes, 1 / n_classes)
        scores = np.array([self._score(x, c) for c in range(n_classes)])
        terms: NDArray[np.float64] = np.exp(scores - scores.max())
        return terms / terms.sum()

    def _score(self, x: list[float], c: int) -> float:
        ages = np.arange(len(self.labels))[::-1]
        weights = self.forgetting**ages
        mine = np.array(self.labels) == c
        if not mine.any():
            return -math.inf
        score = math.log(weights[mine].sum())
        for j, feature in enumerate(self.space.features):
            values = np.array([record[j] for record in self.records])
            known = ~np.isnan(values)
            if math.isnan(x[j]):
                continue
            everyone = values[known], weights[known]
            own = values[known & mine], weights[known & mine]
            if feature.capacity:
                score += self._log_share(x[j], own, feature.capacity)
            else:
                score += self._log_density(x[j], own, everyone)
        return score

    def _log_share(self, value: float, own: tuple[NDArray, NDArray], capacity: int) -> float:
        values, weights = own
        count = weights[values == value].sum() + self.smoothing
        return math.log(count / (weights.sum() + self.smoothing * capacity))

    def _log_density(
        self, value: float, own: tuple[NDArray, NDArray], everyone: tuple[NDArray, NDArray]
    ) -> float:
        if len(set(everyone[0].tolist())) < 2:
            return 0.0
        whole_mean = np.average(everyone[0], weights=everyone[1])
        whole = np.average((everyone[0] - whole_mean) ** 2, weights=everyone[1])
        values, weights = own
        mean, deviations, freedom = whole_mean, 0.0, 0.0
        if len(values):
            mean = np.average(values, weights=weights)
            deviations = (weights * (values - mean) ** 2).sum()
            freedom = weights.sum() - (weights**2).sum() / weights.sum()
        variance = (deviations + self.smoothing * whole) / (freedom + self.smoothing)
        return -0.5 * math.log(variance / whole) - 0.5 * (value - mean) ** 2 / variance
