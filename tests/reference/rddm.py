"""RDDM restated plainly: it keeps every value there ever was."""

from __future__ import annotations

import math

from tests.reference.zones import QUIET, Verdict, mean


class PlainRDDM:
    def __init__(
        self,
        warning_level: float = 1.773,
        drift_level: float = 2.258,
        grace_period: int = 128,
        concept_length_max: int = 40_000,
        stable_length: int = 7_000,
        warning_length_max: int = 1_400,
    ) -> None:
        self.warning_level, self.drift_level = warning_level, drift_level
        self.grace_period, self.warning_length_max = grace_period, warning_length_max
        self.concept_length_max, self.stable_length = concept_length_max, stable_length
        self.all: list[float] = []
        self.warned, self.drifted = 0, False
        self._start([])

    def _start(self, values: list[float]) -> None:
        self.concept = values
        self.least: tuple[float, float, int] | None = None

    def _replay(self) -> None:
        values = self.all[-max(self.warned, 1) :]
        self._start([])
        for value in values:
            self.concept.append(value)
            self._judge()
        self.warned = 0

    def update(self, x: float) -> Verdict:
        if self.drifted:
            self._replay()
        self.all.append(x)
        self.concept.append(x)
        verdict = self._judge()
        if verdict.zone == "warning" and self.warned >= self.warning_length_max:
            verdict, self.warned = verdict._replace(zone="drift"), 0
        elif verdict.zone == "warning" or (verdict.zone == "drift" and self.warned):
            self.warned += 1
        else:
            self.warned = 0
        self.drifted = verdict.zone == "drift"
        if verdict.zone == "quiet" and len(self.concept) >= self.concept_length_max:
            self._start(self.all[-self.stable_length :])
        return verdict

    def _judge(self) -> Verdict:
        n, p = len(self.concept), mean(self.concept)
        if n <= self.grace_period:
            return QUIET
        s = math.sqrt(p * (1 - p) / n)
        if self.least is None or p + s <= self.least[0] + self.least[1]:
            self.least = p, s, n
        p_min, s_min, n_min = self.least
        if p + s <= p_min + self.warning_level * s_min:
            return QUIET
        zone = "drift" if p + s > p_min + self.drift_level * s_min else "warning"
        return Verdict(zone, p_min, mean(self.concept[n_min:]))
