"""Whether errors, left alone, come back to where they were: by the dynamics of their means."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from operators.adaptation.history import History
from operators.dynamics.recurrence import DriftDynamics
from operators.snapshot import State, copied, nest, part, refill

VERSION = 1
BLOCK = 100
"""Labels in a block, whose mean error is a score of the dynamics."""

PATIENCE = 5
"""Half-lives in which nearly all of a deviation should have gone away."""


class Settled:
    """Feeds the means of blocks of errors to the dynamics of a drift score.

    An action counts as an intervention from the block in which it was made to the end of its
    episode, so that what is said of the errors is said of errors left alone.

    Parameters
    ----------
    history
        Where errors come from.
    column
        Which of `History.errors`: the shadow's if there is one.
    """

    def __init__(self, history: History, column: int) -> None:
        self._history = history
        self._column = column
        self._dynamics = DriftDynamics()
        self._blocks = np.zeros(1, dtype=np.int64)  # that have been taken in

    def watch(self, is_acting: bool) -> None:
        """Take in the blocks that have become full."""
        while (int(self._blocks[0]) + 1) * BLOCK <= self._history.learnt:
            start = int(self._blocks[0]) * BLOCK
            errors = self._history.errors(start, start + BLOCK)[:, self._column]
            known = errors[~np.isnan(errors)]
            if len(known):
                self._dynamics.update(float(np.mean(known)), float(is_acting))
            self._blocks += 1

    def answer(self, normal: float, lately: NDArray[np.float64], age: int) -> tuple[bool, float]:
        """Return whether errors settle at `normal` or below, and their half-life in labels.

        Parameters
        ----------
        lately
            (n, n_columns) the last errors.
        age
            Labels since the change. Where an action came so soon after it that the dynamics cannot
            tell one from the other, what has had time to settle and has not, does not.
        """
        settling = self._dynamics.settles(normal)
        half_life = settling.half_life * BLOCK
        known = lately[:, self._column]
        is_above = float(np.mean(known[~np.isnan(known)])) > normal
        if settling.answer != "yes" or (is_above and age > len(lately) + PATIENCE * half_life):
            return False, float("nan")
        return True, half_life

    def snapshot(self) -> State:
        """Return the whole state."""
        state = copied(VERSION, {"blocks": self._blocks})
        return state | nest("dynamics", self._dynamics.snapshot())

    def restore(self, state: State) -> None:
        """Take over a snapshot of an equal one."""
        refill("settled", VERSION, {"blocks": self._blocks}, state)
        self._dynamics.restore(part("dynamics", state))
