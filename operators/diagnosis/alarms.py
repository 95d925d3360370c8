"""Whether the last labels are unlike those before: what opens an episode.

Stretches of 1 to 32 blocks at the end are compared with the rest of the concept, in each feature,
in the labels, in each feature within the groups of labels, and in the loss, which counts only when
it has risen: a model that still learns is no drift.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from operators.kernels.diagnosis import Counts, Sums, judge_ends

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


def least_likely(
    order: NDArray[np.int64], n_groups: int, counts: Counts, sums: Sums
) -> Stretch | None:
    """Compare each stretch at the end with what comes before; None as long as that is too little.

    Parameters
    ----------
    order
        Places of the concept's blocks, oldest first.
    """
    lengths = STRETCHES[len(order) - BEFORE_MIN >= STRETCHES]
    if len(lengths) == 0:
        return None
    worst = np.empty(len(lengths))
    judge_ends(order, lengths, n_groups, counts, sums, worst)
    best = int(np.argmax(worst))
    return Stretch(int(lengths[best]), float(worst[best]))
