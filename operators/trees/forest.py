"""The pools of a forest: made from a space, grown by doubling, snapshot by their used part."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, TypeVar, get_args

import numpy as np
from numpy.typing import NDArray

from operators.base import Space
from operators.checks import assert_not_infinite
from operators.kernels.forest import (
    ADAPTIVE,
    COLUMNS,
    GINI,
    HEADER,
    INFORMATION,
    LEAVES_USED,
    MAJORITY,
    MULTIWAY,
    NAIVE_BAYES,
    NODE,
    NODES_USED,
    NOMINAL_FIELDS,
    NUMERIC_FIELDS,
    ONE_CODE,
    ONE_VIEW,
    STUMP_HEADER,
    STUMPS_USED,
    TOTAL_FIELDS,
    TREE,
    VIEW_BY_LEAF,
    VIEW_BY_TREE,
    Forest,
)
from operators.kernels.histogram import BINS, SCALE_FIELDS
from operators.kernels.memory import plant
from operators.kernels.random import state_of
from operators.kernels.views import deal_view, full_view
from operators.snapshot import State
from operators.tape import LEARN, Rows, Tape

LeafPrediction = Literal["majority", "naive_bayes", "naive_bayes_adaptive"]
Criterion = Literal["information_gain", "gini"]
NumericObserver = Literal["gaussian", "histogram"]
NominalSplit = Literal["multiway", "binary"]
ViewOf = Literal["forest", "tree", "leaf"]
_LEAF_PREDICTION = {
    "majority": MAJORITY,
    "naive_bayes": NAIVE_BAYES,
    "naive_bayes_adaptive": ADAPTIVE,
}
_CRITERION = {"information_gain": INFORMATION, "gini": GINI}
_NOMINAL_SPLIT = {"multiway": MULTIWAY, "binary": ONE_CODE}
_VIEW_OF = {"forest": ONE_VIEW, "tree": VIEW_BY_TREE, "leaf": VIEW_BY_LEAF}
STUMPS_PER_LEAF = 3
"""Stumps a full tree may have for each leaf: together they cost less than the leaves."""
VERSION = 4
Kind = TypeVar("Kind", bound=np.generic)
_PARTS = ("nodes", "leaves", "stumps", "views", "trees", "seen", "used", "free_nodes", "random")
_GROWING = {"nodes": NODES_USED, "leaves": LEAVES_USED, "stumps": STUMPS_USED}


@dataclass(frozen=True, slots=True)
class TreeParams:
    """What all trees of a forest have in common; see `operators.trees.hoeffding`."""

    grace_period: int
    delta: float
    tie_threshold: float
    leaf_prediction: LeafPrediction
    leaves_max: int
    criterion: Criterion = "information_gain"
    nominal_split: NominalSplit = "multiway"
    numeric_observer: NumericObserver = "gaussian"
    grace_first: int = 0
    reluctance: float = 0.0

    def __post_init__(self) -> None:
        if self.grace_period < 1:
            raise ValueError(f"grace_period: must be >= 1; got {self.grace_period!r}.")
        if not 0 <= self.grace_first <= self.grace_period:
            raise ValueError(
                f"grace_first: must be from 0 to grace_period, {self.grace_period}; "
                f"got {self.grace_first!r}."
            )
        if not 0.0 < self.delta < 1.0:
            raise ValueError(f"delta: must be in (0, 1); got {self.delta!r}.")
        if not (self.tie_threshold >= 0.0 and math.isfinite(self.tie_threshold)):
            raise ValueError(f"tie_threshold: must be >= 0; got {self.tie_threshold!r}.")
        if not 0.0 <= self.reluctance <= 1.0:
            raise ValueError(f"reluctance: must be in [0, 1]; got {self.reluctance!r}.")
        if self.leaves_max < 1:
            raise ValueError(f"leaves_max: must be >= 1; got {self.leaves_max!r}.")
        options = {
            "leaf_prediction": LeafPrediction,
            "criterion": Criterion,
            "nominal_split": NominalSplit,
            "numeric_observer": NumericObserver,
        }
        for name, option in options.items():
            value = getattr(self, name)
            if value not in get_args(option):
                raise ValueError(
                    f"{name}: must be one of {', '.join(get_args(option))}; got {value!r}."
                )


class TreePools:
    """State of `n_trees` Hoeffding trees, and the room that their kernels ask for.

    Parameters
    ----------
    space
        Features and classes.
    n_trees
        Number of trees.
    params
        Of the trees.
    view_of
        What sees one subset of the features: the whole forest (which then sees all of them), each
        tree, or each leaf.
    subspace
        Number of features of a random subset.
    seed
        Of the random subsets, and of whatever else draws from `forest.random`.

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
        params: TreeParams,
        *,
        view_of: ViewOf = "forest",
        subspace: int = 0,
        seed: int = 0,
    ) -> None:
        if space.n_classes < 1:
            raise ValueError(
                f"space.n_classes: must be >= 1 for a classifier; got {space.n_classes!r}. "
                "Choose a regressor for a numeric target."
            )
        capacities = np.array([feature.capacity for feature in space.features], dtype=np.int64)
        seen = len(capacities) if view_of == "forest" else subspace
        slots = min(seen, int((capacities == 0).sum()))
        # Room for the largest nominal features that one view can hold together.
        nominal = np.sort(capacities[capacities > 0])[::-1][:seen]
        codes = int(nominal.sum())
        stride = NUMERIC_FIELDS * slots + TOTAL_FIELDS * len(nominal) + codes
        has_histograms = params.numeric_observer == "histogram"
        stride += BINS * slots * has_histograms
        scales = SCALE_FIELDS * slots * has_histograms
        leaf = HEADER + space.n_classes * (2 + stride + codes) + scales
        width = COLUMNS + slots + NOMINAL_FIELDS * len(nominal)
        self._columns = np.flatnonzero(capacities > 0)
        self._limits = capacities[self._columns].astype(np.float64)
        self.forest = Forest(
            nodes=np.zeros(0, dtype=NODE),
            leaves=np.zeros((0, leaf)),
            stumps=np.zeros((0, STUMP_HEADER + space.n_classes)),
            trees=np.zeros(n_trees, dtype=TREE),
            seen=np.zeros((n_trees, space.n_classes), dtype=np.uint8),
            used=np.array([0, 0, 0, -1, -1], dtype=np.int64),
            free_nodes=np.full(max(2, *capacities, 2) + 1, -1, dtype=np.int64),
            views=np.zeros(({"forest": 1, "tree": n_trees, "leaf": 0}[view_of], width), np.int64),
            random=state_of(seed),
            capacities=capacities,
            order=np.zeros(len(capacities), dtype=np.int64),
            scores=np.zeros(space.n_classes),
            branches=np.zeros((max(2, *capacities, 2), space.n_classes)),
            n_classes=space.n_classes,
            slots=slots,
            nominal_slots=len(nominal),
            stride=stride,
            codes=codes,
            view_kind=_VIEW_OF[view_of],
            subspace=subspace,
            grace_first=float(params.grace_first or params.grace_period),
            grace_period=float(params.grace_period),
            delta=float(params.delta),
            tie_threshold=float(params.tie_threshold),
            reluctance=float(params.reluctance),
            leaves_max=params.leaves_max,
            stumps_max=STUMPS_PER_LEAF * params.leaves_max,
            leaf_prediction=_LEAF_PREDICTION[params.leaf_prediction],
            criterion=_CRITERION[params.criterion],
            nominal_split=_NOMINAL_SPLIT[params.nominal_split],
            has_histograms=has_histograms,
        )
        self._reserve(n_trees, n_trees, 0)
        self._plant()

    def _plant(self) -> None:
        """Give each tree a root that is an empty leaf."""
        forest = self.forest
        n_trees = len(forest.trees)
        forest.trees["root"] = np.arange(n_trees)
        forest.used[NODES_USED] = n_trees
        if forest.view_kind == ONE_VIEW:
            full_view(forest, 0)
        for tree in range(n_trees):
            if forest.view_kind == VIEW_BY_TREE:
                deal_view(forest, tree)
            plant(forest, tree, tree if forest.view_kind == VIEW_BY_TREE else 0)

    def grow(self, splits: int = 1) -> None:
        """Make room for some number of splits, at least doubling what is too small."""
        need = splits * (len(self.forest.branches) + 1)
        nodes, leaves, stumps = (int(self.forest.used[at]) + need for at in _GROWING.values())
        self._reserve(nodes, leaves, stumps)

    def _reserve(self, n_nodes: int, n_leaves: int, n_stumps: int) -> None:
        forest = self.forest
        leaves = _lengthened(forest.leaves, n_leaves)
        views = forest.views
        if forest.view_kind == VIEW_BY_LEAF:
            views = _lengthened(views, len(leaves))
        self.forest = forest._replace(
            nodes=_lengthened(forest.nodes, n_nodes),
            leaves=leaves,
            stumps=_lengthened(forest.stumps, n_stumps),
            views=views,
        )

    def check(self, tape: Tape, rows: Rows) -> None:
        """Assert what the codec guarantees: codes within their capacity, labels to learn from."""
        assert_not_infinite(rows)
        if len(self._columns):
            codes = rows.x[:, self._columns]
            assert not (codes < 0).any()
            assert not (codes >= self._limits).any()
        learnt = rows.y[tape.row[tape.action == LEARN]]
        assert ((learnt >= 0) & (learnt < self.forest.n_classes)).all()

    def snapshot(self) -> State:
        """Return copies of what is in use, so that the room made for growth never shows."""
        parts = {name: getattr(self.forest, name) for name in _PARTS}
        for name, at in _GROWING.items():
            parts[name] = parts[name][: self.forest.used[at]]
        if self.forest.view_kind == VIEW_BY_LEAF:
            parts["views"] = parts["views"][: self.forest.used[LEAVES_USED]]
        return {"version": VERSION, **{name: array.copy() for name, array in parts.items()}}

    def restore(self, state: State) -> None:
        """Take over a snapshot of pools with equal parameters."""
        if state["version"] != VERSION:
            raise ValueError(
                f"trees: snapshot version must be {VERSION}; got {state['version']!r}. "
                "Deploy the version that wrote it, or reset the checkpoint."
            )
        arrays = {name: np.asarray(state[name]) for name in _PARTS}
        growing = {*_GROWING, *(["views"] if self.forest.view_kind == VIEW_BY_LEAF else [])}
        for name, array in arrays.items():
            own = getattr(self.forest, name)
            shape = (len(own), *array.shape[1:]) if name in growing else array.shape
            if array.dtype != own.dtype or shape != own.shape:
                raise ValueError(
                    f"trees: `{name}` of the snapshot must have the layout {own.dtype} "
                    f"{own.shape}; got {array.dtype} {array.shape}. It was made with other "
                    "features, classes or number of trees."
                )
        self._reserve(*(len(arrays[name]) for name in _GROWING))
        for name, array in arrays.items():
            getattr(self.forest, name)[: len(array)] = array


def _lengthened(pool: NDArray[Kind], length: int) -> NDArray[Kind]:
    """Return the pool, or a copy with room for at least `length` rows and twice the old room."""
    if length <= len(pool):
        return pool
    longer = np.zeros((max(length, 2 * len(pool)), *pool.shape[1:]), dtype=pool.dtype)
    longer[: len(pool)] = pool
    return longer
