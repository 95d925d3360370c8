"""Bounded memory: which leaves stop observing features, and what a dropped tree gives back.

A leaf's promise is the weight that its majority class does not explain: what splitting it could
win at most. When a tree is full, the leaves of least promise become stumps, which only count
classes; a stump whose promise has come to exceed that of the least leaf changes places with it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from operators.kernels.compiled import njit
from operators.kernels.forest import (
    BY_CODE,
    BY_NUMBER,
    FREE_LEAF,
    FREE_STUMP,
    HEADER,
    LEAVES_USED,
    STUMP,
    STUMP_HEADER,
    STUMPS_USED,
    TOTAL,
    VIEW,
    FloatArray,
    Forest,
    free_nodes,
    free_row,
    take_row,
)
from operators.kernels.naive_bayes import add_weight, clear_leaf
from operators.kernels.views import view_of_new_leaf


@njit(cache=True, nogil=True, forceinline=True, error_model="numpy")
def n_children(nodes: NDArray[np.void], node: int) -> int:
    """Return the number of a split's children."""
    arity = nodes[node]["arity"]
    return 2 if arity in (BY_NUMBER, BY_CODE) else int(arity)


@njit(cache=True, nogil=True, error_model="numpy")
def leaf_promise(leaf: FloatArray, n_classes: int) -> float:
    """Return the weight of all but the heaviest class."""
    top = 0.0
    for c in range(n_classes):
        top = max(top, leaf[HEADER + c])
    return leaf[TOTAL] - top  # type: ignore[no-any-return]


@njit(cache=True, nogil=True, error_model="numpy")
def stump_promise(stump: FloatArray) -> float:
    """Return the same for a stump."""
    top = 0.0
    for weight in stump[STUMP_HEADER:]:
        top = max(top, weight)
    return stump[TOTAL] - top  # type: ignore[no-any-return]


@njit(cache=True, nogil=True, error_model="numpy", _nrt=True)
def least_promising(forest: Forest, tree: int, spared: int) -> tuple[int, float]:
    """Return the node of a tree's leaf of least promise, and that promise; one leaf is spared."""
    stack = np.empty(
        forest.trees[tree]["leaf_count"] + forest.trees[tree]["stump_count"] + 1, dtype=np.int64
    )
    stack[0] = forest.trees[tree]["root"]
    depth, found, least = 1, -1, np.inf
    while depth > 0:
        depth -= 1
        node = stack[depth]
        if forest.nodes[node]["feature"] >= 0:
            for b in range(n_children(forest.nodes, node)):
                stack[depth] = forest.nodes[node]["child"] + b
                depth += 1
        elif forest.nodes[node]["arity"] != STUMP and node != spared:
            leaf = forest.leaves[forest.nodes[node]["child"]]
            promise = leaf_promise(leaf, forest.n_classes)
            if promise < least:
                found, least = node, promise
    return found, least


@njit(cache=True, nogil=True, error_model="numpy")
def deactivate(forest: Forest, tree: int, node: int) -> None:
    """Turn a leaf into a stump."""
    row = np.int64(forest.nodes[node]["child"])
    leaf = forest.leaves[row]
    place = take_row(forest.stumps, forest.used, STUMPS_USED, FREE_STUMP)
    stump = forest.stumps[place]
    stump[:] = 0.0
    stump[TOTAL] = leaf[TOTAL]
    for c in range(forest.n_classes):
        stump[STUMP_HEADER + c] = leaf[HEADER + c]
    free_row(forest.leaves, forest.used, row, FREE_LEAF)
    forest.nodes[node]["child"] = place
    forest.nodes[node]["arity"] = STUMP
    forest.trees[tree]["leaf_count"] -= 1
    forest.trees[tree]["stump_count"] += 1


