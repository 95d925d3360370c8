"""The flat arrays of a forest of regression trees, and how a record finds its leaf.

All trees share three pools, nodes, leaves and stumps. Splits have two branches, so nodes are handed
out in pairs; tree t has its root at node t, for good. What a dropped tree leaves behind is chained
into free lists and handed out again, so the pools stay as large as the largest forest there was.

A leaf is one contiguous row of float64:

    header | its features | its linear model | slot 0 | slot 1 | ...

with one slot for each of its features: a histogram (`operators.kernels.regression_bins`) for a
number; weight, sum of targets and sum of residuals for each code of a category. Targets are
counted from `target[OFFSET]`, the first one learnt, so that a large constant in them costs no
digits. A stump, a leaf that sleeps, is such a row without its slots
(`operators.kernels.regression_memory`).
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from operators.kernels.compiled import njit
from operators.kernels.forest import free_row, take_row
from operators.kernels.outliers import winsorised

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

NODE = np.dtype(
    [
        ("threshold", np.float64),  # numeric split: values below it go to the first child
        ("feature", np.int32),  # column of x; -1 at a leaf
        ("child", np.int32),  # first child, the other follows it; at a leaf its row; -1: no tree
        ("heavy", np.int32),  # the branch that had most weight: where a missing value goes
        ("is_nominal", np.int32),  # 1 where the codes in `sets` go to the first child
    ]
)
# Instead of `is_nominal`, at a leaf that is a stump: its `child` is a row of that pool.
ASLEEP = -1
# Leaf header. The mean's weight is bounded, as it fades; `SEEN` to `RESIDUAL_SQUARES` are since
# the leaf was made or last woke up, as its slots are. Its promise is a sum of squares.
MEAN_WEIGHT, MEAN, PENDING, SEEN, WEIGHT, SEEN_MEAN, SEEN_M2 = range(7)
RESIDUAL_SUM, RESIDUAL_SQUARES, PROMISE = range(7, 10)
# Faded squared errors of the three that an adaptive leaf chooses from, in this order.
MEAN_ERROR, LINEAR_ERROR, TREND_ERROR = range(10, 13)
HEADER = 13
# In a free row: the next free one.
NEXT = 0

MEAN_LEAF, LINEAR_LEAF, ADAPTIVE_LEAF = range(3)
ALL, PER_LEAF, PER_TREE = range(3)
NODES_USED, LEAVES_USED, FREE_PAIR, FREE_LEAF, STUMPS_USED, FREE_STUMP = range(6)
OFFSET, COUNT, TARGET_MEAN, TARGET_M2, LOW, HIGH = range(6)

# Beyond these a value or target is taken as the bound: squares of their sums are still floats.
BOUND = 1e140
# Standardised inputs are cut off here: one wild value must not turn a linear model over.
DEVIATIONS_MAX = 10.0
# Predictions may go beyond the targets seen by this share of their range.
BEYOND = 0.25


class Forest(NamedTuple):
    """State, working space and parameters of a forest of regression trees, as kernels take them.

    Parameters
    ----------
    nodes
        (n,) `NODE`; mutated.
    sets
        (n, words) uint64, a bit for each code; mutated.
    leaves
        (n, leaf size) float64; mutated.
    stumps
        (n, leaf size without slots) float64; mutated.
    leaf_counts, stump_counts
        (n_trees,) int64; stumps are not among the leaves; mutated.
    subspaces
        (n_trees, n_slots) int64, features of a tree where they are drawn per tree; mutated.
    used
        (6,) int64, rows of `nodes` and of `leaves` that are in use or free, the first free pair
        and leaf, -1 if none; then the same two of `stumps`; mutated.
    moments
        (3, n_numeric) float64: count, mean and squared deviations of each number; mutated.
    trend
        (model size,) float64, a linear model of all records that forgets fast; mutated.
    target
        (6,) float64: first, count, mean, squared deviations, least and greatest; mutated.
    random
        (1,) uint64, the generator's counter; mutated.
    capacities
        (n_features,) int64, number of codes, 0 for a number.
    numeric
        (n_numeric,) int64, columns of x.
    slots
        (n_slots,) int64, where a leaf's slots begin in its row.
    z, g, sums, stack, order, shuffled
        Working space.
    leaves_max, stumps_max
        Leaves and stumps a tree may have; with so many stumps it stops splitting.
    """

    nodes: NDArray[np.void]
    sets: NDArray[np.uint64]
    leaves: FloatArray
    stumps: FloatArray
    leaf_counts: IntArray
    stump_counts: IntArray
    subspaces: IntArray
    used: IntArray
    moments: FloatArray
    trend: FloatArray
    target: FloatArray
    random: NDArray[np.uint64]
    capacities: IntArray
    numeric: IntArray
    slots: IntArray
    z: FloatArray
    g: FloatArray
    sums: FloatArray
    stack: IntArray
    order: IntArray
    shuffled: IntArray
    model_at: int
    is_dense: bool
    grace_period: float
    delta: float
    tie_threshold: float
    fading_factor: float
    leaves_max: int
    stumps_max: int
    leaf_prediction: int
    subspace: int


@njit(cache=True, nogil=True, error_model="numpy")
def bounded(value: float) -> float:
    """Return the value, or the bound that it exceeds."""
    return min(max(value, -BOUND), BOUND)


@njit(cache=True, nogil=True, error_model="numpy")
def has_code(sets: NDArray[np.uint64], node: int, code: int) -> bool:
    """Return whether a code is in a node's set."""
    bit = np.uint64(1) << np.uint64(code & 63)
    return bool(sets[node, code >> 6] & bit != np.uint64(0))


