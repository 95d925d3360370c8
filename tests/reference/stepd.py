"""STEPD restated plainly: it keeps every value since the last drift."""

from __future__ import annotations

import math
from statistics import NormalDist

from tests.reference.zones import QUIET, Verdict, mean


class PlainSTEPD:
    def __init__(
        self,
        window: int = 30,
        delta_drift: float = 0.003,
        delta_warning: float = 0.05,
        direction: str = "both",
    ) -> None:
        self.window, self.direction = window, direction
        self.delta_drift, self.delta_warning = delta_drift, delta_warning
        self.values: list[float] = []
        self.drifted = False

    def update(self, x: float) -> Verdict:
        if self.drifted:
            self.values = []
        self.values.append(x)
        verdict = self._judge()
        self.drifted = verdict.zone == "drift"
        return verdict

    def _judge(self) -> Verdict:
        if len(self.values) < 2 * self.window:
            return QUIET
        old, recent = self.values[: -self.window], self.values[-self.window :]
        p, share = mean(self.values), 1 / len(old) + 1 / self.window
        rise = mean(recent) - mean(old)
        rise = {"up": rise, "down": -rise, "both": abs(rise)}[self.direction]
        if p in (0, 1):
            return QUIET
        z = (rise - share / 2) / math.sqrt(p * (1 - p) * share)
        chance = (1 - NormalDist().cdf(z)) * (2 if self.direction == "both" else 1)
        if chance >= self.delta_warning:
            return QUIET
        zone = "drift" if chance < self.delta_drift else "warning"
        return Verdict(zone, mean(old), mean(recent))
