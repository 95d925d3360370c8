"""GMA restated plainly: it keeps every deviation since the last drift."""

from __future__ import annotations

from tests.reference.zones import QUIET, Verdict


class PlainGMA:
    def __init__(
        self,
        threshold: float = 0.15,
        fading_factor: float = 0.99,
        grace_period: int = 30,
        direction: str = "up",
    ) -> None:
        self.threshold, self.fading_factor = threshold, fading_factor
        self.grace_period, self.direction = grace_period, direction
        self.drifted = True

    def update(self, x: float) -> Verdict:
        if self.drifted:
            self.total, self.deviations = 0.0, []
        self.total += x
        mean = self.total / (len(self.deviations) + 1)
        self.deviations.append(x - mean)
        weights = (self.fading_factor**age for age in range(len(self.deviations)))
        pairs = zip(weights, reversed(self.deviations), strict=True)
        average = (1 - self.fading_factor) * sum(w * d for w, d in pairs)
        size = {"up": average, "down": -average, "both": abs(average)}[self.direction]
        self.drifted = size > self.threshold and len(self.deviations) >= self.grace_period
        return Verdict("drift", mean, mean + average) if self.drifted else QUIET
