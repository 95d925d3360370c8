"""The pools of a forest of regression trees: made from a space, grown by doubling, snapshot."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, TypeVar, get_args

import numpy as np
from numpy.typing import NDArray

from operators.base import Space
from operators.checks import assert_not_infinite
from operators.kernels.random import state_of
from operators.kernels.regression_bins import HISTOGRAM, SUMS
from operators.kernels.regression_forest import (
    ADAPTIVE_LEAF,
    ALL,
    HEADER,
    LEAVES_USED,
    LINEAR_LEAF,
    MEAN_LEAF,
    NODE,
    NODES_USED,
    PER_TREE,
    STUMPS_USED,
    Forest,
    clear_node,
)
from operators.kernels.regression_linear import clear_model
from operators.kernels.regression_split import plant_tree
from operators.snapshot import State
from operators.tape import LEARN, Rows, Tape

RegressionLeaf = Literal["mean", "linear", "adaptive"]
_LEAF_PREDICTION = {"mean": MEAN_LEAF, "linear": LINEAR_LEAF, "adaptive": ADAPTIVE_LEAF}
# Up to this many inputs a leaf keeps a full matrix of them, 32 KiB at most.
_DENSE_INPUTS_MAX = 64
VERSION = 2
STUMPS_PER_LEAF = 3
"""Stumps a full tree may have for each leaf: most of a leaf is slots, which they lack."""
Kind = TypeVar("Kind", bound=np.generic)
_GROWING = {"nodes": NODES_USED, "sets": NODES_USED, "leaves": LEAVES_USED, "stumps": STUMPS_USED}
_PARTS = (
    *_GROWING,
    "leaf_counts",
    "stump_counts",
    "subspaces",
    "used",
    "moments",
    "trend",
    "target",
    "random",
)


@dataclass(frozen=True, slots=True)
class TreeSettings:
    """Parameters of each tree; see `operators.trees.regression.HoeffdingTreeRegressor`."""

    grace_period: int
    delta: float
    tie_threshold: float
    leaf_prediction: RegressionLeaf
    fading_factor: float
    leaves_max: int

    def __post_init__(self) -> None:
        if self.grace_period < 1:
            raise ValueError(f"grace_period: must be >= 1; got {self.grace_period!r}.")
        if not 0.0 < self.delta < 1.0:
            raise ValueError(f"delta: must be in (0, 1); got {self.delta!r}.")
        if not (self.tie_threshold >= 0.0 and math.isfinite(self.tie_threshold)):
            raise ValueError(f"tie_threshold: must be >= 0; got {self.tie_threshold!r}.")
        if self.leaf_prediction not in get_args(RegressionLeaf):
            raise ValueError(
                f"leaf_prediction: must be one of {', '.join(get_args(RegressionLeaf))}; "
                f"got {self.leaf_prediction!r}."
            )
        if not 0.0 < self.fading_factor <= 1.0:
            raise ValueError(f"fading_factor: must be in (0, 1]; got {self.fading_factor!r}.")
        if self.leaves_max < 1:
            raise ValueError(f"leaves_max: must be >= 1; got {self.leaves_max!r}.")


class RegressionPools:
    """State of some regression trees, and the room that their kernels ask for.

    Parameters
    ----------
    space
        Features; the target is a number.
    n_trees
        Number of trees.
    settings
        Of each tree.
    n_planted
        How many of the trees there are from the beginning; the others wait without a leaf.
    subspace
        Who draws the features that a leaf looks at: `ALL`, `PER_LEAF` or `PER_TREE`.
    subspace_size
        How many features a leaf looks at.
    seed
        Of the features drawn, and of what an ensemble draws.

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
        settings: TreeSettings,
        *,
        n_planted: int | None = None,
        subspace: int = ALL,
        subspace_size: int | None = None,
        seed: int = 1,
    ) -> None:
        if space.n_classes:
            raise ValueError(
                f"space.n_classes: must be 0 for a regressor; got {space.n_classes!r}. "
                "Choose a classifier for a target of classes."
            )
        n_features = len(space.features)
        n_slots = n_features if subspace_size is None else min(subspace_size, n_features)
        capacities = np.array([feature.capacity for feature in space.features], dtype=np.int64)
        numeric = np.flatnonzero(capacities == 0)
        codes_max = int(max(capacities, default=0))
        width = 0 if settings.leaf_prediction == "mean" else 1 + len(numeric)
        is_dense = width <= _DENSE_INPUTS_MAX
        model_at = HEADER + n_slots
        slots_at = model_at + width + (width * width if is_dense else width)
        sizes = np.where(capacities > 0, SUMS * capacities, HISTOGRAM)
        if subspace != ALL:
            # Any feature may come to stand in any slot.
            sizes = np.full(n_slots, max(sizes, default=0))
        self._nominal = np.flatnonzero(capacities > 0)
        self._nominal_capacities = capacities[self._nominal].astype(np.float64)
        self.forest = Forest(
            nodes=np.zeros(0, dtype=NODE),
            sets=np.zeros((0, (codes_max + 63) // 64), dtype=np.uint64),
            leaves=np.zeros((0, slots_at + int(sizes.sum()))),
            stumps=np.zeros((0, slots_at)),
            leaf_counts=np.zeros(n_trees, dtype=np.int64),
            stump_counts=np.zeros(n_trees, dtype=np.int64),
            subspaces=np.zeros((n_trees if subspace == PER_TREE else 0, n_slots), dtype=np.int64),
            used=np.zeros(6, dtype=np.int64),
            moments=np.zeros((3, len(numeric))),
            trend=np.zeros(slots_at - model_at),
            target=np.zeros(6),
            random=state_of(seed),
            capacities=capacities,
            numeric=numeric,
            slots=slots_at + np.concatenate(([0], np.cumsum(sizes)[:-1])).astype(np.int64),
            z=np.zeros(width),
            g=np.zeros(width),
            sums=np.zeros((2, SUMS)),
            stack=np.zeros(settings.leaves_max * (1 + STUMPS_PER_LEAF) + 1, dtype=np.int64),
            order=np.zeros(max(codes_max, n_slots, 1), dtype=np.int64),
            shuffled=np.zeros(n_features, dtype=np.int64),
            model_at=model_at,
            is_dense=is_dense,
            grace_period=float(settings.grace_period),
            delta=float(settings.delta),
            tie_threshold=float(settings.tie_threshold),
            fading_factor=float(settings.fading_factor),
            leaves_max=settings.leaves_max,
            stumps_max=STUMPS_PER_LEAF * settings.leaves_max,
            leaf_prediction=_LEAF_PREDICTION[settings.leaf_prediction],
            subspace=subspace,
        )
        self._plant(n_trees, n_trees if n_planted is None else n_planted)

    def _plant(self, n_trees: int, n_planted: int) -> None:
        """Give each tree its root, and the first of them an empty leaf."""
        self._reserve(n_trees, n_planted, 0)
        forest = self.forest
        forest.used[:] = n_trees, 0, -1, -1, 0, -1
        if len(forest.z):
            clear_model(forest.trend, 0, len(forest.z), forest.is_dense)
        for tree in range(n_trees):
            clear_node(forest, tree)
        for tree in range(n_planted):
            plant_tree(forest, tree)

    def grow(self, splits: int = 1) -> None:
        """Make room for some number of splits, at least doubling what is too small."""
        used = self.forest.used
        n_nodes, n_leaves, n_stumps = (
            int(used[NODES_USED]),
            int(used[LEAVES_USED]),
            int(used[STUMPS_USED]),
        )
        self._reserve(n_nodes + 2 * splits, n_leaves + splits, n_stumps + splits)

    def _reserve(self, n_nodes: int, n_leaves: int, n_stumps: int) -> None:
        forest = self.forest
        self.forest = forest._replace(
            nodes=_lengthened(forest.nodes, n_nodes),
            sets=_lengthened(forest.sets, n_nodes),
            leaves=_lengthened(forest.leaves, n_leaves),
            stumps=_lengthened(forest.stumps, n_stumps),
        )

    def check(self, tape: Tape, rows: Rows) -> None:
        """Assert what the codec guarantees: codes within their capacity, finite targets."""
        if len(self._nominal):
            codes = rows.x[:, self._nominal]
            assert not (codes < 0).any()
            assert not (codes >= self._nominal_capacities).any()
        assert_not_infinite(rows)
        assert np.isfinite(rows.y[tape.row[tape.action == LEARN]]).all()

    def snapshot(self) -> State:
        """Return copies of what is in use, so that the room made for growth never shows."""
        parts = {name: getattr(self.forest, name) for name in _PARTS}
        for name, at in _GROWING.items():
            parts[name] = parts[name][: self.forest.used[at]]
        return {"version": VERSION, **{name: array.copy() for name, array in parts.items()}}

    def restore(self, state: State) -> None:
        """Take over a snapshot of pools with equal parameters."""
        if state["version"] != VERSION:
            raise ValueError(
                f"regression trees: snapshot version must be {VERSION}; got "
                f"{state['version']!r}. Deploy the version that wrote it, or reset the checkpoint."
            )
        arrays = {name: np.asarray(state[name]) for name in _PARTS}
        for name, array in arrays.items():
            own = getattr(self.forest, name)
            shape = (len(own), *array.shape[1:]) if name in _GROWING else array.shape
            if array.dtype != own.dtype or shape != own.shape:
                raise ValueError(
                    f"regression trees: `{name}` of the snapshot must have the layout {own.dtype} "
                    f"{own.shape}; got {array.dtype} {array.shape}. It was made with other "
                    "features, leaves or number of trees."
                )
        self._reserve(*(len(arrays[name]) for name in ("nodes", "leaves", "stumps")))
        for name, array in arrays.items():
            own = getattr(self.forest, name)
            own[: len(array)] = array


def _lengthened(pool: NDArray[Kind], length: int) -> NDArray[Kind]:
    """Return the pool, or a copy with room for at least `length` rows and twice the old room."""
    if length <= len(pool):
        return pool
    longer = np.zeros((max(length, 2 * len(pool)), *pool.shape[1:]), dtype=pool.dtype)
    longer[: len(pool)] = pool
    return longer
