"""Each feature's part in a change."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from operators.diagnosis.base import FeatureShare
from operators.diagnosis.reading import Reading
from operators.diagnosis.significance import chi_square, deviation
from operators.kernels.diagnosis import N_CELLS
from operators.monitors.two_sample import benjamini_hochberg, normal_tail

Floats = NDArray[np.float64]
_LEVEL = 0.05


def feature_shares(reading: Reading, cells: NDArray[np.int64]) -> tuple[FeatureShare, ...]:
    """Name the features that changed, most telling first; at least the most telling one.

    Of a real drift, that is where along a feature the models of before and since disagree; else,
    how differently it is distributed.

    Parameters
    ----------
    cells
        (n, n_columns) of the records.
    """
    if cells.shape[1] == 0:
        return ()
    judge = _of_products if reading.source == "real" else _of_counts
    tests = [judge(reading, column) for column in cells.T]
    excess = np.array([max(statistic - freedom, 0.0) for statistic, freedom in tests])
    return _named(excess, normal_tail([deviation(*test) for test in tests]))


def _of_counts(reading: Reading, column: NDArray[np.int64]) -> tuple[float, float]:
    before, since = (
        np.bincount(column[mask], minlength=N_CELLS) for mask in (reading.before, reading.since)
    )
    return chi_square(before, since)


def _of_products(reading: Reading, column: NDArray[np.int64]) -> tuple[float, float]:
    """Test in each cell whether the products have the mean that they have in all."""
    used = reading.before | reading.since
    products, column = reading.contrast.products[used], column[used]
    products = products - products.mean(axis=0)
    sums = np.zeros((N_CELLS, products.shape[1]))
    squares = np.zeros_like(sums)
    np.add.at(sums, column, products)
    np.add.at(squares, column, products * products)
    # One group's products follow from the others': they sum to 0.
    free = max(products.shape[1] - 1, 1) / products.shape[1]
    known = squares > 1.0
    freedom = max(known.sum() - known.shape[1], 0) * free
    statistic = (sums[known] ** 2 / squares[known]).sum() * free
    return float(statistic), float(freedom)


def _named(excess: Floats, p_values: Floats) -> tuple[FeatureShare, ...]:
    share = excess / max(float(excess.sum()), 1e-300)
    p = benjamini_hochberg(p_values)
    return tuple(
        FeatureShare(int(j), float(share[j]), float(p[j]))
        for place, j in enumerate(np.argsort(-share, kind="stable"))
        if share[j] > 0.0 and (p[j] <= _LEVEL or place == 0)
    )
