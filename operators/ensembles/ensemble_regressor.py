"""What the ensembles of regression trees share: their state, and how they run, keep, restore it."""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np

from operators.base import Space
from operators.ensembles.ensemble import detectors_state, make_detectors, restore_detectors
from operators.kernels.random import poisson_table
from operators.kernels.regression_ensemble import Members, run_members
from operators.kernels.regression_tree import TRACE
from operators.one import ValueOneByOne
from operators.snapshot import State, nest, part
from operators.tape import Rows, Tape
from operators.trees.regression_pools import RegressionPools, TreeSettings

Aggregation = Literal["mean", "weighted"]
VERSION = 1
_KEPT = ("has_background", "squares", "replaced")


class TreeEnsembleRegressor(ValueOneByOne):
    """State of an ensemble; the learners of this folder say what theirs is made of.

    Parameters
    ----------
    space, seed
        As for every learner.
    trees
        Members.
    settings
        Of each member's tree.
    subspace
        Who draws the features that a leaf looks at; see
        `operators.trees.regression_pools.RegressionPools`.
    subspace_size
        How many features a leaf looks at.
    rate
        Mean weight of a record, which follows a Poisson law.
    delta_drift
        Of the ADWIN whose alarms replace a tree.
    delta_warning
        Of the ADWIN whose alarms start a tree in the background; 0 for none.
    response
        `operators.kernels.ensemble.REPLACE_DRIFTED` or `RESET_WORST`.
    aggregation
        `mean` of the members' answers, or `weighted` by the inverse of their squared errors.
    """

    def __init__(
        self,
        space: Space,
        seed: int,
        *,
        trees: int,
        settings: TreeSettings,
        subspace: int,
        subspace_size: int,
        rate: float,
        delta_drift: float,
        delta_warning: float,
        response: int,
        aggregation: Aggregation,
    ) -> None:
        _check(trees, rate, delta_drift, delta_warning, aggregation)
        self.space = space
        self.seed = seed
        self.trace_width = TRACE * trees + 1
        has_warning = delta_warning > 0.0
        self._pools = RegressionPools(
            space,
            2 * trees if has_warning else trees,
            settings,
            n_planted=trees,
            subspace=subspace,
            subspace_size=subspace_size,
            seed=seed,
        )
        self._members = Members(
            has_background=np.zeros(trees, dtype=np.uint8),
            squares=np.full(trees, np.nan),
            replaced=np.zeros(2, dtype=np.int64),
            poisson=poisson_table(rate),
            untraced=np.zeros(TRACE),
            error=np.zeros(1),
            response=response,
            has_warning=has_warning,
            is_weighted=aggregation == "weighted",
        )
        self._warning = make_detectors(trees if has_warning else 0, delta_warning)
        self._drift = make_detectors(trees, delta_drift)

    @property
    def backgrounds_begun(self) -> int:
        """Trees begun in the background so far."""
        return int(self._members.replaced[0])

    @property
    def trees_replaced(self) -> int:
        """Trees replaced so far."""
        return int(self._members.replaced[1])

    def run(self, tape: Tape, rows: Rows) -> None:
        """Run the steps in order; see `operators.base.Learner`."""
        self._pools.check(tape, rows)
        step = 0
        while True:
            step = run_members(
                tape.action,
                tape.row,
                step,
                rows.x,
                rows.y,
                rows.output,
                rows.trace,
                self._pools.forest,
                self._members,
                self._warning,
                self._drift,
            )
            if step == len(tape):
                return
            self._pools.grow(4 * len(self._members.squares))

    def snapshot(self) -> State:
        """Return the whole state."""
        members = {name: getattr(self._members, name).copy() for name in _KEPT}
        return {
            "version": VERSION,
            **nest("members", members),
            **nest("warning", detectors_state(self._warning)),
            **nest("drift", detectors_state(self._drift)),
            **nest("trees", self._pools.snapshot()),
        }

    def restore(self, state: State) -> None:
        """Take over a snapshot of an ensemble with equal parameters."""
        if state["version"] != VERSION:
            raise ValueError(
                f"ensemble: snapshot version must be {VERSION}; got {state['version']!r}. "
                "Deploy the version that wrote it, or reset the checkpoint."
            )
        self._pools.restore(part("trees", state))
        members = part("members", state)
        for name in _KEPT:
            getattr(self._members, name)[:] = np.asarray(members[name])
        restore_detectors(self._warning, part("warning", state))
        restore_detectors(self._drift, part("drift", state))


def _check(
    trees: int, rate: float, delta_drift: float, delta_warning: float, aggregation: str
) -> None:
    if trees < 1:
        raise ValueError(f"trees: must be >= 1; got {trees!r}.")
    if not 0.0 < rate <= 100.0:
        raise ValueError(f"rate: must be in (0, 100]; got {rate!r}.")
    if not 0.0 < delta_drift < 1.0:
        raise ValueError(f"delta_drift: must be in (0, 1); got {delta_drift!r}.")
    if not 0.0 <= delta_warning < 1.0:
        raise ValueError(f"delta_warning: must be in [0, 1); got {delta_warning!r}.")
    if aggregation not in get_args(Aggregation):
        raise ValueError(
            f"aggregation: must be one of {', '.join(get_args(Aggregation))}; got {aggregation!r}."
        )
