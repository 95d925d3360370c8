"""Softmax regression: predicting and learning one record, and running a tape.

Two classes share one score, that of class 1 (the other's is 0), and so are logistic regression.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from operators.kernels.compiled import njit
from operators.kernels.encoder import FloatArray, IntArray, encode, learn_statistics
from operators.kernels.linear import Linear, descend, write_scores


@njit(cache=True, nogil=True, forceinline=True, error_model="numpy")
def sigmoid(score: float) -> float:
    """Return 1 / (1 + exp(-score)) without overflow."""
    if score >= 0.0:
        return 1.0 / (1.0 + math.exp(-score))
    term = math.exp(max(score, -700.0))
    return term / (1.0 + term)


@njit(cache=True, nogil=True, forceinline=True, error_model="numpy")
def write_probabilities(scores: FloatArray, out: FloatArray) -> None:
    """Write the probabilities that scores stand for; one score means two classes."""
    if len(out) == 2:
        out[1] = sigmoid(scores[0])
        out[0] = 1.0 - out[1]
    else:
        write_class_probabilities(scores, out)


@njit(cache=True, nogil=True, forceinline=True, error_model="numpy")
def write_class_probabilities(scores: FloatArray, out: FloatArray) -> None:
    """Write the probabilities that one score a class stands for."""
    top = -np.inf
    for c in range(len(out)):
        top = max(top, scores[c])
    total = 0.0
    for c in range(len(out)):
        # Below about -708 exp gives subnormal numbers, which cost hundreds of cycles.
        out[c] = math.exp(max(scores[c] - top, -700.0))
        total += out[c]
    for c in range(len(out)):
        out[c] /= total


@njit(cache=True, nogil=True, forceinline=True, error_model="numpy")
def predict_softmax(model: Linear, x: FloatArray, out: FloatArray) -> None:
    """Write the class probabilities of a record."""
    write_scores(model, encode(model.encoder, x))
    write_probabilities(model.scores, out)


@njit(cache=True, nogil=True, forceinline=True, error_model="numpy")
def learn_softmax(model: Linear, x: FloatArray, y: int, weight: float) -> None:
    """Learn a record of class `y` that counts `weight` times.

    The gradient is that of the log loss at the weights of this moment.
    """
    learn_statistics(model.encoder, x)
    learn_encoded(model, encode(model.encoder, x), y, weight)


@njit(cache=True, nogil=True, forceinline=True, error_model="numpy")
def learn_encoded(model: Linear, n: int, y: int, weight: float) -> None:
    """Learn the record whose `n` entries the encoder holds, which several models may share."""
    scores, errors = model.scores, model.errors
    write_scores(model, n)
    if len(scores) == 1:
        errors[0] = (sigmoid(scores[0]) - y) * weight
    else:
        write_class_probabilities(scores, errors)
        errors[y] -= 1.0
        for c in range(len(errors)):
            errors[c] *= weight
    descend(model, n)


@njit(cache=True, nogil=True, error_model="numpy")
def run_softmax(
    action: NDArray[np.uint8],
    row: IntArray,
    x: FloatArray,
    y: FloatArray,
    output: FloatArray,
    model: Linear,
) -> None:
    """Run a tape."""
    for step in range(len(row)):
        i = row[step]
        if action[step] == 0:
            predict_softmax(model, x[i], output[i])
        else:
            learn_softmax(model, x[i], np.int64(y[i]), 1.0)
