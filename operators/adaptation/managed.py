"""A managed learner: any learner, with a diagnoser that watches it and a policy that acts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from operators.adaptation.base import Report
from operators.adaptation.contest import Contest
from operators.adaptation.errors import errors_of
from operators.adaptation.history import ANSWER, FIRST, SECOND, SHADOW, History
from operators.adaptation.judge import Judge
from operators.adaptation.model import Make, Model
from operators.adaptation.policy import MEMORY, Policy
from operators.adaptation.priors import Priors
from operators.adaptation.response import Response
from operators.adaptation.seat import Seat
from operators.base import Mixture, Space
from operators.diagnosis.base import Diagnoser, Diagnosis
from operators.snapshot import State, copied, nest, part, refill
from operators.tape import LEARN, PREDICT, Rows, Tape

VERSION = 1


class Managed:
    """Runs a learner, lets a diagnoser watch it, and changes the model when that finds a drift.

    Whatever is done about a drift makes a second model, which runs beside the first for a bounded
    number of labels; on the records that both have predicted it is found out which of them answers
    from now on. So an action that does not help is taken back.

    Parameters
    ----------
    space
        Features and target.
    make
        Makes the learner in its first state: always the same one, that is, with one seed.
    diagnoser
        Watches what the learner answers.
    policy
        What is done about which diagnosis.
    shadow
        Also run a copy of the learner that does nothing about drifts, to judge the others by. It
        costs as much as the learner itself.

    Notes
    -----
    Tapes are cut where the diagnoser decides, every `decide_every` labels, counted in the state;
    between two pieces the model may change. Cutting the same steps into other tapes changes no bit.

    In a row's trace stands who answered it, and what each of the two (with a shadow, three) models
    answered and noted; a model is judged on what it said when the record was predicted.

    Memory is that of two models (three), of the last `policy.window` records, and of the models put
    aside: two in quiet times, and `policy.concepts` of concepts that have gone. Where a learner
    gives no snapshot (a river model without a key) none are put aside.
    """

    def __init__(
        self,
        space: Space,
        make: Make,
        diagnoser: Diagnoser,
        *,
        policy: Policy | None = None,
        shadow: bool = False,
    ) -> None:
        self.space = space
        self.policy = policy or Policy()
        if self.policy.window < diagnoser.decide_every:
            raise ValueError(
                f"window: must be >= decide_every = {diagnoser.decide_every} of the diagnoser; "
                f"got {self.policy.window}."
            )
        self._diagnoser = diagnoser
        self._seats = _seats(space, make, 3 if shadow else 2)
        self.trace_width = 1 + sum(seat.width for seat in self._seats)
        n_features = len(space.features)
        self._history = History(n_features, self.policy.window, 1 + len(self._seats))
        self._contest = Contest(
            (self._seats[0], self._seats[1]), (FIRST, SECOND), MEMORY, self.policy.threshold
        )
        self._priors = Priors(space.n_classes)
        self._response = Response(
            space, make, self.policy, self._history, self._contest, self._priors
        )
        self._judge = Judge(self._history, space.n_classes, shadow)
        self._reports: list[Report] = []
        self._arrays = {
            **self._history.arrays,
            **self._priors.arrays,
            "contest": self._contest.state,
        }
        for seat in self._seats[:1] + self._seats[2:]:
            seat.take(Model(space, make()), self._contest.number())

    def run(self, tape: Tape, rows: Rows) -> None:
        """Run the steps in order; see `operators.base.Learner`."""
        self._reports = []
        n_learnt = 0
        for piece in self._pieces(tape):
            n_learnt += self._run_piece(piece, rows, n_learnt)

    def take_reports(self) -> list[Report]:
        """Return what was found, done and achieved in the last `run`; see `Reporting`."""
        reports, self._reports = self._reports, []
        return reports

    def _pieces(self, tape: Tape) -> Iterator[Tape]:
        every = self._diagnoser.decide_every
        learns = np.flatnonzero(tape.action == LEARN)
        ends = learns[every - 1 - self._history.learnt % every :: every] + 1
        for start, end in zip([0, *ends], [*ends, len(tape)], strict=True):
            if start < end:
                yield Tape(tape.action[start:end], tape.row[start:end])

    def _run_piece(self, piece: Tape, rows: Rows, n_learnt: int) -> int:
        """Run steps between which nothing is decided; return how many of them learn."""
        at, row = _rows_of(piece)
        tape = Tape(piece.action, row)
        own = Rows(rows.x[at], rows.y[at], rows.output[at], rows.trace[at])
        for seat in self._seats:
            seat.run(tape, own)
        self._answer(tape, own)
        rows.output[at], rows.trace[at] = own.output, own.trace
        learnt = row[piece.action == LEARN]
        self._learn(learnt, own)
        found = self._diagnoser.watch(tape, own)
        if len(learnt) and self._history.learnt % self._diagnoser.decide_every == 0:
            self._decide(found, n_learnt, n_learnt + len(learnt) - 1)
        return len(learnt)

    def _answer(self, tape: Tape, rows: Rows) -> None:
        predicted = tape.row[tape.action == PREDICT]
        rows.trace[predicted, 0] = self._contest.answering
        said = self._contest.champion.answers(rows)
        if self._priors.is_used:
            self._priors.run(tape, rows, said)
        else:
            rows.output[predicted] = said[predicted]

    def _learn(self, learnt: NDArray[np.int64], rows: Rows) -> None:
        """Take note of labelled rows, and of the errors that will be asked for."""
        y, n_classes = rows.y[learnt], self.space.n_classes
        errors = np.full((len(learnt), 1 + len(self._seats)), np.nan)
        errors[:, ANSWER] = errors_of(rows.output[learnt], y, n_classes)
        is_compared = self._contest.is_open or self._priors.is_used
        for column, seat in enumerate(self._seats, start=FIRST):
            if seat.is_taken and (is_compared or column == SHADOW):
                own = errors_of(seat.answers(rows)[learnt], y, n_classes)
                errors[:, column] = np.where(seat.is_own(rows)[learnt], own, np.nan)
        self._history.push(rows.x[learnt], y, errors)

    def _decide(self, found: list[Diagnosis], n_before: int, last: int) -> None:
        """Act between two pieces, of which the first ended with LEARN step `last`."""
        diagnoses = [replace(diagnosis, index=diagnosis.index + n_before) for diagnosis in found]
        for diagnosis in diagnoses:
            self._reports += self._judge.hear(diagnosis, last)
        self._reports += self._response.decide(diagnoses, last)
        self._reports += self._judge.watch(last, self._contest.is_open, self._response.acted_in)

    def snapshot(self) -> State:
        """Return the whole state."""
        state = copied(VERSION, self._arrays)
        for place, seat in enumerate(self._seats):
            state |= nest(f"seat{place}", seat.snapshot())
        state |= nest("response", self._response.snapshot())
        state |= nest("judge", self._judge.snapshot())
        return state | nest("diagnoser", self._diagnoser.snapshot())

    def restore(self, state: State) -> None:
        """Take over a snapshot of a learner with equal parameters."""
        refill("managed", VERSION, self._arrays, state)
        for place, seat in enumerate(self._seats):
            seat.restore(part(f"seat{place}", state))
        self._response.restore(part("response", state))
        self._judge.restore(part("judge", state))
        self._diagnoser.restore(part("diagnoser", state))


class ManagedMixture(Managed):
    """A managed learner that is made of experts; see `Managed`."""

    def __init__(
        self,
        space: Space,
        make: Make,
        diagnoser: Diagnoser,
        *,
        policy: Policy | None = None,
        shadow: bool = False,
    ) -> None:
        super().__init__(space, make, diagnoser, policy=policy, shadow=shadow)
        mixture = make()
        assert isinstance(mixture, Mixture)
        self._mixture: Mixture = mixture
        self.expert_names = mixture.expert_names

    def shares(self, rows: Rows) -> NDArray[np.float64]:
        """Return each expert's part in the answers, in the model that gave them."""
        shares = np.empty((len(rows), len(self.expert_names)))
        for place, seat in enumerate(self._seats[:2]):
            answered = rows.trace[:, 0] == place
            notes = seat.notes(rows)[answered]
            own = Rows(rows.x[answered], rows.y[answered], rows.output[answered], notes)
            shares[answered] = self._mixture.shares(own)
        return shares


def manage(
    space: Space,
    make: Make,
    diagnoser: Diagnoser,
    *,
    policy: Policy | None = None,
    shadow: bool = False,
) -> Managed:
    """Make a managed learner: one with a mixture's face if the learner has that.

    Parameters
    ----------
    space, make, diagnoser, policy, shadow
        As for `Managed`.
    """
    kind = ManagedMixture if isinstance(make(), Mixture) else Managed
    return kind(space, make, diagnoser, policy=policy, shadow=shadow)


def _rows_of(piece: Tape) -> tuple[slice | NDArray[np.int64], NDArray[np.int64]]:
    """Return which rows a piece is about, and each step's place among them."""
    first, end = int(piece.row.min()), int(piece.row.max()) + 1
    if end - first <= 2 * len(piece):
        return slice(first, end), piece.row - first
    # With late labels they lie far apart.
    return np.unique(piece.row, return_inverse=True)


def _seats(space: Space, make: Make, count: int) -> tuple[Seat, ...]:
    seats: list[Seat] = []
    start = 1
    for _ in range(count):
        seats.append(Seat(space, make, start))
        start += seats[-1].width
    return tuple(seats)
