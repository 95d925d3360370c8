"""A numeric target in units of its own spread, so that a step size suits any target.

The state of a target is one row: count, mean and sum of squared deviations of what was learnt,
then the shift and scale of a prediction: prediction = shift + scale * score.
"""

from __future__ import annotations

import math

import numpy as np

from operators.kernels.compiled import njit
from operators.kernels.encoder import DEVIATION_MAX, VALUE_MAX, FloatArray, bounded
from operators.kernels.outliers import winsorised

COUNT, MEAN, M2, SHIFT, SCALE = range(5)
FIELDS = 5


def new_target() -> FloatArray:
    """Return the row of a target of which nothing is known."""
    target = np.zeros(FIELDS)
    target[SCALE] = 1.0
    return target


@njit(cache=True, nogil=True, forceinline=True, error_model="numpy")
def learn_target(target: FloatArray, y: float) -> None:
    """Learn the moments (Welford's recurrences), and predict in their units from here on."""
    earlier, mean, m2 = target[COUNT], target[MEAN], target[M2]
    y = winsorised(bounded(y, VALUE_MAX), mean, m2, earlier)
    count = earlier + 1.0
    step = y - mean
    mean += step / count
    m2 += step * (y - mean)
    target[COUNT], target[MEAN], target[M2] = count, mean, m2
    target[SHIFT] = mean
    target[SCALE] = math.sqrt(m2 / count) if m2 > 0.0 else 1.0


@njit(cache=True, nogil=True, forceinline=True, error_model="numpy")
def score_of(target: FloatArray, y: float, is_standardised: bool) -> float:
    """Return the score that predicts a target; no standardised one is beyond ten deviations."""
    y = bounded(y, VALUE_MAX)
    if is_standardised:
        return bounded((y - target[SHIFT]) / target[SCALE], DEVIATION_MAX)  # type: ignore[no-any-return]
    return y
