"""Nearest neighbours restated: all records are kept, and the last ones sorted by distance."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from operators.base import Space
from tests.reference.dense import PlainDense

Vector = NDArray[np.float64]


class PlainNeighbours:
    def __init__(self, space: Space, neighbours: int, window: int) -> None:
        self.dense = PlainDense(space, memory=1000.0)
        self.classes = space.n_classes
        self.neighbours, self.window = neighbours, window
        self.records: list[tuple[NDArray[np.float32], int, float]] = []

    def near(self, x: Vector) -> list[int]:
        """Return the nearest records; among equals those in the earlier place of the ring."""
        vector = self.dense.encode(x)[1:].astype(np.float32)
        last = range(max(0, len(self.records) - self.window), len(self.records))
        distances = {}
        for i in last:
            total = np.float32(0.0)
            for a, b in zip(self.records[i][0], vector, strict=True):
                total += (a - b) * (a - b)
            distances[i] = float(total)
        return sorted(last, key=lambda i: (distances[i], i % self.window))[: self.neighbours]

    def predict(self, x: Vector) -> Vector:
        votes = np.full(self.classes, 0.1 / self.classes)
        for i in self.near(x):
            _, label, weight = self.records[i]
            votes[label] += weight
        return votes / votes.sum()

    def learn(self, x: Vector, y: int, weight: float) -> None:
        vector = self.dense.encode(x)[1:].astype(np.float32)
        self.records.append((vector, y, weight))
        self.dense.learn(x)