@njit(cache=True, nogil=True, error_model="numpy")
def activate(forest: Forest, tree: int, node: int, view: int) -> None:
    """Turn a stump back into a leaf, which keeps its class weights."""
    place = np.int64(forest.nodes[node]["child"])
    row = take_row(forest.leaves, forest.used, LEAVES_USED, FREE_LEAF)
    leaf = forest.leaves[row]
    clear_leaf(forest, leaf, view_of_new_leaf(forest, row, view))
    for c in range(forest.n_classes):
        weight = forest.stumps[place, STUMP_HEADER + c]
        if weight > 0.0:
            add_weight(forest, leaf, c, weight)
    free_row(forest.stumps, forest.used, place, FREE_STUMP)
    forest.nodes[node]["child"] = row
    forest.nodes[node]["arity"] = 0
    forest.trees[tree]["leaf_count"] += 1
    forest.trees[tree]["stump_count"] -= 1


@njit(cache=True, nogil=True, error_model="numpy")
def make_room_for_leaves(forest: Forest, tree: int, node: int, more: int) -> bool:
    """Deactivate what has to make way for `more` leaves; tell whether the tree may have them."""
    excess = forest.trees[tree]["leaf_count"] + more - forest.leaves_max
    if excess > 0 and (
        forest.trees[tree]["stump_count"] + excess > forest.stumps_max
        or excess >= forest.trees[tree]["leaf_count"]
    ):
        return False
    for _ in range(excess):
        deactivate(forest, tree, least_promising(forest, tree, node)[0])
    return True


@njit(cache=True, nogil=True, error_model="numpy")
def review_stump(forest: Forest, tree: int, node: int) -> None:
    """Let a stump change places with the tree's leaf of least promise, if it promises more."""
    weakest, least = least_promising(forest, tree, -1)
    if weakest >= 0 and stump_promise(forest.stumps[forest.nodes[node]["child"]]) > least:
        view = np.int64(forest.leaves[forest.nodes[weakest]["child"], VIEW])
        deactivate(forest, tree, weakest)
        activate(forest, tree, node, view)


@njit(cache=True, nogil=True, error_model="numpy")
def plant(forest: Forest, tree: int, view: int) -> None:
    """Give a tree that has nothing a root that is an empty leaf."""
    node = forest.trees[tree]["root"]
    row = take_row(forest.leaves, forest.used, LEAVES_USED, FREE_LEAF)
    forest.nodes[node]["threshold"] = 0.0
    forest.nodes[node]["feature"] = -1
    forest.nodes[node]["child"] = row
    forest.nodes[node]["heavy"] = 0
    forest.nodes[node]["arity"] = 0
    forest.trees[tree]["leaf_count"] = 1
    forest.trees[tree]["stump_count"] = 0
    forest.trees[tree]["class_count"] = 0
    forest.seen[tree, :] = 0
    clear_leaf(forest, forest.leaves[row], view_of_new_leaf(forest, row, view))


@njit(cache=True, nogil=True, error_model="numpy", _nrt=True)
def fell(forest: Forest, tree: int) -> None:
    """Give back all that a tree holds but its root."""
    stack = np.empty(
        forest.trees[tree]["leaf_count"] + forest.trees[tree]["stump_count"] + 1, dtype=np.int64
    )
    stack[0] = forest.trees[tree]["root"]
    depth = 1
    while depth > 0:
        depth -= 1
        node = stack[depth]
        child = np.int64(forest.nodes[node]["child"])
        if forest.nodes[node]["feature"] >= 0:
            count = n_children(forest.nodes, node)
            for b in range(count):
                stack[depth] = child + b
                depth += 1
            # The nodes can still be read: nothing takes them before the tree is down.
            free_nodes(forest, child, count)
        elif forest.nodes[node]["arity"] == STUMP:
            free_row(forest.stumps, forest.used, child, FREE_STUMP)
        else:
            free_row(forest.leaves, forest.used, child, FREE_LEAF)
    forest.trees[tree]["leaf_count"] = 0
    forest.trees[tree]["stump_count"] = 0
