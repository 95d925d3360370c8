"""What a leaf knows: class weights, Gaussians and counts, and the votes made from them.

A class's score is log weight + sum over features of log p(value | class): a Gaussian for a
number, (count + 1) / (class count + codes) for a code. A missing value leaves its factor out.
A class whose values of a feature have all been equal is a spike there: density 1 at the value,
0 elsewhere; a class of which a numeric feature has seen nothing has density 0.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from operators.kernels.forest import (
    ADAPTIVE,
    BAYES_RIGHT,
    CODES,
    CONSTANT,
    COUNT,
    HEADER,
    HIGH,
    INVERSE,
    LOG_DENOMINATOR,
    LOG_SCALE,
    LOW,
    M2,
    MAJORITY,
    MAJORITY_RIGHT,
    MEAN,
    NOMINAL_COUNT,
    TOTAL,
    WEIGHT,
    FloatArray,
    Forest,
)

# A spike as a very narrow parabola: exactly 0 at the mean and beyond any other score elsewhere,
# without a branch in the inner loop.
SPIKE = 1e300
VARIANCE_MIN = 1e-300
LOG_TWO_PI = math.log(2.0 * math.pi)


@njit(cache=True, nogil=True)
def clear_leaf(forest: Forest, leaf: FloatArray) -> None:
    """Make a leaf that has seen nothing."""
    n_numeric = len(forest.numeric)
    leaf[:] = 0.0
    for c in range(forest.n_classes):
        fields = HEADER + c * forest.stride + 2
        for j in range(n_numeric):
            leaf[fields + LOG_SCALE * n_numeric + j] = -np.inf
            leaf[fields + LOW * n_numeric + j] = np.inf
            leaf[fields + HIGH * n_numeric + j] = -np.inf
        for j in range(len(forest.nominal)):
            block = HEADER + c * forest.stride + forest.nominal[j, 2]
            leaf[block + LOG_DENOMINATOR] = math.log(forest.nominal[j, 1])


@njit(cache=True, nogil=True)
def add_weight(forest: Forest, leaf: FloatArray, c: int, weight: float) -> None:
    """Give a class more weight and renew its constant."""
    n_numeric = len(forest.numeric)
    base = HEADER + c * forest.stride
    scales = base + 2 + LOG_SCALE * n_numeric
    leaf[TOTAL] += weight
    leaf[base + WEIGHT] += weight
    constant = math.log(leaf[base + WEIGHT])
    for j in range(n_numeric):
        constant += leaf[scales + j]
    for j in range(len(forest.nominal)):
        constant -= leaf[base + forest.nominal[j, 2] + LOG_DENOMINATOR]
    leaf[base + CONSTANT] = constant


@njit(cache=True, nogil=True)
def observe(forest: Forest, leaf: FloatArray, x: FloatArray, y: int) -> None:
    """Learn a record: Welford's recurrences for numbers, counts for codes."""
    n = len(forest.numeric)
    base = HEADER + y * forest.stride
    fields = base + 2
    for j in range(n):
        value = x[forest.numeric[j]]
        if value != value:
            continue
        at = fields + j
        count = leaf[at + COUNT * n] + 1.0
        step = value - leaf[at + MEAN * n]
        mean = leaf[at + MEAN * n] + step / count
        m2 = leaf[at + M2 * n] + step * (value - mean)
        leaf[at + COUNT * n] = count
        leaf[at + MEAN * n] = mean
        leaf[at + M2 * n] = m2
        leaf[at + LOW * n] = min(leaf[at + LOW * n], value)
        leaf[at + HIGH * n] = max(leaf[at + HIGH * n], value)
        variance = m2 / max(count - 1.0, 1.0)
        if variance > VARIANCE_MIN:
            leaf[at + INVERSE * n] = 0.5 / variance
            leaf[at + LOG_SCALE * n] = -0.5 * (LOG_TWO_PI + math.log(variance))
        else:
            leaf[at + INVERSE * n] = SPIKE
            leaf[at + LOG_SCALE * n] = 0.0
    for j in range(len(forest.nominal)):
        value = x[forest.nominal[j, 0]]
        if value != value:
            continue
        codes = forest.nominal[j, 1]
        block = base + forest.nominal[j, 2]
        code = block + CODES + np.int64(value)
        leaf[block + NOMINAL_COUNT] += 1.0
        leaf[block + LOG_DENOMINATOR] = math.log(leaf[block + NOMINAL_COUNT] + codes)
        leaf[code] += 1.0
        leaf[code + codes] = math.log(leaf[code] + 1.0)
    add_weight(forest, leaf, y, 1.0)


