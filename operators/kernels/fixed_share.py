"""Bayesian mixture with fixed share: weights of experts by how probable they made the truth.

The weights live as logarithms, so that an expert that was hopeless for a million records can
still come back; kernels see what each expert said when the record was predicted.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from operators.kernels.compiled import njit

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


@njit(cache=True, nogil=True, error_model="numpy")
def floored(probability: float, floor: float, n_classes: int) -> float:
    """Return an expert's probability mixed with the uniform one."""
    return (1.0 - floor) * probability + floor / n_classes


@njit(cache=True, nogil=True, error_model="numpy")
def predict_share(
    log_weights: FloatArray,
    floor: float,
    probabilities: FloatArray,
    weights: FloatArray,
    output: FloatArray,
) -> None:
    """Write the weights of now and the experts' weighted mean.

    Parameters
    ----------
    probabilities
        (n_experts * n_classes,), one expert after the other.
    """
    n_classes = len(output)
    output[:] = 0.0
    for k in range(len(log_weights)):
        weights[k] = math.exp(log_weights[k])
        for c in range(n_classes):
            said = floored(probabilities[k * n_classes + c], floor, n_classes)
            output[c] += weights[k] * said


@njit(cache=True, nogil=True, error_model="numpy")
def learn_share(
    log_weights: FloatArray,
    alpha: float,
    floor: float,
    probabilities: FloatArray,
    y: int,
    n_classes: int,
) -> None:
    """Bayes' rule with the truth's probabilities; then each expert gives alpha to all alike."""
    n_experts = len(log_weights)
    top = -np.inf
    for k in range(n_experts):
        log_weights[k] += math.log(floored(probabilities[k * n_classes + y], floor, n_classes))
        top = max(top, log_weights[k])
    total = 0.0
    for k in range(n_experts):
        total += math.exp(log_weights[k] - top)
    total = top + math.log(total)
    for k in range(n_experts):
        log_weights[k] -= total
        if alpha > 0.0:
            kept = (1.0 - alpha) * math.exp(log_weights[k])
            log_weights[k] = math.log(kept + alpha / n_experts)


@njit(cache=True, nogil=True, error_model="numpy")
def run_fixed_share(
    action: NDArray[np.uint8],
    row: IntArray,
    y: FloatArray,
    probabilities: FloatArray,
    weights: FloatArray,
    output: FloatArray,
    log_weights: FloatArray,
    alpha: float,
    floor: float,
) -> None:
    """Run a tape that all experts have run: `probabilities` holds what each said at PREDICT.

    Parameters
    ----------
    probabilities
        (n_rows, n_experts * n_classes), read.
    weights
        (n_rows, n_experts), written at PREDICT.
    log_weights
        (n_experts,), mutated.
    """
    n_classes = output.shape[1]
    for step in range(len(row)):
        i = row[step]
        if action[step] == 0:
            predict_share(log_weights, floor, probabilities[i], weights[i], output[i])
        else:
            code = np.int64(y[i])
            assert 0 <= code < n_classes
            learn_share(log_weights, alpha, floor, probabilities[i], code, n_classes)
