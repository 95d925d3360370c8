"""What a managed learner reports beside its answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from operators.diagnosis.base import Diagnosis


@dataclass(frozen=True, slots=True)
class Action:
    """Something done to the model because of a diagnosis.

    Parameters
    ----------
    episode
        Of the diagnosis.
    index, learnt
        As for `Diagnosis`.
    name
        `reset`, `restore`, `warm_up`, `forget`, `reweight`, `standardise` or `none`.
    why
        The rule that led to it, in words; for `none` what held the policy back.
    detail
        Numbers that say what was done, by name.
    """

    episode: int
    index: int
    learnt: int
    name: str
    why: str
    detail: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an episode ended.

    Parameters
    ----------
    episode
        Of the diagnosis.
    index, learnt
        As for `Diagnosis`.
    before, during, after
        Mean error before the change point, from there to the recovery (or to now), and lately.
    recovered_after
        Labels from the change point until 95 % of the earlier accuracy was regained (for numbers:
        until the error was within 1 / 0.95 of the earlier one); None if that has not happened.
    shadow_after
        Mean error, lately, of a copy of the model that did nothing; NaN without a shadow.
    settles
        Whether the error, left alone, comes back to where it was, by the dynamics of the error.
    half_life
        Labels in which half of the excess error goes away; NaN if it does not settle.
    """

    episode: int
    index: int
    learnt: int
    before: float
    during: float
    after: float
    recovered_after: int | None
    shadow_after: float
    settles: bool
    half_life: float


Report = Diagnosis | Action | Outcome


@runtime_checkable
class Reporting(Protocol):
    """A learner that watches itself."""

    def take_reports(self) -> list[Report]:
        """Return what was found, done and achieved in the last `run`, in order, and forget it."""
