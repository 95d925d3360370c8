"""Deviations of no change between two samples, as deviations of a standard normal."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from operators.kernels import two_samples

Floats = NDArray[np.float64]


def chi_square(before: NDArray[np.int64], after: NDArray[np.int64]) -> tuple[float, int]:
    """Compare counts of cells; return the statistic and its degrees of freedom.

    Examples
    --------
    >>> statistic, freedom = chi_square(np.array([50, 50]), np.array([30, 70]))
    >>> round(statistic, 2), freedom, round(p_value(deviation(statistic, freedom)), 3)
    (8.33, 1, 0.004)
    """
    statistic, freedom = two_samples.chi_square(before + after, after)
    return float(statistic), int(freedom)


def deviation(statistic: float, freedom: float) -> float:
    """Return the standard normal deviation as unlikely as a chi-square."""
    return float(two_samples.deviation(float(statistic), float(freedom)))


def p_value(z: float) -> float:
    """Probability that a standard normal exceeds z."""
    return 0.5 * math.erfc(z / math.sqrt(2.0))


def adjusted(p_values: Floats) -> Floats:
    """Adjust p-values for their number, so that the false discovery rate is held [1]_.

    Examples
    --------
    >>> adjusted(np.array([0.01, 0.5, 0.04])).tolist()
    [0.03, 0.5, 0.06]

    References
    ----------
    .. [1] Benjamini and Hochberg, 1995, Controlling the false discovery rate, JRSS B 57(1).
    """
    order = np.argsort(-p_values, kind="stable")
    ranks = np.arange(len(p_values), 0, -1)
    out = np.empty(len(p_values))
    out[order] = np.minimum.accumulate(p_values[order] * len(p_values) / ranks)
    return np.minimum(out, 1.0)
