"""A regression tree in plain Python, from the formulas; slow, and keeps every record of a leaf."""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from operators.base import Space
from tests.reference.outliers import winsorised

Record = list[float]
BINS = 64
DOUBT = 10.0
ERROR_FADING = 0.98
TREND_FADING = 0.9
NOTHING = (0.0, 0.0, 0.0)  # weight, sum of targets, sum of residuals


def plus(a: Any, b: Any) -> tuple[float, ...]:
    return tuple(x + y for x, y in zip(a, b, strict=True))


def minus(a: Any, b: Any) -> tuple[float, ...]:
    return tuple(x - y for x, y in zip(a, b, strict=True))


class Bins:
    """Bins of equal width by their number on the grid; `first` begins the window of 64."""

    def __init__(self, value: float) -> None:
        exponent = math.frexp(value)[1] if value else -150
        self.width = 2.0 ** (max(exponent, -150) - 50)
        self.first = math.floor(value / self.width) - BINS // 2
        self.bins: dict[int, Any] = defaultdict(lambda: NOTHING)
        self.below, self.above = NOTHING, NOTHING
        self.weight = 0.0

    def add(self, value: float, sums: tuple[float, float, float]) -> None:
        outside = self.below[0] + self.above[0]
        if self.weight < 64 or outside > 0.05 * self.weight + 4:
            while not self.first <= math.floor(value / self.width) < self.first + BINS:
                self.double(value)
        self.weight += sums[0]
        i = math.floor(value / self.width)
        if i < self.first:
            self.below = plus(self.below, sums)  # type: ignore[assignment]
        elif i < self.first + BINS:
            self.bins[i] = plus(self.bins[i], sums)
        else:
            self.above = plus(self.above, sums)  # type: ignore[assignment]

    def double(self, value: float) -> None:
        self.width *= 2
        self.first //= 2
        if math.floor(value / self.width) < self.first:
            self.first -= BINS // 2 - 1
        merged: dict[int, Any] = defaultdict(lambda: NOTHING)
        for i, sums in self.bins.items():
            merged[i // 2] = plus(merged[i // 2], sums)
        self.bins = merged

    def cuts(self) -> list[tuple[float, Any, Any]]:
        """Threshold, sums to the left and sums to the right, from left to right."""
        parts = [self.below, *(self.bins[self.first + i] for i in range(BINS)), self.above]
        total: Any = NOTHING
        for part in parts:
            total = plus(total, part)
        left: Any = NOTHING
        found = []
        for i, part in enumerate(parts[:-1]):
            left = plus(left, part)
            if part[0]:
                found.append(((self.first + i) * self.width, left, minus(total, left)))
        return found


class Codes:
    """Sums of each code."""

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self.sums: dict[int, Any] = defaultdict(lambda: NOTHING)

    def add(self, value: float, sums: tuple[float, float, float]) -> None:
        self.sums[int(value)] = plus(self.sums[int(value)], sums)

    def cuts(self, which: int) -> list[tuple[set[int], Any, Any]]:
        """Codes that go left, sums to the left and to the right; by the codes' means."""
        ordered = sorted(self.sums, key=lambda c: (self.sums[c][which] / self.sums[c][0], c))
        total: Any = NOTHING
        for code in ordered:
            total = plus(total, self.sums[code])
        left: Any = NOTHING
        found = []
        for i, code in enumerate(ordered[:-1]):
            left = plus(left, self.sums[code])
            right = minus(total, left)
            chosen = set(ordered[: i + 1])
            if left[0] >= right[0]:
                chosen |= set(range(self.capacity)) - set(ordered)
            found.append((chosen, left, right))
        return found


class Linear:
    """Recursive least squares that forgets along each input."""

    def __init__(self, width: int) -> None:
        self.weights = np.zeros(width)
        self.p = np.eye(width)

    def predict(self, z: Any) -> float:
        return float(self.weights @ z)

    def learn(self, z: Any, residual: float, fading: float) -> None:
        g = self.p @ z
        r = float(z @ g)
        self.weights = self.weights + residual * g / (1 + r)
        self.p = self.p + (1 / (fading * (1 + r)) - 1) / r * np.outer(g, g)

    def child(self) -> Linear:
        child = Linear(len(self.weights))
        child.weights = self.weights.copy()
        child.p = self.p * max(1.0, min(DOUBT, 1 / self.p.diagonal().max()))
        return child


@dataclass
class Leaf:
    linear: Linear
    mean: float = 0.0
    mean_weight: float = 0.0
    errors: list[float] = field(default_factory=lambda: [0.0, 0.0, 0.0])
    seen: list[tuple[float, float]] = field(default_factory=list)  # target, residual
    pending: int = 0
    slots: dict[int, Any] = field(default_factory=dict)
    promise: float = 0.0  # squares left over
    is_stump: bool = False  # answers and learns, but observes no features


@dataclass
class Split:
    feature: int
    left: Any  # a threshold, or the codes that go left
    heavy: int
    children: list[Leaf | Split]


@dataclass
class RegressionTree:
    space: Space
    grace_period: int = 200
    delta: float = 1e-3
    tie_threshold: float = 0.05
    leaf_prediction: str = "adaptive"
    fading_factor: float = 0.999
    leaves_max: int = 1000

    def __post_init__(self) -> None:
        features = self.space.features
        self.numeric = [f for f, feature in enumerate(features) if not feature.capacity]
        self.values: dict[int, Record] = {f: [] for f in self.numeric}
        self.targets: Record = []
        self.root: Leaf | Split = Leaf(Linear(1 + len(self.numeric)))
        self.trend = Linear(1 + len(self.numeric))

    @property
    def offset(self) -> float:
        return self.targets[0] if self.targets else 0.0

    def inputs(self, x: Record) -> Any:
        z = [1.0]
        for f in self.numeric:
            seen = self.values[f]
            deviation = np.std(seen) if len(set(seen)) > 1 else 0.0
            known = not math.isnan(x[f]) and deviation > 0
            z.append(float(np.clip((x[f] - np.mean(seen)) / deviation, -10, 10)) if known else 0.0)
        return np.array(z)

    def held(self, value: float) -> float:
        seen = [y - self.offset for y in self.targets] or [0.0]
        room = 0.25 * (max(seen) - min(seen))
        return max(min(seen) - room, min(value, max(seen) + room))

    def candidates(self, x: Record) -> list[float]:
        """What the leaf's mean, its linear model and the trend say."""
        z = self.inputs(x)
        leaf, _ = self.descend(x)
        return [leaf.mean, self.held(leaf.linear.predict(z)), self.held(self.trend.predict(z))]

    def predict(self, x: Record) -> float:
        mean, linear, trend = self.candidates(x)
        errors = self.descend(x)[0].errors
        if self.leaf_prediction == "mean" or (
            self.leaf_prediction == "adaptive" and errors[0] < min(errors[1:])
        ):
            return self.offset + mean
        if self.leaf_prediction == "adaptive" and errors[2] < errors[1]:
            return self.offset + trend
        return self.offset + linear

    def learn(self, x: Record, y: float) -> None:
        """Learn a record right after it was predicted."""
        candidates = self.candidates(x)
        for f in self.numeric:
            if not math.isnan(x[f]):
                seen = self.values[f]
                seen.append(winsorised(x[f], seen, [1.0] * len(seen)))
        self.targets.append(y)
        candidates = [c if len(self.targets) > 1 else 0.0 for c in candidates]
        y -= self.offset
        z = self.inputs(x)
        self.trend.learn(z, y - self.trend.predict(z), TREND_FADING)
        leaf, path = self.descend(x)
        residual = 0.0
        if self.leaf_prediction != "mean":
            for i, candidate in enumerate(candidates):
                leaf.errors[i] += (1 - ERROR_FADING) * ((y - candidate) ** 2 - leaf.errors[i])
            residual = y - leaf.linear.predict(z)
            leaf.linear.learn(z, residual, self.fading_factor)
        most = 1 / (1 - self.fading_factor) if self.fading_factor < 1 else math.inf
        leaf.mean_weight = min(leaf.mean_weight, most) + 1
        left_over = residual if self.explains(leaf) == 2 else y - leaf.mean
        leaf.promise += left_over**2
        leaf.mean += (y - leaf.mean) / leaf.mean_weight
        leaf.pending += 1
        if leaf.is_stump:
            self.review(leaf)
            return
        leaf.seen.append((y, residual))
        for f, feature in enumerate(self.space.features):
            if not math.isnan(x[f]):
                if f not in leaf.slots:
                    leaf.slots[f] = Codes(feature.capacity) if feature.capacity else Bins(x[f])
                leaf.slots[f].add(x[f], (1.0, y, residual))
        if leaf.pending >= self.grace_period:
            leaf.pending = 0
            self.attempt(leaf, path)

    def explains(self, leaf: Leaf) -> int:
        """Which of targets (1) and residuals (2) a split has to explain."""
        is_mean = self.leaf_prediction == "mean" or leaf.errors[0] < leaf.errors[1]
        return 1 if is_mean else 2

    def review(self, stump: Leaf) -> None:
        if stump.pending < 10 * self.grace_period:
            return
        stump.pending = 0
        weakest = self.least_promising()
        assert weakest is not None
        if stump.promise > weakest.promise:
            weakest.is_stump, stump.is_stump = True, False
            stump.seen, stump.slots = [], {}

    def leaves(self) -> list[Leaf]:
        """Leaves and stumps, as one meets them who looks at pairs of children."""
        if isinstance(self.root, Leaf):
            return [self.root]
        found: list[Leaf] = []
        waiting = [self.root]
        while waiting:
            for child in waiting.pop().children:
                if isinstance(child, Split):
                    waiting.append(child)
                else:
                    found.append(child)
        return found

    @property
    def leaf_count(self) -> int:
        return sum(not leaf.is_stump for leaf in self.leaves())

    def least_promising(self, spared: Leaf | None = None) -> Leaf | None:
        awake = [leaf for leaf in self.leaves() if not leaf.is_stump and leaf is not spared]
        return min(awake, key=lambda leaf: leaf.promise, default=None)

    def make_room(self, leaf: Leaf) -> bool:
        if self.leaf_count < self.leaves_max:
            return True
        weakest = self.least_promising(leaf)
        if weakest is None or len(self.leaves()) - self.leaf_count == 3 * self.leaves_max:
            return False
        weakest.is_stump = True
        return True

    def descend(self, x: Record) -> tuple[Leaf, list[tuple[Split, int]]]:
        node, path = self.root, []
        while isinstance(node, Split):
            value = x[node.feature]
            if math.isnan(value):
                branch = node.heavy
            elif isinstance(node.left, set):
                branch = 0 if int(value) in node.left else 1
            else:
                branch = 0 if value < node.left else 1
            path.append((node, branch))
            node = node.children[branch]
        return node, path

    def attempt(self, leaf: Leaf, path: list[tuple[Split, int]]) -> None:
        which = self.explains(leaf)
        n = len(leaf.seen)
        squares = n * float(np.var([record[which - 1] for record in leaf.seen]))
        offers = []
        for f, slot in sorted(leaf.slots.items()):
            cuts = slot.cuts(which) if isinstance(slot, Codes) else slot.cuts()
            best: Any = (0.0, f, None, None, None)
            by_chance = max(len(slot.sums) - 2, 0) * squares / n if isinstance(slot, Codes) else 0.0
            for cut, left, right in cuts:
                if left[0] < 5 or right[0] < 5:
                    continue
                whole = (left[which] + right[which]) ** 2 / (left[0] + right[0])
                gain = left[which] ** 2 / left[0] + right[which] ** 2 / right[0] - whole
                gain -= by_chance
                if gain > best[0]:
                    best = (gain, f, cut, left, right)
            offers.append(best)
        offers.sort(key=lambda offer: -offer[0])
        gains = [offer[0] for offer in offers] + [0.0]
        log = math.log(1 / self.delta)
        bound = math.sqrt(log / (2 * n))
        if not n * gains[0] > 2 * log * squares:
            return
        is_sure = gains[1] < gains[0] * (1 - bound) or bound < self.tie_threshold
        if is_sure and self.make_room(leaf):
            self.split(leaf, path, offers[0], max(1 - gains[0] / squares, 0.0))

    def split(
        self, leaf: Leaf, path: list[tuple[Split, int]], offer: Any, left_over: float
    ) -> None:
        _, f, cut, left, right = offer
        children: list[Leaf | Split] = [
            Leaf(leaf.linear.child(), side[1] / side[0], min(side[0], leaf.mean_weight))
            for side in (left, right)
        ]
        for child, side in zip(children, (left, right), strict=True):
            assert isinstance(child, Leaf)
            child.errors = leaf.errors.copy()
            child.promise = leaf.promise * left_over * side[0] / (left[0] + right[0])
        node = Split(f, cut, 0 if left[0] >= right[0] else 1, children)
        if path:
            parent, branch = path[-1]
            parent.children[branch] = node
        else:
            self.root = node
