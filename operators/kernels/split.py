"""When and how a leaf splits: information gain under the Hoeffding bound.

A numeric feature offers ten thresholds spread evenly between the least and the greatest value
seen; the weight of a class on either side comes from its Gaussian, cut off at the class's own
least and greatest value. A nominal feature offers one branch a code. A split of which fewer than
two branches have more than 1 % of the weight has no merit, and "do not split" has merit 0.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from operators.kernels.forest import (
    CODES,
    COUNT,
    HEADER,
    HIGH,
    LEAVES_USED,
    LOW,
    M2,
    MEAN,
    NODES_USED,
    TOTAL,
    WEIGHT,
    FloatArray,
    Forest,
)
from operators.kernels.naive_bayes import add_weight, clear_leaf

THRESHOLDS = 10
BRANCH_FRACTION_MIN = 0.01
ROOT_TWO = math.sqrt(2.0)


@njit(cache=True, nogil=True, error_model="numpy")
def entropy(weights: FloatArray) -> float:
    """Return the entropy of a class distribution in bits: exactly 0 if one class has it all.

    Exactly, so that thresholds which part the classes equally well have equal merit and the
    first of them is taken, not the one that rounding prefers.
    """
    total = weights.sum()
    bits = 0.0
    for weight in weights:
        if weight > 0.0:
            share = weight / total
            bits -= share * math.log2(share)
    return bits


@njit(cache=True, nogil=True, error_model="numpy")
def branch_numeric(forest: Forest, leaf: FloatArray, j: int, threshold: float) -> None:
    """Write to `forest.branches` how a threshold on numeric feature `j` divides each class."""
    n = len(forest.numeric)
    for c in range(forest.n_classes):
        at = HEADER + c * forest.stride + 2 + j
        count = leaf[at + COUNT * n]
        if threshold < leaf[at + LOW * n]:
            below = 0.0
        elif threshold >= leaf[at + HIGH * n]:
            below = count
        else:
            # LOW < HIGH here, so there are two values and the variance is positive.
            deviation = math.sqrt(leaf[at + M2 * n] / (count - 1.0))
            z = (threshold - leaf[at + MEAN * n]) / deviation
            below = count * 0.5 * math.erfc(-z / ROOT_TWO)
        forest.branches[0, c] = below
        forest.branches[1, c] = count - below


@njit(cache=True, nogil=True, error_model="numpy")
def branch_nominal(forest: Forest, leaf: FloatArray, j: int) -> None:
    """Write to `forest.branches` how the codes of nominal feature `j` divide each class."""
    for c in range(forest.n_classes):
        first = HEADER + c * forest.stride + forest.nominal[j, 2] + CODES
        for code in range(forest.nominal[j, 1]):
            forest.branches[code, c] = leaf[first + code]


@njit(cache=True, nogil=True, error_model="numpy")
def merit(forest: Forest, before: float, arity: int) -> float:
    """Return the information gain of the branches, -inf if fewer than two carry weight."""
    total = 0.0
    for b in range(arity):
        total += forest.branches[b].sum()
    filled, after = 0, 0.0
    for b in range(arity):
        weight = forest.branches[b].sum()
        if weight > BRANCH_FRACTION_MIN * total:
            filled += 1
        if weight > 0.0:
            after += weight / total * entropy(forest.branches[b])
    return before - after if filled >= 2 else -np.inf


@njit(cache=True, nogil=True, error_model="numpy")
def best_threshold(forest: Forest, leaf: FloatArray, before: float, j: int) -> tuple[float, float]:
    """Return the best merit of numeric feature `j` and its threshold."""
    n = len(forest.numeric)
    low, high = np.inf, -np.inf
    for c in range(forest.n_classes):
        at = HEADER + c * forest.stride + 2 + j
        low = min(low, leaf[at + LOW * n])
        high = max(high, leaf[at + HIGH * n])
    best, best_at = -np.inf, 0.0
    if not low < high:
        return best, best_at
    for i in range(1, THRESHOLDS + 1):
        threshold = low + (high - low) / (THRESHOLDS + 1) * i
        if not low < threshold < high:
            continue
        branch_numeric(forest, leaf, j, threshold)
        gain = merit(forest, before, 2)
        if gain > best:
            best, best_at = gain, threshold
    return best, best_at


@njit(cache=True, nogil=True, error_model="numpy")
def grow(forest: Forest, tree: int, node: int, arity: int) -> None:
    """Turn a leaf into a split whose children start with the rows of `forest.branches`.

    The first child takes over the row of the pool that its parent had. A branch that no record
    has taken yet starts with its parent's class distribution at a total weight of one, an
    opinion that the first records overturn.
    """
    row = np.int64(forest.nodes[node]["child"])
    parent = forest.leaves[row]
    for c in range(forest.n_classes):
        weight = parent[HEADER + c * forest.stride + WEIGHT]
        forest.scores[c] = weight / parent[TOTAL]
    child = forest.used[NODES_USED]
    forest.used[NODES_USED] += arity
    forest.trees[tree]["leaf_count"] += arity - 1
    forest.nodes[node]["child"] = child
    heavy, heaviest = 0, -1.0
    for b in range(arity):
        if b > 0:
            row = forest.used[LEAVES_USED]
            forest.used[LEAVES_USED] += 1
        forest.nodes[child + b]["threshold"] = 0.0
        forest.nodes[child + b]["feature"] = -1
        forest.nodes[child + b]["child"] = row
        forest.nodes[child + b]["heavy"] = 0
        forest.nodes[child + b]["arity"] = 0
        leaf = forest.leaves[row]
        clear_leaf(forest, leaf)
        total = forest.branches[b].sum()
        if total > heaviest:
            heavy, heaviest = b, total
        for c in range(forest.n_classes):
            weight = forest.branches[b, c] if total > 0.0 else forest.scores[c]
            if weight > 0.0:
                add_weight(forest, leaf, c, weight)
    forest.nodes[node]["heavy"] = heavy


@njit(cache=True, nogil=True, error_model="numpy")
def attempt_split(forest: Forest, tree: int, node: int) -> None:
    """Split a leaf if its best feature beats the second best beyond doubt, or none matters.

    The gain's range is log2 of the number of classes that the tree has learnt. A split that
    would take the tree beyond `leaves_max` is not made.
    """
    leaf = forest.leaves[np.int64(forest.nodes[node]["child"])]
    classes = 0
    for c in range(forest.n_classes):
        forest.scores[c] = leaf[HEADER + c * forest.stride + WEIGHT]
        if forest.scores[c] > 0.0:
            classes += 1
    if classes < 2:
        return
    before = entropy(forest.scores)
    n_numeric = len(forest.numeric)
    best, second, best_j, threshold = 0.0, 0.0, -1, 0.0
    for j in range(n_numeric + len(forest.nominal)):
        at = 0.0
        if j < n_numeric:
            gain, at = best_threshold(forest, leaf, before, j)
        else:
            branch_nominal(forest, leaf, j - n_numeric)
            gain = merit(forest, before, forest.nominal[j - n_numeric, 1])
        if gain > best:
            best, second, best_j, threshold = gain, best, j, at
        elif gain > second:
            second = gain
    if best_j < 0:
        return
    spread = math.log2(max(forest.trees[tree]["class_count"], 2))
    bound = math.sqrt(spread * spread * math.log(1.0 / forest.delta) / (2.0 * leaf[TOTAL]))
    if not (best - second > bound or bound < forest.tie_threshold):
        return
    is_numeric = best_j < n_numeric
    arity = 2 if is_numeric else forest.nominal[best_j - n_numeric, 1]
    if forest.trees[tree]["leaf_count"] + arity - 1 > forest.leaves_max:
        return
    if is_numeric:
        branch_numeric(forest, leaf, best_j, threshold)
        forest.nodes[node]["feature"] = forest.numeric[best_j]
        forest.nodes[node]["threshold"] = threshold
    else:
        branch_nominal(forest, leaf, best_j - n_numeric)
        forest.nodes[node]["feature"] = forest.nominal[best_j - n_numeric, 0]
        forest.nodes[node]["arity"] = arity
    grow(forest, tree, node, arity)
