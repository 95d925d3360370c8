"""Regression trees: predicting and learning one record, and running a tape."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from operators.kernels.compiled import njit
from operators.kernels.regression_bins import SUMS, add_value
from operators.kernels.regression_forest import (
    ADAPTIVE_LEAF,
    BEYOND,
    HEADER,
    HIGH,
    LINEAR_ERROR,
    LOW,
    MEAN,
    MEAN_ERROR,
    MEAN_LEAF,
    MEAN_WEIGHT,
    OFFSET,
    PENDING,
    PROMISE,
    RESIDUAL_SQUARES,
    RESIDUAL_SUM,
    SEEN,
    SEEN_M2,
    SEEN_MEAN,
    TREND_ERROR,
    WEIGHT,
    FloatArray,
    Forest,
    IntArray,
    bounded,
    is_asleep,
    lacks_room,
    leaf_node,
    learn_moments,
    standardise,
)
from operators.kernels.regression_linear import learn_model, predict_model
from operators.kernels.regression_memory import REVIEW, review_stump
from operators.kernels.regression_split import RESIDUALS, attempt_split, explains

# How fast the squared errors fade that decide which answer a leaf gives.
ERROR_FADING = 0.98
# The trend is there for the time after a change, when most leaves know too little.
TREND_FADING = 0.9


# What a tree remembers of a prediction: its answer, and those of the leaf's mean and model. One
# more number, the trend's answer, comes after those of all trees.
ANSWER, MEAN_ANSWER, LINEAR_ANSWER = range(3)
TRACE = 3


@njit(cache=True, nogil=True, error_model="numpy")
def held_near(forest: Forest, value: float) -> float:
    """Return a value that lies near the targets seen so far."""
    low, high = forest.target[LOW], forest.target[HIGH]
    room = BEYOND * (high - low)
    return max(low - room, min(value, high + room))  # type: ignore[no-any-return]


@njit(cache=True, nogil=True, error_model="numpy")
def predict_trend(forest: Forest, x: FloatArray) -> float:
    """Write the record's inputs to `forest.z`; return what the trend says of them."""
    if len(forest.z) == 0:
        return 0.0
    standardise(forest, x)
    return held_near(forest, predict_model(forest.trend, 0, forest.z))  # type: ignore[no-any-return]


@njit(cache=True, nogil=True, error_model="numpy")
def learn_trend(forest: Forest, x: FloatArray, y: float) -> None:
    """Learn what all trees share: the moments of inputs and target, and the trend.

    `y` must be bounded. The record's inputs are left in `forest.z`.
    """
    learn_moments(forest, x, y)
    if len(forest.z) == 0:
        return
    standardise(forest, x)
    gap = y - forest.target[OFFSET] - predict_model(forest.trend, 0, forest.z)
    learn_model(forest.trend, 0, forest.z, forest.is_dense, 1.0, gap, TREND_FADING, forest.g)


@njit(cache=True, nogil=True, error_model="numpy")
def predict_tree(
    forest: Forest, tree: int, x: FloatArray, trend: float, trace: FloatArray
) -> float:
    """Return a tree's value for a record whose inputs are in `forest.z`; note it in its trace.

    All values count from the forest's offset.
    """
    node = leaf_node(forest, tree, x)
    row = forest.nodes[node]["child"]
    leaf = forest.stumps[row] if is_asleep(forest, node) else forest.leaves[row]
    answer = mean = leaf[MEAN]
    linear = 0.0
    if forest.leaf_prediction != MEAN_LEAF:
        linear = held_near(forest, predict_model(leaf, forest.model_at, forest.z))
        answer = linear
        if forest.leaf_prediction == ADAPTIVE_LEAF:
            least = leaf[LINEAR_ERROR]
            if leaf[TREND_ERROR] < least:
                answer, least = trend, leaf[TREND_ERROR]
            if leaf[MEAN_ERROR] < least:
                answer = mean
    trace[ANSWER], trace[MEAN_ANSWER], trace[LINEAR_ANSWER] = answer, mean, linear
    return answer  # type: ignore[no-any-return]


