"""Probabilities multiplied by how much more frequent each class has become.

The ratio is kept as logarithms and moved at each label by the gradient of the log loss: towards
the class that came, away from what had been said. Where classes are as frequent as the answers
say, it stays; once the model itself has learnt how frequent they are, it goes back to nothing.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from operators.kernels.compiled import njit
from operators.tape import PREDICT

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

LOG_RATIO_MAX = 7.0
"""A class counts at most about 1,000 times as much, or as little."""


@njit(cache=True, nogil=True, error_model="numpy")
def weigh(said: FloatArray, i: int, log_ratio: FloatArray, output: FloatArray) -> None:
    """Write row i's weighted probabilities, or what was said where no class is left."""
    total = 0.0
    for c in range(len(log_ratio)):
        output[i, c] = said[i, c] * math.exp(log_ratio[c])
        total += output[i, c]
    for c in range(len(log_ratio)):
        output[i, c] = output[i, c] / total if total > 0.0 else said[i, c]


@njit(cache=True, nogil=True, error_model="numpy")
def run_priors(
    action: NDArray[np.uint8],
    row: IntArray,
    y: FloatArray,
    said: FloatArray,
    output: FloatArray,
    log_ratio: FloatArray,
    rate: float,
) -> None:
    """Run a tape: weigh at PREDICT, move the ratio at LEARN.

    Parameters
    ----------
    said
        (n_rows, n_classes) the model's probabilities, as they were at PREDICT.
    output
        (n_rows, n_classes) what was answered: written at PREDICT, read at LEARN.
    log_ratio
        (n_classes,), changed.
    rate
        Step of the gradient, in (0, 1).
    """
    for step in range(len(action)):
        i = row[step]
        if action[step] == PREDICT:
            weigh(said, i, log_ratio, output)
            continue
        for c in range(len(log_ratio)):
            came = 1.0 if int(y[i]) == c else 0.0
            moved = log_ratio[c] + rate * (came - output[i, c])
            if moved == moved:  # not where the row was never predicted
                log_ratio[c] = min(max(moved, -LOG_RATIO_MAX), LOG_RATIO_MAX)
