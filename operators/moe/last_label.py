"""The last label known, as a model."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from operators.base import Space
from operators.checks import assert_rows, check_classifier
from operators.kernels.last_label import Follows, run_follows
from operators.one import OneByOne
from operators.snapshot import State, copied, refill
from operators.tape import Rows, Tape

VERSION = 1


class LastLabel(OneByOne):
    """What label comes after the last one known when a record was predicted.

    The baseline that every model of a stream with a memory has to beat, and a good expert there.

    Parameters
    ----------
    space
        Classes; features are not looked at.
    seed
        Not used; every learner of the catalogue takes one.
    decay
        What earlier labels after the same one count when one more is learnt, in (0, 1].

    References
    ----------
    .. [1] Zliobaite et al., 2015, Evaluation methods and decision theory for classification of
       streaming data with temporal dependence, Machine Learning 98, section 3.
       DOI 10.1007/s10994-014-5441-4.
    """

    trace_width = 1

    def __init__(self, space: Space, *, seed: int = 1, decay: float = 0.999) -> None:
        check_classifier(space)
        if not 0.0 < decay <= 1.0:
            raise ValueError(f"decay: must be in (0, 1]; got {decay!r}.")
        self.space = space
        self.seed = seed
        self._kernel = Follows(
            counts=np.zeros((space.n_classes, space.n_classes)),
            last=np.full(1, -1, dtype=np.int64),
            decay=float(decay),
        )
        self._arrays = {"counts": self._kernel.counts, "last": self._kernel.last}

    def run(self, tape: Tape, rows: Rows, weight: NDArray[np.float64] | None = None) -> None:
        """Run the steps in order; each row may count its own weight where it is learnt."""
        assert_rows(self.space, tape, rows)
        weight = np.ones(len(rows)) if weight is None else weight
        run_follows(tape.action, tape.row, rows.y, weight, rows.output, rows.trace, self._kernel)

    def snapshot(self) -> State:
        """Return the whole state."""
        return copied(VERSION, self._arrays)

    def restore(self, state: State) -> None:
        """Take over a snapshot of a model with equal parameters."""
        refill("last_label", VERSION, self._arrays, state)
