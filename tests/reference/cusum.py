"""CUSUM restated plainly: it keeps every value since the last drift."""

from __future__ import annotations

from tests.reference.zones import QUIET, Verdict, mean


class PlainCUSUM:
    def __init__(
        self,
        threshold: float = 50.0,
        tolerance: float = 0.005,
        grace_period: int = 30,
        direction: str = "up",
    ) -> None:
        self.threshold, self.tolerance, self.grace_period = threshold, tolerance, grace_period
        self.signs = {"up": [1], "down": [-1], "both": [1, -1]}[direction]
        self.drifted = True

    def update(self, x: float) -> Verdict:
        if self.drifted:
            self.values: list[float] = []
            self.sums, self.cuts = dict.fromkeys(self.signs, 0.0), dict.fromkeys(self.signs, 0)
        self.values.append(x)
        for sign in self.signs:
            deviation = sign * (x - mean(self.values))
            self.sums[sign] = max(0.0, self.sums[sign] + deviation - self.tolerance)
            if self.sums[sign] == 0:
                self.cuts[sign] = len(self.values)
        over = [sign for sign in self.signs if self.sums[sign] > self.threshold]
        self.drifted = bool(over) and len(self.values) >= self.grace_period
        if not self.drifted:
            return QUIET
        cut = self.cuts[over[-1]]
        return Verdict("drift", mean(self.values[:cut]), mean(self.values[cut:]))
