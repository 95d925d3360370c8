"""How wrong answers are, and whether one model has been better than another."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

LOSS_MAX = 1e150
"""An absolute error counts as this at most, as in `operators.prequential`: its square is finite."""


def errors_of(
    output: NDArray[np.float64], y: NDArray[np.float64], n_classes: int
) -> NDArray[np.float64]:
    """Return (n,) the errors of answers: 0 or 1 for a class, the absolute error for a number.

    Parameters
    ----------
    output
        (n, n_outputs), as in `Rows`. The greatest finite entry is the answer, the lowest code among
        equals; a row without any is wrong. A number that is not finite is as wrong as can be.
    y
        (n,) labels.

    Examples
    --------
    >>> errors_of(np.array([[0.9, 0.1], [0.2, 0.8]]), np.array([0.0, 0.0]), 2).tolist()
    [0.0, 1.0]
    >>> errors_of(np.array([[2.5], [1.0]]), np.array([2.0, 4.0]), 0).tolist()
    [0.5, 3.0]
    """
    is_finite = np.isfinite(output)
    if n_classes:
        answer = np.where(is_finite, output, -np.inf).argmax(axis=1)
        wrong: NDArray[np.bool_] = (answer != y) | ~is_finite.any(axis=1)
        return wrong.astype(np.float64)
    off = np.abs(np.where(is_finite[:, 0], output[:, 0], np.inf) - y)
    return np.minimum(off, LOSS_MAX)


def advantage(before: NDArray[np.float64], after: NDArray[np.float64]) -> float:
    """Return how surely the second of two models is the better one; below 0, the first one is.

    McNemar's statistic for errors of 0 and 1, and its natural form for others: with d the
    differences of paired errors, sum d / sqrt(sum d^2) has mean 0 and variance 1 where the two are
    alike. It is in no unit, and a few records cannot make it large: n of them at most sqrt(n).

    Parameters
    ----------
    before, after
        (n,) errors of both on the same records; a record with a NaN does not count.

    Examples
    --------
    >>> advantage(np.array([1.0, 1.0, 1.0, 1.0, 0.0]), np.array([0.0, 0.0, 0.0, 0.0, 0.0]))
    2.0
    """
    difference = before - after
    difference = difference[~np.isnan(difference)]
    spread = math.sqrt(float(np.sum(difference * difference)))
    return float(np.sum(difference)) / spread if spread > 0.0 else 0.0
