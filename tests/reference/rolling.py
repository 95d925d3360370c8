"""Windows by key, lags and target encoding, restated over plain lists of everything accepted."""

from __future__ import annotations

import math
from typing import Any


class PlainRolling:
    """`operators.preprocess.rolling.Rolling`: sorts and scans all that is kept, each time."""

    def __init__(
        self,
        function: str,
        *,
        window_ms: int = 10**18,
        lag: int = 0,
        with_current: bool = True,
        events_max: int,
        keys_max: int,
    ) -> None:
        self.function, self.window_ms, self.lag = function, window_ms, lag
        self.with_current, self.events_max, self.keys_max = with_current, events_max, keys_max
        self.kept: dict[float, list[tuple[int, float]]] = {}

    def update(self, key: float, time: int, value: float) -> float:
        if math.isnan(key):
            return math.nan
        events = self.kept.pop(key, [])
        if len(self.kept) == self.keys_max:
            self.kept.pop(next(iter(self.kept)))  # of a dict the first: the least recently used
        before = [v for t, v in events if t <= time]
        window = [v for t, v in events if time - self.window_ms < t <= time]
        if self.with_current and not math.isnan(value):
            window.append(value)
        if not math.isnan(value):
            # Stable: of equal times the one accepted first stays first.
            events = sorted([*events, (time, value)], key=lambda event: event[0])
            events = events[-self.events_max :]
        self.kept[key] = events
        return self.answer(window, before)

    def answer(self, window: list[float], before: list[float]) -> float:
        if self.function == "lag":
            return before[-self.lag] if len(before) >= self.lag else math.nan
        if self.function == "count":
            return len(window)
        if self.function == "distinct":
            return len(set(window))
        if self.function == "sum":
            return _plain_sum(window)
        if not window:
            return math.nan
        functions: dict[str, Any] = {"min": min, "max": max, "mean": _mean}
        return float(functions[self.function](window))


def _plain_sum(values: list[float]) -> float:
    total = 0.0  # not `sum`, which compensates for rounding from Python 3.12 on
    for value in values:
        total += value
    return total


def _mean(values: list[float]) -> float:
    return _plain_sum(values) / len(values)


class PlainTargetMean:
    """`operators.preprocess.target_mean.TargetMean`: weighs all labels anew each time."""

    def __init__(self, *, smooth: float, fading_factor: float, keys_max: int) -> None:
        self.smooth, self.factor, self.keys_max = smooth, fading_factor, keys_max
        self.of_key: dict[float, list[float]] = {}
        self.labels: list[float] = []

    def learn(self, key: float, label: float) -> None:
        if math.isnan(key):
            return
        own = self.of_key.pop(key, [])
        if len(self.of_key) == self.keys_max:
            self.of_key.pop(next(iter(self.of_key)))
        self.of_key[key] = [*own, label]
        self.labels.append(label)

    def answer(self, key: float) -> float:
        if math.isnan(key) or not self.labels:
            return math.nan
        total, count = self.weighed(self.labels)
        own, n = self.weighed(self.of_key.get(key, []))
        if n + self.smooth == 0.0:
            return math.nan
        return (own + self.smooth * total / count) / (n + self.smooth)

    def weighed(self, labels: list[float]) -> tuple[float, float]:
        weights = [self.factor ** (len(labels) - 1 - i) for i in range(len(labels))]
        return math.fsum(w * y for w, y in zip(weights, labels, strict=True)), math.fsum(weights)