@njit(cache=True, nogil=True)
def class_score(
    forest: Forest, leaf: FloatArray, x: FloatArray, is_complete: bool, c: int
) -> float:
    """Return a class's naive Bayes score, -inf where the class is ruled out."""
    n = len(forest.numeric)
    base = HEADER + c * forest.stride
    fields = base + 2
    if is_complete:
        score = leaf[base + CONSTANT]
        for j in range(n):
            step = x[forest.numeric[j]] - leaf[fields + j]
            score -= step * step * leaf[fields + INVERSE * n + j]
        for j in range(len(forest.nominal)):
            block = base + forest.nominal[j, 2] + CODES + forest.nominal[j, 1]
            score += leaf[block + np.int64(x[forest.nominal[j, 0]])]
    else:
        score = math.log(leaf[base + WEIGHT])
        for j in range(n):
            value = x[forest.numeric[j]]
            if value == value:
                step = value - leaf[fields + j]
                score += leaf[fields + LOG_SCALE * n + j]
                score -= step * step * leaf[fields + INVERSE * n + j]
        for j in range(len(forest.nominal)):
            value = x[forest.nominal[j, 0]]
            if value == value:
                block = base + forest.nominal[j, 2]
                score += leaf[block + CODES + forest.nominal[j, 1] + np.int64(value)]
                score -= leaf[block + LOG_DENOMINATOR]
    # Values near the end of float64 can make inf - inf; such a class is ruled out.
    return score if score == score else -np.inf


@njit(cache=True, nogil=True)
def bayes_scores(forest: Forest, leaf: FloatArray, x: FloatArray, is_complete: bool) -> int:
    """Write the naive Bayes scores to `forest.scores`; return the best class, -1 if none."""
    best, top = -1, -np.inf
    for c in range(forest.n_classes):
        score = -np.inf
        if leaf[HEADER + c * forest.stride + WEIGHT] > 0.0:
            score = class_score(forest, leaf, x, is_complete, c)
        forest.scores[c] = score
        if score > top:
            best, top = c, score
    return best


@njit(cache=True, nogil=True)
def majority_class(forest: Forest, leaf: FloatArray) -> int:
    """Return the class with most weight, -1 in an empty leaf."""
    best, top = -1, 0.0
    for c in range(forest.n_classes):
        weight = leaf[HEADER + c * forest.stride + WEIGHT]
        if weight > top:
            best, top = c, weight
    return best


@njit(cache=True, nogil=True)
def leaf_probabilities(
    forest: Forest, leaf: FloatArray, x: FloatArray, is_complete: bool, out: FloatArray
) -> None:
    """Write a leaf's class probabilities: uniform as long as it has seen nothing."""
    n_classes = forest.n_classes
    if leaf[TOTAL] == 0.0:
        out[:] = 1.0 / n_classes
        return
    by_majority = forest.leaf_prediction == MAJORITY or (
        forest.leaf_prediction == ADAPTIVE and leaf[MAJORITY_RIGHT] > leaf[BAYES_RIGHT]
    )
    best = -1
    if not by_majority:
        best = bayes_scores(forest, leaf, x, is_complete)
    total = 0.0
    # Where naive Bayes rules out every class, as in a leaf just made by a split, the class
    # weights answer.
    top = forest.scores[best] if best >= 0 else 0.0
    for c in range(n_classes):
        if best >= 0:
            out[c] = math.exp(forest.scores[c] - top)
        else:
            out[c] = leaf[HEADER + c * forest.stride + WEIGHT]
        total += out[c]
    for c in range(n_classes):
        out[c] /= total
