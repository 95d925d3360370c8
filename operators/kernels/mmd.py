"""Maximum mean discrepancy in linear time: pairs of rows beside pairs of the reference [1]_.

Symbols: k(a, b) = exp(-gamma |a - b|^2); for two present rows y, y' and two of the reference x, x'
h = k(x, x') + k(y, y') - k(x, y') - k(x', y), whose mean is the squared discrepancy. If nothing
has changed, h is as often h as -h.

References
----------
.. [1] Gretton et al., 2012, A kernel two-sample test, Journal of Machine Learning Research 13,
   section 6.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from operators.kernels.compiled import njit

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]
State = NDArray[np.void]

STATE = np.dtype(
    [
        ("seen", np.int64),  # rows before the array that is taken in now
        ("fill", np.int64),  # rows of the reference that are there
        ("place", np.int64),  # in it, of the next row's partner
        ("filled", np.int64),  # rows in the current block
        ("blocks", np.int64),  # whole ones since the reference
        ("tests", np.int64),
        ("found", np.int64),  # whether the present change is known already
        ("due", np.int64),  # whether the reference is to be taken anew
        ("gamma", np.float64),
        ("score", np.float64),
    ]
)
APART = 2.0  # squared distance of unlike categories, or of a value and a gap: as one-hot codes


@njit(cache=True, nogil=True, error_model="numpy")
def squared_distance(
    a: Floats, i: int, b: Floats, k: int, capacity: Counts, scale: Floats
) -> float:
    """Return the squared distance of row `i` of `a` and row `k` of `b`."""
    total = 0.0
    for j in range(len(scale)):
        u, v = a[i, j], b[k, j]
        if np.isnan(u) or np.isnan(v):
            if np.isnan(u) != np.isnan(v):
                total += APART
        elif capacity[j] > 0:
            if u != v:
                total += APART
        else:
            gap = (u - v) / scale[j]
            total += gap * gap
    return total


@njit(cache=True, nogil=True, error_model="numpy")
def distances(rows: Floats, count: int, capacity: Counts, scale: Floats, out: Floats) -> None:
    """Write the squared distances of all pairs among the first rows."""
    at = 0
    for i in range(count):
        for k in range(i):
            out[at] = squared_distance(rows, i, rows, k, capacity, scale)
            at += 1


@njit(cache=True, nogil=True, error_model="numpy")
def count_rows(
    x: Floats,
    start: int,
    stop: int,
    is_rolling: bool,
    state: State,
    reference: Floats,
    last: Floats,
    sums: Floats,
    capacity: Counts,
    scale: Floats,
) -> None:
    """Take in rows from `start` to before `stop`, all of one block.

    Parameters
    ----------
    x
        (n, d) float64; read.
    reference
        (n_reference, d) float64: filled first, then read; a rolling one takes each row in the
        place of its partner.
    last
        (2, d) float64: the row before, and its partner.
    sums
        (2, 2) float64: sums of h and h^2 of even and odd blocks; added to.
    """
    size, d = reference.shape
    b = state[0]["blocks"] % 2
    for i in range(start, stop):
        state[0]["filled"] += 1
        if state[0]["fill"] < size:
            for j in range(d):
                reference[state[0]["fill"], j] = x[i, j]
            state[0]["fill"] += 1
            continue
        place = state[0]["place"]
        if state[0]["filled"] % 2 == 1:
            for j in range(d):
                last[0, j] = x[i, j]
                last[1, j] = reference[place, j]
        else:
            h = 0.0
            gamma = state[0]["gamma"]
            h += math.exp(-gamma * squared_distance(last, 1, reference, place, capacity, scale))
            h += math.exp(-gamma * squared_distance(last, 0, x, i, capacity, scale))
            h -= math.exp(-gamma * squared_distance(last, 1, x, i, capacity, scale))
            h -= math.exp(-gamma * squared_distance(last, 0, reference, place, capacity, scale))
            sums[b, 0] += h
            sums[b, 1] += h * h
        if is_rolling:
            for j in range(d):
                reference[place, j] = x[i, j]
        state[0]["place"] = (place + 1) % size
