"""Histograms of numeric features in a leaf: where a threshold divides classes that are no bells.

Each feature of a leaf has bins of one width, each class its own counts of them. A value outside
makes bins merge in pairs until it fits, so memory is fixed and no range has to be known. A bin
holds what is above its lower edge and at most at its upper one: dividing at an edge divides the
counts as it will divide records.
"""

from __future__ import annotations

import math

import numpy as np

from operators.kernels.compiled import njit
from operators.kernels.forest import FloatArray, Forest, class_at

BINS = 32
# What all classes share for each feature, at the end of the leaf.
ORIGIN, WIDTH, SEEN = range(3)
SCALE_FIELDS = 3
VALUE_MAX = 1e300
# The first two distinct values are this many bins apart.
APART = 4.0


@njit(cache=True, nogil=True, inline="always", error_model="numpy")
def scale_of(forest: Forest, j: int) -> int:
    """Return where a leaf keeps the scale of numeric feature `j`."""
    logs = class_at(forest, forest.n_classes)
    return logs + forest.n_classes * forest.codes + SCALE_FIELDS * j  # type: ignore[no-any-return]


@njit(cache=True, nogil=True, inline="always", error_model="numpy")
def bins_of(forest: Forest, j: int, c: int) -> int:
    """Return where a leaf keeps the counts of a class."""
    return class_at(forest, c + 1) - BINS * (forest.slots - j)  # type: ignore[no-any-return]


@njit(cache=True, nogil=True, error_model="numpy")
def bin_of(leaf: FloatArray, scale: int, value: float) -> int:
    """Return the bin of a value within the range."""
    place = math.ceil((value - leaf[scale + ORIGIN]) / leaf[scale + WIDTH]) - 1
    return min(max(int(place), 0), BINS - 1)


@njit(cache=True, nogil=True, error_model="numpy")
def merge_pairs(forest: Forest, leaf: FloatArray, j: int, downwards: bool) -> None:
    """Double the range of a feature, towards smaller values or towards larger ones."""
    half = BINS // 2
    for c in range(forest.n_classes):
        at = bins_of(forest, j, c)
        if downwards:
            for b in range(half - 1, -1, -1):
                leaf[at + half + b] = leaf[at + 2 * b] + leaf[at + 2 * b + 1]
            leaf[at : at + half] = 0.0
        else:
            for b in range(half):
                leaf[at + b] = leaf[at + 2 * b] + leaf[at + 2 * b + 1]
            leaf[at + half : at + BINS] = 0.0


@njit(cache=True, nogil=True, error_model="numpy")
def open_range(forest: Forest, leaf: FloatArray, j: int, value: float) -> None:
    """Give a feature a width, now that a second value differs from the first."""
    scale = scale_of(forest, j)
    first = leaf[scale + ORIGIN]
    width = abs(value - first) / APART
    if not width > 0.0:  # the difference is too small to be divided
        return
    leaf[scale + WIDTH] = width
    leaf[scale + ORIGIN] = first - width * (BINS // 2)
    place = bin_of(leaf, scale, first)
    for c in range(forest.n_classes):
        at = bins_of(forest, j, c)
        leaf[at + place], leaf[at] = leaf[at], 0.0


@njit(cache=True, nogil=True, error_model="numpy")
def count_value(
    forest: Forest, leaf: FloatArray, j: int, value: float, y: int, weight: float
) -> None:
    """Count a value of numeric feature `j` for a class."""
    value = min(max(value, -VALUE_MAX), VALUE_MAX)
    scale = scale_of(forest, j)
    if leaf[scale + SEEN] == 0.0:
        leaf[scale + SEEN] = 1.0
        leaf[scale + ORIGIN] = value
    if leaf[scale + WIDTH] == 0.0 and value != leaf[scale + ORIGIN]:
        open_range(forest, leaf, j, value)
    if leaf[scale + WIDTH] == 0.0:
        leaf[bins_of(forest, j, y)] += weight
        return
    while True:
        width = leaf[scale + WIDTH]
        low = leaf[scale + ORIGIN]
        is_below = value <= low
        if not is_below and value <= low + BINS * width:
            break
        merge_pairs(forest, leaf, j, is_below)
        leaf[scale + WIDTH] = 2.0 * width
        if is_below:
            leaf[scale + ORIGIN] = low - BINS * width
    leaf[bins_of(forest, j, y) + bin_of(leaf, scale, value)] += weight


@njit(cache=True, nogil=True, error_model="numpy")
def branch_bins(forest: Forest, leaf: FloatArray, j: int, edge: int) -> None:
    """Write to `forest.branches` how the upper edge of a bin divides each class."""
    for c in range(forest.n_classes):
        at = bins_of(forest, j, c)
        below, above = 0.0, 0.0
        for b in range(BINS):
            if b <= edge:
                below += leaf[at + b]
            else:
                above += leaf[at + b]
        forest.branches[0, c] = below
        forest.branches[1, c] = above


@njit(cache=True, nogil=True, error_model="numpy")
def edge_value(forest: Forest, leaf: FloatArray, j: int, edge: int) -> float:
    """Return the upper edge of a bin."""
    scale = scale_of(forest, j)
    return leaf[scale + ORIGIN] + (edge + 1) * leaf[scale + WIDTH]  # type: ignore[no-any-return]


@njit(cache=True, nogil=True, error_model="numpy")
def edge_at(forest: Forest, leaf: FloatArray, j: int, threshold: float) -> int:
    """Return the bin whose upper edge is a threshold that `edge_value` gave."""
    scale = scale_of(forest, j)
    return int(np.rint((threshold - leaf[scale + ORIGIN]) / leaf[scale + WIDTH])) - 1
