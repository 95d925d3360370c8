"""Bounded memory of regression trees: which leaves stop observing features.

A leaf's promise is the sum of the squares that its answers to its targets left over: what
splitting it could win at most. When a tree is full, the leaves of least promise become stumps.
A stump answers and learns as a leaf does but has no slots, so it never splits; one whose promise
has come to exceed that of the least leaf changes places with it, and begins with empty slots.
"""

from __future__ import annotations

import numpy as np

from operators.kernels.compiled import njit
from operators.kernels.forest import free_row, take_row
from operators.kernels.regression_forest import (
    ASLEEP,
    FREE_LEAF,
    FREE_STUMP,
    PROMISE,
    SEEN,
    STUMPS_USED,
    Forest,
    is_asleep,
    take_leaf,
)

# A stump is compared with the leaves every this many grace periods: that costs a walk of the tree.
REVIEW = 10.0


@njit(cache=True, nogil=True, error_model="numpy")
def least_promising(forest: Forest, tree: int, spared: int) -> int:
    """Return the node of a tree's leaf of least promise, -1 if there is none; one is spared."""
    nodes, stack = forest.nodes, forest.stack
    if nodes[tree]["feature"] < 0:
        is_leaf = not is_asleep(forest, tree) and tree != spared
        return tree if is_leaf else -1
    stack[0] = nodes[tree]["child"]
    waiting, found, least = 1, -1, np.inf
    while waiting > 0:
        waiting -= 1
        pair = stack[waiting]
        for node in range(pair, pair + 2):
            if nodes[node]["feature"] >= 0:
                stack[waiting] = nodes[node]["child"]
                waiting += 1
            elif not is_asleep(forest, node) and node != spared:
                promise = forest.leaves[nodes[node]["child"], PROMISE]
                if promise < least:
                    found, least = node, promise
    return found


@njit(cache=True, nogil=True, error_model="numpy", _nrt=True)
def put_to_sleep(forest: Forest, tree: int, node: int) -> None:
    """Turn a leaf into a stump."""
    row = np.int64(forest.nodes[node]["child"])
    place = take_row(forest.stumps, forest.used, STUMPS_USED, FREE_STUMP)
    forest.stumps[place] = forest.leaves[row, : forest.stumps.shape[1]]
    free_row(forest.leaves, forest.used, row, FREE_LEAF)
    forest.nodes[node]["child"] = place
    forest.nodes[node]["is_nominal"] = ASLEEP
    forest.leaf_counts[tree] -= 1
    forest.stump_counts[tree] += 1


@njit(cache=True, nogil=True, error_model="numpy", _nrt=True)
def wake(forest: Forest, tree: int, node: int) -> None:
    """Turn a stump back into a leaf; what a split is judged by begins anew, as the slots do."""
    place = np.int64(forest.nodes[node]["child"])
    row = take_leaf(forest)
    leaf = forest.leaves[row]
    leaf[: forest.stumps.shape[1]] = forest.stumps[place]
    leaf[SEEN:PROMISE] = 0.0
    free_row(forest.stumps, forest.used, place, FREE_STUMP)
    forest.nodes[node]["child"] = row
    forest.nodes[node]["is_nominal"] = 0
    forest.leaf_counts[tree] += 1
    forest.stump_counts[tree] -= 1


@njit(cache=True, nogil=True, error_model="numpy")
def make_room_for_leaf(forest: Forest, tree: int, node: int) -> bool:
    """Put a leaf to sleep where a split would be one too many; tell whether it may be made."""
    if forest.leaf_counts[tree] < forest.leaves_max:
        return True
    weakest = least_promising(forest, tree, node)
    if weakest < 0 or forest.stump_counts[tree] == forest.stumps_max:
        return False
    put_to_sleep(forest, tree, weakest)
    return True


@njit(cache=True, nogil=True, error_model="numpy")
def review_stump(forest: Forest, tree: int, node: int) -> None:
    """Let a stump change places with the tree's leaf of least promise, if it promises more."""
    weakest = least_promising(forest, tree, -1)
    promise = forest.stumps[forest.nodes[node]["child"], PROMISE]
    if promise > forest.leaves[forest.nodes[weakest]["child"], PROMISE]:
        put_to_sleep(forest, tree, weakest)
        wake(forest, tree, node)