@njit(cache=True, nogil=True, error_model="numpy")
def learn_tree(
    forest: Forest,
    tree: int,
    x: FloatArray,
    y: float,
    weight: float,
    trend: float,
    trace: FloatArray,
) -> None:
    """Learn a record and, every `grace_period` records of its leaf, try to split the leaf.

    `y` counts from the forest's offset; the record's inputs are in `forest.z`.
    """
    node = leaf_node(forest, tree, x)
    row, is_stump = forest.nodes[node]["child"], is_asleep(forest, node)
    leaf = forest.stumps[row] if is_stump else forest.leaves[row]
    residual = 0.0
    if forest.leaf_prediction != MEAN_LEAF:
        score_leaf(leaf, y, weight, trend, trace)
        residual = learn_linear(forest, leaf, y, weight)
    explained = explains(leaf, forest.leaf_prediction)
    left_over = residual if explained == RESIDUALS else y - leaf[MEAN]
    leaf[PROMISE] += weight * left_over * left_over
    learn_mean(leaf, y, weight, 1.0 / (1.0 - forest.fading_factor))
    if not is_stump:
        observe(forest, leaf, x, y, residual, weight)
    leaf[SEEN] += 1.0
    leaf[PENDING] += 1.0
    if leaf[PENDING] < forest.grace_period:
        return
    if not is_stump:
        leaf[PENDING] = 0.0
        attempt_split(forest, tree, node)
    elif leaf[PENDING] >= REVIEW * forest.grace_period:
        leaf[PENDING] = 0.0
        review_stump(forest, tree, node)


@njit(cache=True, nogil=True, error_model="numpy")
def score_leaf(leaf: FloatArray, y: float, weight: float, trend: float, trace: FloatArray) -> None:
    """Book the squared errors of what might have been answered at the moment of prediction."""
    keep = ERROR_FADING**weight
    for which in range(3):
        answer = trend if which == 2 else trace[MEAN_ANSWER + which]
        gap = y - answer
        leaf[MEAN_ERROR + which] += (1.0 - keep) * (gap * gap - leaf[MEAN_ERROR + which])


@njit(cache=True, nogil=True, error_model="numpy")
def learn_mean(leaf: FloatArray, y: float, weight: float, weight_max: float) -> None:
    """Take a record into a leaf's fading mean, and into its moments since it was made."""
    leaf[MEAN_WEIGHT] = min(leaf[MEAN_WEIGHT], weight_max) + weight
    leaf[MEAN] += weight * (y - leaf[MEAN]) / leaf[MEAN_WEIGHT]
    leaf[WEIGHT] += weight
    gap = y - leaf[SEEN_MEAN]
    leaf[SEEN_MEAN] += weight * gap / leaf[WEIGHT]
    leaf[SEEN_M2] += weight * gap * (y - leaf[SEEN_MEAN])


@njit(cache=True, nogil=True, error_model="numpy")
def learn_linear(forest: Forest, leaf: FloatArray, y: float, weight: float) -> float:
    """Train a leaf's linear model; return how far the target lay above what it said before."""
    at = forest.model_at
    residual = y - predict_model(leaf, at, forest.z)
    fading = forest.fading_factor
    learn_model(leaf, at, forest.z, forest.is_dense, weight, residual, fading, forest.g)
    leaf[RESIDUAL_SUM] += weight * residual
    leaf[RESIDUAL_SQUARES] += weight * residual * residual
    return residual  # type: ignore[no-any-return]


@njit(cache=True, nogil=True, error_model="numpy")
def observe(
    forest: Forest, leaf: FloatArray, x: FloatArray, y: float, residual: float, weight: float
) -> None:
    """Add a record to the slots of a leaf; a missing value leaves its slot alone."""
    for k in range(len(forest.slots)):
        feature = np.int64(leaf[HEADER + k])
        value = x[feature]
        if value != value:
            continue
        at = forest.slots[k]
        if forest.capacities[feature] == 0:
            add_value(leaf, at, bounded(value), weight, y, residual)
        else:
            at += SUMS * np.int64(value)
            leaf[at] += weight
            leaf[at + 1] += weight * y
            leaf[at + 2] += weight * residual


@njit(cache=True, nogil=True, error_model="numpy")
def run_tree(
    action: NDArray[np.uint8],
    row: IntArray,
    start: int,
    x: FloatArray,
    y: FloatArray,
    output: FloatArray,
    trace: FloatArray,
    forest: Forest,
) -> int:
    """Run the steps from `start` on the forest's first tree.

    Returns the step at which the pools have to grow before it can be run, or the tape's length.
    """
    for step in range(start, len(row)):
        i = row[step]
        if action[step] == 0:
            trace[i, TRACE] = predict_trend(forest, x[i])
            answer = predict_tree(forest, 0, x[i], trace[i, TRACE], trace[i])
            output[i, 0] = forest.target[OFFSET] + answer
        else:
            if lacks_room(forest, 1):
                return step
            value = bounded(y[i])
            learn_trend(forest, x[i], value)
            value -= forest.target[OFFSET]
            learn_tree(forest, 0, x[i], value, 1.0, trace[i, TRACE], trace[i])
    return len(row)
