"""Softmax regression on dense vectors: by gradient steps, or by Newton's with one curvature.

The Newton form keeps the inverse P of the (forgetting) second moments of the inputs, each weighted
by how undecided its prediction was. Classes share it, which is exact for two classes. A step is
the recursive least squares one on the linearised model (the extended Kalman filter for a
multinomial observation), so a steady boundary is found after tens of records instead of thousands.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from operators.kernels.compiled import njit
from operators.kernels.dense import Dense, encode, learn_dense
from operators.kernels.ensemble import CLOCK, Detectors, watch
from operators.kernels.waves import Waves, write_waves

FloatArray = NDArray[np.float64]

UNDECIDED_MIN = 0.01  # keeps the step finite where the model is sure
TRACE_MAX = 10.0  # of P, for each input: what was never seen must not grow for ever
PRIOR = 1.0  # P of a model that knows nothing
AGAIN = 0.1  # P after a drift: the weights still mean something


class Linear(NamedTuple):
    """State, parameters and working space.

    Parameters
    ----------
    weights
        (n_classes, width) float64; mutated.
    curvature
        (width, width) float64, P; mutated. (0, 0) for gradient steps.
    probabilities, gain
        (n_classes,) and (width,) float64 working space.
    errors, waiting
        (CLOCK,) float64 and (1,) int64: errors that its detector has not seen, and how many;
        mutated.
    rate
        Step size of gradient steps.
    decay
        What earlier records count when one more is learnt, for Newton's steps.
    """

    weights: FloatArray
    curvature: FloatArray
    probabilities: FloatArray
    gain: FloatArray
    errors: FloatArray
    waiting: NDArray[np.int64]
    rate: float
    decay: float


def make_linear(n_classes: int, width: int, *, rate: float, decay: float) -> Linear:
    """Make a model that knows nothing; a `decay` of 0 asks for gradient steps."""
    size = width if decay > 0.0 else 0
    return Linear(
        weights=np.zeros((n_classes, width)),
        curvature=PRIOR * np.eye(size),
        probabilities=np.zeros(n_classes),
        gain=np.zeros(size),
        errors=np.zeros(CLOCK),
        waiting=np.zeros(1, dtype=np.int64),
        rate=rate,
        decay=decay,
    )


@njit(cache=True, nogil=True, error_model="numpy")
def predict_linear(model: Linear, vector: FloatArray, out: FloatArray) -> None:
    """Write the class probabilities."""
    weights = model.weights
    top = -np.inf
    for c in range(len(out)):
        score = 0.0
        for j in range(len(vector)):
            score += weights[c, j] * vector[j]
        out[c] = score
        top = max(top, score)
    total = 0.0
    for c in range(len(out)):
        out[c] = math.exp(max(out[c] - top, -700.0))
        total += out[c]
    for c in range(len(out)):
        out[c] /= total


@njit(cache=True, nogil=True, error_model="numpy")
def learn_linear(model: Linear, vector: FloatArray, y: int, weight: float) -> int:
    """Take a step towards the class of a record; return the class predicted before.

    What is predicted for it now stands in `model.probabilities`.
    """
    probabilities = model.probabilities
    answer = 0
    for c in range(1, len(probabilities)):
        if probabilities[c] > probabilities[answer]:
            answer = c
    if len(model.curvature) > 0:
        newton_step(model, vector, y, weight)
    else:
        gradient_step(model, vector, y, weight)
    return answer


@njit(cache=True, nogil=True, error_model="numpy")
def gradient_step(model: Linear, vector: FloatArray, y: int, weight: float) -> None:
    """Go against the gradient of the log loss."""
    for c in range(len(model.probabilities)):
        error = model.probabilities[c] - (1.0 if c == y else 0.0)
        step = model.rate * weight * error
        for j in range(len(vector)):
            model.weights[c, j] -= step * vector[j]


@njit(cache=True, nogil=True, error_model="numpy")
def times_vector(matrix: FloatArray, vector: FloatArray, out: FloatArray) -> None:
    """Write the product of a symmetric matrix and a vector.

    Its rows do for columns, and lie together in memory; four at a time read and write the sums once
    instead of four times, and each sum still gets its terms one after the other.
    """
    out[:] = 0.0
    j = 0
    while j + 4 <= len(vector):
        row0, row1, row2, row3 = matrix[j], matrix[j + 1], matrix[j + 2], matrix[j + 3]
        value0, value1, value2, value3 = vector[j], vector[j + 1], vector[j + 2], vector[j + 3]
        for i in range(len(vector)):
            total = out[i] + row0[i] * value0
            total += row1[i] * value1
            total += row2[i] * value2
            out[i] = total + row3[i] * value3
        j += 4
    while j < len(vector):
        row, value = matrix[j], vector[j]
        for i in range(len(vector)):
            out[i] += row[i] * value
        j += 1


@njit(cache=True, nogil=True, error_model="numpy")
def newton_step(model: Linear, vector: FloatArray, y: int, weight: float) -> None:
    """Go by the gradient times P, and learn P."""
    weights, curvature, gain = model.weights, model.curvature, model.gain
    probabilities = model.probabilities
    undecided = 0.0
    for c in range(len(probabilities)):
        undecided += probabilities[c] * (1.0 - probabilities[c])
    # Two classes have two weight vectors for one boundary.
    undecided = max(undecided if len(probabilities) == 2 else undecided / len(probabilities), 0.0)
    undecided = max(undecided, UNDECIDED_MIN) * weight
    times_vector(curvature, vector, gain)
    spread = 0.0
    for i in range(len(vector)):
        spread += gain[i] * vector[i]
    if not spread >= 0.0:  # rounding has spoilt P
        start_again(model, PRIOR)
        return
    scale = 1.0 / (model.decay / undecided + spread)
    for c in range(len(probabilities)):
        step = ((1.0 if c == y else 0.0) - probabilities[c]) * weight / undecided * scale
        for j in range(len(vector)):
            weights[c, j] += step * gain[j]
    trace, growth = 0.0, 1.0 / model.decay
    part = math.sqrt(scale * growth)
    for i in range(len(vector)):
        gain[i] *= part
    for i in range(len(vector)):
        row, value = curvature[i], gain[i]
        for j in range(len(vector)):
            # The product of both gains first: P stays symmetric to the bit.
            row[j] = row[j] * growth - value * gain[j]
        trace += row[i]
    if trace > TRACE_MAX * len(vector):
        curvature *= TRACE_MAX * len(vector) / trace


@njit(cache=True, nogil=True, error_model="numpy")
def start_again(model: Linear, size: float) -> None:
    """Forget how sure the weights are, so that the next records move them far."""
    for i in range(len(model.curvature)):
        model.curvature[i, :] = 0.0
        model.curvature[i, i] = size


@njit(cache=True, nogil=True, error_model="numpy")
def watch_errors(model: Linear, detectors: Detectors, error: float) -> None:
    """Make the model open to change once its errors rise."""
    model.errors[model.waiting[0]] = error
    model.waiting[0] += 1
    if model.waiting[0] == CLOCK:
        model.waiting[0] = 0
        if watch(detectors, 0, model.errors):
            start_again(model, AGAIN)


@njit(cache=True, nogil=True, error_model="numpy")
def run_newton(
    action: NDArray[np.uint8],
    row: NDArray[np.int64],
    x: FloatArray,
    y: FloatArray,
    weight: FloatArray,
    output: FloatArray,
    dense: Dense,
    waves: Waves,
    model: Linear,
    detectors: Detectors,
) -> None:
    """Run a tape."""
    probabilities = model.probabilities
    known = -1  # the row that vector and probabilities are about, -1 if they are out of date
    for step in range(len(row)):
        i = row[step]
        if known != i:
            encode(dense, x[i])
            write_waves(waves, dense.vector)
            predict_linear(model, dense.vector, probabilities)
            known = i
        if action[step] == 0:
            for c in range(len(probabilities)):
                output[i, c] = probabilities[c]
            continue
        known = -1
        code = np.int64(y[i])
        answer = learn_linear(model, dense.vector, code, weight[i])
        watch_errors(model, detectors, 0.0 if answer == code else 1.0)
        learn_dense(dense, x[i])
