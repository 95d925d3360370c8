"""Deviations of no change between two samples, as deviations of a standard normal."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from operators.kernels import two_samples


def chi_square(before: NDArray[np.int64], after: NDArray[np.int64]) -> tuple[float, int]:
    """Compare counts of cells; return the statistic and its degrees of freedom.

    Examples
    --------
    >>> statistic, freedom = chi_square(np.array([50, 50]), np.array([30, 70]))
    >>> round(statistic, 2), freedom, round(deviation(statistic, freedom), 2)
    (8.33, 1, 2.65)
    """
    statistic, freedom = two_samples.chi_square(before + after, after)
    return float(statistic), int(freedom)


def deviation(statistic: float, freedom: float) -> float:
    """Return the standard normal deviation as unlikely as a chi-square."""
    return float(two_samples.deviation(float(statistic), float(freedom)))
