"""The contracts of operators: what is learnt from (`Space`) and what a learner promises."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from operators.snapshot import State
from operators.tape import Rows, Tape


@dataclass(frozen=True, slots=True)
class Feature:
    """One column of `Rows.x`.

    Parameters
    ----------
    name
        Its name; unique in the space.
    capacity
        0 for a numeric feature; for a category the number of codes it can ever take (the bound
        that keeps state finite). Codes are 0 .. capacity - 1.
    categories
        Names of the codes seen so far. The codec owns the list and only ever appends to it.
    """

    name: str
    capacity: int = 0
    categories: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Space:
    """What a learner works on: its features and its target.

    Parameters
    ----------
    features
        One entry for each column of `Rows.x`.
    n_classes
        0 for regression; otherwise the number of class codes that can ever occur (closed classes:
        their count; open classes: the configured bound).
    classes
        Names of the class codes known so far; owned by the codec, only ever appended to.
    """

    features: tuple[Feature, ...]
    n_classes: int
    classes: Sequence[str | int | bool] = ()

    @property
    def n_outputs(self) -> int:
        """Width of `Rows.output`: one probability a class, or one predicted value."""
        return max(self.n_classes, 1)


@runtime_checkable
class Learner(Protocol):
    """A model that runs tapes.

    A learner is a pure function of its parameters, its seed and the steps it has run: cutting
    the same steps into other tapes changes no bit of its state or outputs.
    """

    trace_width: int

    def run(self, tape: Tape, rows: Rows) -> None:
        """Run the steps in order; write `rows.output` and `rows.trace` at each PREDICT."""

    def snapshot(self) -> State:
        """Return the whole state as named arrays and plain values; shares no memory with it."""

    def restore(self, state: State) -> None:
        """Take over a state made by `snapshot` of a learner with equal parameters."""


@runtime_checkable
class WeightedLearner(Learner, Protocol):
    """A learner for which some records may count more than others."""

    def run(self, tape: Tape, rows: Rows, weight: NDArray[np.float64] | None = None) -> None:
        """Run the steps in order; a row counts `weight[row]` (> 0) where it is learnt."""


@runtime_checkable
class Mixture(Protocol):
    """What a learner that is made of experts can tell beside its answers; optional.

    Parameters
    ----------
    expert_names
        One name for each expert, unlike each other; they never change.
    """

    expert_names: tuple[str, ...]

    def shares(self, rows: Rows) -> NDArray[np.float64]:
        """Return each expert's part in the answers to rows that have been predicted.

        Parameters
        ----------
        rows
            As `Learner.run` left them at PREDICT. Only what is written there is looked at, never
            the learner's state, which has learnt other rows since.

        Returns
        -------
        NDArray
            (n_rows, n_experts) float64, not below 0; each row's sum is 1.
        """
