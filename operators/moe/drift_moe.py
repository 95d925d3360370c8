"""DriftMoE-Data: Hoeffding trees behind a router that learns which of them are right."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from operators.base import Space
from operators.checks import check_choice, check_positive
from operators.kernels.mixture import (
    BATCH_FULL,
    NEEDS_LOGITS,
    NEEDS_ROOM,
    Mixture,
    run_mixture,
)
from operators.one import OneByOne
from operators.routers.base import Router
from operators.routers.compiled import CompiledMLPRouter, make_network
from operators.snapshot import State, nest, part
from operators.tape import Rows, Tape
from operators.trees.forest import LeafPrediction, TreeParams, TreePools

Combine = Literal["top1", "soft"]
RouterKind = Literal["compiled", "torch"]
VERSION = 2


class DriftMoE(OneByOne):
    """Mixture of Hoeffding trees; a neural router picks who answers and who learns [1]_.

    Each record goes to the experts that the router rates highest, so experts come to know
    different regions; the router itself is pushed towards every expert that was right. Prefer it
    where regions of the inputs behave differently; a single tree is ten times faster.

    Parameters
    ----------
    space
        Features and classes.
    seed
        Of the router's initial weights.
    experts
        Number of trees. Larger: finer division of labour, slower in proportion.
    top_k
        How many experts learn a record. Larger: experts learn faster and become more alike.
    grace_period, delta, tie_threshold, leaf_prediction, leaves_max
        Of each tree; see `operators.trees.hoeffding.HoeffdingTreeClassifier`.
    hidden
        Widths of the router's two hidden layers.
    router
        `compiled` or `torch`: who computes the router's training step. The mathematics is the
        same, the compiled one is faster; only their last digits and first weights differ. A
        snapshot fits the kind that it was made with. For another network see `use`.
    learning_rate
        Step size of the router's Adam.
    router_batch
        Records between two router updates. Smaller: follows a change sooner, costs more.
    standardise
        Give the router inputs of mean 0 and variance 1, as far as it has learnt them; the paper
        gives them raw. Worth it wherever features have different units.
    combine
        `top1`: the expert with the largest logit answers, as in the paper. `soft`: the experts'
        probabilities are averaged with weights softmax(logits / temperature).
    temperature
        Of `soft`. Larger: weights more equal.

    Notes
    -----
    Records are scored before they are learnt, always: the published curve of MoE-Data on LED lies
    above the best possible accuracy as long as there is no drift, which only training before
    scoring can do. The correctness mask uses the votes of the moment of prediction, which the
    trace carries to the label however late it comes. The paper's dropout is left out: in
    MoE-Data its logits are always computed in evaluation mode, so it is never active.

    Inference evaluates all trees, learning `top_k` of them.

    Examples
    --------
    >>> from operators.base import Feature, Space
    >>> space = Space((Feature("load"), Feature("price")), n_classes=2)
    >>> model = DriftMoE(space, experts=3, top_k=2, hidden=(8, 8), router_batch=16)
    >>> for i in range(200):
    ...     model.learn_one({"load": i % 10, "price": i % 7}, i % 10 > 4)
    >>> model.predict_one({"load": 2, "price": 0}), model.predict_one({"load": 7, "price": 0})
    (False, True)

    References
    ----------
    .. [1] DriftMoE: a mixture of experts approach to handle concept drifts, 2025,
       arXiv:2507.18464, method MoE-Data.
    """

    def __init__(
        self,
        space: Space,
        *,
        seed: int = 1,
        experts: int = 12,
        top_k: int = 3,
        grace_period: int = 50,
        delta: float = 1e-7,
        tie_threshold: float = 0.05,
        leaf_prediction: LeafPrediction = "naive_bayes_adaptive",
        leaves_max: int = 1000,
        router: RouterKind = "compiled",
        hidden: tuple[int, int] = (256, 128),
        learning_rate: float = 2e-3,
        router_batch: int = 256,
        standardise: bool = False,
        combine: Combine = "top1",
        temperature: float = 0.8,
    ) -> None:
        check_router(router, hidden, learning_rate, router_batch)
        _check(experts, top_k, combine, temperature)
        self.space = space
        self.seed = seed
        self._pools = TreePools(
            space,
            experts,
            TreeParams(
                grace_period=grace_period,
                delta=delta,
                tie_threshold=tie_threshold,
                leaf_prediction=leaf_prediction,
                leaves_max=leaves_max,
            ),
        )
        n_features = len(space.features)
        self.expert_names = tuple(f"tree_{k}" for k in range(experts))
        self._mixture = Mixture(
            inputs=np.zeros((router_batch, n_features), dtype=np.float32),
            masks=np.zeros((router_batch, experts), dtype=np.float32),
            filled=np.zeros(1, dtype=np.int64),
            moments=np.zeros((3, n_features)),
            input=np.zeros(n_features, dtype=np.float32),
            logits=np.zeros(experts, dtype=np.float32),
            probabilities=np.zeros((experts, space.n_classes)),
            top_k=top_k,
            is_standardised=standardise,
            is_soft=combine == "soft",
            temperature=float(temperature),
            is_asked=False,
        )
        self.use(
            _make_router(router, n_features, experts, hidden, learning_rate, router_batch, seed)
        )
        self.trace_width = 2 * experts + space.n_classes + (n_features if standardise else 0)

    def use(self, router: Router) -> None:
        """Put another router in place of the built-in one, before the first record.

        Examples
        --------
        >>> from torch import nn
        >>> from operators.base import Feature, Space
        >>> from operators.routers.module import TorchRouter
        >>> model = DriftMoE(Space((Feature("load"), Feature("price")), n_classes=2), experts=4)
        >>> model.use(TorchRouter(nn.Linear(2, 4)))
        """
        n_features, n_experts = self._mixture.inputs.shape[1], self._mixture.masks.shape[1]
        self._router = router
        self._mixture = self._mixture._replace(is_asked=router.network is None)
        # Kernels want weights even where they do not read them.
        self._no_network = make_network((n_features, 1, 1, n_experts), batch=0, seed=0)

    def run(self, tape: Tape, rows: Rows) -> None:
        """Run the steps in order; see `operators.base.Learner`."""
        self._pools.check(tape, rows)
        mixture = self._mixture
        step, has_logits = 0, False
        while step < len(tape):
            step, reason = run_mixture(
                tape.action,
                tape.row,
                step,
                has_logits,
                rows.x,
                rows.y,
                rows.output,
                rows.trace,
                self._pools.forest,
                self._router.network or self._no_network,
                mixture,
            )
            has_logits = reason == NEEDS_LOGITS
            if reason == NEEDS_LOGITS:
                self._router.logits(mixture.input, mixture.logits)
            elif reason == NEEDS_ROOM:
                self._pools.grow(mixture.top_k)
            elif reason == BATCH_FULL:
                self._router.learn(mixture.inputs, mixture.masks)
                mixture.filled[0] = 0

    def shares(self, rows: Rows) -> NDArray[np.float64]:
        """Return each expert's part in each predicted row's answer, (n_rows, n_experts)."""
        n_experts, n_classes = self._mixture.probabilities.shape
        at = n_experts + n_classes
        logits = rows.trace[:, at : at + n_experts]
        gaps = logits - logits.max(axis=1, keepdims=True)
        if self._mixture.is_soft:
            weights = np.exp(gaps / self._mixture.temperature)
            return np.asarray(weights / weights.sum(axis=1, keepdims=True))
        return np.asarray(np.eye(n_experts)[logits.argmax(axis=1)])

    def snapshot(self) -> State:
        """Return the whole state, the router's unfinished batch included."""
        mixture = self._mixture
        filled = int(mixture.filled[0])
        return {
            "version": VERSION,
            "inputs": mixture.inputs[:filled].copy(),
            "masks": mixture.masks[:filled].copy(),
            "moments": mixture.moments.copy(),
            **nest("trees", self._pools.snapshot()),
            **nest("router", self._router.snapshot()),
        }

    def restore(self, state: State) -> None:
        """Take over a snapshot of a mixture with equal parameters."""
        if state["version"] != VERSION:
            raise ValueError(
                f"DriftMoE: snapshot version must be {VERSION}; got {state['version']!r}. "
                "Deploy the version that wrote it, or reset the checkpoint."
            )
        mixture = self._mixture
        inputs, masks = np.asarray(state["inputs"]), np.asarray(state["masks"])
        if len(inputs) >= len(mixture.inputs):
            raise ValueError(
                f"DriftMoE: the snapshot's unfinished batch must be shorter than router_batch "
                f"{len(mixture.inputs)}; got {len(inputs)} rows. It was made with another."
            )
        self._pools.restore(part("trees", state))
        self._router.restore(part("router", state))
        mixture.inputs[: len(inputs)] = inputs
        mixture.masks[: len(masks)] = masks
        mixture.moments[:] = np.asarray(state["moments"])
        mixture.filled[0] = len(inputs)


