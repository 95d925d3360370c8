"""The last labelled records, and how wrong each model was about them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

ERRORS = 4096
"""Labels whose errors are kept: an episode is judged by what came before it, too."""

ANSWER, FIRST, SECOND, SHADOW = range(4)
"""Columns of errors: of what was answered, of the models in both seats, of the shadow."""


class History:
    """A ring of labelled records, and a longer one of errors; both full of what came last.

    Records are counted from the first label on: number 0 is the first.

    Parameters
    ----------
    n_features
        Columns of `Rows.x`.
    window
        Records kept. Larger: more can be learnt again after a change.
    n_columns
        Columns of errors; see `ANSWER`.
    """

    def __init__(self, n_features: int, window: int, n_columns: int) -> None:
        self.window = window
        self._x = np.zeros((window, n_features))
        self._y = np.zeros(window)
        self._errors = np.full((ERRORS, n_columns), np.nan)
        self._learnt = np.zeros(1, dtype=np.int64)
        self.arrays = {
            "x": self._x,
            "y": self._y,
            "errors": self._errors,
            "learnt": self._learnt,
        }

    @property
    def learnt(self) -> int:
        """Number of labels so far."""
        return int(self._learnt[0])

    def push(
        self, x: NDArray[np.float64], y: NDArray[np.float64], errors: NDArray[np.float64]
    ) -> None:
        """Note labelled records, not more than `window`, in the order of their labels.

        Parameters
        ----------
        x, y
            (n, n_features) and (n,).
        errors
            (n, n_columns); NaN where a model had not been asked when the record was predicted.
        """
        number = self.learnt + np.arange(len(y))
        self._x[number % self.window] = x
        self._y[number % self.window] = y
        self._errors[number % ERRORS] = errors
        self._learnt += len(y)

    def first_kept(self, since: int) -> int:
        """Return the number of the oldest record kept that is not older than `since`."""
        return max(since, self.learnt - self.window, 0)

    def records(
        self, since: int, until: int | None = None
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return copies of x and y from number `since` up to `until`, as far as they are kept."""
        end = self.learnt if until is None else until
        at = np.arange(self.first_kept(since), max(end, self.first_kept(since))) % self.window
        return self._x[at], self._y[at]

    def errors(self, since: int, until: int | None = None) -> NDArray[np.float64]:
        """Return (n, n_columns), a copy, from number `since` up to `until`, as far as kept."""
        end = self.learnt if until is None else until
        start = max(since, self.learnt - ERRORS, 0)
        return self._errors[np.arange(start, max(end, start)) % ERRORS]
