"""The response: makes challengers of diagnoses, and settles contests."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from operators.adaptation.base import Action, Report
from operators.adaptation.challengers import Challengers
from operators.adaptation.concepts import CHANGES, Concepts
from operators.adaptation.contest import Contest
from operators.adaptation.errors import advantage
from operators.adaptation.history import ANSWER, History
from operators.adaptation.model import Make, Model
from operators.adaptation.policy import ACTIONS, DONE, ActionName, Policy, Restraint
from operators.adaptation.priors import Priors
from operators.base import Space
from operators.diagnosis.base import Diagnosis
from operators.snapshot import SnapshotUnavailableError, State, copied, nest, part, refill

VERSION = 1
SEARCH = np.dtype(
    [
        ("episode", np.int64),  # whose concept may be an old one
        ("is_on", np.int64),  # 1 while that is not settled
        ("since", np.int64),  # its change point
        ("recurs", np.int64),  # the concept that it is said to be; -1: none is named
        ("next", np.int64),  # labels at the next look
        ("restored", np.int64),  # the concept whose model is on trial; -1: none is
    ]
)
LOOK_FIRST, LOOK_LAST = 32, 1024
"""Old models are tried on so many records since the change, and then on twice as many each time."""


class Response:
    """Decides, whenever the diagnoser has, what becomes of the model.

    Parameters
    ----------
    space, make, policy
        As for `operators.adaptation.managed.Managed`.
    history, contest, priors
        The managed learner's.
    """

    def __init__(
        self,
        space: Space,
        make: Make,
        policy: Policy,
        history: History,
        contest: Contest,
        priors: Priors,
    ) -> None:
        self._space = space
        self._policy = policy
        self._history = history
        self._contest = contest
        self._priors = priors
        self._challengers = Challengers(space, make)
        self._restraint = Restraint(policy)
        self._concepts = Concepts(policy.concepts, policy.keep_every)
        self._search: NDArray[Any] = np.zeros(1, dtype=SEARCH)
        self._said = ""
        self._index = -1

    def decide(self, diagnoses: Iterable[Diagnosis], index: int) -> list[Report]:
        """Settle what is open, then act on what was found.

        Parameters
        ----------
        index
            Of the last LEARN step.

        Returns
        -------
        list of Report
            In order.
        """
        self._index = index
        reports: list[Report] = [*self._settle(), *self._check_priors()]
        for diagnosis in diagnoses:
            reports += [diagnosis, *self._act(diagnosis)]
        reports += self._look_for_old()
        # Not before: a model that has just been put there is the new concept's.
        self._concepts.mark(self._contest.champion.model, self._history.learnt)
        return reports

    @property
    def acted_in(self) -> int:
        """The last episode in which something was done; 0 before."""
        return self._restraint.episode

    def _act(self, diagnosis: Diagnosis) -> list[Action]:
        """Do what a diagnosis asks for, unless something speaks against it."""
        learnt = self._history.learnt
        self._concepts.change(diagnosis, learnt)
        if diagnosis.source in CHANGES:
            self._search_old(diagnosis)
            restored = self._look_for_old()
            if restored:
                return restored
        name, why = self._policy.answer(diagnosis, self._space.n_classes > 0)
        if name == "none":
            return self._none(diagnosis.episode, why)
        against = self._restraint.holds_back(diagnosis, name, learnt)
        if against == DONE:
            return []
        if against is not None:
            return self._none(diagnosis.episode, f"no {name}: {against}")
        self._restraint.note(diagnosis.episode, name, learnt)
        self._said = ""
        try:
            return [self._do(diagnosis, name, why)]
        except SnapshotUnavailableError:
            return self._none(diagnosis.episode, f"no {name}: the model cannot be copied")

    def _none(self, episode: int, why: str) -> list[Action]:
        """Say what held the policy back, once."""
        said = f"{episode}: {why}"
        if said == self._said:
            return []
        self._said = said
        return [self._action(episode, "none", why)]

    def _action(self, episode: int, name: ActionName, why: str, **detail: float) -> Action:
        return Action(episode, self._index, self._history.learnt, name, why, tuple(detail.items()))

    def _do(self, diagnosis: Diagnosis, name: ActionName, why: str) -> Action:
        """Make a challenger, or reweight answers."""
        since = diagnosis.since.at
        x, y = self._history.records(since)
        if name == "reweight":
            return self._reweight(diagnosis, why, y)
        if name == "forget":
            champion = self._contest.champion.model
            model = self._challengers.forgetful(champion, x, y)
            return self._open(diagnosis.episode, name, why, model, np.full(len(y), np.nan))
        if name == "standardise":
            return self._standardise(diagnosis, why, x, y)
        model, errors = self._renewed(x, y)
        return self._open(diagnosis.episode, name, why, model, errors)

    def _renewed(
        self, x: NDArray[np.float64], y: NDArray[np.float64]
    ) -> tuple[Model, NDArray[np.float64]]:
        """Return a model that has learnt some records only, and its errors on the later ones."""
        model = self._challengers.fresh()
        errors = model.learn_again(x, y)
        # What it did at first says nothing of what it can do.
        errors[: len(errors) // 2] = np.nan
        return model, errors

    def _open(
        self,
        episode: int,
        name: ActionName,
        why: str,
        model: Model,
        errors: NDArray[np.float64],
    ) -> Action:
        """Let a challenger come, which made such errors on the records since the change."""
        old = self._answered(len(errors))
        lead = advantage(old, errors)
        is_told = not np.isnan(errors).all()
        least = 0.0 if name == "reset" else self._policy.threshold
        answers = is_told and lead >= least
        self._contest.open(model, episode, ACTIONS.index(name), self._history.learnt)
        if answers:
            self._turn()
        self._search["restored"] = -1
        return self._action(
            episode,
            name,
            why,
            records=float(len(errors)),
            answers=float(answers),
            error_old=_mean(old[~np.isnan(errors)]),
            error_new=_mean(errors[~np.isnan(errors)]),
        )

    def _answered(self, count: int) -> NDArray[np.float64]:
        """Return the errors of what was answered to the last records."""
        return self._history.errors(self._history.learnt - count)[:, ANSWER]

    def _turn(self) -> None:
        self._contest.turn()
        # It was for the other model that answers were reweighted.
        self._priors.stop()

    def _standardise(
        self, diagnosis: Diagnosis, why: str, x: NDArray[np.float64], y: NDArray[np.float64]
    ) -> Action:
        before, _ = self._history.records(0, until=diagnosis.since.low)
        clean = self._concepts.before()
        state = clean or self._contest.champion.model.snapshot()
        model = self._challengers.standardised(self._challengers.put_aside(state), before, x)
        if model is None:
            why = "no standardise: there are too few records on one side of the change"
            return self._action(diagnosis.episode, "none", why)
        return self._open(diagnosis.episode, "standardise", why, model, model.learn_again(x, y))

    def _reweight(self, diagnosis: Diagnosis, why: str, y: NDArray[np.float64]) -> Action:
        _, old = self._history.records(0, until=diagnosis.since.low)
        self._priors.start(old, y, diagnosis.episode, self._history.learnt)
        ratio = {f"ratio_{c}": float(r) for c, r in enumerate(self._priors.ratio)}
        return self._action(diagnosis.episode, "reweight", why, **ratio)

    def _check_priors(self) -> list[Action]:
        """Stop reweighting where the model has caught up, or where it makes answers worse."""
        priors, history = self._priors, self._history
        if not priors.is_used:
            return []
        errors = history.errors(max(priors.since, history.learnt - self._contest.memory))
        answered, plain = errors[:, ANSWER], errors[:, self._contest.column]
        episode = priors.episode
        if advantage(answered, plain) > self._policy.threshold:
            why = "answers were worse than without: taken back"
        elif priors.is_negligible:
            why = "the model has caught up"
        else:
            return []
        priors.stop()
        detail = {"answers": 0.0, "error_old": _mean(plain), "error_new": _mean(answered)}
        return [self._action(episode, "reweight", why, **detail)]

    def _settle(self) -> list[Action]:
        """Let the better one answer; when the time is up, let the other one go."""
        contest, reports = self._contest, []
        if not contest.is_open:
            return []
        if contest.is_due(self._history):
            self._turn()
            why = "better on the same records" if contest.is_turned else "worse: taken back"
            reports.append(self._contested(why))
        is_decided = contest.is_decided(self._history)
        if not is_decided and self._history.learnt - contest.opened < self._policy.trial:
            return reports
        why = "the trial is over: the new model stays"
        if not contest.is_turned:
            why = "the trial is over: the new model was no better, and leaves"
        reports.append(self._contested(why))
        contest.close()
        return reports + self._renew_restored()

    def _renew_restored(self) -> list[Action]:
        """Let a new model come where the restored one is only the next best."""
        search = self._search[0]
        restored, search["restored"] = int(search["restored"]), -1
        if restored < 0 or not self._contest.is_turned or restored == int(search["recurs"]):
            return []
        x, y = self._history.records(int(search["since"]))
        model, errors = self._renewed(x, y)
        why = f"concept {restored} is alike, but another one"
        return [self._open(int(search["episode"]), "warm_up", why, model, errors)]

    def _contested(self, why: str) -> Action:
        contest = self._contest
        answering, other = contest.recent(self._history)
        old, new = (other, answering) if contest.is_turned else (answering, other)
        return self._action(
            contest.episode,
            ACTIONS[contest.action],
            why,
            answers=float(contest.is_turned),
            error_old=_mean(old),
            error_new=_mean(new),
        )

    def _search_old(self, diagnosis: Diagnosis) -> None:
        """From now on see whether a model that was put aside knows the new concept."""
        search = self._search[0]
        if diagnosis.episode != int(search["episode"]):
            search["episode"], search["next"] = diagnosis.episode, 0
            search["is_on"] = self._policy.recurring == "restore"
        search["recurs"] = -1 if diagnosis.recurs is None else diagnosis.recurs
        search["since"] = diagnosis.since.at

    def _look_for_old(self) -> list[Action]:
        """Try the models put aside on the records since the change, at times."""
        search, learnt = self._search[0], self._history.learnt
        count = learnt - int(search["since"])
        if not search["is_on"] or count < LOOK_FIRST or learnt < int(search["next"]):
            return []
        search["next"] = learnt + count
        if count >= LOOK_LAST or self._restraint.is_spent(learnt):
            search["is_on"] = 0
            return []
        return self._restore()

    def _restore(self) -> list[Action]:
        """Let the best of the models put aside answer, if it is better for sure."""
        search, history = self._search[0], self._history
        x, y = history.records(int(search["since"]))
        old = self._answered(len(y))
        best, number, errors = 0.0, -1, old
        for known in self._concepts.numbers:
            model = self._challengers.put_aside(self._concepts.state_of(known))
            made = model.errors(x, y)
            lead = advantage(old, made)
            if lead > best:
                best, number, errors = lead, known, made
        if best <= self._policy.threshold:
            return []
        return [self._bring_back(number, x, y, old, errors)]

    def _bring_back(
        self,
        number: int,
        x: NDArray[np.float64],
        y: NDArray[np.float64],
        old: NDArray[np.float64],
        errors: NDArray[np.float64],
    ) -> Action:
        history, episode = self._history, int(self._search["episode"][0])
        model = self._challengers.put_aside(self._concepts.state_of(number))
        model.learn_again(x, y)
        self._contest.open(model, episode, ACTIONS.index("restore"), history.learnt)
        self._turn()
        self._restraint.note(episode, "restore", history.learnt)
        self._search["is_on"], self._search["restored"] = 0, number
        is_named = number == int(self._search["recurs"][0])
        return self._action(
            episode,
            "restore",
            f"the model of concept {number}, which {'has come back' if is_named else 'is alike'}, "
            "is better on the records since",
            concept=float(number),
            records=float(len(y)),
            answers=1.0,
            error_old=_mean(old),
            error_new=_mean(errors),
        )

    def snapshot(self) -> State:
        """Return the whole state."""
        state = copied(VERSION, self._arrays()) | {"said": self._said}
        return state | nest("concepts", self._concepts.snapshot())

    def restore(self, state: State) -> None:
        """Take over a snapshot of an equal one."""
        refill("response", VERSION, self._arrays(), state)
        self._said = str(state["said"])
        self._concepts.restore(part("concepts", state))

    def _arrays(self) -> dict[str, NDArray[Any]]:
        return {**self._restraint.arrays, "search": self._search}


def _mean(errors: NDArray[np.float64]) -> float:
    """Return the mean of those that there are; NaN if there are none."""
    known = errors[~np.isnan(errors)]
    return float(np.mean(known)) if len(known) else float("nan")
