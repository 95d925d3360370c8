"""The contract of monitors, and what they say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from operators.snapshot import State

Aspect = Literal["values", "missing", "category", "rows"]
"""What has changed: the values that are there; how many are missing; a category has come that the
reference has not; whole rows, of which no single feature is to blame."""


@dataclass(frozen=True, slots=True)
class Finding:
    """A change that a monitor has found.

    Parameters
    ----------
    index
        Of the row, in the array that was given, after which it was found.
    seen
        Rows that the monitor has seen by then.
    column
        Column of the rows; -1 when whole rows have changed.
    aspect
        What has changed.
    test
        Its name. A monitor has other tests for some questions: `chi_square` for categories if its
        own needs an order, `fisher` for missing values, `newcomer` for new categories.
    statistic
        Of the test, in its unit: of `fisher` and `newcomer` by how much the share has grown.
    p_value
        Chance of such a statistic under no change, adjusted for the number of tests made at the
        time. It was below the level that the monitor had for this time.
    before, now
        In the reference and in the window: the mean of a numeric feature; the share of the
        category that has moved most, or is new; the share of missing values. NaN for whole rows.
    category
        Code of that category, -1 otherwise. The last one that a monitor counts also stands for
        all beyond it.
    effect, low, high
        Size of the change. For `psi` the index without its bias, with its interval of 95 %; for
        others the statistic again, the bounds NaN.
    """

    index: int
    seen: int
    column: int
    aspect: Aspect
    test: str
    statistic: float
    p_value: float
    before: float
    now: float
    category: int
    effect: float
    low: float
    high: float


@runtime_checkable
class Monitor(Protocol):
    """Watches rows for a change of their distribution; needs no labels.

    A monitor is a pure function of its parameters and the rows it has been given: it decides only
    at counts of rows kept in its state, so cutting the same rows into other arrays changes no bit
    of its state or findings (but `Finding.index`, which counts in the array given).
    """

    def watch(self, x: NDArray[np.float64]) -> list[Finding]:
        """Take in rows of (n, n_features) float64, NaN where missing; return what was found."""

    def renew(self, columns: Sequence[int] | None = None) -> None:
        """Take a new reference from the rows to come, for some features or for all.

        It begins with the next row, or the next block where rows are counted in blocks.
        """

    @property
    def scores(self) -> NDArray[np.float64]:
        """Statistics of the last test of each feature; NaN before the first."""

    def snapshot(self) -> State:
        """Return the whole state as named arrays and plain values; shares no memory with it."""

    def restore(self, state: State) -> None:
        """Take over a state made by `snapshot` of a monitor with equal parameters and space."""
