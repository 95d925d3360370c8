"""Synthetic and real streams that the methods' figures are known for."""

from __future__ import annotations

import gzip
import os
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from operators.base import Feature, Learner, Space
from operators.tape import Rows, test_then_train

Stream = tuple[NDArray[np.float64], NDArray[np.float64], Space]

# The segments of a seven-segment display that are lit for each digit.
SEGMENTS = ("1110111", "0010010", "1011101", "1011011", "0111010")
SEGMENTS += ("1101011", "1101111", "1010010", "1111111", "1111011")


def led(count: int, seed: int, noise: float = 0.1, irrelevant: int = 17) -> Stream:
    """Digits on a display whose segments are inverted with probability `noise`, without drift.

    With noise 0.1 the best possible accuracy is about 74 %.
    """
    rng = np.random.default_rng(seed)
    lit = np.array([[int(segment) for segment in digit] for digit in SEGMENTS])
    y = rng.integers(0, 10, count)
    shown = lit[y] ^ (rng.random((count, 7)) < noise)
    x = np.hstack([shown, rng.integers(0, 2, (count, irrelevant))]).astype(np.float64)
    features = tuple(Feature(f"segment{j}", capacity=2) for j in range(x.shape[1]))
    return x, y.astype(np.float64), Space(features, n_classes=10)


def rbf(count: int, seed: int, speed: float = 1e-4, centres: int = 50, width: int = 10) -> Stream:
    """Two classes as clouds around centres of random size that move in the unit cube."""
    rng = np.random.default_rng(seed)
    centre = rng.random((centres, width))
    direction = rng.standard_normal((centres, width))
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    label, deviation, weight = rng.integers(0, 2, centres), rng.random(centres), rng.random(centres)
    chosen = rng.choice(centres, count, p=weight / weight.sum())
    offset = rng.standard_normal((count, width))
    offset *= (rng.standard_normal(count) * deviation[chosen] / np.linalg.norm(offset, axis=1))[
        :, None
    ]
    x = np.empty((count, width))
    for i in range(count):
        centre += speed * direction
        out = (centre < 0) | (centre > 1)
        direction[out] *= -1
        np.clip(centre, 0, 1, out=centre)
        x[i] = centre[chosen[i]] + offset[i]
    space = Space(tuple(Feature(f"x{j}") for j in range(width)), n_classes=2)
    return x, label[chosen].astype(np.float64), space


def friedman(count: int, seed: int, *, drift: bool = False) -> Stream:
    """Friedman's first function of five of ten uniform numbers, with noise of deviation 1.

    With drift, which numbers matter changes abruptly after each quarter; the last quarter is as
    the first.
    """
    rng = np.random.default_rng(seed)
    x = rng.random((count, 10))
    quarters = [(0, 1, 2, 3, 4), (3, 4, 0, 1, 2), (5, 6, 7, 8, 9), (0, 1, 2, 3, 4)]
    y = np.empty(count)
    for q, roles in enumerate(quarters):
        part = slice(q * count // 4, (q + 1) * count // 4)
        a, b, c, d, e = x[part, quarters[0] if not drift else roles].T
        y[part] = 10 * np.sin(np.pi * a * b) + 20 * (c - 0.5) ** 2 + 10 * d + 5 * e
    space = Space(tuple(Feature(f"x{j}") for j in range(10)), n_classes=0)
    return x, y + rng.normal(size=count), space


def electricity() -> Stream:
    """The Australian electricity market, 45,312 half hours; skips where the data is absent."""
    root = Path(__file__).resolve().parents[1]
    folder = Path(os.environ.get("DRIFTGATE_DATA", root / ".." / "shared" / "data"))
    path = folder / "electricity.csv.gz"
    if not path.exists():
        pytest.skip(f"electricity.csv.gz is not in {folder}; set DRIFTGATE_DATA")
    with gzip.open(path, "rt") as lines:
        names = next(lines).strip().split(",")
        table = np.array([[float(value) for value in line.split(",")] for line in lines])
    target = names.index("class")
    names.pop(target)
    space = Space(tuple(Feature(name) for name in names), n_classes=2)
    return np.delete(table, target, axis=1), table[:, target].copy(), space


def prequential(learner: Learner, data: Stream, chunk: int = 2000) -> NDArray[np.float64]:
    """Predict and then learn each row, in tapes of `chunk` rows; return the outputs."""
    x, y, space = data
    output = np.zeros((len(x), space.n_outputs))
    trace = np.zeros((len(x), learner.trace_width))
    for start in range(0, len(x), chunk):
        part = slice(start, start + chunk)
        rows = Rows(x[part], y[part], output[part], trace[part])
        learner.run(test_then_train(len(rows)), rows)
    return output


def accuracy(output: NDArray[np.float64], y: NDArray[np.float64]) -> float:
    """Share of rows whose most probable class was right."""
    return float((output.argmax(axis=1) == y).mean())
