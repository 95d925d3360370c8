"""AdaptiveMoE: experts of different kinds, gated by what has been right of late."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from operators.base import Space
from operators.bayes.naive_bayes import NaiveBayes
from operators.ensembles.ensemble import (
    TreeEnsemble,
    detectors_state,
    make_detectors,
    restore_detectors,
)
from operators.kernels.adaptive_mixture import (
    AFTER_GATES,
    CLOCK,
    EXPERTS,
    Batch,
    Experts,
    Followers,
    run_adaptive,
)
from operators.kernels.dense import make_dense
from operators.kernels.ensemble import REPLACE_DRIFTED
from operators.kernels.gates import make_gates
from operators.kernels.neighbours import make_neighbours
from operators.kernels.newton import make_linear
from operators.one import OneByOne
from operators.routers.compiled import CompiledMLPRouter
from operators.snapshot import State, nest, part
from operators.tape import Rows, Tape
from operators.trees.forest import TreeParams

VERSION = 1
MEMORY = (0.9, 0.99, 0.999)
"""What earlier log losses count at each label, in the gates that go by recent ones."""
NEWTON_WIDTH_MAX = 64
"""Above it the sure linear model takes gradient steps: Newton's cost the square of the width."""
CELLS_MAX, WINDOW_MIN = 32768, 100
"""The window of neighbours shrinks with the number of entries, so that it stays in the cache."""