def _make_router(
    kind: RouterKind,
    n_features: int,
    experts: int,
    hidden: tuple[int, int],
    learning_rate: float,
    batch: int,
    seed: int,
) -> Router:
    if kind == "compiled":
        return CompiledMLPRouter(
            n_features,
            experts,
            hidden=hidden,
            learning_rate=learning_rate,
            batch=batch,
            seed=seed,
        )
    # Late, because torch takes seconds to load.
    from operators.routers.module import torch_mlp

    return torch_mlp(n_features, experts, hidden=hidden, learning_rate=learning_rate, seed=seed)


def check_router(
    router: str, hidden: tuple[int, int], learning_rate: float, router_batch: int
) -> None:
    """Check a router's parameters; ValueError names the one that is wrong."""
    check_choice("router", router, RouterKind)
    if len(hidden) != 2 or min(hidden) < 1:
        raise ValueError(f"hidden: must be two widths >= 1; got {hidden!r}.")
    check_positive("learning_rate", learning_rate)
    if router_batch < 1:
        raise ValueError(f"router_batch: must be >= 1; got {router_batch!r}.")


def _check(experts: int, top_k: int, combine: str, temperature: float) -> None:
    if experts < 1:
        raise ValueError(f"experts: must be >= 1; got {experts!r}.")
    if not 1 <= top_k <= experts:
        raise ValueError(f"top_k: must be in [1, experts={experts}]; got {top_k!r}.")
    check_choice("combine", combine, Combine)
    check_positive("temperature", temperature)
