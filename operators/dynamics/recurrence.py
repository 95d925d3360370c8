"""The dynamics of a drift score, fitted as it comes."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist
from typing import Annotated, Literal

import numpy as np
from annotated_types import Ge, Gt, Le, Lt
from numpy.typing import ArrayLike, NDArray

from operators.checks import check_forgetting
from operators.drift.parameters import check_at_least, check_probability
from operators.dynamics.answers import (
    Dynamics,
    Effect,
    Settling,
    effect,
    half_life_of,
    settling,
    wanders_not,
)
from operators.kernels import dynamics as kernel
from operators.snapshot import State, copied, refill

VERSION = 1
Reason = Literal["above", "persistent", "risen"]
_REASONS: dict[int, Reason] = {
    kernel.ABOVE: "above",
    kernel.PERSISTENT: "persistent",
    kernel.RISEN: "risen",
}


@dataclass(frozen=True, slots=True)
class StabilityAlarm:
    """A score is losing its stability.

    Parameters
    ----------
    index
        Of the score, in the array that was given.
    reason
        `above`: scores were above equilibrium + 3 spread so many times in a row. `persistent`: phi
        is surely above 0.95, deviations hardly go away. `risen`: scores are higher than the
        recurrence expects, by a CUSUM of its residuals.
    value, limit
        What exceeded what: the score, phi, or the CUSUM in units of the noise.
    """

    index: int
    reason: Reason
    value: float
    limit: float


class DriftDynamics:
    """The recurrence D' = a + phi D - delta u + noise of a drift score D [1]_.

    Use it to answer "is this drift settling by itself?" and "did our response work?", for any
    score that comes at even steps: block means of the error, a distance from the reference, a
    metric of the pipeline. Give it scores from before the drift as well: how they came back from
    it is what tells.

    Comparing scores before and after an intervention would flatter it, for one intervenes when
    scores are high, and high scores fall by themselves. Here delta is what remains of the fall when
    what the last score explains has been taken off.

    Noise of measuring that does not carry over to the next score makes phi smaller than that of the
    level behind it, and the half-life shorter: let blocks be large beside what is looked for.

    Parameters
    ----------
    forgetting
        What the weight of a score keeps from score to score, in (0, 1]. Smaller: follows changes of
        the dynamics, and is less sure of them: about 2 / (1 - forgetting) scores count.
    grace_period
        No alarm is raised, and nothing answered but `unsure`, before there are this many scores.
    run
        Scores in a row that have to be too high, or too persistent, for an alarm.
    level
        Of the intervals; phi counts as told from 0 when its interval leaves 0 out.

    Notes
    -----
    O(1) time and memory a score. Fitted by least squares with fading weights; phi is corrected for
    the bias of short series, phi + (1 + 3 phi) / n for n scores of equal weight, and
    phi + (2 + 4 phi) / n where an intervention is fitted as well. Errors are those of weighted
    least squares with even noise. Where phi cannot be told from 0, the equilibrium is the mean and
    the half-life 0: a fitted restoring force of 1 is what no memory looks like.

    phi = 1 (scores that wander, or a level that stays where a step left it) is ruled out at 5 % by
    the test of Dickey and Fuller [2]_; until then nothing is said to settle.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> scores, acting = [0.3], np.repeat([0.0, 1.0], [150, 50])
    >>> for u in acting[1:]:
    ...     scores.append(0.06 + 0.8 * scores[-1] - 0.03 * u + 0.01 * rng.normal())
    >>> dynamics = DriftDynamics()
    >>> dynamics.update_many(scores, acting)
    []
    >>> settling = dynamics.settles()
    >>> settling.answer, round(settling.equilibrium, 2), round(settling.half_life, 1)
    ('yes', 0.3, 2.3)
    >>> print(dynamics.did_it_work().sentence.partition(" (")[0])
    It worked: it lowers the next score by 0.03822 +- 0.0053

    References
    ----------
    .. [1] Drift no more? Context equilibria in multi-turn LLM interactions, arXiv 2510.07777.
    .. [2] Dickey and Fuller, 1979, Distribution of the estimators for autoregressive time series
       with a unit root, JASA 74(366). DOI 10.1080/01621459.1979.10482531.
    """

    def __init__(
        self,
        forgetting: Annotated[float, Gt(0), Le(1)] = 0.99,
        grace_period: Annotated[int, Ge(10)] = 30,
        run: Annotated[int, Ge(1)] = 3,
        level: Annotated[float, Gt(0), Lt(1)] = 0.95,
    ) -> None:
        check_forgetting("forgetting", forgetting)
        check_at_least("grace_period", grace_period, 10)
        check_at_least("run", run, 1)
        check_probability("level", level)
        self.forgetting = forgetting
        self.grace_period = grace_period
        self.run = run
        self.level = level
        self._arrays = {"state": kernel.fresh()}
        z_memory = NormalDist().inv_cdf(0.5 + level / 2.0)
        self._settings = (float(forgetting), z_memory, grace_period, run)
        self._fresh = copied(VERSION, self._arrays)

    def update(self, score: float, intervention: float = 0.0) -> None:
        """Take in one score."""
        self.update_many(np.array([score]), np.array([intervention]))

    def update_many(
        self, scores: ArrayLike, interventions: ArrayLike | None = None
    ) -> list[StabilityAlarm]:
        """Take in scores in order; return the alarms they raised, in order.

        Parameters
        ----------
        scores
            (n,) finite numbers; more is worse.
        interventions
            (n,) finite numbers: how strongly an intervention acted on each score, 0 for not at
            all; none did if not given. One that lasts is 1 from the first score that it touched.

        Raises
        ------
        ValueError
            When a number is not finite or there are not as many of both; nothing is taken in then.
        """
        values = np.ascontiguousarray(scores, dtype=np.float64)
        acting = (
            np.zeros(len(values))
            if interventions is None
            else np.ascontiguousarray(interventions, dtype=np.float64)
        )
        _check("scores", values)
        _check("interventions", acting)
        if len(acting) != len(values):
            raise ValueError(
                f"interventions: must be as many as scores = {len(values)}; got {len(acting)}."
            )
        log = np.empty(3 * len(values), dtype=kernel.LOG)
        n_alarms = kernel.update_many(values, acting, log, self._arrays["state"], *self._settings)
        return [
            StabilityAlarm(index, _REASONS[reason], value, limit)
            for index, reason, value, limit in log[:n_alarms].tolist()
        ]

    def state_of(self) -> Dynamics:
        """Return the fit as it is now."""
        s = self._arrays["state"][0]
        phi, remembers, square = float(s["phi"]), bool(s["remembers"]), float(s["square"])
        intervened = not np.isnan(s["delta"])
        return Dynamics(
            scores=int(s["scores"]),
            told=float(s["weight"]) ** 2 / square if square else 0.0,
            level=float(s["last"]) if s["scores"] else np.nan,
            equilibrium=float(s["equilibrium"]),
            equilibrium_error=float(s["equilibrium_error"]),
            persistence=phi,
            persistence_error=float(s["phi_error"]),
            remembers=remembers,
            half_life=half_life_of(phi, remembers),
            noise=float(s["noise"]),
            spread=float(s["spread"]),
            effect=float(s["delta"]),
            effect_error=float(s["delta_error"]),
            lasting=float(s["lasting"]),
            lasting_error=float(s["lasting_error"]),
            stays=wanders_not(float(s["slope"]), float(s["slope_error"]), intervened),
        )

    def settles(self, normal: float | None = None) -> Settling:
        """Answer whether this drift settles by itself.

        Parameters
        ----------
        normal
            The level that it would have to settle at, or below; any will do if not given.
        """
        return settling(self.state_of(), self.grace_period, normal, self.level)

    def did_it_work(self, worth: float = 0.0) -> Effect:
        """Answer whether the intervention lowers scores, and by how much.

        Parameters
        ----------
        worth
            By how much it would have to lower the equilibrium to be worth it.
        """
        return effect(self.state_of(), self.grace_period, worth, self.level)

    def snapshot(self) -> State:
        """Return the whole state; it shares no memory with this one."""
        return copied(VERSION, self._arrays)

    def restore(self, state: State) -> None:
        """Take over a state made by `snapshot` of one with equal parameters."""
        refill(type(self).__name__, VERSION, self._arrays, state)

    def reset(self) -> None:
        """Forget everything, as if just made."""
        self.restore(self._fresh)


def _check(name: str, values: NDArray[np.float64]) -> None:
    if values.ndim != 1:
        raise ValueError(f"{name}: must be a row of numbers; got an array of {values.ndim} axes.")
    if not np.isfinite(values).all():
        raise ValueError(f"{name}: must be finite; one NaN would stay in every later mean.")
