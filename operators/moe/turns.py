"""Which experts of a mixture learn: all of them, or those that count and one more in turn."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from operators.tape import LEARN, PREDICT, Tape

LABELS = 1024
"""Labels between two decisions, counted in the state, so that cutting tapes changes nothing. Each
one cuts a tape, and a piece costs every expert a call; of 256 labels that eats what is saved."""


class Turns(Protocol):
    """Cuts a tape where it is decided who learns, and leaves out what an expert does not learn.

    Parameters
    ----------
    arrays
        Its state.
    """

    arrays: dict[str, NDArray[np.generic]]

    def pieces(self, tape: Tape) -> Iterator[Tape]:
        """Give a tape in pieces, on each of which the same experts learn."""

    def of_expert(self, expert: int, piece: Tape) -> Tape:
        """Return what an expert does of the piece."""

    def count(self, piece: Tape, shares: NDArray[np.float64]) -> None:
        """Take note of a piece that has been run, and decide if it is time.

        Parameters
        ----------
        shares
            (n_rows, n_experts), each expert's part in the answers; read where a label has come,
            for predicting changes no state.
        """


class AllLearn:
    """Every expert learns every record."""

    def __init__(self) -> None:
        self.arrays: dict[str, NDArray[np.generic]] = {}

    def pieces(self, tape: Tape) -> Iterator[Tape]:
        """See `Turns`."""
        if len(tape):
            yield tape

    def of_expert(self, expert: int, piece: Tape) -> Tape:
        """See `Turns`."""
        del expert
        return piece

    def count(self, piece: Tape, shares: NDArray[np.float64]) -> None:
        """See `Turns`."""


class TopLearn:
    """The experts that counted most since the last decision learn, and one of the others in turn.

    Parameters
    ----------
    n_experts
        How many there are. All learn until the first decision.
    top_k
        How many learn because they count; one more learns because it is its turn, so that each
        gets a chance to show that it has become good.
    always
        An expert that learns in any case, and has no part in this.
    """

    def __init__(self, n_experts: int, top_k: int, always: int) -> None:
        self._top_k = top_k
        self._others = [k for k in range(n_experts) if k != always]
        self._learns = np.ones(n_experts, dtype=np.uint8)
        self._counted = np.zeros(n_experts)
        self._clock = np.zeros(2, dtype=np.int64)  # labels since the decision, whose turn it was
        self.arrays: dict[str, NDArray[np.generic]] = {
            "learns": self._learns,
            "counted": self._counted,
            "clock": self._clock,
        }

    def pieces(self, tape: Tape) -> Iterator[Tape]:
        """See `Turns`."""
        learns = np.flatnonzero(tape.action == LEARN)
        ends = learns[LABELS - 1 - int(self._clock[0]) :: LABELS] + 1
        for start, end in zip([0, *ends], [*ends, len(tape)], strict=True):
            if start < end:
                yield Tape(tape.action[start:end], tape.row[start:end])

    def of_expert(self, expert: int, piece: Tape) -> Tape:
        """See `Turns`."""
        if self._learns[expert]:
            return piece
        is_prediction = piece.action == PREDICT
        return Tape(piece.action[is_prediction], piece.row[is_prediction])

    def count(self, piece: Tape, shares: NDArray[np.float64]) -> None:
        """See `Turns`."""
        learnt = piece.row[piece.action == LEARN]
        # One row after the other, however the tape is cut: a sum may be rounded in another order.
        noted = np.vstack([self._counted, shares[learnt]])
        self._counted[:] = np.cumsum(noted, axis=0)[-1]
        self._clock[0] += len(learnt)
        if self._clock[0] == LABELS:
            self._decide()

    def _decide(self) -> None:
        ranked = sorted(self._others, key=lambda k: -self._counted[k])
        waiting = ranked[self._top_k :]
        n_experts = len(self._learns)
        turn = min(waiting, key=lambda k: (k - int(self._clock[1]) - 1) % n_experts)
        for k in self._others:
            self._learns[k] = k == turn or k not in waiting
        self._counted[:] = 0.0
        self._clock[:] = 0, turn
