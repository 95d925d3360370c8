"""Linear regression: predicting and learning one record, and running a tape."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from operators.kernels.compiled import njit
from operators.kernels.encoder import (
    VALUE_MAX,
    FloatArray,
    IntArray,
    bounded,
    encode,
    learn_statistics,
)
from operators.kernels.linear import ERROR_MAX, Linear, descend, write_scores
from operators.kernels.target import SCALE, SHIFT, learn_target, score_of

SQUARED, ABSOLUTE, HUBER = range(3)


@njit(cache=True, nogil=True, forceinline=True, error_model="numpy")
def slope(residual: float, loss: int, corner: float) -> float:
    """Return the derivative of a loss: r^2 / 2, |r|, or the one within the corner, else the other.

    Beyond its corner Huber's loss has the slope of the corner.
    """
    if loss == SQUARED:
        return bounded(residual, ERROR_MAX)  # type: ignore[no-any-return]
    if loss == ABSOLUTE:
        return np.sign(residual)  # type: ignore[no-any-return]
    return bounded(residual, corner)  # type: ignore[no-any-return]


@njit(cache=True, nogil=True, forceinline=True, error_model="numpy")
def predict_linear(model: Linear, target: FloatArray, x: FloatArray) -> float:
    """Return the value predicted for a record."""
    write_scores(model, encode(model.encoder, x))
    return bounded(target[SHIFT] + target[SCALE] * model.scores[0], VALUE_MAX)  # type: ignore[no-any-return]


@njit(cache=True, nogil=True, forceinline=True, error_model="numpy")
def learn_linear(
    model: Linear,
    target: FloatArray,
    loss: int,
    corner: float,
    x: FloatArray,
    y: float,
    weight: float,
) -> None:
    """Learn a record that counts `weight` times, by the loss at the weights of this moment."""
    is_standardised = model.encoder.is_standardised
    learn_statistics(model.encoder, x)
    if is_standardised:
        learn_target(target, y)
    n = encode(model.encoder, x)
    write_scores(model, n)
    residual = model.scores[0] - score_of(target, y, is_standardised)
    model.errors[0] = slope(residual, loss, corner) * weight
    descend(model, n)


@njit(cache=True, nogil=True, error_model="numpy")
def run_linear(
    action: NDArray[np.uint8],
    row: IntArray,
    x: FloatArray,
    y: FloatArray,
    output: FloatArray,
    model: Linear,
    target: FloatArray,
    loss: int,
    corner: float,
) -> None:
    """Run a tape."""
    for step in range(len(row)):
        i = row[step]
        if action[step] == 0:
            output[i, 0] = predict_linear(model, target, x[i])
        else:
            learn_linear(model, target, loss, corner, x[i], y[i], 1.0)
