"""AdaptiveMoE: experts of different kinds, gated by what has been right of late."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from operators.base import Space, WeightedLearner
from operators.bayes.naive_bayes import NaiveBayes
from operators.checks import assert_rows, check_classifier
from operators.ensembles.ensemble import TreeEnsemble
from operators.kernels.dense import make_dense
from operators.kernels.ensemble import REPLACE_DRIFTED
from operators.kernels.gates import Batch, make_gates, run_gates, weigh_classes
from operators.linear.newton import NewtonRegression
from operators.moe.last_label import LastLabel
from operators.moe.turns import AllLearn, TopLearn, Turns
from operators.neighbours.nearest import NearestNeighbours
from operators.one import OneByOne
from operators.routers.compiled import CompiledMLPRouter
from operators.snapshot import State, copied, nest, part, refill
from operators.tape import Rows, Tape
from operators.trees.forest import TreeParams

VERSION = 2
MEMORY = (0.9, 0.99, 0.999)
"""What earlier log losses count at each label, in the gates that go by recent ones."""
CURVED_WIDTH = 48
"""Entries and waves of a record in the curved expert; half of them at least are waves."""
ROUTER_HIDDEN = (32, 16)
ROUTER_BATCH = 256


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
        Records among which neighbours are sought; see `operators.neighbours.nearest`. Where
        records have categories alone, a fifth of it: many are equal there, and more say no more.
    neighbours
        Number of neighbours that vote.
    balance
        0: every record counts alike, which is best for accuracy. 1: every class counts alike,
        which finds rare classes. In between: in between.
    top_k
        0: all experts learn every record. Otherwise only so many do for the next 1,024 labels,
        those that counted most in the answers to the last 1,024, with one of the others in turn
        and the last label; all still answer. Worth it with many trees only, see Notes.
    delta_drift, delta_warning
        Significance of the ADWINs that replace a tree and that start one in the background.
    grace_period, delta, leaves_max
        Of each tree; see `operators.trees.hoeffding.HoeffdingTreeClassifier`. A record weighs 6 on
        average, so a leaf tries to split about every 33 records, and a new one four times as soon:
        after a drift trees begin anew, and what is clear is split on at once.

    Notes
    -----
    Experts: `trees` Hoeffding trees bagged with Poisson(6) weights and replaced on drift, naive
    Bayes forgetting over about 100 and 1,000 records, softmax regression by large gradient
    steps and by Newton's (open to change after a drift), the nearest of the last `window`
    records, the last label known and, where records have numbers and fewer than 24 entries,
    Newton's regression on random waves of them, whose boundaries curve. Gates: see
    `operators.kernels.gates`. A gate's score is its share of right answers over about 1,000
    records; the gate of the highest score answers. On a stream without autocorrelation the last
    label never gets a share; with labels that come late it is the last label known at
    prediction that counts, so it loses its share when that says little.

    What `top_k` saves is learning; answering, which is most of what neighbours cost, stays, so that
    little is saved but with many trees. Means of three seeds on electricity (45,312 records) and
    LED with abrupt drifts (50,000), against all learning: `top_k` 1 had 0.3 and 0.2 points of
    accuracy less at 1.4 and 1.2 times the records/s; `top_k` 2 had 0.1 more and the same at 1.0 and
    1.0 times; with 20 trees `top_k` 1 had 0.1 more and 0.1 less at 1.0 and 1.7 times. By `driftgate
    bench learners --streams electricity,led_abrupt --records 50000 --seeds 3 --peers none
    --models "adaptive_moe, adaptive_moe{top_k=1}, ..."`.

    Experts do not depend on the gates but for who learns, so each runs a tape by itself (with
    `top_k`, up to the next decision), and the gates follow. The trees judge themselves when a label
    arrives, on the trees of that moment; the gates are judged on what they said at prediction.

    References
    ----------
    .. [1] Jacobs et al., 1991, Adaptive mixtures of local experts, Neural Computation 3.
       DOI 10.1162/neco.1991.3.1.79.
    .. [2] Raftery, Karny and Ettler, 2010, Online prediction under model uncertainty via dynamic
       model averaging, Technometrics 52. DOI 10.1198/TECH.2009.08104.
    """

    def __init__(
        self,
        space: Space,
        *,
        seed: int = 1,
        trees: int = 4,
        window: int = 1000,
        neighbours: int = 7,
        balance: float = 0.0,
        top_k: int = 0,
        delta_drift: float = 1e-3,
        delta_warning: float = 1e-2,
        grace_period: int = 200,
        delta: float = 0.01,
        leaves_max: int = 1000,
    ) -> None:
        check_classifier(space)
        if not 0.0 <= balance <= 1.0:
            raise ValueError(f"balance: must be in [0, 1]; got {balance!r}.")
        self.space = space
        self.seed = seed
        self._balance = float(balance)
        self._dense = make_dense(space, memory=1000.0)
        entries = len(self._dense.vector) - 1
        has_numbers = any(not feature.capacity for feature in space.features)
        window = window if has_numbers else window // 5 or window
        params = TreeParams(
            grace_period,
            delta,
            0.05,
            "naive_bayes_adaptive",
            leaves_max,
            nominal_split="binary",
            grace_first=max(grace_period // 4, 1),
        )
        self._experts: dict[str, WeightedLearner] = {
            "forest": TreeEnsemble(
                space,
                seed,
                trees=trees,
                params=params,
                view_of="forest",
                subspace=0,
                rate=6.0,
                delta_drift=delta_drift,
                delta_warning=delta_warning,
                response=REPLACE_DRIFTED,
                weighted=True,
            ),
            "bayes_fast": NaiveBayes(space, forgetting=0.99),
            "bayes_slow": NaiveBayes(space, forgetting=0.999),
            "linear_fast": NewtonRegression(space, decay=0.0, rate=0.05),
            "linear_slow": NewtonRegression(space),
            "neighbours": NearestNeighbours(space, neighbours=neighbours, window=window),
            "last_label": LastLabel(space),
        }
        if entries < CURVED_WIDTH // 2 and has_numbers:
            self._experts["curved"] = NewtonRegression(
                space, seed=seed, decay=0.999, width=CURVED_WIDTH
            )
        self.expert_names = tuple(self._experts)
        self._turns = _turns(top_k, self.expert_names)
        n_classes, n_experts = space.n_classes, len(self._experts)
        self._counts = np.zeros(n_classes)
        self._router = CompiledMLPRouter(
            entries, n_experts, hidden=ROUTER_HIDDEN, batch=ROUTER_BATCH, seed=seed
        )
        self._gates = make_gates(n_experts, n_classes, MEMORY, pool_rate=0.003, score_rate=0.001)
        self._batch = Batch(
            inputs=np.zeros((ROUTER_BATCH, entries), dtype=np.float32),
            masks=np.zeros((ROUTER_BATCH, n_experts), dtype=np.float32),
            filled=np.zeros(1, dtype=np.int64),
            input=np.zeros(entries, dtype=np.float32),
        )
        self._arrays = {
            "counts": self._counts,
            "statistics": self._dense.statistics,
            **{name: getattr(self._batch, name) for name in ("inputs", "masks", "filled")},
            **{name: getattr(self._gates, name) for name in ("pool", "squares", "recent", "score")},
            **self._turns.arrays,
        }
        # The gates' notes, the gate believed and the shares; then what experts have to remember.
        gates_width = n_experts * n_classes + len(self._gates.score) + 2 * n_experts + 1
        self._shares = slice(gates_width - n_experts, gates_width)
        self._traces: dict[str, slice] = {}
        self.trace_width = gates_width
        for name, expert in self._experts.items():
            self._traces[name] = slice(self.trace_width, self.trace_width + expert.trace_width)
            self.trace_width += expert.trace_width

    def run(self, tape: Tape, rows: Rows) -> None:
        """Run the steps in order; see `operators.base.Learner`."""
        assert_rows(self.space, tape, rows)
        weight = np.ones(len(rows))
        if self._balance > 0.0:
            weigh_classes(tape.action, tape.row, rows.y, self._counts, self._balance, weight)
        for piece in self._turns.pieces(tape):
            low, high = int(piece.row.min()), int(piece.row.max()) + 1
            x, y, output, trace = rows.x, rows.y, rows.output, rows.trace
            part_of = Rows(x[low:high], y[low:high], output[low:high], trace[low:high])
            self._run_piece(Tape(piece.action, piece.row - low), part_of, weight[low:high])

    def _run_piece(self, tape: Tape, rows: Rows, weight: NDArray[np.float64]) -> None:
        """Run steps in which the same experts learn."""
        said = np.zeros((len(self._experts), *rows.output.shape))
        for k, (name, expert) in enumerate(self._experts.items()):
            trace = rows.trace[:, self._traces[name]].copy()
            steps = self._turns.of_expert(k, tape)
            expert.run(steps, Rows(rows.x, rows.y, said[k], trace), weight)
            rows.trace[:, self._traces[name]] = trace
        run_gates(
            tape.action,
            tape.row,
            rows.x,
            rows.y,
            weight,
            said,
            rows.output,
            rows.trace,
            self._gates,
            self._dense,
            self._router.network,
            self._router.training,
            self._batch,
        )
        self._turns.count(tape, rows.trace[:, self._shares])

    def shares(self, rows: Rows) -> NDArray[np.float64]:
        """Return (n_rows, n_experts), what each expert counted in each answer."""
        return rows.trace[:, self._shares].copy()

    def snapshot(self) -> State:
        """Return the whole state."""
        state = copied(VERSION, self._arrays)
        for name, expert in self._experts.items():
            state |= nest(name, expert.snapshot())
        return state | nest("router", self._router.snapshot())

    def restore(self, state: State) -> None:
        """Take over a snapshot of a mixture with equal parameters."""
        refill("adaptive_moe", VERSION, self._arrays, state)
        for name, expert in self._experts.items():
            expert.restore(part(name, state))
        self._router.restore(part("router", state))


def _turns(top_k: int, experts: tuple[str, ...]) -> Turns:
    # The last label costs nothing to learn, and says nothing if it is another one.
    top_k_max = len(experts) - 2
    if not 0 <= top_k <= top_k_max:
        raise ValueError(f"top_k: must be in 0 .. {top_k_max}; got {top_k!r}.")
    return TopLearn(len(experts), top_k, experts.index("last_label")) if top_k else AllLearn()