@njit(cache=True, nogil=True, error_model="numpy")
def leaf_node(forest: Forest, tree: int, x: FloatArray) -> int:
    """Return the node of the leaf that a record falls into."""
    nodes = forest.nodes
    node = np.int64(tree)
    feature = nodes[node]["feature"]
    while feature >= 0:
        value = x[feature]
        if value != value:
            branch = np.int64(nodes[node]["heavy"])
        elif nodes[node]["is_nominal"] == 1:
            branch = np.int64(0) if has_code(forest.sets, node, np.int64(value)) else np.int64(1)
        elif bounded(value) < nodes[node]["threshold"]:
            branch = np.int64(0)
        else:
            branch = np.int64(1)
        node = np.int64(nodes[node]["child"]) + branch
        feature = nodes[node]["feature"]
    return node  # type: ignore[return-value]


@njit(cache=True, nogil=True, error_model="numpy")
def is_asleep(forest: Forest, node: int) -> bool:
    """Return whether a leaf is a stump, which begins as a leaf does."""
    return forest.nodes[node]["is_nominal"] == ASLEEP  # type: ignore[no-any-return]


@njit(cache=True, nogil=True, error_model="numpy")
def standardise(forest: Forest, x: FloatArray) -> None:
    """Write to `forest.z` a one and the record's numbers with mean 0 and variance 1."""
    z, moments = forest.z, forest.moments
    if len(z) == 0:
        return
    z[0] = 1.0
    for j in range(len(forest.numeric)):
        value = x[forest.numeric[j]]
        count, m2 = moments[0, j], moments[2, j]
        if value != value or not m2 > 0.0:
            z[j + 1] = 0.0
            continue
        deviations = (bounded(value) - moments[1, j]) / math.sqrt(m2 / count)
        z[j + 1] = min(max(deviations, -DEVIATIONS_MAX), DEVIATIONS_MAX)


