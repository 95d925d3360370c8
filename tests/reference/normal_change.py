"""NormalChange restated plainly: buckets are lists of values, densities are products of lines."""

from __future__ import annotations

import math
from itertools import chain

from tests.reference.zones import QUIET, Verdict, mean

ROW = 4


class PlainNormalChange:
    def __init__(
        self, run_length: float = 100_000.0, grace_period: int = 30, recent: int = 5
    ) -> None:
        self.evidence, self.grace_period, self.recent = math.log(run_length), grace_period, recent
        self.buckets: list[list[float]] = []
        self.since = 0

    def update(self, x: float) -> Verdict:
        self.since += 1
        self.append(x)
        # The largest power of two that divides the count, four times.
        largest = 4 * math.gcd(self.since, 2**40)
        best, edge = 0.0, 0
        for j in range(len(self.buckets) - 1, 0, -1):
            if len(self.buckets[j]) > largest:
                break
            left, right = self.parts(j)
            if len(left) < self.grace_period:
                break
            if len(right) >= self.recent:
                excess = log_factor(left, right) - self.evidence
                if excess > best:
                    best, edge = excess, j
        if not edge:
            return QUIET
        left, right = self.parts(edge)
        self.buckets, self.since = self.buckets[edge:], 0
        return Verdict("drift", mean(left), mean(right))

    def parts(self, edge: int) -> tuple[list[float], list[float]]:
        left, right = self.buckets[:edge], self.buckets[edge:]
        return list(chain.from_iterable(left)), list(chain.from_iterable(right))

    def append(self, x: float) -> None:
        self.buckets.append([x])
        size = 1
        while True:
            same = [j for j, bucket in enumerate(self.buckets) if len(bucket) == size]
            if len(same) <= ROW:
                return
            first = same[0]
            self.buckets[first] += self.buckets.pop(first + 1)
            size *= 2


def log_factor(left: list[float], right: list[float]) -> float:
    """Density of `right` with parameters drawn around those of `left`, over that of more of it."""
    k, center = len(left), mean(left)
    whole = squares(left + right)
    if whole <= 1e-24 * len(left + right) * (center**2 + mean(right) ** 2):
        return 0.0
    spread = max(squares(left), 1e-9 * whole) / (k - 1)
    changed = log_student(right, center, weight=1.0, shape=1.0, rate=spread)
    same = log_student(right, center, weight=k, shape=(k - 1) / 2, rate=(k - 1) / 2 * spread)
    return changed - same


def log_student(
    values: list[float], center: float, weight: float, shape: float, rate: float
) -> float:
    """Log density of normal values of unknown mean and variance, up to what all have in common.

    The variance is inverse gamma, the mean normal with `weight` as much precision as one value.
    """
    m = len(values)
    apart = (mean(values) - center) ** 2 * weight * m / (weight + m)
    rate_after = rate + (squares(values) + apart) / 2
    density = math.lgamma(shape + m / 2) - math.lgamma(shape)
    density += shape * math.log(rate) - (shape + m / 2) * math.log(rate_after)
    return density + math.log(weight / (weight + m)) / 2


def squares(values: list[float]) -> float:
    center = mean(values)
    return sum((value - center) ** 2 for value in values)
