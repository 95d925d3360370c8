"""The flat arrays of a forest of Hoeffding trees, and how a record finds its leaf.

All trees of a forest share three pools: nodes, leaves and stumps. They are filled in the order of
the splits; what a dropped tree leaves behind is linked into lists and used again. A leaf is one
contiguous row of float64, so learning a record touches one stretch of memory:

    header | weight[C] | constant[C] | class 0 | class 1 | ... | class C-1 | code_log[M, C]

and each class is

    mean[F] inverse[F] log_scale[F] count[F] m2[F] low[F] high[F] | total[N] log_total[N] | count[M]

with room for F numeric features, and for N nominal ones of M codes together. Learning goes through
one class; predicting reads, for each nominal feature, the row of `code_log` of the record's code,
all classes at once.

Where numbers are observed by histograms, each class ends with bins for each numeric feature, and
the leaf with their scales (`operators.kernels.histogram`).

Which features those are is the leaf's *view*, a row of integers:

    numeric features, nominal features | column[F] | (column, codes, first code) ...

One view serves all leaves, or a tree's leaves (random patches), or each leaf has its own (random
forests). A stump is a leaf that only counts classes: what remains of one that was deactivated.

`inverse` is 1/(2 sigma^2), `log_scale` the logarithm of the Gaussian's factor, `log_total` that of
total + codes, `code_log` that of count + 1, and `constant` everything in a class's naive Bayes
score that does not depend on the record: -inf if the class has not been seen. They are brought up
to date when a record is learnt, so that predicting is multiplications and additions only.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from operators.kernels.compiled import njit

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

NODE = np.dtype(
    [
        ("threshold", np.float64),  # numeric split: values up to it go to the first child
        ("feature", np.int32),  # column of x; -1 at a leaf
        ("child", np.int32),  # first child, the others follow it; at a leaf its row in the pool
        ("heavy", np.int32),  # the branch that had most weight: where a missing value goes
        ("arity", np.int32),  # number of children of a multiway split, or one of those below
    ]
)
# A binary split on a number, or on one code (`threshold`) against the others; a leaf that is a
# stump: its `child` is a row of that pool.
BY_NUMBER, BY_CODE, STUMP = 0, -1, -2
TREE = np.dtype(
    [
        ("root", np.int64),
        ("leaf_count", np.int64),  # leaves, stumps not among them
        ("stump_count", np.int64),
        ("class_count", np.int64),
    ]
)

# Leaf header: weight, records since the last attempt to split, how many the next one waits for, and
# how often the majority class and naive Bayes were right before each record was learnt. Records are
# counted apart because the weight a leaf starts with is a fraction: a difference of weights could
# round to just below.
TOTAL, PENDING, WAIT, MAJORITY_RIGHT, BAYES_RIGHT, VIEW = range(6)
HEADER = 6
# Stump: weight, records since it was last compared with the leaves, then the class weights.
STUMP_HEADER = 2
# Class stretch: the fields of the numeric features, then those of the nominal ones.
MEAN, INVERSE, LOG_SCALE, COUNT, M2, LOW, HIGH = range(7)
NUMERIC_FIELDS = 7
TOTALS, LOG_TOTALS = range(2)
TOTAL_FIELDS = 2

# View: how many numeric and nominal features, then the columns.
N_NUMERIC, N_NOMINAL, COLUMNS = range(3)
COLUMN, N_CODES, FIRST = range(3)
NOMINAL_FIELDS = 3

MAJORITY, NAIVE_BAYES, ADAPTIVE = range(3)
ONE_VIEW, VIEW_BY_TREE, VIEW_BY_LEAF = range(3)
INFORMATION, GINI = range(2)
MULTIWAY, ONE_CODE = range(2)
# Rows in use of each pool, then the first free row of leaves and of stumps, -1 if none.
NODES_USED, LEAVES_USED, STUMPS_USED, FREE_LEAF, FREE_STUMP = range(5)


class Forest(NamedTuple):
    """State, working space and parameters of a forest, as kernels take them.

    Parameters
    ----------
    nodes
        (n,) `NODE`; mutated.
    leaves
        (n, leaf size) float64; mutated.
    stumps
        (n, STUMP_HEADER + n_classes) float64; mutated.
    trees
        (n_trees,) `TREE`; mutated.
    seen
        (n_trees, n_classes) uint8, 1 where the tree has learnt the class; mutated.
    used
        (5,) int64, rows of the pools in use and heads of the free lists; mutated.
    free_nodes
        (arity_max + 1,) int64, first free block of that many nodes, -1 if none; mutated.
    views
        (n_views, view size) int64; mutated where views are random.
    random
        (1,) uint64, state of the random numbers; mutated.
    capacities
        (n_features,) int64, codes of a nominal feature, 0 for a numeric one.
    order
        (n_features,) int64 working space.
    scores
        (n_classes,) float64 working space.
    branches
        (arity_max, n_classes) float64 working space.
    slots
        Room for numeric features in a class stretch.
    nominal_slots
        Room for nominal features.
    codes
        Room for codes of nominal features.
    subspace
        Features of a random view.
    reluctance
        A leaf whose naive Bayes errs less than that share of what a split would has to be surer.
    leaves_max
        Leaves a tree may have; beyond it the least promising ones become stumps.
    stumps_max
        Stumps a tree may have; beyond it the tree stops growing.
    """

    nodes: NDArray[np.void]
    leaves: FloatArray
    stumps: FloatArray
    trees: NDArray[np.void]
    seen: NDArray[np.uint8]
    used: IntArray
    free_nodes: IntArray
    views: IntArray
    random: NDArray[np.uint64]
    capacities: IntArray
    order: IntArray
    scores: FloatArray
    branches: FloatArray
    n_classes: int
    slots: int
    nominal_slots: int
    stride: int
    codes: int
    view_kind: int
    subspace: int
    grace_first: float
    grace_period: float
    delta: float
    tie_threshold: float
    reluctance: float
    leaves_max: int
    stumps_max: int
    leaf_prediction: int
    criterion: int
    nominal_split: int
    has_histograms: bool


@njit(cache=True, nogil=True, inline="always", error_model="numpy")
def class_at(forest: Forest, c: int) -> int:
    """Return where a class's stretch begins in a leaf; of class C, where the code logs begin."""
    return HEADER + 2 * forest.n_classes + c * forest.stride


