"""When labels come: after which record's prediction, and in which order."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from operators.tape import LEARN, PREDICT, Tape

REAL = -1
"""As a label delay: each label comes when it came where the data are from."""


class Arrivals(NamedTuple):
    """Labels in the order in which they come.

    Parameters
    ----------
    row
        (n,) int64, whose label.
    after
        (n,) int64, rising, never below `row`: the record after whose prediction it comes.
    """

    row: NDArray[np.int64]
    after: NDArray[np.int64]

    def of_first(self, n_rows: int) -> Arrivals:
        """Leave out the labels of later rows."""
        kept = self.row < n_rows
        return Arrivals(self.row[kept], self.after[kept])

    def tape(self, start: int, stop: int) -> Tape:
        """Tape of predicting rows start .. stop - 1, each followed by the labels that come then.

        Examples
        --------
        >>> tape = fixed(3, delay=2).tape(0, 3)
        >>> tape.action.tolist(), tape.row.tolist()
        ([0, 0, 0, 1], [0, 1, 2, 0])
        """
        first, end = np.searchsorted(self.after, (start, stop))
        row, after = self.row[first:end], self.after[first:end] - start
        n_predicted = stop - start
        # A label stands behind the predictions up to its own record's and the labels before it.
        at = after + 1 + np.arange(len(row))
        action = np.full(n_predicted + len(row), PREDICT, dtype=np.uint8)
        action[at] = LEARN
        rows = np.empty(len(action), dtype=np.int64)
        rows[at] = row
        rows[action == PREDICT] = np.arange(start, stop)
        return Tape(action, rows)

    def after_all(self, n_rows: int) -> Tape:
        """Tape of the labels that have not come when `n_rows` records are predicted, in order."""
        is_waiting = np.ones(n_rows, dtype=bool)
        is_waiting[self.row[self.after < n_rows]] = False
        rest = np.flatnonzero(is_waiting)
        return Tape(np.full(len(rest), LEARN, dtype=np.uint8), rest)


def fixed(n_rows: int, delay: int) -> Arrivals:
    """Labels that come so many further records late; 0 is at once."""
    row = np.arange(n_rows, dtype=np.int64)
    return Arrivals(row, row + delay)


def by_time(asked: NDArray[np.int64], came: NDArray[np.int64]) -> Arrivals:
    """Labels by the clock.

    Parameters
    ----------
    asked, came
        Time of each record, rising, and of its label; a label that comes at the moment of a
        record is not known to it.

    Examples
    --------
    >>> by_time(np.array([10, 20, 30, 40]), np.array([35, 25, 30, 90]))
    Arrivals(row=array([1, 2, 0, 3]), after=array([1, 2, 2, 3]))
    """
    row = np.argsort(came, kind="stable")
    return Arrivals(row, np.searchsorted(asked, came[row], side="right") - 1)


def describe(delay: int) -> str:
    """Say when labels come.

    Examples
    --------
    >>> describe(0), describe(500), describe(REAL)
    ('labels at once', 'labels 500 late', 'labels when they came')
    """
    if delay == REAL:
        return "labels when they came"
    return f"labels {delay:,} late" if delay else "labels at once"
