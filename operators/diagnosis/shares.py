"""Each feature's part in a change."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from operators.diagnosis.base import FeatureShare, Source
from operators.diagnosis.reading import Reading
from operators.diagnosis.significance import adjusted, chi_squares, deviation, p_value
from operators.kernels.diagnosis import N_CELLS

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
    chi_square, freedom = np.array([judge(reading, column) for column in cells.T]).T
    return _named(reading.source, chi_square, freedom)


def _of_counts(reading: Reading, column: NDArray[np.int64]) -> tuple[float, float]:
    before, since = (
        np.bincount(column[mask], minlength=N_CELLS).astype(np.float64)
        for mask in (reading.before, reading.since)
    )
    chi_square, freedom = chi_squares(before, since)
    return float(chi_square), float(freedom)


def _of_products(reading: Reading, column: NDArray[np.int64]) -> tuple[float, float]:
    """Test in each cell whether the products have the mean 0 that they have without a change."""
    products = reading.contrast.products
    sums = np.zeros((N_CELLS, products.shape[1]))
    squares = np.zeros_like(sums)
    np.add.at(sums, column, products)
    np.add.at(squares, column, products * products)
    # One group's products follow from the others': they sum to 0.
    free = max(products.shape[1] - 1, 1) / products.shape[1]
    known = squares > 1.0
    chi_square = (sums[known] ** 2 / squares[known]).sum() * free
    return float(chi_square), float(known.sum() * free)


def _named(source: Source, chi_square: Floats, freedom: Floats) -> tuple[FeatureShare, ...]:
    excess = np.maximum(chi_square - freedom, 0.0)
    share = excess / max(float(excess.sum()), 1e-300)
    p = adjusted(np.array([p_value(float(z)) for z in deviation(chi_square, freedom)]))
    order = np.argsort(-share, kind="stable")
    return tuple(
        FeatureShare(int(j), float(share[j]), float(p[j]))
        for place, j in enumerate(order)
        if share[j] > 0.0 and (p[j] <= _LEVEL or place == 0)
    )
