"""The flat arrays of a forest of Hoeffding trees, and how a record finds its leaf.

All trees of a forest share two pools, nodes and leaves, which are filled in the order of the
splits and never shrink. A leaf is one contiguous row of float64, so learning a record touches
one stretch of memory:

    header | class 0 | class 1 | ... | class C-1

and each class is

    weight, constant | mean[F] inverse[F] log_scale[F] count[F] m2[F] low[F] high[F] | nominal ...

with F numeric features, followed for each nominal feature of m codes by

    count, log_denominator, code_count[m], code_log[m]

`inverse` is 1/(2 sigma^2), `log_scale` the logarithm of the Gaussian's factor, `code_log` that of
code_count + 1, and `constant` everything in a class's naive Bayes score that does not depend on
the record. They are brought up to date when a record is learnt, so that predicting is
multiplications and additions only.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

NODE = np.dtype(
    [
        ("threshold", np.float64),  # numeric split: values up to it go to the first child
        ("feature", np.int32),  # column of x; -1 at a leaf
        ("child", np.int32),  # first child, the others follow it; at a leaf its row in the pool
        ("heavy", np.int32),  # the branch that had most weight: where a missing value goes
        ("arity", np.int32),  # number of children of a nominal split; 0 at a numeric split
    ]
)
TREE = np.dtype([("root", np.int64), ("leaf_count", np.int64), ("class_count", np.int64)])

# Leaf header: weight, records since the last attempt to split, and how often the majority class
# and naive Bayes were right before each record was learnt. Records are counted apart because the
# weight a leaf starts with is a fraction: a difference of weights could round to just below.
TOTAL, PENDING, MAJORITY_RIGHT, BAYES_RIGHT = range(4)
HEADER = 4
# Class stretch: two scalars, then the fields of the numeric features.
WEIGHT, CONSTANT = range(2)
MEAN, INVERSE, LOG_SCALE, COUNT, M2, LOW, HIGH = range(7)
NUMERIC_FIELDS = 7
# Nominal feature: two scalars, then counts and logarithms by code.
NOMINAL_COUNT, LOG_DENOMINATOR, CODES = range(3)

MAJORITY, NAIVE_BAYES, ADAPTIVE = range(3)
NODES_USED, LEAVES_USED = range(2)


class Forest(NamedTuple):
    """State, working space and parameters of a forest, as kernels take them.

    Parameters
    ----------
    nodes
        (n,) `NODE`; mutated.
    leaves
        (n, leaf size) float64; mutated.
    trees
        (n_trees,) `TREE`; mutated.
    seen
        (n_trees, n_classes) uint8, 1 where the tree has learnt the class; mutated.
    used
        (2,) int64, rows of `nodes` and of `leaves` that are in use; mutated.
    numeric
        (n_numeric,) int64, columns of x.
    nominal
        (n_nominal, 3) int64: column of x, number of codes, offset in a class stretch.
    scores
        (n_classes,) float64 working space.
    branches
        (arity_max, n_classes) float64 working space.
    """

    nodes: NDArray[np.void]
    leaves: FloatArray
    trees: NDArray[np.void]
    seen: NDArray[np.uint8]
    used: IntArray
    numeric: IntArray
    nominal: IntArray
    scores: FloatArray
    branches: FloatArray
    n_classes: int
    stride: int
    grace_period: float
    delta: float
    tie_threshold: float
    leaves_max: int
    leaf_prediction: int


@njit(cache=True, nogil=True, forceinline=True, error_model="numpy")
def leaf_node(forest: Forest, tree: int, x: FloatArray) -> int:
    """Return the node of the leaf that a record falls into."""
    nodes = forest.nodes
    node = forest.trees[tree]["root"]
    feature = nodes[node]["feature"]
    while feature >= 0:
        value = x[feature]
        if value != value:
            branch = np.int64(nodes[node]["heavy"])
        elif nodes[node]["arity"] > 0:
            branch = np.int64(value)
        elif value <= nodes[node]["threshold"]:
            branch = np.int64(0)
        else:
            branch = np.int64(1)
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
    """Return whether some number of splits might not fit in the pools."""
    need = splits * len(forest.branches)
    return (  # type: ignore[no-any-return]
        forest.used[NODES_USED] + need > len(forest.nodes)
        or forest.used[LEAVES_USED] + need > len(forest.leaves)
    )
