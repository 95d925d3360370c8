"""Naive Bayes as a learner."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from operators.base import Space
from operators.checks import assert_rows, check_classifier, check_forgetting, check_positive
from operators.kernels.gaussian_bayes import MOMENTS, Bayes, clear_bayes, run_bayes
from operators.one import OneByOne
from operators.snapshot import State, copied, refill
from operators.tape import Rows, Tape

VERSION = 2
_STATE = ("shares", "moments", "counts", "totals", "scale")


class NaiveBayes(OneByOne):
    """Naive Bayes: Gaussians for numbers, smoothed shares for categories, with forgetting.

    Prefer it where labels are few, since it needs the fewest of all to be of use, and where values
    are often missing: they cost it nothing.

    Parameters
    ----------
    space
        Features and classes.
    seed
        Not used, nothing is random; every learner of the catalogue takes one.
    forgetting
        What a record counts after one more is learnt, in (0, 1]. 1: all count alike for ever.
        Smaller: follows a drift sooner. A record counts half after log(0.5) / log(forgetting)
        others: 0.999 is a half-life of 693 records.
    smoothing
        Records' worth of prior belief, > 0: that each code of a category has been seen so often in
        each class, and that a number varies in each class as it does in all. Larger: more cautious
        about classes that have seen little.

    Notes
    -----
    A record costs O(features x classes learnt) to predict and O(features) to learn. Variances
    divide by n - 1 as MOA's do (river's by n), but for the smoothing, which also keeps a class of
    which one value is known from ruling out every other value. See
    `operators.kernels.gaussian_bayes` for the formulas.

    Examples
    --------
    >>> from operators.base import Feature, Space
    >>> model = NaiveBayes(Space((Feature("load"),), n_classes=2))
    >>> for load in range(50):
    ...     model.learn_one({"load": load % 10}, load % 10 > 4)
    >>> model.predict_one({"load": 2}), model.predict_one({"load": 7})
    (False, True)
    """

    trace_width = 0

    def __init__(
        self, space: Space, *, seed: int = 1, forgetting: float = 1.0, smoothing: float = 1.0
    ) -> None:
        check_classifier(space)
        check_forgetting("forgetting", forgetting)
        check_positive("smoothing", smoothing)
        self.space = space
        self.seed = seed
        self.kernel = _kernel(space, forgetting, smoothing)
        clear_bayes(self.kernel)
        self._arrays = {name: getattr(self.kernel, name) for name in _STATE}

    def run(self, tape: Tape, rows: Rows, weight: NDArray[np.float64] | None = None) -> None:
        """Run the steps in order; each row may count its own weight where it is learnt."""
        assert_rows(self.space, tape, rows)
        weight = np.ones(len(rows)) if weight is None else weight
        run_bayes(tape.action, tape.row, rows.x, rows.y, weight, rows.output, self.kernel)

    def snapshot(self) -> State:
        """Return the whole state."""
        return copied(VERSION, self._arrays)

    def restore(self, state: State) -> None:
        """Take over a snapshot of a model with equal parameters."""
        refill("naive_bayes", VERSION, self._arrays, state)


def _kernel(space: Space, forgetting: float, smoothing: float) -> Bayes:
    capacities = np.array([feature.capacity for feature in space.features], dtype=np.int64)
    columns = np.flatnonzero(capacities > 0)
    codes = capacities[columns]
    numeric = np.flatnonzero(capacities == 0)
    n_classes = space.n_classes
    return Bayes(
        shares=np.zeros(n_classes),
        moments=np.zeros((n_classes + 1, len(numeric), MOMENTS)),
        counts=np.zeros((int(codes.sum()), n_classes)),
        totals=np.zeros((len(columns), n_classes)),
        scale=np.ones(1),
        numeric=numeric,
        nominal=np.column_stack([columns, codes, np.cumsum(codes) - codes]),
        scores=np.zeros(n_classes),
        products=np.zeros(n_classes),
        logs=np.zeros(n_classes),
        decay=float(forgetting),
        smoothing=float(smoothing),
    )
