"""ABCD restated plainly: it keeps the rows of the window and tests their losses from scratch."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Found = tuple[float, int, float, float]  # chance, losses before the split, mean before, mean after


class PlainABCD:
    def __init__(
        self,
        n_features: int,
        delta_drift: float = 0.002,
        delta_warning: float = 0.01,
        bottleneck: float = 0.5,
        splits: int = 20,
        grace_period: int = 100,
        part_min: int = 30,
        window: int = 1_000,
        loss_range: float = 1.0,
    ) -> None:
        self.components = min(max(round(bottleneck * n_features), 1), n_features - 1)
        self.deltas = delta_drift, delta_warning
        self.splits, self.grace_period, self.part_min = splits, grace_period, part_min
        self.window, self.loss_range = window, loss_range
        self.rows: list[NDArray[np.float64]] = []
        self.losses: list[float] = []
        self.model: tuple[NDArray[np.float64], ...] | None = None
        self.zone = "quiet"
        self.split = 0

    def update(self, row: NDArray[np.float64]) -> tuple[str, float, float, int] | None:
        """Give kind, mean loss before and after, and rows since, when a worse zone is entered."""
        if self.zone == "drift":
            self.rows = self.rows[-(len(self.losses) - self.split) :]
            self.losses, self.model, self.zone = [], None, "quiet"
        if self.model is None and len(self.rows) >= self.grace_period:
            self._train()
        self.rows = [*self.rows, row][-self.window :]
        if self.model is not None:
            self.losses = [*self.losses, self._loss(row)][-self.window :]
        return self._judge() if len(self.losses) >= 2 * self.part_min else None

    def _train(self) -> None:
        rows = np.array(self.rows)
        scale = rows.std(axis=0)
        scale[scale == 0] = 1
        _, _, axes = np.linalg.svd((rows - rows.mean(axis=0)) / scale)
        self.model = rows.mean(axis=0), scale, axes[: self.components]

    def _loss(self, row: NDArray[np.float64]) -> float:
        assert self.model is not None
        centre, scale, axes = self.model
        standard = (row - centre) / scale
        return float(np.mean((standard - axes.T @ (axes @ standard)) ** 2))

    def _judge(self) -> tuple[str, float, float, int] | None:
        reach = len(self.losses) - 2 * self.part_min
        tried = {self.part_min + s * reach // max(self.splits - 1, 1) for s in range(self.splits)}
        chance = min(self._chance(n) for n in tried)
        zone = next(
            (z for z, d in zip(("drift", "warning"), self.deltas, strict=True) if chance < d),
            "quiet",
        )
        order = ["quiet", "warning", "drift"]
        worse = order.index(zone) > order.index(self.zone)
        self.zone = zone
        if not worse:
            return None
        every = range(self.part_min, len(self.losses) - self.part_min + 1)
        self.split = max(every, key=self._explained)
        before, after = self.losses[: self.split], self.losses[self.split :]
        return zone, float(np.mean(before)), float(np.mean(after)), len(after)

    def _explained(self, n1: int) -> float:
        losses = np.array(self.losses)
        return float(n1 * losses[:n1].mean() ** 2 + (len(losses) - n1) * losses[n1:].mean() ** 2)

    def _chance(self, n1: int) -> float:
        before, after = np.array(self.losses[:n1]), np.array(self.losses[n1:])
        n2 = len(after)
        e, k = abs(before.mean() - after.mean()), n2 / (n1 + n2)
        if e == 0:
            return 4.0
        parts = ((n1, k * e, before.var()), (n2, (1 - k) * e, after.var()))
        return sum(
            2 * math.exp(-n * stray**2 / (2 * (var + self.loss_range * stray / 3)))
            for n, stray, var in parts
        )
