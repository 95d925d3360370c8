"""The response: makes challengers of diagnoses, and settles contests."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from operators.adaptation.base import Action, Report
from operators.adaptation.contest import Contest
from operators.adaptation.errors import errors_of
from operators.adaptation.history import History
from operators.adaptation.policy import ACTIONS, ActionName, Policy, Restraint
from operators.adaptation.seat import Make
from operators.base import Learner, Space
from operators.diagnosis.base import Diagnosis
from operators.snapshot import State, copied, refill
from operators.tape import Rows, test_then_train

VERSION = 1


class Response:
    """Decides, whenever the diagnoser has, what becomes of the model.

    Parameters
    ----------
    space, make, policy
        As for `operators.adaptation.managed.Managed`.
    history, contest
        The managed learner's.
    """

    def __init__(
        self, space: Space, make: Make, policy: Policy, history: History, contest: Contest
    ) -> None:
        self._space = space
        self._make = make
        self._policy = policy
        self._history = history
        self._contest = contest
        self._restraint = Restraint(policy)

    def decide(self, diagnoses: Iterable[Diagnosis], index: int) -> list[Report]:
        """Settle the contest, then act on what was found.

        Parameters
        ----------
        index
            Of the last LEARN step.

        Returns
        -------
        list of Report
            In order.
        """
        reports: list[Report] = [*self._settle(index)]
        for diagnosis in diagnoses:
            reports += [diagnosis, self._act(diagnosis, index)]
        return reports

    def _act(self, diagnosis: Diagnosis, index: int) -> Action:
        learnt = self._history.learnt
        name, why = self._policy.answer(diagnosis, self._space.n_classes > 0)
        if name == "none":
            return Action(diagnosis.episode, index, learnt, name, why)
        against = self._restraint.holds_back(diagnosis, name, learnt)
        if against is not None:
            return Action(diagnosis.episode, index, learnt, "none", f"no {name}: {against}")
        self._restraint.note(diagnosis, name, learnt)
        return self._renew(diagnosis, name, why, index)

    def _renew(self, diagnosis: Diagnosis, name: ActionName, why: str, index: int) -> Action:
        """Let a model come that has learnt only what is new."""
        history = self._history
        since = history.first_kept(diagnosis.since.at)
        challenger = self._make()
        old = history.errors(since)[:, 0]
        new = self._learn_again(challenger, since)
        self._contest.open(challenger, diagnosis.episode, ACTIONS.index(name), history.learnt)
        later = len(new) // 2
        answers = name == "reset" and bool(np.sum(old[later:]) >= np.sum(new[later:]))
        if answers:
            self._contest.turn()
        detail = (
            ("records", float(len(new))),
            ("answers", float(answers)),
            ("error_old", _mean(old[later:])),
            ("error_new", _mean(new[later:])),
        )
        return Action(diagnosis.episode, index, history.learnt, name, why, detail)

    def _learn_again(
        self, learner: Learner, since: int
    ) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
        """Let a learner predict and learn the records kept; return its errors."""
        x, y = self._history.records(since)
        rows = Rows(
            x,
            y,
            np.full((len(y), self._space.n_outputs), np.nan),
            np.full((len(y), learner.trace_width), np.nan),
        )
        learner.run(test_then_train(len(y)), rows)
        return errors_of(rows.output, y, self._space.n_classes)

    def _settle(self, index: int) -> list[Action]:
        """Let the better one answer; when the time is up, let the other one go."""
        contest = self._contest
        if not contest.is_open:
            return []
        head = contest.state[0]
        name, episode = ACTIONS[int(head["action"])], int(head["episode"])
        reports = []
        if contest.is_due(self._history):
            old, new = (
                _mean(errors[~np.isnan(errors)]) for errors in contest.recent(self._history)
            )
            contest.turn()
            why = "better on the same records" if contest.is_turned else "worse: taken back"
            detail = (
                ("answers", float(contest.is_turned)),
                ("error_old", old if contest.is_turned else new),
                ("error_new", new if contest.is_turned else old),
            )
            reports.append(Action(episode, index, self._history.learnt, name, why, detail))
        if self._history.learnt - int(head["opened"]) >= self._policy.trial:
            contest.close()
        return reports

    def snapshot(self) -> State:
        """Return the whole state."""
        return copied(VERSION, self._restraint.arrays)

    def restore(self, state: State) -> None:
        """Take over a snapshot of an equal one."""
        refill("response", VERSION, self._restraint.arrays, state)


def _mean(errors: np.ndarray[tuple[int], np.dtype[np.float64]]) -> float:
    return float(np.mean(errors)) if len(errors) else float("nan")
