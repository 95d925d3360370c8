"""The last label restated: what came after what, and when."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


class PlainLastLabel:
    def __init__(self, n_classes: int, decay: float) -> None:
        self.after: list[list[tuple[int, float]]] = [[] for _ in range(n_classes)]
        self.decay = decay
        self.last: int | None = None

    def predict(self) -> NDArray[np.float64]:
        votes = np.full(len(self.after), 1.0 / len(self.after))
        if self.last is not None:
            for age, (label, weight) in enumerate(reversed(self.after[self.last])):
                votes[label] += weight * self.decay**age
        return votes / votes.sum()

    def learn(self, known: int | None, y: int, weight: float) -> None:
        """`known` is the last label at prediction."""
        if known is not None:
            self.after[known].append((y, weight))
        self.last = y
