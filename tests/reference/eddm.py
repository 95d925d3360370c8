"""EDDM restated plainly: it keeps where all the errors were."""

from __future__ import annotations

from statistics import stdev

from tests.reference.zones import QUIET, Verdict, mean


class PlainEDDM:
    def __init__(
        self, warning_level: float = 0.95, drift_level: float = 0.9, grace_period: int = 30
    ) -> None:
        self.levels = warning_level, drift_level
        self.grace_period = grace_period
        self._restart()

    def _restart(self) -> None:
        self.n, self.errors, self.peak, self.at_peak = 0, [0], 0.0, (0, 0)
        self.verdict = QUIET

    def update(self, x: float) -> Verdict:
        if self.verdict.zone == "drift":
            self._restart()
        self.n += 1
        if x >= 0.5:
            self.errors.append(self.n)
            self.verdict = self._judge(len(self.errors) - 1)
        return self.verdict

    def _judge(self, count: int) -> Verdict:
        if self.n <= self.grace_period:
            return QUIET
        distances = [float(b - a) for a, b in zip(self.errors, self.errors[1:], strict=False)]
        reach = mean(distances) + 2 * (stdev(distances) if count > 1 else 0.0)
        if reach > self.peak:
            self.peak, self.at_peak = reach, (self.n, count)
            return QUIET
        level = reach / self.peak
        if count <= self.grace_period or level >= self.levels[0]:
            return QUIET
        n, errors = self.at_peak
        zone = "drift" if level < self.levels[1] else "warning"
        return Verdict(zone, errors / n, (count - errors) / (self.n - n))
