"""Scores of a linear model, and one step of descent on them.

A model has a column of weights for each entry that a record can have and `n_scores` weights in
each: one score for two classes or for a number, otherwise one a class. Work on a record is in
proportion to its entries times the scores. The penalties act on the weights that a record touches,
at the moment it is learnt, as proximal steps: soft thresholding for L1, shrinking for L2 [1]_; in
FTRL they are part of the closed form [2]_. The intercept is never penalised.

References
----------
.. [1] Duchi and Singer, 2009, Efficient online and batch learning using forward backward
   splitting, JMLR 10, sections 2 and 5; Duchi, Hazan and Singer, 2011, Adaptive subgradient
   methods, JMLR 12, section 5.1 for the step sizes of AdaGrad.
.. [2] McMahan et al., 2013, Ad click prediction: a view from the trenches, KDD, algorithm 1, DOI
   10.1145/2487575.2488200.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from operators.kernels.compiled import njit
from operators.kernels.encoder import Encoder, FloatArray

SGD, ADAGRAD, FTRL = range(3)

ADAGRAD_EPSILON = 1e-8  # keeps the first step finite
FTRL_BETA = 1.0  # the paper's recommended value
ERROR_MAX = 1e12  # squares of errors times values stay finite


class Linear(NamedTuple):
    """Weights of a linear model with an optimizer's memory, as kernels take them.

    Parameters
    ----------
    encoder
        Of the records.
    weights
        (n_columns, n_scores) float64; mutated.
    squares
        (n_columns, n_scores) float64, sums of squared gradients; mutated. No rows with `SGD`.
    sums
        (n_columns, n_scores) float64, FTRL's `z`; mutated. No rows with the others.
    scores, errors
        (n_scores,) float64 working space: scores, and derivatives of the loss by them.
    """

    encoder: Encoder
    weights: FloatArray
    squares: FloatArray
    sums: FloatArray
    scores: FloatArray
    errors: FloatArray
    optimizer: int
    learning_rate: float
    l1: float
    l2: float


@njit(cache=True, nogil=True, forceinline=True, error_model="numpy")
def write_scores(linear: Linear, n: int) -> None:
    """Write the scores of the record whose `n` entries the encoder holds."""
    columns, value = linear.encoder.column, linear.encoder.value
    weights, scores = linear.weights, linear.scores
    if len(scores) == 1:
        score = 0.0
        for k in range(n):
            score += weights[columns[k], 0] * value[k]
        scores[0] = score
        return
    scores[:] = 0.0
    for k in range(n):
        column, v = columns[k], value[k]
        for r in range(len(scores)):
            scores[r] += weights[column, r] * v


@njit(cache=True, nogil=True, forceinline=True, error_model="numpy")
def penalised(weight: float, rate: float, l1: float, l2: float) -> float:
    """Return a weight after the proximal step of both penalties."""
    if l1 > 0.0:
        weight = math.copysign(max(abs(weight) - rate * l1, 0.0), weight)
    return weight / (1.0 + rate * l2)


@njit(cache=True, nogil=True, forceinline=True, error_model="numpy")
def descend_sgd(linear: Linear, n: int) -> None:
    """Step against the gradient; never so far that a squared error would change its sign."""
    columns, value = linear.encoder.column, linear.encoder.value
    weights, errors = linear.weights, linear.errors
    l1, l2 = linear.l1, linear.l2
    square = 0.0
    for k in range(n):
        square += value[k] * value[k]
    rate = linear.learning_rate / max(1.0, linear.learning_rate * square)
    for k in range(n):
        column, v = columns[k], value[k]
        for r in range(len(errors)):
            weight = weights[column, r] - rate * errors[r] * v
            if k > 0:
                weight = penalised(weight, rate, l1, l2)
            weights[column, r] = weight


@njit(cache=True, nogil=True, forceinline=True, error_model="numpy")
def descend_adagrad(linear: Linear, n: int) -> None:
    """Step with a rate for each weight that falls with the gradients it has seen."""
    columns, value = linear.encoder.column, linear.encoder.value
    weights, squares, errors = linear.weights, linear.squares, linear.errors
    l1, l2 = linear.l1, linear.l2
    for k in range(n):
        column, v = columns[k], value[k]
        for r in range(len(errors)):
            gradient = errors[r] * v
            square = squares[column, r] + gradient * gradient
            squares[column, r] = square
            rate = linear.learning_rate / math.sqrt(square + ADAGRAD_EPSILON)
            weight = weights[column, r] - rate * gradient
            if k > 0:
                weight = penalised(weight, rate, l1, l2)
            weights[column, r] = weight


@njit(cache=True, nogil=True, forceinline=True, error_model="numpy")
def descend_ftrl(linear: Linear, n: int) -> None:
    """Follow the regularised leader: weights in closed form from the gradients' sums."""
    columns, value = linear.encoder.column, linear.encoder.value
    weights, squares, sums = linear.weights, linear.squares, linear.sums
    errors, alpha = linear.errors, linear.learning_rate
    for k in range(n):
        column, v = columns[k], value[k]
        l1 = linear.l1 if k > 0 else 0.0
        l2 = linear.l2 if k > 0 else 0.0
        for r in range(len(errors)):
            gradient = errors[r] * v
            square = squares[column, r] + gradient * gradient
            root = math.sqrt(square)
            sigma = (root - math.sqrt(squares[column, r])) / alpha
            z = sums[column, r] + gradient - sigma * weights[column, r]
            squares[column, r], sums[column, r] = square, z
            if abs(z) <= l1:
                weights[column, r] = 0.0
            else:
                weights[column, r] = (math.copysign(l1, z) - z) / ((FTRL_BETA + root) / alpha + l2)


@njit(cache=True, nogil=True, forceinline=True, error_model="numpy")
def descend(linear: Linear, n: int) -> None:
    """Take one step on `errors` with the model's optimizer."""
    if linear.optimizer == SGD:
        descend_sgd(linear, n)
    elif linear.optimizer == ADAGRAD:
        descend_adagrad(linear, n)
    else:
        descend_ftrl(linear, n)


@njit(cache=True, nogil=True, forceinline=True, error_model="numpy")
def clear_linear(linear: Linear) -> None:
    """Forget the weights and the optimizer's memory; the encoder keeps what it knows."""
    linear.weights[:] = 0.0
    linear.squares[:] = 0.0
    linear.sums[:] = 0.0
