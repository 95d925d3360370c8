"""GLR restated plainly, with lists of corners; `best_split` tries every split."""

from __future__ import annotations

import math

from tests.reference.zones import QUIET, Verdict

Corner = tuple[int, float]


class PlainGLR:
    def __init__(
        self,
        run_length: float = 100_000.0,
        scale: float = 200.0,
        grace_period: int = 30,
        direction: str = "up",
    ) -> None:
        self.scale, self.grace_period = scale, grace_period
        self.spoken = {"up": [1], "down": [-1], "both": [1, -1]}[direction]
        self.evidence = 1.16 * math.log(run_length) - 3.6 + math.log(len(self.spoken))
        self.n, self.total = 0, 0.0
        self.corners: dict[int, list[Corner]] = {1: [(0, 0.0)], -1: [(0, 0.0)]}

    def update(self, x: float) -> Verdict:
        self.n, self.total = self.n + 1, self.total + x
        sign = 1 if x * self.n > self.total else -1
        found = [
            (self.excess(corner), corner)
            for corner in self.corners[sign]
            if corner[0] >= self.grace_period and sign * self.rise(corner) > 0
        ]
        excess, cut = max(found, default=(0.0, (0, 0.0)))
        verdict = QUIET
        if excess > 0:
            if sign in self.spoken:
                after = (self.total - cut[1]) / (self.n - cut[0])
                verdict = Verdict("drift", cut[1] / cut[0], after)
            self.forget(cut)
        for side, corners in self.corners.items():
            self.corners[side] = hull([*corners, (self.n, self.total)], side)
        return verdict

    def rise(self, corner: Corner) -> float:
        k, total = corner
        return (self.total - total) / (self.n - k) - total / k

    def excess(self, corner: Corner) -> float:
        gain = gain_of(corner, self.n, self.total)
        return gain - math.log(1 + self.scale / (self.n - corner[0])) - self.evidence

    def forget(self, cut: Corner) -> None:
        self.n, self.total = self.n - cut[0], self.total - cut[1]
        for side, corners in self.corners.items():
            kept = [(k - cut[0], s - cut[1]) for k, s in corners if k > cut[0]]
            self.corners[side] = [(0, 0.0), *kept]


def hull(points: list[Corner], sign: int) -> list[Corner]:
    """The lower convex hull of points in order, or for -1 the upper one; its corners."""
    kept: list[Corner] = []
    for k, s in points:
        while len(kept) > 1:
            (k1, s1), (k0, s0) = kept[-1], kept[-2]
            if sign * ((s1 - s0) * (k - k1) - (s - s1) * (k1 - k0)) < 0:
                break
            kept.pop()
        kept.append((k, s))
    return kept


def best_split(values: list[float], sign: int, grace_period: int) -> float:
    """The most that a split into two rates explains, over all splits."""
    sums = [0.0]
    for value in values:
        sums.append(sums[-1] + value)
    n, total = len(values), sums[-1]
    return max(
        (
            gain_of((k, sums[k]), n, total)
            for k in range(grace_period, n)
            if sign * ((total - sums[k]) / (n - k) - sums[k] / k) > 0
        ),
        default=0.0,
    )


def gain_of(corner: Corner, n: int, total: float) -> float:
    k, s = corner
    return fit(k, s) + fit(n - k, total - s) - fit(n, total)


def fit(n: int, total: float) -> float:
    if total <= 0 or total >= n:
        return 0.0
    return total * math.log(total / n) + (n - total) * math.log((n - total) / n)
