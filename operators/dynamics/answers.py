"""What can be said of a score's dynamics, as plain values and as sentences."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import Literal

Answer = Literal["yes", "no", "unsure"]

LOST = 0.95
"""Persistence from which on nothing is said to come back: half of a deviation is gone after 13."""

# 5 % quantiles of (phi - 1) / error when scores wander (phi = 1): Dickey and Fuller, 1979; where a
# level is fitted on both sides of an intervention, about the lowest in simulations (2,000 walks for
# each of 15 cases, faded or not, early or late interventions: -3.1 to -3.5).
_WANDERS = -2.9
_WANDERS_WITH_INTERVENTION = -3.45


@dataclass(frozen=True, slots=True)
class Dynamics:
    """A score D that goes to a + phi D - delta u + noise, u being the intervention.

    Numbers that the scores do not tell are NaN.

    Parameters
    ----------
    scores
        Seen so far.
    told
        Scores of equal weight that would tell as much as the faded ones do.
    level
        The last score.
    equilibrium, equilibrium_error
        Where scores go without intervention, a / (1 - phi), and its standard error; the mean where
        there is no memory.
    persistence, persistence_error
        phi, corrected for the bias of short series, and its standard error.
    remembers
        Whether phi can be told from 0. If not, the restoring force 1 - phi of about 1 means that
        there is nothing to restore: each score is drawn around the mean.
    half_life
        Scores in which half of a deviation goes away, ln(1/2) / ln phi; 0 without memory or for
        phi below 0, infinite for phi from 1 on.
    noise
        Standard deviation of what the recurrence does not explain.
    spread
        Standard deviation of scores around the equilibrium, noise / sqrt(1 - phi^2).
    effect, effect_error
        delta: by how much the intervention lowers the next score.
    lasting, lasting_error
        By how much it lowers the equilibrium while it lasts, delta / (1 - phi).
    stays
        Whether phi = 1 (scores that wander) can be ruled out.
    """

    scores: int
    told: float
    level: float
    equilibrium: float
    equilibrium_error: float
    persistence: float
    persistence_error: float
    remembers: bool
    half_life: float
    noise: float
    spread: float
    effect: float
    effect_error: float
    lasting: float
    lasting_error: float
    stays: bool


@dataclass(frozen=True, slots=True)
class Settling:
    """Whether a drift settles by itself.

    Parameters
    ----------
    answer
        `yes`: scores come back, and to no more than `normal` if that was given. `no`: they do not
        come back, or to more than that. `unsure`: too few scores to tell.
    equilibrium, equilibrium_error
        Where they come back to.
    half_life
        As in `Dynamics`.
    sentence
        The answer in words.
    """

    answer: Answer
    equilibrium: float
    equilibrium_error: float
    half_life: float
    sentence: str


@dataclass(frozen=True, slots=True)
class Effect:
    """Whether an intervention worked.

    Parameters
    ----------
    answer
        `yes`: it surely lowers scores. `no`: it surely lowers their equilibrium by less than what
        was asked for; if nothing was, it surely raises them. `unsure`: anything else, and where no
        intervention was made.
    delta, error, low, high
        By how much it lowers the next score, with standard error and interval.
    lasting, lasting_low, lasting_high
        By how much it lowers the equilibrium while it lasts.
    sentence
        The answer in words.
    """

    answer: Answer
    delta: float
    error: float
    low: float
    high: float
    lasting: float
    lasting_low: float
    lasting_high: float
    sentence: str


def wanders_not(slope: float, slope_error: float, intervened: bool) -> bool:
    """Tell whether phi = 1 can be ruled out, at 5 %, by the slope before its correction."""
    least = _WANDERS_WITH_INTERVENTION if intervened else _WANDERS
    return slope - 1.0 < least * slope_error


def half_life_of(persistence: float, remembers: bool) -> float:
    """Return the scores in which half of a deviation goes away.

    Examples
    --------
    >>> half_life_of(0.5, True)
    1.0
    """
    if not remembers or persistence <= 0.0:
        return 0.0
    return math.inf if persistence >= 1.0 else math.log(0.5) / math.log(persistence)


def settling(now: Dynamics, least: int, normal: float | None, level: float) -> Settling:
    """Answer whether scores come back, and whether to `normal`; unsure before `least` scores."""
    answer, sentence = _settling(now, least, normal, level)
    return Settling(answer, now.equilibrium, now.equilibrium_error, now.half_life, sentence)


def _settling(now: Dynamics, least: int, normal: float | None, level: float) -> tuple[Answer, str]:
    persistence = f"persistence {now.persistence:.2f} +- {now.persistence_error:.2f}"
    if now.scores < least:
        return "unsure", f"{now.scores} scores are too few to tell whether they settle."
    if not now.stays and now.persistence <= LOST:
        return "unsure", f"It may settle or may not: {persistence}."
    if not now.stays:
        return "no", f"It does not settle by itself, what has moved stays: {persistence}."
    way = (
        f"half of a deviation is gone after {now.half_life:.2g} scores, {persistence}"
        if now.half_life > 0.0
        else "scores have no memory, each is drawn around the mean"
    )
    where = f"{now.equilibrium:.4g} +- {now.equilibrium_error:.2g}"
    if normal is None:
        return "yes", f"It settles by itself at {where}: {way}."
    if now.equilibrium - quantile(level, now.told) * now.equilibrium_error > normal:
        return "no", f"It settles, but at {where}, above the normal {normal:.4g}: {way}."
    return "yes", f"It settles by itself at {where}, the normal being {normal:.4g}: {way}."


def effect(now: Dynamics, least: int, worth: float, level: float) -> Effect:
    """Answer whether the intervention lowers scores, and the equilibrium by `worth`."""
    margin = quantile(level, now.told)
    low, high = around(now.effect, margin * now.effect_error)
    lasting_low, lasting_high = around(now.lasting, margin * now.lasting_error)
    answer: Answer = "unsure"
    if now.scores >= least:
        too_little = lasting_high < worth if worth > 0.0 else high < 0.0
        answer = "no" if too_little else "yes" if low > 0.0 else "unsure"
    by = f"{now.effect:.4g} +- {now.effect_error:.2g} ({100 * level:g} %: {low:.4g} to {high:.4g})"
    lasting = f", and by {now.lasting:.4g} +- {now.lasting_error:.2g} while it lasts"
    said = {"yes": "It worked", "no": "It did not work", "unsure": "It may have worked or not"}
    sentence = (
        "No intervention has been made that the scores could tell of."
        if math.isnan(now.effect)
        else f"{said[answer]}: it lowers the next score by {by}{lasting if now.stays else ''}."
    )
    return Effect(
        answer,
        now.effect,
        now.effect_error,
        low,
        high,
        now.lasting,
        lasting_low,
        lasting_high,
        sentence,
    )


def around(middle: float, margin: float) -> tuple[float, float]:
    """Return the bounds of an interval."""
    return middle - margin, middle + margin


def quantile(level: float, told: float) -> float:
    """Return the two-sided quantile of Student's law, by the expansion of Cornish and Fisher."""
    z, free = NormalDist().inv_cdf(0.5 + level / 2.0), max(told - 3.0, 2.0)
    first = (z**3 + z) / 4.0
    second = (5.0 * z**5 + 16.0 * z**3 + 3.0 * z) / 96.0
    third = (3.0 * z**7 + 19.0 * z**5 + 17.0 * z**3 - 15.0 * z) / 384.0
    return z + first / free + second / free**2 + third / free**3