class AdaptiveMoE(OneByOne):
    """Mixture of unlike experts, of which those are believed that have been right of late.

    The default: no single kind of model is best on every stream, nor on one stream at all times.

    Parameters
    ----------
    space
        Features and classes.
    seed
        Of record weights and of the router's initial weights.
    trees
        Bagged trees in the expert called forest. More: better on wide tables, slower.
    window
        Records among which the neighbours are sought (fewer where there are many features).
        Larger: better while nothing changes, slower.
    neighbours
        Number of neighbours that vote.
    balance
        0: every record counts alike, which is best for accuracy. 1: every class counts alike,
        which finds rare classes. In between: in between.
    delta_drift, delta_warning
        Significance of the ADWINs that replace a tree and that start one in the background.
    grace_period, delta, leaves_max
        Of each tree; see `operators.trees.hoeffding.HoeffdingTreeClassifier`.

    Notes
    -----
    Experts: `trees` Hoeffding trees bagged with Poisson(6) weights and replaced on drift, naive
    Bayes forgetting over about 100 and 1,000 records, softmax regression by large gradient steps
    and by Newton's (open to change after a drift), the nearest of the last `window` records, and
    the last label known. Gates: see `operators.kernels.gates`. A gate's score is its share of right
    answers over about 1,000 records; the gate of the highest score answers. On a stream without
    autocorrelation the last label never gets a share; with labels that come late, it is the last
    label known at prediction that counts, so it loses its share when that says little.

    The trees judge themselves when a label arrives, on the trees of that moment; the gates are
    judged on what they said at prediction.

    References
    ----------
    .. [1] Jacobs et al., 1991, Adaptive mixtures of local experts, Neural Computation 3.
       DOI 10.1162/neco.1991.3.1.79.
    .. [2] Raftery, Karny and Ettler, 2010, Online prediction under model uncertainty via dynamic
       model averaging, Technometrics 52. DOI 10.1198/TECH.2009.08104.
    """

    expert_names = EXPERTS

    def __init__(
        self,
        space: Space,
        *,
        seed: int = 1,
        trees: int = 4,
        window: int = 1000,
        neighbours: int = 7,
        balance: float = 0.0,
        delta_drift: float = 1e-3,
        delta_warning: float = 1e-2,
        grace_period: int = 50,
        delta: float = 0.01,
        leaves_max: int = 1000,
    ) -> None:
        _check(window, neighbours, balance)
        self.space = space
        self.seed = seed
        n_classes, n_experts = space.n_classes, len(EXPERTS)
        self._forest = TreeEnsemble(
            space,
            seed,
            trees=trees,
            params=TreeParams(grace_period, delta, 0.05, "naive_bayes_adaptive", leaves_max),
            view_of="forest",
            subspace=0,
            rate=6.0,
            delta_drift=delta_drift,
            delta_warning=delta_warning,
            response=REPLACE_DRIFTED,
            weighted=True,
        )
        self._bayes_fast = NaiveBayes(space, forgetting=0.99)
        self._bayes_slow = NaiveBayes(space, forgetting=0.999)
        capacities = np.array([feature.capacity for feature in space.features], dtype=np.int64)
        dense = make_dense(capacities, memory=1000.0)
        width = len(dense.vector)
        is_wide = width > NEWTON_WIDTH_MAX
        length = max(min(window, CELLS_MAX // width), min(window, WINDOW_MIN))
        self._router = CompiledMLPRouter(
            width - 1, n_experts, hidden=(64, 32), batch=256, seed=seed
        )
        self._experts = Experts(
            forest=self._forest.pools.forest,
            members=self._forest.members,
            warning=self._forest.warning,
            drift=self._forest.drift,
            dense=dense,
            bayes_fast=self._bayes_fast.kernel,
            bayes_slow=self._bayes_slow.kernel,
            linear_fast=make_linear(n_classes, width, rate=0.05, decay=0.0),
            linear_slow=make_linear(n_classes, width, rate=0.01, decay=0.0 if is_wide else 0.9999),
            linear_drift=make_detectors(1, 0.05),
            neighbours=make_neighbours(width - 1, length, neighbours),
            followers=Followers(
                follows=np.zeros((n_classes, n_classes)),
                last=np.full(1, -1, dtype=np.int64),
                errors=np.zeros(CLOCK),
                waiting=np.zeros(1, dtype=np.int64),
                counts=np.zeros(n_classes),
                balance=float(balance),
            ),
            network=self._router.network,
            training=self._router.training,
            batch=Batch(
                inputs=np.zeros((256, width - 1), dtype=np.float32),
                masks=np.zeros((256, n_experts), dtype=np.float32),
                filled=np.zeros(1, dtype=np.int64),
                input=np.zeros(width - 1, dtype=np.float32),
            ),
            gates=make_gates(n_experts, n_classes, MEMORY, pool_rate=0.003, score_rate=0.001),
        )
        self._shares_at = n_experts * n_classes + len(self._experts.gates.score)
        self._shares_at += n_experts + AFTER_GATES
        self.trace_width = self._shares_at + n_experts

    def run(self, tape: Tape, rows: Rows) -> None:
        """Run the steps in order; see `operators.base.Learner`."""
        pools = self._forest.pools
        pools.check(tape, rows)
        step = 0
        while True:
            self._experts = self._experts._replace(forest=pools.forest)
            step = run_adaptive(
                tape.action, tape.row, step, rows.x, rows.y, rows.output, rows.trace, self._experts
            )
            if step == len(tape):
                return
            pools.grow(2 * len(self._forest.members.tree))

    def shares(self, rows: Rows) -> NDArray[np.float64]:
        """Return (n_rows, n_experts), what each expert counted in each answer."""
        return rows.trace[:, self._shares_at :].copy()

    def _arrays(self) -> dict[str, NDArray[np.generic]]:
        """Whatever is state and is not kept by a part that keeps itself."""
        experts = self._experts
        return {
            "statistics": experts.dense.statistics,
            "linear_fast": experts.linear_fast.weights,
            "linear_slow": experts.linear_slow.weights,
            "curvature": experts.linear_slow.curvature,
            "window": experts.neighbours.window,
            "labels": experts.neighbours.label,
            "votes": experts.neighbours.weight,
            "count": experts.neighbours.count,
            "follows": experts.followers.follows,
            "last": experts.followers.last,
            "errors": experts.followers.errors,
            "waiting": experts.followers.waiting,
            "counts": experts.followers.counts,
            "inputs": experts.batch.inputs,
            "masks": experts.batch.masks,
            "filled": experts.batch.filled,
            "pool": experts.gates.pool,
            "squares": experts.gates.squares,
            "recent": experts.gates.recent,
            "score": experts.gates.score,
        }

    def snapshot(self) -> State:
        """Return the whole state."""
        return {
            "version": VERSION,
            **nest("forest", self._forest.snapshot()),
            **nest("bayes_fast", self._bayes_fast.snapshot()),
            **nest("bayes_slow", self._bayes_slow.snapshot()),
            **nest("router", self._router.snapshot()),
            **nest("linear_drift", detectors_state(self._experts.linear_drift)),
            **nest("mixture", {name: array.copy() for name, array in self._arrays().items()}),
        }

    def restore(self, state: State) -> None:
        """Take over a snapshot of a mixture with equal parameters."""
        if state["version"] != VERSION:
            raise ValueError(
                f"AdaptiveMoE: snapshot version must be {VERSION}; got {state['version']!r}. "
                "Deploy the version that wrote it, or reset the checkpoint."
            )
        kept = part("mixture", state)
        for name, array in self._arrays().items():
            theirs = np.asarray(kept[name])
            if theirs.shape != array.shape or theirs.dtype != array.dtype:
                raise ValueError(
                    f"AdaptiveMoE: `{name}` of the snapshot must be {array.dtype} {array.shape}; "
                    f"got {theirs.dtype} {theirs.shape}. It was made with other parameters, "
                    "features or classes."
                )
        self._forest.restore(part("forest", state))
        self._bayes_fast.restore(part("bayes_fast", state))
        self._bayes_slow.restore(part("bayes_slow", state))
        self._router.restore(part("router", state))
        restore_detectors(self._experts.linear_drift, part("linear_drift", state))
        for name, array in self._arrays().items():
            array[:] = np.asarray(kept[name])


def _check(window: int, neighbours: int, balance: float) -> None:
    if window < 1:
        raise ValueError(f"window: must be >= 1; got {window!r}.")
    if not 1 <= neighbours <= 100:
        raise ValueError(f"neighbours: must be in [1, 100]; got {neighbours!r}.")
    if not 0.0 <= balance <= 1.0:
        raise ValueError(f"balance: must be in [0, 1]; got {balance!r}.")
