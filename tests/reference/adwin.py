"""ADWIN restated plainly: the window is one list of (length, sum, deviations), oldest first."""

from __future__ import annotations

import math

Bucket = tuple[int, float, float]


class PlainADWIN:
    def __init__(
        self,
        delta: float = 0.002,
        clock: int = 32,
        max_buckets: int = 5,
        min_window_length: int = 5,
        grace_period: int = 10,
    ) -> None:
        self.delta, self.clock, self.max_buckets = delta, clock, max_buckets
        self.min_window_length, self.grace_period = min_window_length, grace_period
        self.drift_detected = False
        self.before = self.after = math.nan
        self._reset()

    def _reset(self) -> None:
        self.buckets: list[Bucket] = []
        self.tick, self.total, self.variance = 0, 0.0, 0.0

    @property
    def width(self) -> int:
        return sum(n for n, _, _ in self.buckets)

    def update(self, x: float) -> None:
        if self.drift_detected:
            self._reset()
        self.drift_detected = False
        width = self.width
        if width:
            gap = x - self.total / width
            self.variance += width * gap * gap / (width + 1)
        self.total += x
        self.buckets.append((1, x, 0.0))
        self._compress()
        self.tick += 1
        if self.tick % self.clock == 0 and self.width > self.grace_period:
            self._detect()

    def _compress(self) -> None:
        size = 1
        while True:
            of_size = [i for i, (n, _, _) in enumerate(self.buckets) if n == size]
            if len(of_size) <= self.max_buckets:
                return
            i = of_size[0]
            (n, u, v), (_, u2, v2) = self.buckets[i : i + 2]
            gap = u / n - u2 / n
            self.buckets[i : i + 2] = [(2 * n, u + u2, v + v2 + n * n * gap * gap / (n + n))]
            size *= 2

    def _cuts(self) -> list[tuple[float, float, float]]:
        """Give (difference over bound, mean before, mean after) of passing cuts, oldest first."""
        width = self.width
        confidence = math.log(2 * math.log(width) / self.delta)
        passing = []
        n0, u0, n1, u1 = 0, 0.0, width, self.total
        for n, u, _ in self.buckets:
            n0, u0, n1, u1 = n0 + n, u0 + u, n1 - n, u1 - u
            if min(n0, n1) < self.min_window_length:
                continue
            m = 1 / (n0 - self.min_window_length + 1) + 1 / (n1 - self.min_window_length + 1)
            root = math.sqrt(max(2 * m * (self.variance / width) * confidence, 0.0))
            bound = root + 2 / 3 * confidence * m
            if abs(u0 / n0 - u1 / n1) > bound:
                passing.append((abs(u0 / n0 - u1 / n1) / bound, u0 / n0, u1 / n1))
        return passing

    def _detect(self) -> None:
        cuts = self._cuts()
        if not cuts:
            return
        self.drift_detected = True
        _, self.before, self.after = max(cuts, key=lambda cut: cut[0])
        while self.width > 1 and self._cuts():
            n, u, v = self.buckets.pop(0)
            self.total -= u
            width = self.width
            gap = u / n - self.total / width
            self.variance -= v + n * width * gap * gap / (n + width)
