"""Figures of answers that were given before the labels came."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from operators.tape import Rows
from tests.bench.arrivals import Arrivals, fixed
from tests.bench.kinds import kind_of

NO_ANSWER = math.nan
Scores = dict[str, float]
"""Figures over a whole run, by the names of `Kind.scores`."""


def score(
    output: NDArray[np.float64], y: NDArray[np.float64], n_classes: int, arrivals: Arrivals
) -> Scores:
    """Figures of the rows, in order, all of whose labels come in the end."""
    kind = kind_of(n_classes)
    n_rows = len(output)
    nothing = np.empty((n_rows, 0))
    evaluator = kind.evaluator(n_classes)
    watch = np.full((n_rows, evaluator.watch_width), np.nan)
    rows = Rows(nothing, y, output, nothing)
    for tape in (arrivals.tape(0, n_rows), arrivals.after_all(n_rows)):
        evaluator.run(tape, rows, watch)
    figures = evaluator.figures()
    return {name: figures[name] for name in kind.scores}


def majority_accuracy(y: NDArray[np.float64], n_classes: int) -> float:
    """Accuracy of answering the most frequent label known so far, labels coming at once."""
    # kappa_m = (a - m) / (1 - m), so answering nothing, which makes a = 0, shows m.
    nothing = score(np.full((len(y), n_classes), np.nan), y, n_classes, fixed(len(y), 0))
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