@njit(cache=True, nogil=True, inline="always", error_model="numpy")
def totals_at(forest: Forest, c: int) -> int:
    """Return where a class's nominal features begin."""
    return class_at(forest, c) + NUMERIC_FIELDS * forest.slots  # type: ignore[no-any-return]


@njit(cache=True, nogil=True, inline="always", error_model="numpy")
def counts_at(forest: Forest, c: int) -> int:
    """Return where a class's counts of codes begin."""
    return totals_at(forest, c) + TOTAL_FIELDS * forest.nominal_slots  # type: ignore[no-any-return]


@njit(cache=True, nogil=True, forceinline=True, error_model="numpy")
def leaf_node(forest: Forest, tree: int, x: FloatArray) -> int:
    """Return the node of the leaf that a record falls into."""
    nodes = forest.nodes
    node = forest.trees[tree]["root"]
    feature = nodes[node]["feature"]
    while feature >= 0:
        value = x[feature]
        arity = nodes[node]["arity"]
        if value != value:
            branch = np.int64(nodes[node]["heavy"])
        elif arity == BY_NUMBER:
            branch = np.int64(0) if value <= nodes[node]["threshold"] else np.int64(1)
        elif arity == BY_CODE:
            branch = np.int64(0) if value == nodes[node]["threshold"] else np.int64(1)
        else:
            branch = np.int64(value)
        node = np.int64(nodes[node]["child"]) + branch
        feature = nodes[node]["feature"]
    return node  # type: ignore[no-any-return]


@njit(cache=True, nogil=True, forceinline=True, error_model="numpy")
def is_complete(x: FloatArray) -> bool:
    """Return whether a record has no missing value."""
    for value in x:  # noqa: SIM110 - numba compiles loops, not generators
        if value != value:
            return False
    return True


@njit(cache=True, nogil=True, forceinline=True, error_model="numpy")
def lacks_room(forest: Forest, splits: int) -> bool:
    """Return whether some number of splits, each after a new root, might not fit in the pools."""
    need = splits * (len(forest.branches) + 1)
    return (  # type: ignore[no-any-return]
        forest.used[NODES_USED] + need > len(forest.nodes)
        or forest.used[LEAVES_USED] + need > len(forest.leaves)
        or forest.used[STUMPS_USED] + need > len(forest.stumps)
    )


@njit(cache=True, nogil=True, error_model="numpy")
def take_nodes(forest: Forest, count: int) -> int:
    """Return the first of that many neighbouring nodes, free ones before new ones."""
    free = forest.free_nodes[count]
    if free >= 0:
        forest.free_nodes[count] = forest.nodes[free]["heavy"]
        return free  # type: ignore[no-any-return]
    forest.used[NODES_USED] += count
    return forest.used[NODES_USED] - count  # type: ignore[no-any-return]


@njit(cache=True, nogil=True, error_model="numpy")
def free_nodes(forest: Forest, node: int, count: int) -> None:
    """Give neighbouring nodes back; only the first one's `heavy` is written."""
    forest.nodes[node]["heavy"] = forest.free_nodes[count]
    forest.free_nodes[count] = node


@njit(cache=True, nogil=True, error_model="numpy")
def take_row(pool: FloatArray, used: IntArray, count_at: int, free_at: int) -> int:
    """Return a row of leaves or stumps, a free one before a new one."""
    free = used[free_at]
    if free >= 0:
        used[free_at] = np.int64(pool[free, 0])
        return free  # type: ignore[no-any-return]
    used[count_at] += 1
    return used[count_at] - 1  # type: ignore[no-any-return]


@njit(cache=True, nogil=True, error_model="numpy")
def free_row(pool: FloatArray, used: IntArray, row: int, free_at: int) -> None:
    """Give a row of leaves or stumps back; what it held is wiped, so that snapshots pack well."""
    pool[row] = 0.0
    pool[row, 0] = used[free_at]
    used[free_at] = row
