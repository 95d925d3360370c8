"""Bayesian mixture of any learners by log loss, with fixed share."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from operators.base import Learner, Space
from operators.catalog import LEARNERS, create_learner, must_be_one_of
from operators.kernels.fixed_share import run_fixed_share
from operators.one import OneByOne
from operators.snapshot import State, nest, part
from operators.tape import Rows, Tape

NAME = "bayesian_mixture"
EXPERTS = (
    "hoeffding_tree",
    "naive_bayes",
    "logistic_regression",
    "adaptive_random_forest",
    "drift_moe_task",
)
"""By default: two that are slow to change, a linear one, and two that follow changes."""
VERSION = 1


class BayesianMixture(OneByOne):
    """Mean of different learners' probabilities, weighted by how well each foretold the truth [1]_.

    Prefer it where nobody knows which learner suits the stream, or where that changes: in log
    loss it is never behind the best of them by more than the guarantee below, whatever the
    stream does. It costs the sum of its experts.

    Parameters
    ----------
    space
        Features and classes.
    seed
        The first expert's; each following one gets the next number.
    experts
        Names of the catalogue's learners, each with its default parameters. A name may come
        twice, which makes sense for those that use their seed.
    alpha
        Part of each weight that is shared out among all experts after each label; about one over
        the number of records between changes of the best expert. Larger: follows changes sooner,
        settles less. With 0 it is Bayes' rule.
    floor
        Part of each expert's answer that is uniform over the classes. An expert that gives the
        truth probability 0 would otherwise lose all weight at once. Larger: less is risked on a
        sure expert, less is gained.

    Notes
    -----
    With K experts, C classes and labels that come before the next prediction, the cumulative log
    loss over T records is at most that of any sequence of experts with m changes, plus

        ln K + m ln(K / alpha) + (T - 1 - m) ln(1 / (1 - alpha)),

    where experts' answers count with the floor; against one expert and with alpha 0 that is
    ln K, for any stream. The floor costs an expert at most ln(1 / (1 - floor)) a record, and
    limits any record's loss to ln(C / floor). Where labels come late the weights are those of
    the labels known at the prediction, and the guarantee does not hold.

    Experts learn every record and know nothing of the mixture. It is made for classes only: a
    value would need densities, which learners do not give.

    Examples
    --------
    >>> from operators.base import Feature, Space
    >>> space = Space((Feature("load"),), n_classes=2)
    >>> model = BayesianMixture(space, experts=("hoeffding_tree", "naive_bayes"))
    >>> for i in range(300):
    ...     model.learn_one({"load": i % 10}, i % 10 > 4)
    >>> model.predict_one({"load": 2}), model.predict_one({"load": 7})
    (False, True)

    References
    ----------
    .. [1] Herbster and Warmuth, 1998, Tracking the best expert, Machine Learning 32,
       DOI 10.1023/A:1007424614876 (fixed share; for log loss with learning rate 1).
    """

    def __init__(
        self,
        space: Space,
        *,
        seed: int = 1,
        experts: tuple[str, ...] = EXPERTS,
        alpha: float = 1e-2,
        floor: float = 1e-3,
    ) -> None:
        _check(space, experts, alpha, floor)
        self.space = space
        self.seed = seed
        self.alpha = float(alpha)
        self.floor = float(floor)
        self.expert_names = _distinct(experts)
        self._experts = tuple(_expert(name, space, seed + k) for k, name in enumerate(experts))
        self._log_weights = np.full(len(experts), -math.log(len(experts)))
        widths = [expert.trace_width for expert in self._experts]
        # A row's trace: each expert's trace | each expert's answer | each expert's weight.
        self._answers = sum(widths)
        self._weights = self._answers + len(experts) * space.n_classes
        self._traces = [slice(sum(widths[:k]), sum(widths[: k + 1])) for k in range(len(widths))]
        self.trace_width = self._weights + len(experts)

    def run(self, tape: Tape, rows: Rows) -> None:
        """Run the steps in order; see `operators.base.Learner`."""
        for expert, trace, answer in zip(
            self._experts, self._traces, self._answer_columns(), strict=True
        ):
            # Copies, because learners' kernels are compiled for contiguous rows.
            own = Rows(rows.x, rows.y, rows.trace[:, answer].copy(), rows.trace[:, trace].copy())
            expert.run(tape, own)
            rows.trace[:, answer] = own.output
            rows.trace[:, trace] = own.trace
        answers = rows.trace[:, self._answers : self._weights].copy()
        weights = self.shares(rows)
        run_fixed_share(
            tape.action,
            tape.row,
            rows.y,
            answers,
            weights,
            rows.output,
            self._log_weights,
            self.alpha,
            self.floor,
        )
        rows.trace[:, self._weights :] = weights

    def shares(self, rows: Rows) -> NDArray[np.float64]:
        """Return each expert's weight in each predicted row's answer, (n_rows, n_experts)."""
        return rows.trace[:, self._weights :].copy()

    def snapshot(self) -> State:
        """Return the weights and all experts' states."""
        state: State = {
            "version": VERSION,
            "experts": ", ".join(self.expert_names),
            "log_weights": self._log_weights.copy(),
        }
        for name, expert in zip(self.expert_names, self._experts, strict=True):
            state |= nest(name, expert.snapshot())
        return state

    def restore(self, state: State) -> None:
        """Take over a snapshot of a mixture with equal parameters."""
        if state["version"] != VERSION:
            raise ValueError(
                f"{NAME}: snapshot version must be {VERSION}; got {state['version']!r}. "
                "Deploy the version that wrote it, or reset the checkpoint."
            )
        own = ", ".join(self.expert_names)
        if state["experts"] != own:
            raise ValueError(
                f"{NAME}: the snapshot's experts must be {own}; got {state['experts']}. "
                "Set `experts` to them, or reset the checkpoint."
            )
        for name, expert in zip(self.expert_names, self._experts, strict=True):
            expert.restore(part(name, state))
        self._log_weights[:] = np.asarray(state["log_weights"])

    def _answer_columns(self) -> list[slice]:
        n_classes = self.space.n_classes
        starts = range(self._answers, self._weights, n_classes)
        return [slice(start, start + n_classes) for start in starts]


def _expert(name: str, space: Space, seed: int) -> Learner:
    try:
        return create_learner(name, space, seed, {})
    except ValueError as error:
        raise ValueError(f"experts: {name} does not fit: {error}") from error


def _distinct(names: tuple[str, ...]) -> tuple[str, ...]:
    """Number names that come again.

    Examples
    --------
    >>> _distinct(("tree", "moe", "tree"))
    ('tree', 'moe', 'tree_2')
    """
    return tuple(
        name if name not in names[:k] else f"{name}_{names[: k + 1].count(name)}"
        for k, name in enumerate(names)
    )


def _check(space: Space, experts: tuple[str, ...], alpha: float, floor: float) -> None:
    if space.n_classes < 1:
        raise ValueError(
            f"space.n_classes: must be >= 1, for {NAME} mixes classifiers; got "
            f"{space.n_classes!r}. Choose a regressor for a numeric target."
        )
    if not experts:
        raise ValueError(f"experts: must name at least one learner; got {experts!r}.")
    valid = sorted(set(LEARNERS) - {NAME})
    for name in experts:
        if name not in valid:
            raise ValueError(f"experts: {must_be_one_of(valid, name)}")
    if not 0.0 <= alpha < 1.0:
        raise ValueError(f"alpha: must be in [0, 1); got {alpha!r}.")
    if not 0.0 < floor < 1.0:
        raise ValueError(f"floor: must be in (0, 1); got {floor!r}.")
