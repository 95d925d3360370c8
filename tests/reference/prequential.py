"""Prequential figures restated plainly: keep every scored record, compute each figure anew."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

import numpy as np

from operators.tape import PREDICT, Rows, Tape


class PlainClassification:
    """Scored records as (truth, probabilities, no-change answer, majority answer)."""

    def __init__(self) -> None:
        self.records: list[tuple[int, list[float], int | None, int | None]] = []
        self.labels: list[int] = []
        self.known: dict[int, tuple[int | None, int | None]] = {}

    def run(self, tape: Tape, rows: Rows) -> None:
        for action, row in zip(tape.action.tolist(), tape.row.tolist(), strict=True):
            if action == PREDICT:
                counts = Counter(self.labels)
                majority = min(counts, key=lambda c: (-counts[c], c)) if counts else None
                self.known[row] = (self.labels[-1] if self.labels else None, majority)
            else:
                truth = int(rows.y[row])
                self.records.append((truth, rows.output[row].tolist(), *self.known[row]))
                self.labels.append(truth)

    def figures(self, fading_factor: float = 1.0) -> dict[str, float]:
        n = len(self.records)
        weights = [fading_factor ** (n - 1 - t) for t in range(n)]
        truths = [truth for truth, *_ in self.records]
        answers = [answer(probabilities) for _, probabilities, *_ in self.records]
        accuracy = share(weights, [a == t for a, t in zip(answers, truths, strict=True)])
        expected = sum(
            share(weights, [t == c for t in truths]) * share(weights, [a == c for a in answers])
            for c in set(truths)
        )
        majority = share(weights, [m == t for t, _, _, m in self.records])
        last = share(weights, [m == t for t, _, m, _ in self.records])
        losses = [-math.log(max(p[t], 1e-15)) for t, p, *_ in self.records]
        bins = [min(int(p[-1] * 1024), 1023) for _, p, *_ in self.records]
        return {
            "accuracy": accuracy,
            "kappa": skill(accuracy, expected),
            "kappa_m": skill(accuracy, majority),
            "kappa_t": skill(accuracy, last),
            "log_loss": share(weights, losses),
            "auc": auc(weights, truths, bins),
        }


def answer(probabilities: Sequence[float]) -> int | None:
    finite = [(-p, code) for code, p in enumerate(probabilities) if math.isfinite(p)]
    return min(finite)[1] if finite else None


def share(weights: Sequence[float], values: Sequence[float]) -> float:
    return math.fsum(w * v for w, v in zip(weights, values, strict=True)) / math.fsum(weights)


def skill(accuracy: float, baseline: float) -> float:
    return (accuracy - baseline) / (1 - baseline) if baseline != 1 else math.nan


def auc(weights: Sequence[float], truths: Sequence[int], scores: Sequence[float]) -> float:
    """All pairs of a record of class 1 and one of class 0."""
    w, t, s = np.array(weights), np.array(truths), np.array(scores)
    won = (s[t == 1][:, None] > s[t == 0]) + 0.5 * (s[t == 1][:, None] == s[t == 0])
    pairs = w[t == 1][:, None] * w[t == 0]
    return float((won * pairs).sum() / pairs.sum()) if pairs.size else math.nan


def regression(
    y: Sequence[float], predictions: Sequence[float], fading_factor: float = 1.0
) -> dict[str, float]:
    weights = fading_factor ** np.arange(len(y))[::-1]
    truth, errors = np.array(y), np.array(y) - np.array(predictions)
    mean = (weights * truth).sum() / weights.sum()
    squared, spread = (weights * errors**2).sum(), (weights * (truth - mean) ** 2).sum()
    return {
        "mae": float((weights * abs(errors)).sum() / weights.sum()),
        "rmse": math.sqrt(squared / weights.sum()),
        "r2": float(1 - squared / spread) if spread else math.nan,
    }
