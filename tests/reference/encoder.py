"""Encoding restated: every value that was learnt is kept, every vector is written out in full."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from operators.base import Space
from tests.reference.outliers import winsorised

MASK = 2**64 - 1


def mixed_bits(feature: int, code: int) -> int:
    """splitmix64's finaliser on a word made from both numbers."""
    bits = ((feature + 1) * 0x9E3779B97F4A7C15 + (code + 1) * 0xD1B54A32D192ED03) & MASK
    bits = ((bits ^ (bits >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    bits = ((bits ^ (bits >> 27)) * 0x94D049BB133111EB) & MASK
    return bits ^ (bits >> 31)


class PlainEncoder:
    def __init__(
        self, space: Space, encode: str, hash_size: int, impute: str, standardise: bool
    ) -> None:
        self.features = space.features
        self.hash_size = hash_size if encode == "hash" else 0
        self.impute = impute
        self.standardise = standardise
        self.learnt: list[list[float]] = [[] for _ in space.features]
        self.last = [math.nan for _ in space.features]
        own = [
            1 if not f.capacity else (0 if self.hash_size else f.capacity) for f in self.features
        ]
        self.start = [1 + sum(own[:j]) for j in range(len(own))]
        self.shared = 1 + sum(own)
        has_codes = any(feature.capacity for feature in self.features)
        self.n_columns = self.shared + (self.hash_size if has_codes else 0)

    def learn(self, x: list[float]) -> None:
        for j, (values, value) in enumerate(zip(self.learnt, x, strict=True)):
            if not math.isnan(value):
                values.append(winsorised(value, values, [1.0] * len(values)))
                self.last[j] = value

    def encode(self, x: list[float]) -> NDArray[np.float64]:
        vector = np.zeros(self.n_columns)
        vector[0] = 1.0
        for j, value in enumerate(x):
            if math.isnan(value):
                value = self._imputed(j)
            if self.features[j].capacity:
                if not math.isnan(value):
                    self._put_code(vector, j, int(value))
            else:
                vector[self.start[j]] = self._number(j, value)
        return vector

    def _imputed(self, j: int) -> float:
        values = self.learnt[j]
        if self.impute == "last" and values:
            return self.last[j]
        if self.features[j].capacity:
            return math.nan
        return 0.0 if self.impute == "zero" or not values else float(np.mean(values))

    def _number(self, j: int, value: float) -> float:
        if not self.standardise:
            return value
        values = self.learnt[j]
        deviation = float(np.std(values)) if len(set(values)) > 1 else 0.0
        return float(np.clip((value - np.mean(values)) / deviation, -10, 10)) if deviation else 0.0

    def _put_code(self, vector: NDArray[np.float64], j: int, code: int) -> None:
        if self.hash_size:
            bits = mixed_bits(j, code)
            vector[self.shared + bits % self.hash_size] += 1.0 if bits >> 63 else -1.0
        else:
            vector[self.start[j] + code] = 1.0
