"""Hoeffding trees: predicting and learning one record, and running a tape."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from operators.kernels.forest import (
    ADAPTIVE,
    BAYES_RIGHT,
    MAJORITY_RIGHT,
    PENDING,
    FloatArray,
    Forest,
    IntArray,
    is_complete,
    lacks_room,
    leaf_node,
)
from operators.kernels.naive_bayes import (
    bayes_scores,
    leaf_probabilities,
    majority_class,
    observe,
)
from operators.kernels.split import attempt_split


@njit(cache=True, nogil=True, forceinline=True, error_model="numpy")
def predict_tree(forest: Forest, tree: int, x: FloatArray, complete: bool, out: FloatArray) -> None:
    """Write a tree's class probabilities for a record."""
    node = leaf_node(forest, tree, x)
    leaf_probabilities(forest, forest.leaves[forest.nodes[node]["child"]], x, complete, out)


@njit(cache=True, nogil=True, forceinline=True, error_model="numpy")
def learn_tree(forest: Forest, tree: int, x: FloatArray, complete: bool, y: int) -> None:
    """Learn a record and, every `grace_period` records of its leaf, try to split the leaf."""
    node = leaf_node(forest, tree, x)
    leaf = forest.leaves[forest.nodes[node]["child"]]
    if forest.seen[tree, y] == 0:
        forest.seen[tree, y] = 1
        forest.trees[tree]["class_count"] += 1
    if forest.leaf_prediction == ADAPTIVE:
        if majority_class(forest, leaf) == y:
            leaf[MAJORITY_RIGHT] += 1.0
        if bayes_scores(forest, leaf, x, complete) == y:
            leaf[BAYES_RIGHT] += 1.0
    observe(forest, leaf, x, y)
    leaf[PENDING] += 1.0
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
            learn_tree(forest, 0, record, complete, code)
    return len(row)
