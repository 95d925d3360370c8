"""Hoeffding trees: predicting and learning one record, and running a tape."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from operators.kernels.compiled import njit
from operators.kernels.forest import (
    ADAPTIVE,
    BAYES_RIGHT,
    MAJORITY_RIGHT,
    PENDING,
    STUMP,
    STUMP_HEADER,
    TOTAL,
    FloatArray,
    Forest,
    IntArray,
    is_complete,
    lacks_room,
    leaf_node,
)
from operators.kernels.memory import review_stump
from operators.kernels.naive_bayes import (
    bayes_scores,
    leaf_probabilities,
    majority_class,
    observe,
    stump_shares,
)
from operators.kernels.split import attempt_split

# A stump is compared with the leaves every this many grace periods: that costs a walk of the tree.
REVIEW = 10.0


@njit(cache=True, nogil=True, forceinline=True, error_model="numpy")
def predict_tree(forest: Forest, tree: int, x: FloatArray, complete: bool, out: FloatArray) -> None:
    """Write a tree's class probabilities for a record."""
    node = leaf_node(forest, tree, x)
    row = np.int64(forest.nodes[node]["child"])
    if forest.nodes[node]["arity"] == STUMP:
        stump_shares(forest.stumps[row], out)
    else:
        leaf_probabilities(forest, forest.leaves[row], x, complete, out)


@njit(cache=True, nogil=True, error_model="numpy")
def learn_stump(forest: Forest, tree: int, node: int, y: int, weight: float) -> None:
    """Count a record's class and, now and then, see whether the stump should be a leaf again."""
    stump = forest.stumps[forest.nodes[node]["child"]]
    stump[TOTAL] += weight
    stump[STUMP_HEADER + y] += weight
    stump[PENDING] += weight
    if stump[PENDING] >= REVIEW * forest.grace_period:
        stump[PENDING] = 0.0
        review_stump(forest, tree, node)


@njit(cache=True, nogil=True, forceinline=True, error_model="numpy")
def learn_tree(
    forest: Forest, tree: int, x: FloatArray, complete: bool, y: int, weight: float
) -> None:
    """Learn a record and, every `grace_period` of weight in its leaf, try to split the leaf."""
    if forest.seen[tree, y] == 0:
        forest.seen[tree, y] = 1
        forest.trees[tree]["class_count"] += 1
    node = leaf_node(forest, tree, x)
    if forest.nodes[node]["arity"] == STUMP:
        learn_stump(forest, tree, node, y, weight)
        return
    leaf = forest.leaves[forest.nodes[node]["child"]]
    if forest.leaf_prediction == ADAPTIVE:
        if majority_class(forest, leaf) == y:
            leaf[MAJORITY_RIGHT] += weight
        if bayes_scores(forest, leaf, x, complete) == y:
            leaf[BAYES_RIGHT] += weight
    observe(forest, leaf, x, y, weight)
    leaf[PENDING] += weight
    if leaf[PENDING] >= forest.grace_period:
        leaf[PENDING] = 0.0
        attempt_split(forest, tree, node)


@njit(cache=True, nogil=True, forceinline=True, error_model="numpy")
def run_tree(
    action: NDArray[np.uint8],
    row: IntArray,
    start: int,
    x: FloatArray,
    y: FloatArray,
    output: FloatArray,
    forest: Forest,
) -> int:
    """Run the steps from `start` on the forest's first tree.

    Returns the step at which the pools have to grow before it can be run, or the tape's length.
    """
    for step in range(start, len(row)):
        i = row[step]
        record = x[i]
        complete = is_complete(record)
        if action[step] == 0:
            predict_tree(forest, 0, record, complete, output[i])
        else:
            if lacks_room(forest, 1):
                return step
            code = np.int64(y[i])
            assert 0 <= code < forest.n_classes
            learn_tree(forest, 0, record, complete, code, 1.0)
    return len(row)
