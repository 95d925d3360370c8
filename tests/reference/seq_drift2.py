"""SeqDrift2 restated plainly."""

from __future__ import annotations

import math
from statistics import pvariance

from tests.reference.splitmix64 import SplitMix64
from tests.reference.zones import QUIET, Verdict, mean


class PlainSeqDrift2:
    def __init__(
        self, delta: float = 0.01, block: int = 200, reservoir: int = 2_000, seed: int = 1
    ) -> None:
        self.delta, self.block, self.reservoir = delta, block, reservoir
        self.rng = SplitMix64(seed)
        self.left: list[float] = []
        self.right: list[float] = []
        self.seen = 0

    def update(self, x: float) -> Verdict:
        self.right.append(x)
        if len(self.right) < self.block:
            return QUIET
        verdict = self._judge() if self.left else QUIET
        if verdict.zone == "drift":
            self.left, self.seen = [], 0
        for value in self.right:
            self._let_in(value)
        self.right = []
        return verdict

    def _let_in(self, value: float) -> None:
        self.seen += 1
        if len(self.left) < self.reservoir:
            self.left.append(value)
            return
        place = int(self.rng.uniform() * self.seen)
        if place < self.reservoir:
            self.left[place] = value

    def _judge(self) -> Verdict:
        left, right = self.left, self.right
        n, m = len(left), len(right)
        variance = (n * pvariance(left) + m * pvariance(right)) / (n + m)
        strays = sum(self._stray(size, variance) for size in (n, m))
        if abs(mean(left) - mean(right)) <= strays:
            return QUIET
        return Verdict("drift", mean(left), mean(right))

    def _stray(self, n: int, variance: float) -> float:
        """Solve n e^2 / (2 (variance + e / 3)) = ln(4 / delta), Bernstein's exponent, for e."""
        q = math.log(4 / self.delta)
        return (q / 3 + math.sqrt(q * q / 9 + 2 * n * variance * q)) / n
