"""ECDD restated plainly: it keeps every value since the last drift."""

from __future__ import annotations

import math

from tests.reference.zones import QUIET, Verdict, mean


class PlainECDD:
    def __init__(
        self, weight: float = 0.2, warning_share: float = 0.5, grace_period: int = 30
    ) -> None:
        self.weight, self.warning_share, self.grace_period = weight, warning_share, grace_period
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
        n, p, w = len(self.values), mean(self.values), self.weight
        if n <= self.grace_period:
            return QUIET
        z = sum(w * (1 - w) ** age * x for age, x in enumerate(reversed(self.values)))
        sigma = math.sqrt(p * (1 - p) * w / (2 - w) * (1 - (1 - w) ** (2 * n)))
        limit = 3.97 - 6.56 * p + 48.73 * p**3 - 330.13 * p**5 + 848.18 * p**7
        if sigma == 0 or z <= p + self.warning_share * limit * sigma:
            return QUIET
        return Verdict("drift" if z > p + limit * sigma else "warning", p, z)
