"""The policy: which diagnosis leads to what, and what holds it back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal, get_args, get_type_hints

import numpy as np
from annotated_types import Ge, Gt, Interval
from numpy.typing import NDArray

from operators.checks import check_choice, check_positive
from operators.diagnosis.base import Diagnosis

ActionName = Literal["reset", "restore", "warm_up", "forget", "reweight", "standardise", "none"]
ACTIONS: tuple[ActionName, ...] = get_args(ActionName)
Renewal = Literal["reset", "warm_up", "forget", "none"]
"""Answers to a change of P(y|x)."""
BUDGET_LABELS = 10_000
"""Labels for which `Policy.budget` is."""
BUDGET_MAX = 100
MEMORY = 400
"""Labels that a contest looks back on."""


@dataclass(frozen=True, slots=True)
class Policy:
    """What is done about a drift, and when nothing is.

    Parameters
    ----------
    real_abrupt, real_gradual
        Done when P(y|x) has changed, at once (or nobody knows how) or little by little. `reset`: a
        model that has learnt only what came since the change answers as soon as it is no worse.
        `warm_up`: it answers once it is better for sure. `forget`: the same with a copy of the
        model that learns the records since the change over again. `none`.
    recurring
        Done when P(x) or P(y|x) has changed, before anything else. `restore`: models of concepts
        that have gone are tried on the records since the change; one that is better for sure
        answers, whether or not the diagnosis says that its concept has come back. `none`.
    label
        Done when P(y) has changed, and P(x|y) has not. `reweight`: probabilities are multiplied by
        how much more frequent each class has become. Or as for P(y|x).
    virtual
        Done when P(x) has changed, and P(y|x) has not. `standardise`: a copy of the model sees
        numbers shifted and scaled to what they were, and answers once it is better for sure; off
        by default, because where only P(x) has changed the model is still right. Or as for P(y|x).
    confidence
        Probability that the diagnosis must have to be acted on. Larger: fewer actions in vain,
        later ones.
    confidence_again
        The same for a second action in one episode, of another kind: putting another model there,
        reweighting and standardising are three kinds. Not below `confidence`.
    rest
        Labels between two episodes' actions, at least.
    budget
        Actions in any 10,000 labels, at most.
    window
        Records kept to be learnt again. Larger: a new model starts with more of them.
    trial
        Labels for which the old and the new model run side by side after an action. Larger: slow
        starters get their chance, and the stream costs twice as much for longer.
    threshold
        What "better for sure" is: standard deviations by which the one model's errors are fewer
        than the other's on the same records. Larger: fewer and later changes of hands.
    concepts
        Models kept of concepts that have gone. 0: none.
    keep_every
        Labels between two copies of the model that are put aside in quiet times, so that the model
        of a concept is one that had seen nothing of the next. Larger: cheaper, older copies.

    Notes
    -----
    On the streams of docs/adaptation.md the defaults were better than doing nothing, or less than
    0.1 points of accuracy worse; few others have been tried.
    """

    real_abrupt: Renewal = "reset"
    real_gradual: Renewal = "warm_up"
    recurring: Literal["restore", "none"] = "restore"
    label: Literal["reweight", "reset", "warm_up", "forget", "none"] = "reweight"
    virtual: Literal["standardise", "reset", "warm_up", "forget", "none"] = "none"
    confidence: Annotated[float, Interval(ge=0, le=1)] = 0.6
    confidence_again: Annotated[float, Interval(ge=0, le=1)] = 0.8
    rest: Annotated[int, Ge(0)] = 500
    budget: Annotated[int, Interval(ge=0, le=BUDGET_MAX)] = 10
    window: Annotated[int, Ge(1)] = 2000
    trial: Annotated[int, Ge(1)] = 2000
    threshold: Annotated[float, Gt(0)] = 2.0
    concepts: Annotated[int, Ge(0)] = 5
    keep_every: Annotated[int, Ge(1)] = 1000

    def __post_init__(self) -> None:
        hints = get_type_hints(Policy)
        for name in ("real_abrupt", "real_gradual", "recurring", "label", "virtual"):
            check_choice(name, getattr(self, name), hints[name])
        for name in ("window", "trial", "threshold", "keep_every"):
            check_positive(name, getattr(self, name))
        if not 0.0 <= self.confidence <= 1.0:
            raise ValueError(f"confidence: must be in [0, 1]; got {self.confidence!r}.")
        if not self.confidence <= self.confidence_again <= 1.0:
            raise ValueError(
                "confidence_again: must be in [confidence, 1], a second action needs no less; got "
                f"{self.confidence_again!r}."
            )
        if not 0 <= self.budget <= BUDGET_MAX:
            raise ValueError(f"budget: must be in 0 .. {BUDGET_MAX}; got {self.budget!r}.")
        for name in ("rest", "concepts"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name}: must be >= 0; got {getattr(self, name)!r}.")

    def answer(self, diagnosis: Diagnosis, has_classes: bool) -> tuple[ActionName, str]:
        """Return what a diagnosis asks for, and why."""
        source = diagnosis.source
        if source == "none":
            return "none", "nothing has changed that holds up"
        if source == "outliers":
            return "none", "records like none before have passed; the model is as right as it was"
        if source == "label":
            return self._about_labels(has_classes)
        if source == "virtual":
            if self.virtual == "none":
                return "none", "only P(x) has changed: the model is still right, and goes on"
            return self.virtual, "P(x) has changed"
        if diagnosis.tempo == "gradual":
            return self.real_gradual, "P(y|x) is changing little by little"
        return self.real_abrupt, "P(y|x) has changed"

    def _about_labels(self, has_classes: bool) -> tuple[ActionName, str]:
        if self.label == "reweight" and not has_classes:
            return "none", "P(y) has changed, and there are no classes to reweight"
        return self.label, "P(y) has changed, and P(x|y) has not"


DONE = "it has been done in this episode"
RESTRAINT = np.dtype(
    [
        ("episode", np.int64),  # last one acted on
        ("action", np.int64),  # its last action
        ("at", np.int64),  # labels by then
        ("count", np.int64),  # actions there have been
    ]
)


def _kind(name: ActionName) -> str:
    """Return what an action is about: of several that put another model there, one is enough."""
    return name if name in ("reweight", "standardise") else "renewal"


class Restraint:
    """What keeps a policy from acting too often: hysteresis, a rest, a budget.

    Attributes
    ----------
    arrays
        Its state.
    """

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self._last: NDArray[Any] = np.zeros(1, dtype=RESTRAINT)
        self._last["at"] = -1
        self._spent = np.full(BUDGET_MAX, -1, dtype=np.int64)  # labels at each action, a ring
        self.arrays = {"last": self._last, "spent": self._spent}

    @property
    def episode(self) -> int:
        """The last episode in which something was done; 0 before."""
        return int(self._last["episode"][0])

    def holds_back(self, diagnosis: Diagnosis, name: ActionName, learnt: int) -> str | None:
        """Return what speaks against an action now; None if nothing does."""
        last, policy = self._last[0], self._policy
        has_acted = int(last["at"]) >= 0
        is_second = has_acted and diagnosis.episode == int(last["episode"])
        if is_second and _kind(ACTIONS[int(last["action"])]) == _kind(name):
            return DONE
        needed = policy.confidence_again if is_second else policy.confidence
        if diagnosis.confidence < needed:
            return f"the diagnosis is not {needed:g} sure"
        if has_acted and not is_second and learnt - int(last["at"]) < policy.rest:
            return f"the last action was less than {policy.rest:,} labels ago"
        if self.is_spent(learnt):
            return f"there have been {policy.budget} actions in {BUDGET_LABELS:,} labels"
        return None

    def is_spent(self, learnt: int) -> bool:
        """Whether there have been as many actions as the budget allows."""
        recent = (self._spent >= 0) & (self._spent > learnt - BUDGET_LABELS)
        return int(np.sum(recent)) >= self._policy.budget

    def note(self, episode: int, name: ActionName, learnt: int) -> None:
        """Take note of an action."""
        last = self._last[0]
        self._spent[int(last["count"]) % BUDGET_MAX] = learnt
        last["episode"], last["action"] = episode, ACTIONS.index(name)
        last["at"] = learnt
        last["count"] += 1
