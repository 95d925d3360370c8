"""Tests of no change, as deviations of a standard normal.

A statistic of k degrees of freedom is made normal by its cube root [1]_, so tests of unlike sizes
can be compared and added to.

References
----------
.. [1] Wilson and Hilferty, 1931, The distribution of chi-square, PNAS 17(12),
   DOI 10.1073/pnas.17.12.684.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
_EXPECTED_MIN = 5.0  # cells that expect fewer records on either side are taken together


def chi_squares(before: Floats, after: Floats) -> tuple[Floats, Floats]:
    """Two-sample chi-squares and their degrees of freedom, over the last axis of counts.

    Cells in which either side expects fewer than 5 are taken together.
    """
    n_before = before.sum(axis=-1, keepdims=True)
    n_after = after.sum(axis=-1, keepdims=True)
    both = np.maximum(n_before + n_after, 1.0)
    pooled = (before + after) / both
    enough = pooled * np.minimum(n_before, n_after) >= _EXPECTED_MIN
    # Pearson's statistic of both sides is one sum, over the difference of their shares.
    scale = n_before * n_after / both
    gap = before / np.maximum(n_before, 1.0) - after / np.maximum(n_after, 1.0)
    cells = np.where(enough, gap * gap / np.maximum(pooled, 1e-300), 0.0).sum(axis=-1)
    rest = np.where(enough, 0.0, pooled).sum(axis=-1)
    rest_gap = np.where(enough, 0.0, gap).sum(axis=-1)
    counts = rest * np.minimum(n_before, n_after)[..., 0] >= _EXPECTED_MIN
    cells += np.where(counts, rest_gap * rest_gap / np.maximum(rest, 1e-300), 0.0)
    freedom = enough.sum(axis=-1) + counts - 1.0
    return cells * scale[..., 0], np.maximum(freedom, 0.0)


def deviation(chi_square: Floats, freedom: Floats) -> Floats:
    """Standard normal deviation as unlikely as a chi-square; 0 without degrees of freedom."""
    k = np.maximum(freedom, 1.0)
    spread = 2.0 / (9.0 * k)
    normal = (np.cbrt(chi_square / k) - (1.0 - spread)) / np.sqrt(spread)
    return np.asarray(np.where(freedom > 0.0, normal, 0.0))


def p_value(z: float) -> float:
    """Probability that a standard normal exceeds z."""
    return 0.5 * math.erfc(z / math.sqrt(2.0))


def adjusted(p_values: Floats) -> Floats:
    """Adjust p-values for their number, so that the false discovery rate is held [1]_.

    References
    ----------
    .. [1] Benjamini and Hochberg, 1995, Controlling the false discovery rate, JRSS B 57(1).
    """
    order = np.argsort(-p_values, kind="stable")
    ranks = np.arange(len(p_values), 0, -1)
    out = np.empty(len(p_values))
    out[order] = np.minimum.accumulate(p_values[order] * len(p_values) / np.maximum(ranks, 1))
    return np.minimum(out, 1.0)