@njit(cache=True, nogil=True, error_model="numpy")
def learn_moments(forest: Forest, x: FloatArray, y: float) -> None:
    """Take a record into the moments of inputs and target; `y` must be bounded."""
    moments, target = forest.moments, forest.target
    for j in range(len(forest.numeric)):
        value = bounded(x[forest.numeric[j]])
        if value == value:
            count, mean, m2 = moments[0, j], moments[1, j], moments[2, j]
            value = winsorised(value, mean, m2, count)
            moments[0, j] += 1.0
            gap = value - moments[1, j]
            moments[1, j] += gap / moments[0, j]
            moments[2, j] += gap * (value - moments[1, j])
    if target[COUNT] == 0.0:
        target[OFFSET] = y
        target[LOW] = target[HIGH] = target[TARGET_MEAN] = 0.0
    y -= target[OFFSET]
    target[LOW] = min(target[LOW], y)
    target[HIGH] = max(target[HIGH], y)
    count = target[COUNT]
    y = winsorised(y, target[TARGET_MEAN], target[TARGET_M2], count)
    target[COUNT] += 1.0
    gap = y - target[TARGET_MEAN]
    target[TARGET_MEAN] += gap / target[COUNT]
    target[TARGET_M2] += gap * (y - target[TARGET_MEAN])


@njit(cache=True, nogil=True, error_model="numpy")
def lacks_room(forest: Forest, splits: int) -> bool:
    """Return whether some number of splits or new trees might not fit in the pools."""
    return (  # type: ignore[no-any-return]
        forest.used[NODES_USED] + 2 * splits > len(forest.nodes)
        or forest.used[LEAVES_USED] + splits > len(forest.leaves)
        or forest.used[STUMPS_USED] + splits > len(forest.stumps)
    )


@njit(cache=True, nogil=True, error_model="numpy")
def take_leaf(forest: Forest) -> int:
    """Hand out a row of the leaves' pool, all zero."""
    row = take_row(forest.leaves, forest.used, LEAVES_USED, FREE_LEAF)
    forest.leaves[row, NEXT] = 0.0
    return row  # type: ignore[no-any-return]


@njit(cache=True, nogil=True, error_model="numpy")
def take_pair(forest: Forest) -> int:
    """Hand out two neighbouring nodes, both leaves without a row."""
    pair = forest.used[FREE_PAIR]
    if pair < 0:
        pair = forest.used[NODES_USED]
        forest.used[NODES_USED] += 2
    else:
        forest.used[FREE_PAIR] = forest.nodes[pair]["child"]
    clear_node(forest, pair)
    clear_node(forest, pair + 1)
    return pair  # type: ignore[no-any-return]


@njit(cache=True, nogil=True, error_model="numpy")
def clear_node(forest: Forest, node: int) -> None:
    """Make a node a leaf without a row."""
    forest.nodes[node]["threshold"] = 0.0
    forest.nodes[node]["feature"] = -1
    forest.nodes[node]["child"] = -1
    forest.nodes[node]["heavy"] = 0
    forest.nodes[node]["is_nominal"] = 0
    forest.sets[node] = np.uint64(0)


@njit(cache=True, nogil=True, error_model="numpy")
def give_back_leaf(forest: Forest, node: int) -> None:
    """Put a leaf's row, or its stump, into the free list."""
    row = forest.nodes[node]["child"]
    if is_asleep(forest, node):
        free_row(forest.stumps, forest.used, row, FREE_STUMP)
    else:
        free_row(forest.leaves, forest.used, row, FREE_LEAF)


@njit(cache=True, nogil=True, error_model="numpy")
def drop_tree(forest: Forest, tree: int) -> None:
    """Give back all that a tree has; its root is left without a row."""
    waiting = 0
    if forest.nodes[tree]["feature"] >= 0:
        forest.stack[0] = forest.nodes[tree]["child"]
        waiting = 1
    elif forest.nodes[tree]["child"] >= 0:
        give_back_leaf(forest, tree)
    while waiting > 0:
        waiting -= 1
        pair = forest.stack[waiting]
        for node in range(pair, pair + 2):
            if forest.nodes[node]["feature"] >= 0:
                forest.stack[waiting] = forest.nodes[node]["child"]
                waiting += 1
            else:
                give_back_leaf(forest, node)
            clear_node(forest, node)
        forest.nodes[pair]["child"] = forest.used[FREE_PAIR]
        forest.used[FREE_PAIR] = pair
    clear_node(forest, tree)
    forest.leaf_counts[tree] = forest.stump_counts[tree] = 0
