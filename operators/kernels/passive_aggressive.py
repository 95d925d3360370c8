"""Passive-aggressive models: the smallest change of weights that meets a margin [1]_.

References
----------
.. [1] Crammer et al., 2006, Online passive-aggressive algorithms, JMLR 7, sections 3 and 5
   (PA-I, PA-II, regression) and 7 (several classes, by the most wrong rival).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from operators.kernels.compiled import njit
from operators.kernels.encoder import (
    VALUE_MAX,
    Encoder,
    FloatArray,
    IntArray,
    bounded,
    encode,
    learn_statistics,
)
from operators.kernels.softmax import write_class_probabilities
from operators.kernels.target import SCALE, SHIFT, learn_target, score_of

PA_I, PA_II = range(2)
MARGIN = 1.0


class PassiveAggressive(NamedTuple):
    """State, parameters and working space of a passive-aggressive model.

    Parameters
    ----------
    encoder
        Of the records.
    weights
        (n_columns, n_scores) float64, a score for each class, or one for a number; mutated.
    target
        State of the target, `operators.kernels.target`; not used with classes; mutated.
    scores
        (n_scores,) float64 working space.
    aggressiveness
        The paper's C.
    insensitivity
        The paper's epsilon, for a number.
    """

    encoder: Encoder
    weights: FloatArray
    target: FloatArray
    scores: FloatArray
    variant: int
    aggressiveness: float
    insensitivity: float


@njit(cache=True, nogil=True, forceinline=True, error_model="numpy")
def margins(model: PassiveAggressive, n: int) -> float:
    """Write the scores of the record whose `n` entries the encoder holds; return its |x|^2."""
    column, value = model.encoder.column, model.encoder.value
    weights, scores = model.weights, model.scores
    scores[:] = 0.0
    square = 0.0
    for k in range(n):
        square += value[k] * value[k]
        for r in range(len(scores)):
            scores[r] += weights[column[k], r] * value[k]
    return square


@njit(cache=True, nogil=True, forceinline=True, error_model="numpy")
def pace(model: PassiveAggressive, loss: float, square: float) -> float:
    """Return the length of a step, the paper's tau."""
    if model.variant == PA_I:
        return min(model.aggressiveness, loss / square)
    return loss / (square + 0.5 / model.aggressiveness)


@njit(cache=True, nogil=True, forceinline=True, error_model="numpy")
def move(model: PassiveAggressive, n: int, r: int, step: float) -> None:
    """Add a multiple of the record to the weights of a score."""
    column, value, weights = model.encoder.column, model.encoder.value, model.weights
    for k in range(n):
        weights[column[k], r] += step * value[k]


@njit(cache=True, nogil=True, forceinline=True, error_model="numpy")
def rival(scores: FloatArray, y: int) -> int:
    """Return the best class other than `y`, -1 if there is no other."""
    best = -1
    for c in range(len(scores)):
        if c != y and (best < 0 or scores[c] > scores[best]):
            best = c
    return best


@njit(cache=True, nogil=True, forceinline=True, error_model="numpy")
def learn_class(model: PassiveAggressive, x: FloatArray, y: int) -> None:
    """Learn a record of class `y`: its score shall be 1 above the best other one's."""
    learn_statistics(model.encoder, x)
    n = encode(model.encoder, x)
    square = margins(model, n)
    other = rival(model.scores, y)
    if other < 0:
        return
    loss = MARGIN - model.scores[y] + model.scores[other]
    if loss > 0.0:
        # The class and its rival both move, so the record's square counts twice.
        step = pace(model, loss, 2.0 * square)
        move(model, n, y, step)
        move(model, n, other, -step)


@njit(cache=True, nogil=True, forceinline=True, error_model="numpy")
def learn_value(model: PassiveAggressive, x: FloatArray, y: float) -> None:
    """Learn a record: its prediction shall be within `insensitivity` of `y`."""
    is_standardised = model.encoder.is_standardised
    learn_statistics(model.encoder, x)
    if is_standardised:
        learn_target(model.target, y)
    n = encode(model.encoder, x)
    square = margins(model, n)
    residual = score_of(model.target, y, is_standardised) - model.scores[0]
    loss = abs(residual) - model.insensitivity
    if loss > 0.0:
        move(model, n, 0, np.sign(residual) * pace(model, loss, square))


@njit(cache=True, nogil=True, error_model="numpy")
def run_classes(
    action: NDArray[np.uint8],
    row: IntArray,
    x: FloatArray,
    y: FloatArray,
    output: FloatArray,
    model: PassiveAggressive,
) -> None:
    """Run a tape with classes."""
    for step in range(len(row)):
        i = row[step]
        if action[step] == 0:
            margins(model, encode(model.encoder, x[i]))
            write_class_probabilities(model.scores, output[i])
        else:
            learn_class(model, x[i], np.int64(y[i]))


@njit(cache=True, nogil=True, error_model="numpy")
def run_values(
    action: NDArray[np.uint8],
    row: IntArray,
    x: FloatArray,
    y: FloatArray,
    output: FloatArray,
    model: PassiveAggressive,
) -> None:
    """Run a tape with numbers."""
    target = model.target
    for step in range(len(row)):
        i = row[step]
        if action[step] == 0:
            margins(model, encode(model.encoder, x[i]))
            value = target[SHIFT] + target[SCALE] * model.scores[0]
            output[i, 0] = bounded(value, VALUE_MAX)
        else:
            learn_value(model, x[i], y[i])
