"""Where a numeric feature is divided into cells."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
TAIL = 0.005
"""Share of the reference beyond the outermost edges of a fine grid, on either side."""


class Cells(NamedTuple):
    """The division of one feature.

    Parameters
    ----------
    edges
        (n_edges,) float64, increasing.
    cell
        (2 n_edges + 1,) int64, the cell of each place (see `operators.kernels.cells`).
    """

    edges: Floats
    cell: NDArray[np.int64]


def quantile_cells(values: Floats, bins: int) -> Cells:
    """Divide into cells of about equal shares of the values; a value that many share has its own.

    Parameters
    ----------
    values
        (n,) float64, finite.
    bins
        Cells that values without ties get. A value with half the share of one is a cell.

    Examples
    --------
    >>> quantile_cells(np.array([0.0] * 60 + list(range(1, 41))), 5)
    Cells(edges=array([ 0., 20.]), cell=array([0, 1, 2, 2, 3]))
    """
    edges = _at_levels(values, np.arange(1, bins) / bins)
    atom = np.array([2 * bins * (values == edge).sum() >= len(values) for edge in edges], dtype=int)
    # Up to each edge, then the edge itself, if it has a cell of its own.
    steps = np.stack([np.ones_like(atom), atom], axis=1).ravel()
    steps[:1] = 0
    return Cells(edges, np.append(np.cumsum(steps), steps.sum() + 1 if len(edges) else 0))


def fine_cells(values: Floats, bins: int) -> Cells:
    """Divide at `bins` quantiles of the values, with a cell of its own for each edge.

    Examples
    --------
    >>> fine_cells(np.arange(1.0, 101.0), 3)
    Cells(edges=array([  1.,  50., 100.]), cell=array([0, 1, 2, 3, 4, 5, 6]))
    """
    edges = _at_levels(values, np.linspace(TAIL, 1.0 - TAIL, bins))
    return Cells(edges, np.arange(2 * len(edges) + 1))


def widths(edges: Floats) -> Floats:
    """Return the distances between the middles of neighbouring fine cells.

    What is beyond the outermost edges counts as if it lay half of a cell beyond them, however far
    it is: a tail without a variance would otherwise be all that there is. The unit of a feature
    that has only ever had one value is 1.

    Examples
    --------
    >>> widths(np.array([1.0, 2.0, 5.0])).tolist()
    [0.5, 0.5, 0.5, 1.5, 1.5, 1.5]
    """
    if len(edges) < 2:
        return np.ones(2 * len(edges))
    half = np.repeat(np.diff(edges) / 2.0, 2)
    return np.concatenate([half[:1], half, half[-1:]])


def _at_levels(values: Floats, levels: Floats) -> Floats:
    if not len(values):
        return np.empty(0)
    return np.unique(np.quantile(values, levels, method="inverted_cdf"))
