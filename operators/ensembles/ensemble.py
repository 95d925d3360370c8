"""What the ensembles of trees share: their state, and how they run, keep and restore it."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from operators.base import Space
from operators.kernels import adwin
from operators.kernels.ensemble import BUCKETS_MAX, CLOCK, Detectors, Members, run_ensemble
from operators.kernels.random import poisson_table
from operators.one import OneByOne
from operators.snapshot import State, nest, part
from operators.tape import Rows, Tape
from operators.trees.forest import TreeParams, TreePools, ViewOf

VERSION = 1
_LEVELS = 32
"""Buckets of level 31 hold 2**31 errors: the window is first cut short after that many records."""


def make_detectors(count: int, delta: float) -> Detectors:
    """Return ADWIN windows for that many members."""
    header: np.ndarray[Any, Any] = np.zeros(count, dtype=adwin.HEADER)
    header["levels"] = 1
    places = 1 << BUCKETS_MAX.bit_length()
    return Detectors(
        header=header,
        buckets=np.zeros((count, _LEVELS, places, 2)),
        rings=np.zeros((count, _LEVELS, 2), dtype=np.int64),
        alarms=np.zeros(2, dtype=np.int64),
        means=np.zeros((2, 2)),
        delta=delta,
    )


def detectors_state(detectors: Detectors) -> State:
    """Return what is in use of the windows."""
    levels = int(detectors.header["levels"].max(initial=1))
    rings = detectors.rings[:, :levels].copy()
    buckets = detectors.buckets[:, :levels].copy()
    # Places outside the rings hold buckets that were merged or forgotten: they are no state.
    place = np.arange(buckets.shape[2]) - rings[:, :, [adwin.FIRST]]
    buckets[place % buckets.shape[2] >= rings[:, :, [adwin.COUNT]]] = 0.0
    return {"header": detectors.header.copy(), "buckets": buckets, "rings": rings}


def restore_detectors(detectors: Detectors, state: State) -> None:
    """Take over windows of as many members."""
    buckets, rings = np.asarray(state["buckets"]), np.asarray(state["rings"])
    detectors.header[:] = np.asarray(state["header"])
    detectors.buckets[:] = 0.0
    detectors.rings[:] = 0
    detectors.buckets[:, : buckets.shape[1]] = buckets
    detectors.rings[:, : rings.shape[1]] = rings


class TreeEnsemble(OneByOne):
    """State of an ensemble; the learners of this folder say what theirs is made of.

    Parameters
    ----------
    space, seed
        As for every learner.
    trees
        Members.
    params
        Of each member's tree.
    view_of, subspace
        See `operators.trees.forest.TreePools`.
    rate
        Mean weight of a record, which follows a Poisson law.
    delta_drift
        Of the ADWIN whose alarms replace a tree.
    delta_warning
        Of the ADWIN whose alarms start a tree in the background; 0 for none.
    response
        `operators.kernels.ensemble.REPLACE_DRIFTED` or `RESET_WORST`.
    weighted
        Whether a member's vote counts by its accuracy since its tree began.
    """

    trace_width = 0

    def __init__(
        self,
        space: Space,
        seed: int,
        *,
        trees: int,
        params: TreeParams,
        view_of: ViewOf,
        subspace: int,
        rate: float,
        delta_drift: float,
        delta_warning: float,
        response: int,
        weighted: bool,
    ) -> None:
        _check(trees, rate, delta_drift, delta_warning)
        self.space = space
        self.seed = seed
        has_warning = delta_warning > 0.0
        self.pools = TreePools(
            space,
            2 * trees if has_warning else trees,
            params,
            view_of=view_of,
            subspace=subspace,
            seed=seed,
        )
        members = np.arange(trees, dtype=np.int64)
        self.members = Members(
            tree=members,
            background=np.full(trees, -1, dtype=np.int64),
            spare=members + trees if has_warning else np.full(trees, -1, dtype=np.int64),
            record=np.zeros((trees, 2)),
            votes=np.zeros((trees, space.n_classes)),
            node=np.zeros(trees, dtype=np.int64),
            majority=np.zeros(trees, dtype=np.int64),
            bayes=np.zeros(trees, dtype=np.int64),
            voted=np.zeros(trees, dtype=np.int64),
            known=np.full(1, -1, dtype=np.int64),
            errors=np.zeros((trees, CLOCK)),
            waiting=np.zeros(trees, dtype=np.int64),
            replaced=np.zeros(2, dtype=np.int64),
            poisson=poisson_table(rate),
            response=response,
            has_warning=has_warning,
            is_weighted=weighted,
        )
        self.warning = make_detectors(trees if has_warning else 0, delta_warning)
        self.drift = make_detectors(trees, delta_drift)

    @property
    def backgrounds_begun(self) -> int:
        """Trees begun in the background so far."""
        return int(self.members.replaced[0])

    @property
    def trees_replaced(self) -> int:
        """Trees replaced so far."""
        return int(self.members.replaced[1])

    def run(self, tape: Tape, rows: Rows, weight: NDArray[np.float64] | None = None) -> None:
        """Run the steps in order; each row may count its own weight where it is learnt."""
        weight = np.ones(len(rows)) if weight is None else weight
        self.pools.check(tape, rows)
        step = 0
        while True:
            step = run_ensemble(
                tape.action,
                tape.row,
                step,
                rows.x,
                rows.y,
                weight,
                rows.output,
                self.pools.forest,
                self.members,
                self.warning,
                self.drift,
            )
            if step == len(tape):
                return
            self.pools.grow(2 * len(self.members.tree))

    def snapshot(self) -> State:
        """Return the whole state."""
        members = {name: getattr(self.members, name).copy() for name in _KEPT}
        return {
            "version": VERSION,
            **nest("members", members),
            **nest("warning", detectors_state(self.warning)),
            **nest("drift", detectors_state(self.drift)),
            **nest("trees", self.pools.snapshot()),
        }

    def restore(self, state: State) -> None:
        """Take over a snapshot of an ensemble with equal parameters."""
        if state["version"] != VERSION:
            raise ValueError(
                f"ensemble: snapshot version must be {VERSION}; got {state['version']!r}. "
                "Deploy the version that wrote it, or reset the checkpoint."
            )
        self.pools.restore(part("trees", state))
        members = part("members", state)
        for name in _KEPT:
            getattr(self.members, name)[:] = np.asarray(members[name])
        restore_detectors(self.warning, part("warning", state))
        restore_detectors(self.drift, part("drift", state))


_KEPT = ("tree", "background", "spare", "record", "errors", "waiting", "replaced")


def subspace_size(space: Space, share: float) -> int:
    """Return how many features a share of them is, at least one.

    Examples
    --------
    >>> from operators.base import Feature
    >>> subspace_size(Space(tuple(Feature(name) for name in "abcde"), n_classes=2), 0.6)
    3
    """
    if not 0.0 < share <= 1.0:
        raise ValueError(f"features: must be in (0, 1]; got {share!r}.")
    return max(1, math.floor(share * len(space.features) + 0.5))


def _check(trees: int, rate: float, delta_drift: float, delta_warning: float) -> None:
    if trees < 1:
        raise ValueError(f"trees: must be >= 1; got {trees!r}.")
    if not 0.0 < rate <= 100.0:
        raise ValueError(f"rate: must be in (0, 100]; got {rate!r}.")
    if not 0.0 < delta_drift < 1.0:
        raise ValueError(f"delta_drift: must be in (0, 1); got {delta_drift!r}.")
    if not 0.0 <= delta_warning < 1.0:
        raise ValueError(f"delta_warning: must be in [0, 1); got {delta_warning!r}.")
