"""DriftMoE-Task: one binary tree a class, and a network over the classes."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from operators.base import Space
from operators.checks import assert_rows, check_choice, check_classifier
from operators.kernels.task_mixture import TaskMixture, run_task_mixture
from operators.moe.drift_moe import check_router
from operators.one import OneByOne
from operators.routers.compiled import CompiledMLPRouter
from operators.snapshot import State, nest, part
from operators.tape import Rows, Tape
from operators.trees.forest import LeafPrediction, TreeParams, TreePools

Variant = Literal["expert", "paper"]
VERSION = 1
PAPER_HIDDEN, PAPER_DROPOUT = (256, 128), 0.2


class DriftMoETask(OneByOne):
    """One binary Hoeffding tree a class beside a network that is trained on the classes [1]_.

    Prefer it to `drift_moe` where few classes lie in regions that a network follows better than
    trees do, as moving clouds; with many classes it costs a tree for each.

    Parameters
    ----------
    space
        Features and classes.
    seed
        Of the network's initial weights, and of the dropout.
    variant
        `expert` (ours): trees and network answer together, with probabilities
        softmax(z_c + log(p_c / (1 - p_c))) for the network's z and the trees' p, and the network
        learns the cross entropy of that answer: what the trees leave open. It sees standardised
        features and what the trees believe. `paper`: the network answers alone, as published.
    grace_period, delta, tie_threshold, leaf_prediction, leaves_max
        Of each tree; see `operators.trees.hoeffding.HoeffdingTreeClassifier`.
    hidden
        Widths of the network's two hidden layers, of `expert`; `paper` has 256 and 128.
    learning_rate
        Step size of the network's Adam.
    router_batch
        Records between two steps of the network, of `expert`; `paper` takes one a record, which
        is most of its cost. Smaller: follows a change sooner, costs more.
    belief_min
        Of `expert`: a tree's probability counts as no less than this and no more than 1 minus
        it. Larger: the network finds it easier to overrule a tree that is sure.

    Notes
    -----
    `paper` follows the published loop: raw inputs, dropout of 0.2 after the first layer, active
    also when predicting, and one Adam step a record on the mean BCE against the one-hot class
    (which the published correctness mask always comes down to). Its trees learn and are never
    asked: they change no answer. Probabilities are the network's sigmoids, made to sum to 1.

    A dropout mask is drawn from the seed, the number of records learnt and the record's values,
    so predicting changes no state; the trace carries its key to the label.

    Predicting costs the network, and with `expert` all trees; learning all trees.

    Examples
    --------
    >>> from operators.base import Feature, Space
    >>> space = Space((Feature("load"), Feature("price")), n_classes=2)
    >>> model = DriftMoETask(space, hidden=(8, 8), router_batch=4)
    >>> for i in range(200):
    ...     model.learn_one({"load": i % 10, "price": i % 7}, i % 10 > 4)
    >>> model.predict_one({"load": 2, "price": 0}), model.predict_one({"load": 7, "price": 0})
    (False, True)

    References
    ----------
    .. [1] DriftMoE: a mixture of experts approach to handle concept drifts, 2025,
       arXiv:2507.18464, method MoE-Task.
    """

    def __init__(
        self,
        space: Space,
        *,
        seed: int = 1,
        variant: Variant = "expert",
        grace_period: int = 50,
        delta: float = 1e-7,
        tie_threshold: float = 0.05,
        leaf_prediction: LeafPrediction = "naive_bayes_adaptive",
        leaves_max: int = 1000,
        hidden: tuple[int, int] = (64, 32),
        learning_rate: float = 2e-3,
        router_batch: int = 1,
        belief_min: float = 0.1,
    ) -> None:
        check_router("compiled", hidden, learning_rate, router_batch)
        check_classifier(space)
        check_choice("variant", variant, Variant)
        if not 0.0 < belief_min < 0.5:
            raise ValueError(f"belief_min: must be in (0, 0.5); got {belief_min!r}.")
        self.space = space
        self.seed = seed
        self._pools = TreePools(
            replace(space, n_classes=2, classes=()),
            space.n_classes,
            TreeParams(
                grace_period=grace_period,
                delta=delta,
                tie_threshold=tie_threshold,
                leaf_prediction=leaf_prediction,
                leaves_max=leaves_max,
            ),
        )
        is_expert = variant == "expert"
        n_features, n_classes = len(space.features), space.n_classes
        n_inputs = n_features + n_classes if is_expert else n_features
        batch, hidden = (router_batch, hidden) if is_expert else (1, PAPER_HIDDEN)
        self._router = CompiledMLPRouter(
            n_inputs,
            n_classes,
            hidden=hidden,
            learning_rate=learning_rate,
            batch=batch,
            seed=seed,
        )
        self._mixture = TaskMixture(
            inputs=np.zeros((batch, n_inputs), dtype=np.float32),
            targets=np.zeros((batch, n_classes), dtype=np.float32),
            filled=np.zeros(1, dtype=np.int64),
            learnt=np.zeros(1, dtype=np.int64),
            moments=np.zeros((3, n_features)),
            input=np.zeros(n_inputs, dtype=np.float32),
            logits=np.zeros(n_classes, dtype=np.float32),
            belief=np.zeros(2),
            scores=np.zeros(n_classes),
            random=np.zeros(1, dtype=np.uint64),
            seed=seed,
            dropout=PAPER_DROPOUT,
            asks_experts=is_expert,
            belief_min=float(belief_min),
        )
        self.expert_names = tuple(f"class_{c}" for c in range(n_classes))
        self.trace_width = n_classes + n_features if is_expert else 1

    def run(self, tape: Tape, rows: Rows) -> None:
        """Run the steps in order; see `operators.base.Learner`."""
        assert_rows(self.space, tape, rows)
        step = 0
        while True:
            step = run_task_mixture(
                tape.action,
                tape.row,
                step,
                rows.x,
                rows.y,
                rows.output,
                rows.trace,
                self._pools.forest,
                self._router.network,
                self._router.training,
                self._mixture,
            )
            if step == len(tape):
                return
            self._pools.grow(self.space.n_classes)

    def shares(self, rows: Rows) -> NDArray[np.float64]:
        """Return each expert's part in each predicted row's answer, (n_rows, n_experts).

        An expert speaks for one class, so its part is what the answer gives that class.
        """
        return rows.output.copy()

    def snapshot(self) -> State:
        """Return the whole state, the network's unfinished batch included."""
        mixture = self._mixture
        filled = int(mixture.filled[0])
        return {
            "version": VERSION,
            "variant": self._variant,
            "inputs": mixture.inputs[:filled].copy(),
            "targets": mixture.targets[:filled].copy(),
            "learnt": mixture.learnt.copy(),
            "moments": mixture.moments.copy(),
            **nest("trees", self._pools.snapshot()),
            **nest("router", self._router.snapshot()),
        }

    def restore(self, state: State) -> None:
        """Take over a snapshot of a mixture with equal parameters."""
        if state["version"] != VERSION:
            raise ValueError(
                f"DriftMoETask: snapshot version must be {VERSION}; got {state['version']!r}. "
                "Deploy the version that wrote it, or reset the checkpoint."
            )
        if state["variant"] != self._variant:
            raise ValueError(
                f"DriftMoETask: the snapshot's variant must be {self._variant!r}; got "
                f"{state['variant']!r}. Set `variant` to it, or reset the checkpoint."
            )
        mixture = self._mixture
        filled = len(np.asarray(state["inputs"]))
        if filled >= len(mixture.inputs):
            raise ValueError(
                f"DriftMoETask: the snapshot's unfinished batch must be shorter than router_batch "
                f"{len(mixture.inputs)}; got {filled} rows. It was made with another."
            )
        self._pools.restore(part("trees", state))
        self._router.restore(part("router", state))
        mixture.inputs[:filled] = np.asarray(state["inputs"])
        mixture.targets[:filled] = np.asarray(state["targets"])
        mixture.learnt[:] = np.asarray(state["learnt"])
        mixture.moments[:] = np.asarray(state["moments"])
        mixture.filled[0] = filled

    @property
    def _variant(self) -> Variant:
        return "expert" if self._mixture.asks_experts else "paper"
