"""Counting rows in cells: which part of its range each value falls in.

A numeric feature has edges e_1 < e_2 < ... . Even places 2i are between edges, odd ones 2i + 1 are
the edge itself, so that a value that many records share is a place of its own; `cell` maps places
to cells. A category's cell is its code; the last one also takes the codes beyond it. Beside its
cells each feature has one count of missing values, the last.

A feature is either collecting values, from which its edges will be taken, or counted in the block
at `slot`.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from operators.kernels.compiled import njit

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]

COLLECTING = -1
HUGE = 1e300  # what is larger would make a sum infinite


@njit(cache=True, nogil=True, forceinline=True)
def place_of(value: float, edges: Floats, j: int, n_edges: int) -> int:
    """Return the place of a value among the first edges of row `j`."""
    low, high = 0, n_edges
    while low < high:
        middle = (low + high) // 2
        if edges[j, middle] < value:
            low = middle + 1
        else:
            high = middle
    if low < n_edges and edges[j, low] == value:
        return 2 * low + 1
    return 2 * low


@njit(cache=True, nogil=True)
def count_rows(
    x: Floats,
    start: int,
    stop: int,
    capacity: Counts,
    edges: Floats,
    n_edges: Counts,
    cell: Counts,
    buffer: Floats,
    fill: Counts,
    slot: Counts,
    counts: Counts,
    sums: Floats,
) -> None:
    """Take in rows from `start` to before `stop`.

    Parameters
    ----------
    x
        (n, n_features) float64, NaN where missing; read.
    capacity
        (n_features,) int64, 0 for a numeric feature.
    edges, n_edges, cell
        (n_features, n_edges_max) float64, (n_features,) and (n_features, 2 n_edges_max + 1) int64.
    buffer, fill
        (n_features, n_collected) float64 and (n_features,) int64: values and how many; written.
    slot
        (n_features,) int64, block that counts now, or COLLECTING.
    counts, sums
        (n_blocks, n_features, n_cells + 1) int64 and (n_blocks, n_features) float64; written.
    """
    missing = counts.shape[2] - 1
    for i in range(start, stop):
        for j in range(x.shape[1]):
            value = x[i, j]
            b = slot[j]
            if b == COLLECTING:
                buffer[j, fill[j]] = value
                fill[j] += 1
            elif np.isnan(value):
                counts[b, j, missing] += 1
            elif capacity[j] > 0:
                counts[b, j, min(int(value), missing - 1)] += 1
            else:
                counts[b, j, cell[j, place_of(value, edges, j, n_edges[j])]] += 1
                sums[b, j] += min(max(value, -HUGE), HUGE)
