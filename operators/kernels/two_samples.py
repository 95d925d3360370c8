"""Two samples' counts: Pearson's statistic of no difference, and its normal deviation.

A statistic of k degrees of freedom is made normal by its cube root [1]_, so tests of unlike sizes
can be compared.

References
----------
.. [1] Wilson and Hilferty, 1931, The distribution of chi-square, PNAS 17(12),
   DOI 10.1073/pnas.17.12.684.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from operators.kernels.compiled import njit

Integers = NDArray[np.int64]
EXPECTED_MIN = 5.0
"""Cells in which the smaller sample expects fewer are taken together."""


@njit(cache=True, nogil=True, error_model="numpy")
def chi_square(both: Integers, after: Integers) -> tuple[float, int]:
    """Compare one sample with the other, both (n_cells,); return the statistic and its freedom.

    `both` counts the two together. Pearson's sum over both samples is one sum, over the difference
    of their shares d of a cell that holds the share p of all: n m / (n + m) times d^2 / p.
    """
    n, n_after = 0, 0
    for cell in range(len(both)):
        n += both[cell]
        n_after += after[cell]
    n_before = n - n_after
    if n_before == 0 or n_after == 0:
        return 0.0, 0
    smaller = min(n_before, n_after)
    total, cells, rest, rest_gap = 0.0, 0, 0.0, 0.0
    for cell in range(len(both)):
        if both[cell] == 0:
            continue
        share = both[cell] / n
        gap = (both[cell] - after[cell]) / n_before - after[cell] / n_after
        if share * smaller >= EXPECTED_MIN:
            total += gap * gap / share
            cells += 1
        else:
            rest += share
            rest_gap += gap
    if rest * smaller >= EXPECTED_MIN:
        total += rest_gap * rest_gap / rest
        cells += 1
    return total * n_before * (n_after / n), max(cells - 1, 0)


@njit(cache=True, nogil=True)
def deviation(statistic: float, freedom: float) -> float:
    """Return the standard normal deviation as unlikely as a chi-square; 0 without freedom."""
    if freedom <= 0.0:
        return 0.0
    spread = 2.0 / (9.0 * freedom)
    return (math.pow(statistic / freedom, 1.0 / 3.0) - (1.0 - spread)) / math.sqrt(spread)
