"""What a leaf knows: class weights, Gaussians and counts, and the votes made from them.

A class's score is log weight + sum over features of log p(value | class): a Gaussian for a
number, (count + 1) / (class count + codes) for a code. A missing value leaves its factor out.
A class whose values of a feature have all been equal is a spike there: density 1 at the value,
0 elsewhere; a class of which a numeric feature has seen nothing has density 0.
"""

from __future__ import annotations

import math

import numpy as np

from operators.kernels.compiled import njit
from operators.kernels.forest import (
    ADAPTIVE,
    BAYES_RIGHT,
    CODES,
    COLUMN,
    COLUMNS,
    CONSTANT,
    COUNT,
    HEADER,
    HIGH,
    INVERSE,
    LOG_DENOMINATOR,
    LOG_SCALE,
    LOGS,
    LOW,
    M2,
    MAJORITY_RIGHT,
    MEAN,
    N_CODES,
    N_NOMINAL,
    N_NUMERIC,
    NAIVE_BAYES,
    NOMINAL_COUNT,
    NOMINAL_FIELDS,
    OFFSET,
    STUMP_HEADER,
    TOTAL,
    VIEW,
    WEIGHT,
    FloatArray,
    Forest,
)
from operators.kernels.histogram import count_value

# A spike as a very narrow parabola: exactly 0 at the mean and beyond any other score elsewhere,
# without a branch in the inner loop.
SPIKE = 1e300
VARIANCE_MIN = 1e-300
LOG_TINY = -700.0
LOG_TWO_PI = math.log(2.0 * math.pi)
LOGARITHMS = np.array([-np.inf] + [math.log(value) for value in range(1, 4096)])


@njit(cache=True, nogil=True, error_model="numpy")
def clear_leaf(forest: Forest, leaf: FloatArray, view: int) -> None:
    """Make a leaf that has seen nothing, with a view of its features."""
    views, n = forest.views, forest.slots
    n_numeric, nominal = views[view, N_NUMERIC], COLUMNS + n
    leaf[:] = 0.0
    leaf[VIEW] = view
    for c in range(forest.n_classes):
        base = HEADER + c * forest.stride
        fields = base + 2
        for j in range(n_numeric):
            leaf[fields + LOG_SCALE * n + j] = -np.inf
            leaf[fields + LOW * n + j] = np.inf
            leaf[fields + HIGH * n + j] = -np.inf
        for j in range(views[view, N_NOMINAL]):
            at = nominal + NOMINAL_FIELDS * j
            leaf[base + views[view, at + OFFSET] + LOG_DENOMINATOR] = log_of(
                float(views[view, at + N_CODES])
            )


@njit(cache=True, nogil=True, forceinline=True, error_model="numpy")
def log_of(value: float) -> float:
    """Return the logarithm, from a table where the value is a small whole number, as counts are."""
    if value < len(LOGARITHMS):
        whole = np.int64(value)
        if whole == value:
            return LOGARITHMS[whole]  # type: ignore[no-any-return]
    return math.log(value)


@njit(cache=True, nogil=True, forceinline=True, error_model="numpy")
def add_weight(forest: Forest, leaf: FloatArray, c: int, weight: float) -> None:
    """Give a class more weight and renew its constant."""
    views, n = forest.views, forest.slots
    view = np.int64(leaf[VIEW])
    nominal = COLUMNS + n + OFFSET
    base = HEADER + c * forest.stride
    scales = base + 2 + LOG_SCALE * n
    leaf[TOTAL] += weight
    leaf[base + WEIGHT] += weight
    constant = log_of(leaf[base + WEIGHT])
    for j in range(views[view, N_NUMERIC]):
        constant += leaf[scales + j]
    for j in range(views[view, N_NOMINAL]):
        constant -= leaf[base + views[view, nominal + NOMINAL_FIELDS * j] + LOG_DENOMINATOR]
    leaf[base + CONSTANT] = constant


