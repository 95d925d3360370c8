"""The tape: the order in which a batch of rows is predicted and learnt.

Test-then-train is a property of the tape, not a habit of whoever calls a learner: an operator
that runs a tape sees exactly this order, one step at a time, and may look at nothing that the
tape has not reached yet.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

PREDICT = 0
LEARN = 1


@dataclass(frozen=True, slots=True)
class Tape:
    """A sequence of PREDICT row i / LEARN row j.

    Parameters
    ----------
    action
        (n_steps,) uint8, `PREDICT` or `LEARN`.
    row
        (n_steps,) int64, index into the `Rows` that the tape is run on.
    """

    action: NDArray[np.uint8]
    row: NDArray[np.int64]

    def __post_init__(self) -> None:
        assert self.action.shape == self.row.shape

    def __len__(self) -> int:
        return len(self.row)


@dataclass(frozen=True, slots=True)
class Rows:
    """What a tape is run on; the caller owns the arrays, operators read and write rows in place.

    Parameters
    ----------
    x
        (n_rows, n_features) float64 features; a category is its code, missing is NaN.
    y
        (n_rows,) float64 target: the class code, or the value. Read only at LEARN; NaN for a
        row that the tape never learns.
    output
        (n_rows, n_outputs) float64: class probabilities, or one predicted value. Written at
        PREDICT; a row that was predicted on an earlier tape arrives with what was written then.
    trace
        (n_rows, trace_width) float64: what a learner has to remember of its own prediction until
        the label comes (`Learner.trace_width`). Written at PREDICT and handed back at LEARN, so
        that nothing about the moment of prediction is ever recomputed from a later state.
    """

    x: NDArray[np.float64]
    y: NDArray[np.float64]
    output: NDArray[np.float64]
    trace: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.x)


def test_then_train(n_rows: int) -> Tape:
    """Tape that predicts each row and learns it at once: P0 L0 P1 L1 ...

    Examples
    --------
    >>> tape = test_then_train(2)
    >>> tape.action.tolist(), tape.row.tolist()
    ([0, 1, 0, 1], [0, 0, 1, 1])
    """
    action = np.tile(np.array([PREDICT, LEARN], dtype=np.uint8), n_rows)
    return Tape(action, np.repeat(np.arange(n_rows, dtype=np.int64), 2))
