"""A contest: two models run side by side for a bounded time, and the better one answers."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from operators.adaptation.errors import advantage
from operators.adaptation.history import History
from operators.adaptation.model import Model
from operators.adaptation.seat import Seat

DECIDED = 4.0
"""Advantage that ends a contest early; once, for it is asked again and again."""
CONTEST = np.dtype(
    [
        ("answering", np.int64),  # which of the two seats answers
        ("made", np.int64),  # models there have been
        ("opened", np.int64),  # labels when the challenger came; -1: none is there
        ("turned", np.int64),  # times that the answering has changed hands in this contest
        ("action", np.int64),  # what made the challenger, as its place in a list of the caller's
        ("episode", np.int64),
    ]
)


class Contest:
    """Two seats: the champion's, and that of a challenger that came because of a drift.

    Which of them answers is decided anew whenever the caller asks, from the records that both have
    predicted: so whatever the challenger is, it costs no more than the time to find out.

    Parameters
    ----------
    seats
        Both, empty.
    columns
        Of `History.errors`, one for each seat.
    memory
        Labels that a decision looks back on. Larger: surer, slower.
    threshold
        Advantage (`operators.adaptation.errors.advantage`) that makes the other one answer.

    Attributes
    ----------
    memory
        As given.
    state
        (1,) of `CONTEST`.
    """

    def __init__(
        self, seats: tuple[Seat, Seat], columns: tuple[int, int], memory: int, threshold: float
    ) -> None:
        self._seats = seats
        self._columns = columns
        self.memory = memory
        self._threshold = threshold
        self.state: NDArray[Any] = np.zeros(1, dtype=CONTEST)
        self.state["opened"] = -1

    @property
    def answering(self) -> int:
        """Which seat answers, 0 or 1."""
        return int(self.state["answering"][0])

    @property
    def champion(self) -> Seat:
        """The seat that answers."""
        return self._seats[self.answering]

    @property
    def other(self) -> Seat:
        """The seat that does not."""
        return self._seats[1 - self.answering]

    @property
    def column(self) -> int:
        """Column of `History.errors` of the one that answers."""
        return self._columns[self.answering]

    @property
    def opened(self) -> int:
        """Labels there had been when the challenger came; -1 when none is there."""
        return int(self.state["opened"][0])

    @property
    def episode(self) -> int:
        """The episode that the challenger came for."""
        return int(self.state["episode"][0])

    @property
    def action(self) -> int:
        """What made the challenger."""
        return int(self.state["action"][0])

    @property
    def is_open(self) -> bool:
        """Whether there is a challenger."""
        return self.opened >= 0

    @property
    def is_turned(self) -> bool:
        """Whether the one that came as the challenger answers now."""
        return int(self.state["turned"][0]) % 2 == 1

    def number(self) -> int:
        """Return the number of a new model."""
        self.state["made"] += 1
        return int(self.state["made"][0])

    def open(self, challenger: Model, episode: int, action: int, learnt: int) -> None:
        """Let a challenger in; whoever has the other seat leaves it."""
        self.other.take(challenger, self.number())
        head = self.state[0]
        head["opened"], head["turned"] = learnt, 0
        head["episode"], head["action"] = episode, action

    def turn(self) -> None:
        """Let the other one answer."""
        self.state["answering"] = 1 - self.answering
        self.state["turned"] += 1

    def recent(self, history: History) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return errors of the one that answers and of the other, on the records that count."""
        errors = history.errors(max(self.opened, history.learnt - self.memory))
        return errors[:, self.column], errors[:, self._columns[1 - self.answering]]

    def is_due(self, history: History) -> bool:
        """Whether the other one has been better for sure, on the last records of both."""
        return advantage(*self.recent(history)) > self._threshold

    def is_decided(self, history: History) -> bool:
        """Whether the challenger answers, and has been better beyond doubt for long enough."""
        if not self.is_turned or history.learnt - self.opened < self.memory:
            return False
        answering, other = self.recent(history)
        late = slice(-(self.memory // 4), None)
        is_so_still = advantage(other[late], answering[late]) > 0.0
        return is_so_still and advantage(other, answering) > DECIDED

    def close(self) -> None:
        """End the contest: whoever does not answer leaves."""
        self.other.leave()
        self.state["opened"] = -1
