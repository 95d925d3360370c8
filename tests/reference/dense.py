"""Dense records restated: every value that was learnt is kept and weighed anew."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from operators.base import Space
from tests.reference.outliers import winsorised

Vector = NDArray[np.float64]
BEYOND = 1e100


class PlainDense:
    def __init__(self, space: Space, memory: float) -> None:
        self.features = space.features
        self.memory = memory
        self.learnt: list[list[float]] = [[] for _ in space.features]

    def learn(self, x: Vector) -> None:
        for feature, values, value in zip(self.features, self.learnt, x.tolist(), strict=True):
            if not feature.capacity and not math.isnan(value):
                bounded = min(max(value, -BEYOND), BEYOND)
                back = min(len(values), self.memory)
                weights = back * self._shares(len(values))
                values.append(winsorised(bounded, values, weights.tolist()))

    def encode(self, x: Vector) -> Vector:
        entries = [1.0]
        for j, (feature, value) in enumerate(zip(self.features, x.tolist(), strict=True)):
            if feature.capacity == 0:
                entries.append(self._number(j, value))
            elif feature.capacity == 2:
                entries.append(0.0 if math.isnan(value) else (-1.0, 1.0)[int(value)])
            else:
                entries += [float(value == code) for code in range(feature.capacity)]
        return np.array(entries)

    def _shares(self, count: int) -> Vector:
        """The value that came n-th took a share of the mean of that time; the rest kept theirs."""
        gains = np.maximum(1.0 / np.arange(1, count + 1), 1.0 / self.memory)
        kept = np.append(np.cumprod((1.0 - gains)[:0:-1])[::-1], 1.0)
        return gains * kept[:count]

    def _number(self, j: int, value: float) -> float:
        values = np.array(self.learnt[j])
        if math.isnan(value) or len(set(self.learnt[j])) < 2:
            return 0.0
        shares = self._shares(len(values))
        mean = shares @ values
        deviation = math.sqrt(shares @ (values - mean) ** 2)
        return float(np.clip((min(max(value, -BEYOND), BEYOND) - mean) / deviation, -10.0, 10.0))
