"""What a leaf knows: class weights, Gaussians and counts, and the votes made from them.

A class's score is log weight + sum over features of log p(value | class): a Gaussian for a
number, (count + 1) / (class count + codes) for a code. A missing value leaves its factor out.
A class whose values of a feature have all been equal is a spike there: density 1 at the value,
0 elsewhere; a class of which a numeric feature has seen nothing has density 0.

Kernels take arrays out of the forest before their loops: numba counts references whenever a
field of a tuple is read, and that would cost more than the arithmetic.
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
    MAJORITY_RIGHT,
    MEAN,
    NAIVE_BAYES,
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
LOG_TINY = -700.0
LOG_TWO_PI = math.log(2.0 * math.pi)


@njit(cache=True, nogil=True, forceinline=True, error_model="numpy")
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


@njit(cache=True, nogil=True, forceinline=True, error_model="numpy")
def add_weight(forest: Forest, leaf: FloatArray, c: int, weight: float) -> None:
    """Give a class more weight and renew its constant."""
    nominal = forest.nominal
    n_numeric = len(forest.numeric)
    base = HEADER + c * forest.stride
    scales = base + 2 + LOG_SCALE * n_numeric
    leaf[TOTAL] += weight
    leaf[base + WEIGHT] += weight
    constant = math.log(leaf[base + WEIGHT])
    for j in range(n_numeric):
        constant += leaf[scales + j]
    for j in range(len(nominal)):
        constant -= leaf[base + nominal[j, 2] + LOG_DENOMINATOR]
    leaf[base + CONSTANT] = constant


@njit(cache=True, nogil=True, forceinline=True, error_model="numpy")
def observe(forest: Forest, leaf: FloatArray, x: FloatArray, y: int) -> None:
    """Learn a record: Welford's recurrences for numbers, counts for codes."""
    numeric, nominal = forest.numeric, forest.nominal
    n = len(numeric)
    base = HEADER + y * forest.stride
    fields = base + 2
    for j in range(n):
        value = x[numeric[j]]
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
    for j in range(len(nominal)):
        value = x[nominal[j, 0]]
        if value != value:
            continue
        codes = nominal[j, 1]
        block = base + nominal[j, 2]
        code = block + CODES + np.int64(value)
        leaf[block + NOMINAL_COUNT] += 1.0
        leaf[block + LOG_DENOMINATOR] = math.log(leaf[block + NOMINAL_COUNT] + codes)
        leaf[code] += 1.0
        leaf[code + codes] = math.log(leaf[code] + 1.0)
    add_weight(forest, leaf, y, 1.0)


@njit(cache=True, nogil=True, forceinline=True, error_model="numpy")
def class_score(
    forest: Forest, leaf: FloatArray, x: FloatArray, is_complete: bool, c: int
) -> float:
    """Return a class's naive Bayes score, -inf where the class is ruled out."""
    numeric, nominal = forest.numeric, forest.nominal
    n = len(numeric)
    base = HEADER + c * forest.stride
    fields = base + 2
    if is_complete:
        score = leaf[base + CONSTANT]
        for j in range(n):
            step = x[numeric[j]] - leaf[fields + j]
            score -= step * step * leaf[fields + INVERSE * n + j]
        for j in range(len(nominal)):
            block = base + nominal[j, 2] + CODES + nominal[j, 1]
            score += leaf[block + np.int64(x[nominal[j, 0]])]
    else:
        score = math.log(leaf[base + WEIGHT])
        for j in range(n):
            value = x[numeric[j]]
            if value == value:
                step = value - leaf[fields + j]
                score += leaf[fields + LOG_SCALE * n + j]
                score -= step * step * leaf[fields + INVERSE * n + j]
        for j in range(len(nominal)):
            value = x[nominal[j, 0]]
            if value == value:
                block = base + nominal[j, 2]
                score += leaf[block + CODES + nominal[j, 1] + np.int64(value)]
                score -= leaf[block + LOG_DENOMINATOR]
    # Values near the end of float64 can make inf - inf; such a class is ruled out.
    return score if score == score else -np.inf


@njit(cache=True, nogil=True, forceinline=True, error_model="numpy")
def bayes_scores(forest: Forest, leaf: FloatArray, x: FloatArray, is_complete: bool) -> int:
    """Write the naive Bayes scores to `forest.scores`; return the best class, -1 if none."""
    scores = forest.scores
    best, top = -1, -np.inf
    for c in range(forest.n_classes):
        score = -np.inf
        if leaf[HEADER + c * forest.stride + WEIGHT] > 0.0:
            score = class_score(forest, leaf, x, is_complete, c)
        scores[c] = score
        if score > top:
            best, top = c, score
    return best


@njit(cache=True, nogil=True, forceinline=True, error_model="numpy")
def majority_class(forest: Forest, leaf: FloatArray) -> int:
    """Return the class with most weight, -1 in an empty leaf."""
    best, top = -1, 0.0
    for c in range(forest.n_classes):
        weight = leaf[HEADER + c * forest.stride + WEIGHT]
        if weight > top:
            best, top = c, weight
    return best


@njit(cache=True, nogil=True, forceinline=True, error_model="numpy")
def softmax(scores: FloatArray, best: int, out: FloatArray) -> None:
    """Write probabilities in proportion to exp(scores), of which `best` is the largest."""
    top = scores[best]
    total = 0.0
    for c in range(len(out)):
        # Below about -708 exp gives subnormal numbers, which cost hundreds of cycles.
        step = scores[c] - top
        term = math.exp(step) if step > LOG_TINY else 0.0
        out[c] = term
        total += term
    for c in range(len(out)):
        out[c] /= total


@njit(cache=True, nogil=True, forceinline=True, error_model="numpy")
def weight_shares(leaf: FloatArray, stride: int, out: FloatArray) -> None:
    """Write each class's share of a leaf's weight: uniform as long as it has seen nothing."""
    total = leaf[TOTAL]
    for c in range(len(out)):
        out[c] = leaf[HEADER + c * stride + WEIGHT] / total if total > 0.0 else 1.0 / len(out)


@njit(cache=True, nogil=True, forceinline=True, error_model="numpy")
def leaf_probabilities(
    forest: Forest, leaf: FloatArray, x: FloatArray, is_complete: bool, out: FloatArray
) -> None:
    """Write a leaf's class probabilities.

    Class weights answer where they are asked to, and where naive Bayes rules out every class, as
    in a leaf that a split has just made.
    """
    mode = forest.leaf_prediction
    best = -1
    if mode == NAIVE_BAYES or (mode == ADAPTIVE and leaf[MAJORITY_RIGHT] <= leaf[BAYES_RIGHT]):
        best = bayes_scores(forest, leaf, x, is_complete)
    if best >= 0:
        softmax(forest.scores, best, out)
    else:
        weight_shares(leaf, forest.stride, out)
