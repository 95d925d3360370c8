"""The judge of a response: errors before, during and after, and how long it took."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from operators.adaptation.base import Outcome
from operators.adaptation.history import ANSWER, ERRORS, SHADOW, History
from operators.adaptation.settling import Settled
from operators.diagnosis.base import Diagnosis
from operators.snapshot import State, copied, nest, part, refill

VERSION = 1
REGAINED = 0.95
"""Part of the earlier accuracy that counts as recovery."""
STRETCH = 200
"""Labels over which a mean error is taken."""
BEFORE = 1000
"""Labels before a change that tell how it was."""
PATIENCE = ERRORS - BEFORE
"""Labels since a change after which an episode ends, recovered or not."""
CASE = np.dtype(
    [
        ("episode", np.int64),  # that is judged; 0: none is
        ("judged", np.int64),  # the one before it
        ("since", np.int64),  # its change point
        ("recovered", np.int64),  # labels from there until recovery; -1: not yet
        ("before", np.float64),  # mean error before
    ]
)


class Judge:
    """Follows each episode to its end.

    Recovery is the first label, from the change point on, from which `STRETCH` labels in a row have
    at least 95 % of the accuracy before (for numbers: a mean error within 1 / 0.95 of the one
    before). An episode that never hurt has recovered after 0 labels. It ends when the next one
    begins, when it has recovered and nothing is on trial any more, or when patience does.

    Parameters
    ----------
    history
        The managed learner's.
    n_classes
        Of the space; 0 for numbers.
    has_shadow
        Whether a copy that does nothing runs beside.
    """

    def __init__(self, history: History, n_classes: int, has_shadow: bool) -> None:
        self._history = history
        self._is_accuracy = n_classes > 0
        self._has_shadow = has_shadow
        self._settled = Settled(history, SHADOW if has_shadow else ANSWER)
        self._case: NDArray[Any] = np.zeros(1, dtype=CASE)

    def hear(self, diagnosis: Diagnosis, index: int) -> list[Outcome]:
        """Begin a case if the diagnosis is of a new episode; return how the one before ended."""
        case, ended = self._case[0], []
        if diagnosis.episode != int(case["episode"]):
            if diagnosis.episode == int(case["judged"]):
                return []
            ended = self._end(index) if int(case["episode"]) else []
            case["episode"], case["recovered"] = diagnosis.episode, -1
        if int(case["recovered"]) < 0:
            # Later diagnoses know better since when.
            low = min(diagnosis.since.low, diagnosis.since.at)
            case["since"] = diagnosis.since.at
            case["before"] = _mean(self._history.errors(max(low - BEFORE, 0), low)[:, ANSWER])
        return ended

    def watch(self, index: int, is_open: bool, acted_in: int) -> list[Outcome]:
        """See how it goes; return how the episode ended, if it has.

        Parameters
        ----------
        index
            Of the last LEARN step.
        is_open
            Whether something is on trial.
        acted_in
            The last episode in which something was done.
        """
        case = self._case[0]
        is_case = int(case["episode"]) > 0
        self._settled.watch(is_case and acted_in == int(case["episode"]))
        if not is_case:
            return []
        if int(case["recovered"]) < 0:
            case["recovered"] = self._recovered()
        age = self._history.learnt - int(case["since"])
        is_over = int(case["recovered"]) >= 0 and not is_open and age >= 2 * STRETCH
        return self._end(index) if is_over or age >= PATIENCE else []

    def _recovered(self) -> int:
        """Return the labels until recovery, -1 if that has not happened."""
        errors = self._history.errors(int(self._case["since"][0]))[:, ANSWER]
        if len(errors) < STRETCH:
            return -1
        sums = np.cumsum(np.concatenate([[0.0], errors]))
        good = (sums[STRETCH:] - sums[:-STRETCH]) / STRETCH <= self._bound()
        return int(np.argmax(good)) if good.any() else -1

    def _bound(self) -> float:
        """Return the mean error up to which the earlier accuracy counts as regained."""
        before = float(self._case["before"][0])
        return 1.0 - REGAINED * (1.0 - before) if self._is_accuracy else before / REGAINED

    def _end(self, index: int) -> list[Outcome]:
        case, history = self._case[0], self._history
        since, recovered = int(case["since"]), int(case["recovered"])
        errors = history.errors(since)
        # Where there was nothing to recover from, the time is that of one stretch.
        during = errors[: (recovered or STRETCH) if recovered >= 0 else None, ANSWER]
        settles, half_life = self._settled.answer(self._bound(), errors[-STRETCH:], len(errors))
        outcome = Outcome(
            episode=int(case["episode"]),
            index=index,
            learnt=history.learnt,
            before=float(case["before"]),
            during=_mean(during),
            after=_mean(errors[-STRETCH:, ANSWER]),
            recovered_after=recovered if recovered >= 0 else None,
            shadow_after=_mean(errors[-STRETCH:, SHADOW]) if self._has_shadow else float("nan"),
            settles=settles,
            half_life=half_life,
        )
        case["episode"], case["judged"] = 0, case["episode"]
        return [outcome]

    def snapshot(self) -> State:
        """Return the whole state."""
        return copied(VERSION, {"case": self._case}) | nest("settled", self._settled.snapshot())

    def restore(self, state: State) -> None:
        """Take over a snapshot of an equal one."""
        refill("judge", VERSION, {"case": self._case}, state)
        self._settled.restore(part("settled", state))


def _mean(errors: NDArray[np.float64]) -> float:
    known = errors[~np.isnan(errors)]
    return float(np.mean(known)) if len(known) else float("nan")
