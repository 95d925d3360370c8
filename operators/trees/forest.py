"""The pools of a forest: made from a space, grown by doubling, snapshot by their used part."""

from __future__ import annotations

import math
from typing import Literal, TypeVar, get_args

import numpy as np
from numpy.typing import NDArray

from operators.base import Space
from operators.kernels.forest import (
    ADAPTIVE,
    CODES,
    HEADER,
    LEAVES_USED,
    MAJORITY,
    NAIVE_BAYES,
    NODE,
    NODES_USED,
    NUMERIC_FIELDS,
    TREE,
    Forest,
)
from operators.kernels.naive_bayes import clear_leaf
from operators.snapshot import State
from operators.tape import LEARN, Rows, Tape

LeafPrediction = Literal["majority", "naive_bayes", "naive_bayes_adaptive"]
_LEAF_PREDICTION = {
    "majority": MAJORITY,
    "naive_bayes": NAIVE_BAYES,
    "naive_bayes_adaptive": ADAPTIVE,
}
VERSION = 1
Kind = TypeVar("Kind", bound=np.generic)


class TreePools:
    """State of `n_trees` Hoeffding trees, and the room that their kernels ask for.

    Parameters
    ----------
    space
        Features and classes.
    n_trees
        Number of trees.
    grace_period, delta, tie_threshold, leaf_prediction, leaves_max
        See `operators.trees.hoeffding.HoeffdingTreeClassifier`.

    Attributes
    ----------
    forest
        What kernels take. `grow` puts another one in its place.
    """

    forest: Forest

    def __init__(
        self,
        space: Space,
        n_trees: int,
        *,
        grace_period: int,
        delta: float,
        tie_threshold: float,
        leaf_prediction: LeafPrediction,
        leaves_max: int,
    ) -> None:
        _check(space, grace_period, delta, tie_threshold, leaf_prediction, leaves_max)
        capacities = np.array([feature.capacity for feature in space.features], dtype=np.int64)
        numeric = np.flatnonzero(capacities == 0)
        columns = np.flatnonzero(capacities > 0)
        nominal = np.zeros((len(columns), 3), dtype=np.int64)
        stride = 2 + NUMERIC_FIELDS * len(numeric)
        for j, column in enumerate(columns):
            nominal[j] = column, capacities[column], stride
            stride += CODES + 2 * int(capacities[column])
        self._nominal_capacities = capacities[columns].astype(np.float64)
        self.forest = Forest(
            nodes=np.zeros(0, dtype=NODE),
            leaves=np.zeros((0, HEADER + space.n_classes * stride)),
            trees=np.zeros(n_trees, dtype=TREE),
            seen=np.zeros((n_trees, space.n_classes), dtype=np.uint8),
            used=np.zeros(2, dtype=np.int64),
            numeric=numeric,
            nominal=nominal,
            scores=np.zeros(space.n_classes),
            branches=np.zeros((max(2, *capacities, 2), space.n_classes)),
            n_classes=space.n_classes,
            stride=stride,
            grace_period=float(grace_period),
            delta=float(delta),
            tie_threshold=float(tie_threshold),
            leaves_max=leaves_max,
            leaf_prediction=_LEAF_PREDICTION[leaf_prediction],
        )
        self._reserve(n_trees, n_trees)
        self._plant()

    def _plant(self) -> None:
        """Give each tree a root that is an empty leaf."""
        forest = self.forest
        n_trees = len(forest.trees)
        rows = np.arange(n_trees)
        forest.nodes["feature"][:n_trees] = -1
        forest.nodes["child"][:n_trees] = rows
        forest.trees["root"] = rows
        forest.trees["leaf_count"] = 1
        forest.used[:] = n_trees
        for row in rows:
            clear_leaf(forest, forest.leaves[row])

    def grow(self, splits: int = 1) -> None:
        """Make room for some number of splits, at least doubling what is too small."""
        need = splits * len(self.forest.branches)
        used = self.forest.used
        self._reserve(int(used[NODES_USED]) + need, int(used[LEAVES_USED]) + need)

    def _reserve(self, n_nodes: int, n_leaves: int) -> None:
        nodes, leaves = self.forest.nodes, self.forest.leaves
        self.forest = self.forest._replace(
            nodes=_lengthened(nodes, n_nodes), leaves=_lengthened(leaves, n_leaves)
        )

    def check(self, tape: Tape, rows: Rows) -> None:
        """Assert what the codec guarantees: codes within their capacity, labels to learn from."""
        forest = self.forest
        if len(forest.nominal):
            codes = rows.x[:, forest.nominal[:, 0]]
            assert not (codes < 0).any()
            assert not (codes >= self._nominal_capacities).any()
        learnt = rows.y[tape.row[tape.action == LEARN]]
        assert ((learnt >= 0) & (learnt < forest.n_classes)).all()

    def snapshot(self) -> State:
        """Return copies of what is in use, so that the room made for growth never shows."""
        forest = self.forest
        return {
            "version": VERSION,
            "nodes": forest.nodes[: forest.used[NODES_USED]].copy(),
            "leaves": forest.leaves[: forest.used[LEAVES_USED]].copy(),
            "trees": forest.trees.copy(),
            "seen": forest.seen.copy(),
        }

    def restore(self, state: State) -> None:
        """Take over a snapshot of pools with equal parameters."""
        if state["version"] != VERSION:
            raise ValueError(
                f"trees: snapshot version must be {VERSION}; got {state['version']!r}. "
                "Deploy the version that wrote it, or reset the checkpoint."
            )
        arrays = {name: np.asarray(state[name]) for name in ("nodes", "leaves", "trees", "seen")}
        forest = self.forest
        for name, array in arrays.items():
            own = getattr(forest, name)
            shape = array.shape if name in ("trees", "seen") else (len(own), *array.shape[1:])
            if array.dtype != own.dtype or shape != own.shape:
                raise ValueError(
                    f"trees: `{name}` of the snapshot must have the layout {own.dtype} "
                    f"{own.shape}; got {array.dtype} {array.shape}. It was made with other "
                    "features, classes or number of trees."
                )
        self._reserve(len(arrays["nodes"]), len(arrays["leaves"]))
        forest = self.forest
        forest.nodes[: len(arrays["nodes"])] = arrays["nodes"]
        forest.leaves[: len(arrays["leaves"])] = arrays["leaves"]
        forest.trees[:] = arrays["trees"]
        forest.seen[:] = arrays["seen"]
        forest.used[:] = len(arrays["nodes"]), len(arrays["leaves"])