@njit(cache=True, nogil=True, forceinline=True, error_model="numpy")
def observe(forest: Forest, leaf: FloatArray, x: FloatArray, y: int, weight: float) -> None:
    """Learn a record of some weight: West's recurrences for numbers, counts for codes."""
    views, n = forest.views, forest.slots
    view = np.int64(leaf[VIEW])
    base = HEADER + y * forest.stride
    fields = base + 2
    for j in range(views[view, N_NUMERIC]):
        value = x[views[view, COLUMNS + j]]
        if value != value:
            continue
        at = fields + j
        count = leaf[at + COUNT * n] + weight
        step = value - leaf[at + MEAN * n]
        mean = leaf[at + MEAN * n] + step * weight / count
        m2 = leaf[at + M2 * n] + weight * step * (value - mean)
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
        if forest.has_histograms:
            count_value(forest, leaf, j, value, y, weight)
    logs = HEADER + forest.n_classes * forest.stride
    for j in range(views[view, N_NOMINAL]):
        at = COLUMNS + n + NOMINAL_FIELDS * j
        value = x[views[view, at + COLUMN]]
        if value != value:
            continue
        block = base + views[view, at + OFFSET]
        code = block + CODES + np.int64(value)
        leaf[block + NOMINAL_COUNT] += weight
        leaf[block + LOG_DENOMINATOR] = log_of(
            leaf[block + NOMINAL_COUNT] + views[view, at + N_CODES]
        )
        leaf[code] += weight
        place = logs + (views[view, at + LOGS] + np.int64(value)) * forest.n_classes
        leaf[place + y] = log_of(leaf[code] + 1.0)
    add_weight(forest, leaf, y, weight)


@njit(cache=True, nogil=True, forceinline=True, error_model="numpy")
def score_numbers(forest: Forest, leaf: FloatArray, x: FloatArray, is_complete: bool) -> None:
    """Write to `forest.scores` what class weights and numbers say; -inf for classes not seen."""
    views, scores, n = forest.views, forest.scores, forest.slots
    view = np.int64(leaf[VIEW])
    n_numeric = views[view, N_NUMERIC]
    for c in range(forest.n_classes):
        base = HEADER + c * forest.stride
        fields = base + 2
        score = -np.inf
        if leaf[base + WEIGHT] > 0.0 and is_complete:
            score = leaf[base + CONSTANT]
            for j in range(n_numeric):
                step = x[views[view, COLUMNS + j]] - leaf[fields + j]
                score -= step * step * leaf[fields + INVERSE * n + j]
        elif leaf[base + WEIGHT] > 0.0:
            score = log_of(leaf[base + WEIGHT])
            for j in range(n_numeric):
                value = x[views[view, COLUMNS + j]]
                if value == value:
                    step = value - leaf[fields + j]
                    score += leaf[fields + LOG_SCALE * n + j]
                    score -= step * step * leaf[fields + INVERSE * n + j]
        scores[c] = score


@njit(cache=True, nogil=True, forceinline=True, error_model="numpy")
def score_codes(forest: Forest, leaf: FloatArray, x: FloatArray, is_complete: bool) -> None:
    """Add to `forest.scores` what the codes say."""
    views, scores, stride, n_classes = forest.views, forest.scores, forest.stride, forest.n_classes
    view = np.int64(leaf[VIEW])
    logs = HEADER + n_classes * stride
    for j in range(views[view, N_NOMINAL]):
        at = COLUMNS + forest.slots + NOMINAL_FIELDS * j
        value = x[views[view, at + COLUMN]]
        if value != value:
            continue
        place = logs + (views[view, at + LOGS] + np.int64(value)) * n_classes
        for c in range(n_classes):
            scores[c] += leaf[place + c]
        if not is_complete:  # otherwise the class's constant has this
            block = HEADER + views[view, at + OFFSET]
            for c in range(n_classes):
                scores[c] -= leaf[block + LOG_DENOMINATOR + c * stride]


@njit(cache=True, nogil=True, forceinline=True, error_model="numpy")
def bayes_scores(forest: Forest, leaf: FloatArray, x: FloatArray, is_complete: bool) -> int:
    """Write the naive Bayes scores to `forest.scores`; return the best class, -1 if none."""
    score_numbers(forest, leaf, x, is_complete)
    score_codes(forest, leaf, x, is_complete)
    scores = forest.scores
    best, top = -1, -np.inf
    for c in range(forest.n_classes):
        # Values near the end of float64 can make inf - inf; such a class is ruled out.
        if scores[c] != scores[c]:
            scores[c] = -np.inf
        if scores[c] > top:
            best, top = c, scores[c]
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
def stump_shares(stump: FloatArray, out: FloatArray) -> None:
    """Write each class's share of a stump's weight."""
    for c in range(len(out)):
        out[c] = stump[STUMP_HEADER + c] / stump[TOTAL]


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
