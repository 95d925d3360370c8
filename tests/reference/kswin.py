"""KSWIN restated plainly: the last values against a sample of the older ones."""

from __future__ import annotations

import math
from functools import cache

from tests.reference.splitmix64 import SplitMix64
from tests.reference.zones import QUIET, Verdict, mean


class PlainKSWIN:
    def __init__(
        self, delta: float = 0.005, window: int = 100, recent: int = 30, seed: int = 1
    ) -> None:
        self.delta, self.size, self.recent = delta, window, recent
        self.rng = SplitMix64(seed)
        self.window: list[float] = []
        self.drifted = False

    def update(self, x: float) -> Verdict:
        if self.drifted:
            self.window = self.window[-self.recent :]
        self.window = [*self.window, x][-self.size :]
        verdict = self._judge() if len(self.window) == self.size else QUIET
        self.drifted = verdict.zone == "drift"
        return verdict

    def _judge(self) -> Verdict:
        older, recent = self.window[: -self.recent], self.window[-self.recent :]
        steps = distance(self._sample(older), recent)
        if chance(self.recent, steps) > self.delta or steps / self.recent <= 0.1:
            return QUIET
        return Verdict("drift", mean(older), mean(recent))

    def _sample(self, older: list[float]) -> list[float]:
        """Draw `recent` of the older values, from the least to the greatest."""
        drawn: list[float] = []
        for i, value in enumerate(sorted(older)):
            if self.rng.uniform() * (len(older) - i) < self.recent - len(drawn):
                drawn.append(value)
        return drawn


def distance(a: list[float], b: list[float]) -> int:
    """Give the greatest difference of how many of each are at most x, over all x."""
    return max(abs(sum(v <= x for v in a) - sum(v <= x for v in b)) for x in a + b)


@cache
def chance(size: int, steps: int) -> float:
    """Give the probability of so great a distance: count the orders of both that stay below it."""
    ways = {(0, 0): 1}
    for i in range(size + 1):
        for j in range(size + 1):
            if (i, j) != (0, 0):
                before = ways.get((i - 1, j), 0) + ways.get((i, j - 1), 0)
                ways[i, j] = before if abs(i - j) < steps else 0
    inside = ways[size, size] if steps > 0 else 0
    return 1 - inside / math.comb(2 * size, size)
