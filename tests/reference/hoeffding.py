"""A Hoeffding tree in plain Python, from the formulas; slow, and keeps every value it has seen."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from operators.base import Space

Record = list[float]
Normal = Callable[[float], float]


@dataclass
class Leaf:
    weights: list[float]
    values: dict[tuple[int, int], list[float]] = field(default_factory=dict)  # (class, feature)
    pending: int = 0
    wait: float = 0.0  # 0: no attempt to split yet
    majority_right: int = 0
    bayes_right: int = 0
    is_stump: bool = False  # counts classes only

    @property
    def promise(self) -> float:
        return sum(self.weights) - max(self.weights)

    def forget_values(self, *, is_stump: bool) -> None:
        self.values.clear()
        self.pending = self.majority_right = self.bayes_right = 0
        self.wait = 0.0
        self.is_stump = is_stump

    def seen(self, c: int, f: int) -> list[float]:
        return self.values.get((c, f), [])

    def learnt(self, n_features: int) -> list[float]:
        """What it was taught of each class itself, by the feature that was missing least."""
        return [
            float(max(len(self.seen(c, f)) for f in range(n_features)))
            for c in range(len(self.weights))
        ]

    def renew(self, n_features: int) -> None:
        self.weights = self.learnt(n_features)
        self.forget_values(is_stump=False)


@dataclass
class Split:
    feature: int
    threshold: float | None  # None: one branch a code
    is_code: bool  # the threshold is a code, against all others
    heavy: int
    children: list[Leaf | Split]


@dataclass
class HoeffdingTree:
    space: Space
    grace_period: int = 200
    grace_first: int = 0
    delta: float = 1e-3
    tie_threshold: float = 0.05
    reluctance: float = 0.6
    leaf_prediction: str = "naive_bayes_adaptive"
    leaves_max: int = 1000
    criterion: str = "information_gain"
    nominal_split: str = "binary"

    def __post_init__(self) -> None:
        self.root: Leaf | Split = Leaf([0.0] * self.space.n_classes)
        self.classes: set[int] = set()

    def predict(self, x: Record) -> list[float]:
        leaf, _ = self.descend(x)
        total = sum(leaf.weights)
        if total == 0:
            return [1 / self.space.n_classes] * self.space.n_classes
        shares = [weight / total for weight in leaf.weights]
        if leaf.is_stump:
            return shares
        adaptive = self.leaf_prediction == "naive_bayes_adaptive"
        if self.leaf_prediction == "majority" or (
            adaptive and leaf.majority_right > leaf.bayes_right
        ):
            return shares
        scores = self.scores(leaf, x)
        if max(scores) == -math.inf:
            return shares
        terms = [math.exp(score - max(scores)) for score in scores]
        return [term / sum(terms) for term in terms]

    def learn(self, x: Record, y: int) -> None:
        leaf, path = self.descend(x)
        self.classes.add(y)
        if leaf.is_stump:
            self.learn_stump(leaf, y)
            return
        if self.leaf_prediction == "naive_bayes_adaptive":
            leaf.majority_right += first_largest(leaf.weights, 0.0) == y
        if self.leaf_prediction != "majority":
            leaf.bayes_right += first_largest(self.scores(leaf, x), -math.inf) == y
        leaf.weights[y] += 1
        for f, value in enumerate(x):
            if not math.isnan(value):
                leaf.values.setdefault((y, f), []).append(value)
        leaf.pending += 1
        wait = leaf.wait or self.grace_first or self.grace_period
        if leaf.pending >= wait:
            leaf.pending = 0
            leaf.wait = min(1.5 * wait, self.grace_period)
            split = self.split_of(leaf)
            if split is not None:
                if path is None:
                    self.root = split
                else:
                    path[0].children[path[1]] = split

    def learn_stump(self, stump: Leaf, y: int) -> None:
        stump.weights[y] += 1
        stump.pending += 1
        if stump.pending == 10 * self.grace_period:
            stump.pending = 0
            weakest = self.least_promising()
            if stump.promise > weakest.promise:
                weakest.forget_values(is_stump=True)
                stump.forget_values(is_stump=False)

    def leaves(self) -> list[Leaf]:
        """Leaves and stumps, the last branch first."""
        found: list[Leaf] = []
        waiting = [self.root]
        while waiting:
            node = waiting.pop()
            if isinstance(node, Split):
                waiting += node.children
            else:
                found.append(node)
        return found

    @property
    def leaf_count(self) -> int:
        return sum(not leaf.is_stump for leaf in self.leaves())

    def least_promising(self, spared: Leaf | None = None) -> Leaf:
        candidates = [leaf for leaf in self.leaves() if not leaf.is_stump and leaf is not spared]
        return min(candidates, key=lambda leaf: leaf.promise)

    def make_room(self, leaf: Leaf, more: int) -> bool:
        excess = self.leaf_count + more - self.leaves_max
        stumps = len(self.leaves()) - self.leaf_count
        if excess > 0 and (stumps + excess > 3 * self.leaves_max or excess >= self.leaf_count):
            return False
        for _ in range(excess):
            self.least_promising(leaf).forget_values(is_stump=True)
        return True

    def descend(self, x: Record) -> tuple[Leaf, tuple[Split, int] | None]:
        node, path = self.root, None
        while isinstance(node, Split):
            value = x[node.feature]
            if math.isnan(value):
                branch = node.heavy
            elif node.threshold is None:
                branch = int(value)
            elif node.is_code:
                branch = 0 if value == node.threshold else 1
            else:
                branch = 0 if value <= node.threshold else 1
            path = (node, branch)
            node = node.children[branch]
        return node, path

    def scores(self, leaf: Leaf, x: Record) -> list[float]:
        return [
            self.score(leaf, x, c) if leaf.weights[c] > 0 else -math.inf
            for c in range(self.space.n_classes)
        ]

    def score(self, leaf: Leaf, x: Record, c: int) -> float:
        score = math.log(leaf.weights[c])
        for f, feature in in_order(self.space):
            value, seen = x[f], leaf.seen(c, f)
            if math.isnan(value):
                continue
            if feature.capacity:
                score += math.log(seen.count(value) + 1)
                score -= math.log(len(seen) + feature.capacity)
            elif not seen:
                return -math.inf
            elif min(seen) < max(seen):
                variance = statistics.variance(seen)
                score -= 0.5 * math.log(2 * math.pi * variance)
                score -= (value - statistics.fmean(seen)) ** 2 / (2 * variance)
            else:
                score -= (value - seen[0]) ** 2 * 1e300  # a spike
        return score

    def gain(self, before: list[float], branches: list[list[float]]) -> float:
        impurity = gini if self.criterion == "gini" else entropy
        total = sum(map(sum, branches))
        if sum(sum(branch) > 0.01 * total for branch in branches) < 2:
            return -math.inf
        return impurity(before) - sum(sum(b) / total * impurity(b) for b in branches if sum(b) > 0)

    def answers_better(self, leaf: Leaf, learnt: float, branches: list[list[float]]) -> bool:
        """Whether naive Bayes errs much less than the majorities of the branches would."""
        hits = sum(max(branch) for branch in branches)
        share = 1.0 - hits / sum(map(sum, branches))
        return max(learnt - leaf.bayes_right, 0.0) < self.reluctance * learnt * share

    def split_of(self, leaf: Leaf) -> Split | None:
        learnt = leaf.learnt(len(self.space.features))
        if sum(weight > 0 for weight in leaf.weights) < 2 or sum(learnt) == 0:
            return None
        candidates = [(0.0, -1, None, [])]  # merit, feature, threshold, branches
        for f, feature in in_order(self.space):
            if not feature.capacity:
                options = by_threshold(leaf, f, self.space.n_classes)
            elif self.nominal_split == "binary":
                options = by_one_code(leaf, f, feature.capacity, self.space.n_classes)
            else:
                options = by_code(leaf, f, feature.capacity, self.space.n_classes)
            offers = [(self.gain(learnt, b), f, at, b) for at, b in options]
            if offers:
                candidates.append(max(offers, key=lambda offer: offer[0]))
        best, second = sorted(candidates, key=lambda candidate: -candidate[0])[:2]
        spread = 1.0 if self.criterion == "gini" else math.log2(max(len(self.classes), 2))
        total = sum(leaf.weights)
        bound = math.sqrt(spread**2 * math.log(1 / self.delta) / (2 * total))
        if best[1] < 0 and bound < self.tie_threshold:
            leaf.renew(len(self.space.features))
        if best[1] < 0:
            return None
        _, f, threshold, branches = best
        if threshold is not None and not self.space.features[f].capacity:
            branches = divided(leaf, f, threshold, self.space.n_classes, exact)
        tie_threshold = self.tie_threshold
        if self.answers_better(leaf, sum(learnt), branches):
            bound = math.sqrt(spread**2 * math.log(1 / min(self.delta, 1e-7)) / (2 * total))
            tie_threshold *= 0.4
        if not (best[0] - second[0] > bound or bound < tie_threshold):
            return None
        if not self.make_room(leaf, len(branches) - 1):
            return None
        totals = [sum(branch) for branch in branches]
        shares = [weight / total for weight in leaf.weights]
        children: list[Any] = [Leaf(list(b if sum(b) > 0 else shares)) for b in branches]
        is_code = threshold is not None and self.space.features[f].capacity > 0
        return Split(f, threshold, is_code, totals.index(max(totals)), children)


def in_order(space: Space) -> list[tuple[int, Any]]:
    """Numbers before categories: the order in which equal merits are preferred."""
    return sorted(enumerate(space.features), key=lambda item: item[1].capacity > 0)


def first_largest(values: list[float], above: float) -> int:
    return values.index(max(values)) if max(values) > above else -1


def entropy(weights: list[float]) -> float:
    total = sum(weights)
    return -sum(w / total * math.log2(w / total) for w in weights if w > 0)


def gini(weights: list[float]) -> float:
    total = sum(weights)
    return 1 - sum((w / total) ** 2 for w in weights)


def by_code(leaf: Leaf, f: int, capacity: int, n_classes: int) -> list[Any]:
    branches = [
        [float(leaf.seen(c, f).count(code)) for c in range(n_classes)] for code in range(capacity)
    ]
    return [(None, branches)]


def by_one_code(leaf: Leaf, f: int, capacity: int, n_classes: int) -> list[Any]:
    [(_, branches)] = by_code(leaf, f, capacity, n_classes)
    whole = [sum(branch[c] for branch in branches) for c in range(n_classes)]
    return [
        (float(code), [branch, [whole[c] - branch[c] for c in range(n_classes)]])
        for code, branch in enumerate(branches)
    ]


def by_threshold(leaf: Leaf, f: int, n_classes: int) -> list[Any]:
    everything = [value for c in range(n_classes) for value in leaf.seen(c, f)]
    if not everything:
        return []
    low, high = min(everything), max(everything)
    thresholds = [low + (high - low) / 11 * i for i in range(1, 11)]
    return [
        (threshold, divided(leaf, f, threshold, n_classes, tabulated))
        for threshold in thresholds
        if low < threshold < high
    ]


def divided(leaf: Leaf, f: int, threshold: float, n_classes: int, normal: Normal) -> Any:
    left = [below(leaf.seen(c, f), threshold, normal) for c in range(n_classes)]
    return [left, [len(leaf.seen(c, f)) - left[c] for c in range(n_classes)]]


def below(values: list[float], threshold: float, normal: Normal) -> float:
    """How many of a class's values a Gaussian between their extremes puts up to a threshold."""
    if not values or threshold < min(values):
        return 0.0
    if threshold >= max(values):
        return float(len(values))
    return len(values) * normal((threshold - statistics.fmean(values)) / statistics.stdev(values))


def exact(z: float) -> float:
    return statistics.NormalDist().cdf(z)


def tabulated(z: float) -> float:
    """The normal distribution between entries 1/128 apart: what thresholds are compared by.

    Off by up to 2e-6, so that of two thresholds as good as equal it may choose the other one.
    """
    place = (min(max(z, -8.0), 8.0) + 8.0) * 128.0
    low, high = (exact((int(place) + step) / 128.0 - 8.0) for step in (0, 1))
    return low + (place - int(place)) * (high - low)
