"""A record as a dense vector of numbers of about unit size, for whoever measures distances.

Entry 0 is 1. A number is standardised by its recent mean and deviation and cut off; a category of
two codes is -1 or 1, one of more codes has an entry for each; what is missing is 0 everywhere.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from operators.base import Space
from operators.kernels.compiled import njit
from operators.kernels.outliers import winsorised

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

SEEN, MEAN, VARIANCE = range(3)
STATISTICS = 3
# As far as moments are learnt from: cut off sooner, what is rare and far away (fraud, say) would
# lie where the last of the usual does.
DEVIATION_MAX = 10.0
VALUE_MAX = 1e100  # its square is still finite


class Dense(NamedTuple):
    """State and parameters of the encoding.

    Parameters
    ----------
    statistics
        (n_features, 3) float64: values learnt, recent mean and variance of a number; mutated.
    capacities
        (n_features,) int64, codes of a category, 0 for a number.
    start
        (n_features,) int64, first entry of each feature.
    vector
        (width,) float64 working space: the record encoded last.
    memory
        Number of records that "recent" goes back over.
    """

    statistics: FloatArray
    capacities: IntArray
    start: IntArray
    vector: FloatArray
    memory: float


def make_dense(space: Space, memory: float) -> Dense:
    """Make an encoding that has seen nothing."""
    capacities = np.array([feature.capacity for feature in space.features], dtype=np.int64)
    widths = np.where(capacities > 2, capacities, 1)
    ends = 1 + np.cumsum(widths)
    statistics = np.zeros((len(capacities), STATISTICS))
    return Dense(statistics, capacities, ends - widths, np.zeros(int(ends[-1])), memory)


@njit(cache=True, nogil=True, error_model="numpy")
def encode(dense: Dense, x: FloatArray) -> None:
    """Write a record to `dense.vector`."""
    statistics, vector = dense.statistics, dense.vector
    vector[:] = 0.0
    vector[0] = 1.0
    for j in range(len(x)):
        value, at = x[j], dense.start[j]
        if value != value:
            continue
        if dense.capacities[j] == 2:
            vector[at] = 2.0 * value - 1.0
        elif dense.capacities[j] > 0:
            vector[at + np.int64(value)] = 1.0
        elif statistics[j, VARIANCE] > 0.0:
            step = min(max(value, -VALUE_MAX), VALUE_MAX) - statistics[j, MEAN]
            step /= math.sqrt(statistics[j, VARIANCE])
            vector[at] = min(max(step, -DEVIATION_MAX), DEVIATION_MAX)


@njit(cache=True, nogil=True, error_model="numpy")
def learn_dense(dense: Dense, x: FloatArray) -> None:
    """Learn the mean and variance of each number: plain at first, exponential later."""
    statistics = dense.statistics
    for j in range(len(x)):
        value = x[j]
        if dense.capacities[j] > 0 or value != value:
            continue
        value = min(max(value, -VALUE_MAX), VALUE_MAX)
        earlier = statistics[j, SEEN]
        back = min(earlier, dense.memory)
        value = winsorised(value, statistics[j, MEAN], statistics[j, VARIANCE] * back, back)
        seen = earlier + 1.0
        statistics[j, SEEN] = seen
        gain = max(1.0 / seen, 1.0 / dense.memory)
        step = value - statistics[j, MEAN]
        statistics[j, MEAN] += gain * step
        statistics[j, VARIANCE] = (1.0 - gain) * (statistics[j, VARIANCE] + gain * step * step)
