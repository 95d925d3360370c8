"""Histograms of a feature over a target: what a leaf keeps of a numeric feature [1]_.

A histogram is one contiguous stretch of a leaf's row:

    inverse, first, weight, outside | bin 0 | bin 1 | ... | bin BINS | bin BINS + 1

and each bin holds a weight, a sum of targets and a sum of residuals. Bins 1 .. BINS are a window
of equal widths on the grid of multiples of that width; bins 0 and BINS + 1 are all that lies
below and above it. The width is a power of two, so finding a bin rounds nothing, doubling the
width merges pairs exactly, and scaling a feature by a power of two changes nothing.

Why not an extended binary search tree (E-BST), as FIMT-DD has it: that keeps every value that it
has seen. Here the room is fixed, an update touches one bin, and a split's place is known to a
64th .. 16th of the range. Squares are not kept: they cancel in the reduction of variance. The
first values always widen the window. Afterwards it is widened only as long as more than a
twentieth of the weight lies outside, so a few wild values do not spoil its resolution.

References
----------
.. [1] In the spirit of the quantisation observer of Mastelini and de Carvalho, 2021, Using
   dynamical quantization to perform split attempts in online tree regressors, Pattern
   Recognition Letters 145. DOI 10.1016/j.patrec.2021.01.033.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from operators.kernels.compiled import njit

FloatArray = NDArray[np.float64]

BINS = 64
INVERSE, FIRST, WEIGHT, OUTSIDE = range(4)
BINS_AT = 4
SUMS = 3  # of one bin: weight, targets, residuals
HISTOGRAM = BINS_AT + SUMS * (BINS + 2)

# Each of the first values widens the window; later it takes this share (and more) outside of it.
COVERED = 64.0
SHARE_OUTSIDE = 0.05
WEIGHT_OUTSIDE = 4.0
# The first width is 2**-50 of the first value, so that bin numbers are exact, but no finer than
# 2**-200: the greatest bounded value (2**466) divided by it is still a float.
EXPONENT_MIN = -150
BITS = 50


@njit(cache=True, nogil=True, error_model="numpy")
def add_value(
    row: FloatArray, at: int, value: float, weight: float, y: float, residual: float
) -> None:
    """Add a record to the histogram that begins at `at`; the value must be bounded."""
    if row[at + INVERSE] == 0.0:
        begin(row, at, value)
    i = np.floor(value * row[at + INVERSE]) - row[at + FIRST]
    if not 0.0 <= i < BINS and is_to_widen(row, at):
        i = widen(row, at, value)
    row[at + WEIGHT] += weight
    if not 0.0 <= i < BINS:
        row[at + OUTSIDE] += weight
    place = at + BINS_AT + SUMS * np.int64(min(max(i, -1.0), float(BINS)) + 1.0)
    row[place] += weight
    row[place + 1] += weight * y
    row[place + 2] += weight * residual


@njit(cache=True, nogil=True, error_model="numpy")
def begin(row: FloatArray, at: int, value: float) -> None:
    """Put a very narrow window around the first value."""
    exponent = math.frexp(value)[1] if value != 0.0 else EXPONENT_MIN
    row[at + INVERSE] = math.ldexp(1.0, BITS - max(exponent, EXPONENT_MIN))
    row[at + FIRST] = np.floor(value * row[at + INVERSE]) - BINS // 2


@njit(cache=True, nogil=True, error_model="numpy")
def is_to_widen(row: FloatArray, at: int) -> bool:
    """Return whether a value outside the window is to be brought in."""
    return (  # type: ignore[no-any-return]
        row[at + WEIGHT] < COVERED
        or row[at + OUTSIDE] > SHARE_OUTSIDE * row[at + WEIGHT] + WEIGHT_OUTSIDE
    )


@njit(cache=True, nogil=True, error_model="numpy", _nrt=True)
def widen(row: FloatArray, at: int, value: float) -> float:
    """Double the width until the window covers a value; return the value's bin in the window.

    Weight that lies outside stays there, although the window may now cover it: at most the share
    that made it widen.
    """
    i = np.floor(value * row[at + INVERSE])
    old = row[at + FIRST]
    first, scale = old, 1.0
    while not first <= i < first + BINS:
        i = np.floor(0.5 * i)
        half = np.floor(0.5 * first)
        # The old window takes BINS / 2 bins, or one more if it began at an odd one.
        first = half - (BINS // 2 - 1) if i < half else half
        scale *= 0.5
    row[at + INVERSE] *= scale
    row[at + FIRST] = first
    merged = np.zeros(SUMS * BINS)
    for j in range(BINS):
        place = SUMS * np.int64(np.floor((old + j) * scale) - first)
        for s in range(SUMS):
            merged[place + s] += row[at + BINS_AT + SUMS * (j + 1) + s]
    start = at + BINS_AT + SUMS
    row[start : start + SUMS * BINS] = merged
    return i - first  # type: ignore[no-any-return]


@njit(cache=True, nogil=True, error_model="numpy")
def threshold_after(row: FloatArray, at: int, place: int) -> float:
    """Return the border between bin `place` and the next one."""
    return (row[at + FIRST] + place) / row[at + INVERSE]  # type: ignore[no-any-return]


@njit(cache=True, nogil=True, error_model="numpy")
def sum_bins(row: FloatArray, at: int, stop: int, sums: FloatArray) -> None:
    """Write the weight, targets and residuals of the bins before `stop`."""
    sums[:] = 0.0
    for place in range(stop):
        for s in range(SUMS):
            sums[s] += row[at + BINS_AT + SUMS * place + s]


@njit(cache=True, nogil=True, error_model="numpy")
def gain(n: float, s: float, n_left: float, s_left: float) -> float:
    """Return by how much a split reduces the sum of squares: all cancels but these sums."""
    n_right, s_right = n - n_left, s - s_left
    return s_left * s_left / n_left + s_right * s_right / n_right - s * s / n


@njit(cache=True, nogil=True, error_model="numpy")
def best_border(row: FloatArray, at: int, which: int, weight_min: float) -> tuple[float, int]:
    """Return the greatest gain of a border and the bin before it; (0, -1) if there is none.

    Parameters
    ----------
    which
        The sum whose squares are reduced: 1 of targets, 2 of residuals.
    weight_min
        Least weight on either side.
    """
    n, s = 0.0, 0.0
    for place in range(BINS + 2):
        n += row[at + BINS_AT + SUMS * place]
        s += row[at + BINS_AT + SUMS * place + which]
    best, best_place = 0.0, -1
    n_left, s_left = 0.0, 0.0
    for place in range(BINS + 1):
        n_left += row[at + BINS_AT + SUMS * place]
        s_left += row[at + BINS_AT + SUMS * place + which]
        if n - n_left < weight_min:
            break
        if n_left < weight_min or row[at + BINS_AT + SUMS * place] == 0.0:
            continue
        value = gain(n, s, n_left, s_left)
        if value > best:
            best, best_place = value, place
    return best, best_place
