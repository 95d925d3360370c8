"""Hoeffding trees: predicting and learning one record, and running a tape."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from operators.kernels.compiled import njit
from operators.kernels.forest import (
    ADAPTIVE,
    BAYES_RIGHT,
    MAJORITY,
    MAJORITY_RIGHT,
    PENDING,
    STUMP,
    STUMP_HEADER,
    TOTAL,
    WAIT,
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
    majority_class,
    observe,
    softmax,
    stump_shares,
    weight_shares,
)
from operators.kernels.split import attempt_split

# A stump is compared with the leaves every this many grace periods: that costs a walk of the tree.
REVIEW = 10.0
# How much longer a leaf waits after an attempt to split that failed.
PATIENCE = 1.5


@njit(cache=True, nogil=True, forceinline=True, error_model="numpy")
def consult(forest: Forest, tree: int, x: FloatArray, complete: bool) -> tuple[int, int, int]:
    """Return a record's leaf, its majority class and naive Bayes' class, -1 for none.

    The scores of naive Bayes stay in `forest.scores`.
    """
    node = leaf_node(forest, tree, x)
    if forest.nodes[node]["arity"] == STUMP:
        return node, -1, -1
    leaf = forest.leaves[np.int64(forest.nodes[node]["child"])]
    bayes = -1
    if forest.leaf_prediction != MAJORITY:
        bayes = bayes_scores(forest, leaf, x, complete)
    return node, majority_class(leaf, forest.n_classes), bayes


@njit(cache=True, nogil=True, forceinline=True, error_model="numpy")
def write_answer(forest: Forest, node: int, bayes: int, out: FloatArray) -> None:
    """Write the class probabilities of a leaf that has just been consulted.

    Class weights answer where they are asked to, and where naive Bayes rules out every class, as
    in a leaf that a split has just made.
    """
    row = np.int64(forest.nodes[node]["child"])
    if forest.nodes[node]["arity"] == STUMP:
        stump_shares(forest.stumps[row], out)
        return
    leaf = forest.leaves[row]
    trusts_bayes = forest.leaf_prediction != ADAPTIVE or leaf[MAJORITY_RIGHT] <= leaf[BAYES_RIGHT]
    if bayes >= 0 and trusts_bayes:
        softmax(forest.scores, bayes, out)
    else:
        weight_shares(leaf, out)


@njit(cache=True, nogil=True, error_model="numpy")
def predict_tree(
    forest: Forest, tree: int, x: FloatArray, complete: bool, out: FloatArray
) -> tuple[int, int, int]:
    """Write a tree's class probabilities for a record; return what `consult` does."""
    node, majority, bayes = consult(forest, tree, x, complete)
    write_answer(forest, node, bayes, out)
    return node, majority, bayes


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


@njit(cache=True, nogil=True, error_model="numpy")
def learn_leaf(
    forest: Forest,
    tree: int,
    answer: tuple[int, int, int],
    x: FloatArray,
    y: int,
    weight: float,
) -> None:
    """Learn a record in the leaf that has just been consulted about it.

    A leaf tries to split after `grace_first` of weight and then waits half as long again after each
    attempt, up to `grace_period`.
    """
    node, majority, bayes = answer
    if forest.seen[tree, y] == 0:
        forest.seen[tree, y] = 1
        forest.trees[tree]["class_count"] += 1
    if forest.nodes[node]["arity"] == STUMP:
        learn_stump(forest, tree, node, y, weight)
        return
    leaf = forest.leaves[np.int64(forest.nodes[node]["child"])]
    if majority == y:
        leaf[MAJORITY_RIGHT] += weight
    if bayes == y:
        leaf[BAYES_RIGHT] += weight
    observe(forest, leaf, x, y, weight)
    leaf[PENDING] += weight
    if leaf[PENDING] >= leaf[WAIT]:
        leaf[PENDING] = 0.0
        leaf[WAIT] = min(PATIENCE * leaf[WAIT], forest.grace_period)
        attempt_split(forest, tree, node)


@njit(cache=True, nogil=True, error_model="numpy")
def learn_tree(
    forest: Forest, tree: int, x: FloatArray, complete: bool, y: int, weight: float
) -> None:
    """Learn a record about which nobody has been consulted since the tree last learnt."""
    learn_leaf(forest, tree, consult(forest, tree, x, complete), x, y, weight)


@njit(cache=True, nogil=True, error_model="numpy")
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
    known, answer = -1, (0, -1, -1)  # the row that the answer is about, -1 if it is out of date
    for step in range(start, len(row)):
        i = row[step]
        record = x[i]
        if action[step] == 0:
            answer = predict_tree(forest, 0, record, is_complete(record), output[i])
            known = i
            continue
        if lacks_room(forest, 1):
            return step
        code = np.int64(y[i])
        assert 0 <= code < forest.n_classes
        if known != i:
            answer = consult(forest, 0, record, is_complete(record))
        learn_leaf(forest, 0, answer, record, code, 1.0)
        known = -1
    return len(row)