def _lengthened(pool: NDArray[Kind], length: int) -> NDArray[Kind]:
    """Return the pool, or a copy with room for at least `length` rows and twice the old room."""
    if length <= len(pool):
        return pool
    longer = np.zeros((max(length, 2 * len(pool)), *pool.shape[1:]), dtype=pool.dtype)
    longer[: len(pool)] = pool
    return longer


def _check(
    space: Space,
    grace_period: int,
    delta: float,
    tie_threshold: float,
    leaf_prediction: str,
    leaves_max: int,
) -> None:
    if space.n_classes < 1:
        raise ValueError(
            f"space.n_classes: must be >= 1 for a classifier; got {space.n_classes!r}. "
            "Choose a regressor for a numeric target."
        )
    if grace_period < 1:
        raise ValueError(f"grace_period: must be >= 1; got {grace_period!r}.")
    if not 0.0 < delta < 1.0:
        raise ValueError(f"delta: must be in (0, 1); got {delta!r}.")
    if not (tie_threshold >= 0.0 and math.isfinite(tie_threshold)):
        raise ValueError(f"tie_threshold: must be >= 0; got {tie_threshold!r}.")
    if leaf_prediction not in get_args(LeafPrediction):
        raise ValueError(
            f"leaf_prediction: must be one of {', '.join(get_args(LeafPrediction))}; "
            f"got {leaf_prediction!r}."
        )
    if leaves_max < 1:
        raise ValueError(f"leaves_max: must be >= 1; got {leaves_max!r}.")
