"""Figures of answers that were given before the labels came."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from operators.tape import LEARN, PREDICT, Rows, Tape
from stream.bench.kinds import kind_of

NO_ANSWER = math.nan
Scores = dict[str, float]
"""Figures over a whole run, by the names of `Kind.scores`."""


def late_tape(start: int, stop: int, label_delay: int) -> Tape:
    """Tape of predicting rows start .. stop - 1, each followed by the label that comes then.

    Examples
    --------
    >>> tape = late_tape(0, 3, label_delay=2)
    >>> tape.action.tolist(), tape.row.tolist()
    ([0, 0, 0, 1], [0, 1, 2, 0])
    """
    row = np.repeat(np.arange(start, stop, dtype=np.int64), 2)
    row[1::2] -= label_delay
    action = np.tile(np.array([PREDICT, LEARN], dtype=np.uint8), stop - start)
    has_come = row >= 0
    return Tape(action[has_come], row[has_come])


def score(
    output: NDArray[np.float64], y: NDArray[np.float64], n_classes: int, label_delay: int
) -> Scores:
    """Figures of the rows, in order, all of whose labels come in the end."""
    kind = kind_of(n_classes)
    n_rows = len(output)
    nothing = np.empty((n_rows, 0))
    evaluator = kind.evaluator(n_classes)
    watch = np.full((n_rows, evaluator.watch_width), np.nan)
    rows = Rows(nothing, y, output, nothing)
    evaluator.run(late_tape(0, n_rows, label_delay), rows, watch)
    rest = np.arange(max(n_rows - label_delay, 0), n_rows, dtype=np.int64)
    evaluator.run(Tape(np.full(len(rest), LEARN, dtype=np.uint8), rest), rows, watch)
    figures = evaluator.figures()
    return {name: figures[name] for name in kind.scores}


def majority_accuracy(y: NDArray[np.float64], n_classes: int) -> float:
    """Accuracy of answering the most frequent label known so far, labels coming at once."""
    # kappa_m = (a - m) / (1 - m), so answering nothing, which makes a = 0, shows m.
    nothing = score(np.full((len(y), n_classes), np.nan), y, n_classes, label_delay=0)
    return nothing["kappa_m"] / (nothing["kappa_m"] - 1.0)


def as_output(answers: NDArray[np.float64], n_classes: int) -> NDArray[np.float64]:
    """Give answers the form of `Rows.output`.

    A number stands as it is. A class that was named has probability 1, and all are NaN where
    none was.
    """
    if n_classes == 0:
        return answers[:, np.newaxis]
    output = np.zeros((len(answers), n_classes))
    named = ~np.isnan(answers)
    output[named, answers[named].astype(np.int64)] = 1.0
    output[~named] = np.nan
    return output
