"""The linear-time discrepancy restated plainly: pairs of rows beside pairs of the reference."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def one_hot(rows: Floats, capacity: list[int], scale: Floats) -> Floats:
    """Rows as points whose squared distance is the kernel's; a gap is one more category."""
    columns = []
    for j, codes in enumerate(capacity):
        value = rows[:, j]
        if codes:
            columns += [(value == c).astype(float) for c in range(codes)]
        else:
            columns.append(np.where(np.isnan(value), 0.0, value / scale[j]))
        columns.append(np.isnan(value).astype(float))
    return np.column_stack(columns)


def sums(reference: Floats, rows: Floats, gamma: float) -> tuple[float, float]:
    """Sums of h and h^2 over pairs of points; `rows` may go round the reference."""

    def k(a: Floats, b: Floats) -> float:
        return math.exp(-gamma * float(((a - b) ** 2).sum()))

    total, squares = 0.0, 0.0
    for i in range(0, len(rows), 2):
        x, x_ = reference[i % len(reference)], reference[(i + 1) % len(reference)]
        y, y_ = rows[i], rows[i + 1]
        h = k(x, x_) + k(y, y_) - k(x, y_) - k(x_, y)
        total, squares = total + h, squares + h * h
    return total, squares
