"""A seat: one of the places for a model in a managed learner, and in the trace of a row."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from operators.adaptation.model import Make, Model
from operators.base import Space
from operators.snapshot import State, nest, part
from operators.tape import LEARN, PREDICT, Rows, Tape


class Seat:
    """Runs one model, which may be replaced, on rows that remember who predicted them.

    A row may be predicted by one model of a seat and learnt when there is another. What the first
    one noted in the row's trace is not for the second to read (it may name a tree that the other
    does not have), so each model has a number, which stands beside its notes. A model that did not
    predict a row itself predicts it when its label comes, in silence, and then learns it.

    Parameters
    ----------
    space
        Features and target.
    make
        Makes a learner in its first state.
    start
        First column of the seat in a row's trace: the model's number, its answer, its notes.

    Attributes
    ----------
    width
        Columns of the seat.
    number
        Of the model in it; 0 as long as the seat is empty.
    """

    def __init__(self, space: Space, make: Make, start: int) -> None:
        self._space = space
        self._make = make
        self._model: Model | None = None
        self.number = 0
        n_outputs, n_notes = space.n_outputs, make().trace_width
        self._mark = start
        self._answer = slice(start + 1, start + 1 + n_outputs)
        self._notes = slice(start + 1 + n_outputs, start + 1 + n_outputs + n_notes)
        self.width = 1 + n_outputs + n_notes

    @property
    def is_taken(self) -> bool:
        """Whether there is a model in it."""
        return self.number > 0

    @property
    def model(self) -> Model:
        """The model in it."""
        assert self._model is not None
        return self._model

    def take(self, model: Model, number: int) -> None:
        """Put a model in; nobody has yet had its number."""
        self._model = model
        self.number = number

    def leave(self) -> None:
        """Let the model go."""
        self._model = None
        self.number = 0

    def run(self, tape: Tape, rows: Rows) -> None:
        """Let the model predict and learn; its answers and notes go to `rows.trace`."""
        if self._model is None:
            return
        is_learnt = tape.action == LEARN
        mark = rows.trace[:, self._mark]
        mark[tape.row[~is_learnt]] = self.number
        is_strange = is_learnt & (mark[tape.row] != self.number)
        own = Rows(
            rows.x, rows.y, rows.trace[:, self._answer].copy(), rows.trace[:, self._notes].copy()
        )
        self._model.run(_predicted_first(tape, is_strange), own)
        rows.trace[:, self._answer] = own.output
        rows.trace[:, self._notes] = own.trace

    def answers(self, rows: Rows) -> NDArray[np.float64]:
        """Return (n_rows, n_outputs), what was answered when each row was predicted."""
        return rows.trace[:, self._answer]

    def notes(self, rows: Rows) -> NDArray[np.float64]:
        """Return (n_rows, trace_width), what was noted when each row was predicted."""
        return rows.trace[:, self._notes]

    def is_own(self, rows: Rows) -> NDArray[np.bool_]:
        """Return (n_rows,), whether the model in the seat now is the one that predicted a row."""
        own: NDArray[np.bool_] = rows.trace[:, self._mark] == max(self.number, 1)
        return own

    def snapshot(self) -> State:
        """Return the number and, if there is one, the model's state."""
        state: State = {"number": self.number}
        return state | nest("model", self._model.snapshot()) if self._model else state

    def restore(self, state: State) -> None:
        """Take over a snapshot of an equal seat."""
        self.leave()
        number = int(np.asarray(state["number"]))
        if number:
            self.take(Model(self._space, self._make()), number)
            self.model.restore(part("model", state))


def _predicted_first(tape: Tape, is_strange: NDArray[np.bool_]) -> Tape:
    """Put a PREDICT before each LEARN that is marked."""
    if not is_strange.any():
        return tape
    at = np.flatnonzero(is_strange)
    return Tape(
        np.insert(tape.action, at, np.uint8(PREDICT)), np.insert(tape.row, at, tape.row[at])
    )
