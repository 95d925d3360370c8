"""What a stream gives: its rows, their targets and the space they live in."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from operators.base import Feature, Space
from tests.bench.arrivals import REAL, Arrivals, fixed


class Records(NamedTuple):
    """Rows in the order in which they came.

    Parameters
    ----------
    x
        (n, n_features) float64; a category is its code, missing is NaN.
    y
        (n,) float64, class codes or numbers.
    space
        Names and kinds of the features, number of classes.
    arrivals
        When labels came, where that is known.
    """

    x: NDArray[np.float64]
    y: NDArray[np.float64]
    space: Space
    arrivals: Arrivals | None = None

    def first(self, n_rows: int | None) -> Records:
        """Leave out later rows."""
        x, y = self.x[:n_rows], self.y[:n_rows]
        arrivals = None if self.arrivals is None else self.arrivals.of_first(len(y))
        return Records(x, y, self.space, arrivals)

    def labels(self, delay: int) -> Arrivals:
        """Tell when labels come that are some records late, or `REAL`."""
        if delay != REAL:
            return fixed(len(self.y), delay)
        assert self.arrivals is not None
        return self.arrivals


def numeric_space(n_features: int, n_classes: int) -> Space:
    """Space of numeric features x0, x1, ...; no classes where the target is a number."""
    return Space(tuple(Feature(f"x{j}") for j in range(n_features)), n_classes)
