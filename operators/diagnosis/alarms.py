"""Whether the last labels are unlike those before: what opens an episode.

Stretches of 1 to 32 blocks at the end are compared with the rest of the concept, in each feature,
in the labels, in each feature within the groups of labels, and in the loss, which counts only when
it has risen: a model that still learns is no drift.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from operators.diagnosis.significance import chi_squares, deviation
from operators.kernels.diagnosis import Counts

Floats = NDArray[np.float64]
STRETCHES = np.array([1, 2, 3, 4, 6, 8, 12, 16, 24, 32])
"""Blocks at the end that are compared with what comes before."""
BEFORE_MIN = 5
"""Blocks that have to come before."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """The end that is least like what comes before.

    Parameters
    ----------
    blocks
        Its length.
    z
        By how many standard deviations it differs, in the channel in which it differs most.
    """

    blocks: int
    z: float


def least_likely(counts: Counts, order: NDArray[np.int64]) -> Stretch:
    """Compare each stretch at the end with what comes before.

    Parameters
    ----------
    counts
        Of all blocks.
    order
        Places of the concept's blocks, oldest first; more than `BEFORE_MIN`.
    """
    lengths = STRETCHES[len(order) - BEFORE_MIN >= STRETCHES]
    newest_first = order[::-1]
    worst = np.full(len(lengths), -np.inf)
    for values, judge in (
        (counts.y, _groups),
        (counts.loss, _rise),
        (counts.x, _features),
    ):
        total = values[order].sum(axis=0, dtype=np.int64)
        after = np.cumsum(values[newest_first[: lengths[-1]]], axis=0, dtype=np.int64)[lengths - 1]
        worst = np.maximum(worst, judge((total - after).astype(float), after.astype(float)))
    best = int(np.argmax(worst))
    return Stretch(int(lengths[best]), float(worst[best]))


def _groups(before: Floats, after: Floats) -> Floats:
    return deviation(*chi_squares(before, after))


def _features(before: Floats, after: Floats) -> Floats:
    """Judge (n_stretches, n_columns, n_groups, n_cells): alone, and within groups."""
    if before.shape[1] == 0:
        return np.full(len(before), -np.inf)
    alone = deviation(*chi_squares(before.sum(axis=2), after.sum(axis=2)))
    chi_square, freedom = chi_squares(before, after)
    within = deviation(chi_square.sum(axis=2), freedom.sum(axis=2))
    return np.asarray(np.maximum(alone, within).max(axis=1))


def _rise(before: Floats, after: Floats) -> Floats:
    """Judge the loss by its range on average; 0 where it has not risen."""
    level = np.arange(before.shape[1])
    mean_before = before @ level / np.maximum(before.sum(axis=1), 1.0)
    mean_after = after @ level / np.maximum(after.sum(axis=1), 1.0)
    return np.where(mean_after > mean_before, _groups(before, after), 0.0)
