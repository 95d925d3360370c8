"""Ridge regressions whose answers to a record never come from that record."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
N_FOLDS = 4


class OutOfFold:
    """Fits linear models to parts of the records and answers for all of them.

    Record i is in fold i modulo 4; it is answered by the model of the three other folds.

    Parameters
    ----------
    terms
        (n, n_terms) of the records.
    penalty
        (n_terms,) on squared weights.
    """

    def __init__(self, terms: Floats, penalty: Floats) -> None:
        self._terms = [terms[k::N_FOLDS] for k in range(N_FOLDS)]
        self._penalty = np.diag(penalty)

    def predict(self, targets: Floats, fitted: NDArray[np.bool_]) -> Floats:
        """Answer (n, n_targets) by models that are fitted to the marked records."""
        squares, sides = [], []
        for k, terms in enumerate(self._terms):
            marked = fitted[k::N_FOLDS]
            own = terms[marked]
            squares.append(own.T @ own)
            sides.append(own.T @ targets[k::N_FOLDS][marked])
        square, side = sum(squares) + self._penalty, sum(sides)
        answers = np.empty(targets.shape)
        for k, terms in enumerate(self._terms):
            answers[k::N_FOLDS] = terms @ np.linalg.solve(square - squares[k], side - sides[k])
        return answers
