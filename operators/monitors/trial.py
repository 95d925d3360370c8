"""The tests of one moment: all features that have a reference and a whole window."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from operators.monitors.base import Aspect, Finding
from operators.monitors.two_sample import benjamini_hochberg, newcomer, shares

ASPECTS: tuple[Aspect, ...] = ("values", "missing", "category")
VALUES, MISSING, CATEGORY = range(3)
TESTS: dict[Aspect, str] = {"missing": "fisher", "category": "newcomer"}

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]


class Compared(NamedTuple):
    """What a test says of some features; each (n_features,) float64."""

    statistic: Floats
    p_value: Floats
    effect: Floats
    low: Floats
    high: Floats


Compare = Callable[[Floats, Floats, Floats], Compared]
"""From counts of the reference and of the window, (n_features, n_cells) float64, and the widths
between cells, (n_features, n_cells - 1) float64."""


class Sample(NamedTuple):
    """What is known of the features on one side, reference or window.

    Parameters
    ----------
    counts
        (n_features, n_cells) float64 values in each cell.
    missing
        (n_features,) float64, how many are missing.
    sums
        (n_features,) float64, of the values.
    """

    counts: Floats
    missing: Floats
    sums: Floats

    @property
    def present(self) -> Floats:
        """(n_features,) values that are there."""
        return np.asarray(self.counts.sum(axis=1))


class Trial:
    """The tests of one moment.

    Parameters
    ----------
    old, now
        Reference and window.
    columns
        (n_features,) int64, which features these are.
    category
        (n_features,) bool, which of them are categories.
    values
        What the test of their values has said.
    names
        Of that test, for numeric features and for categories.
    """

    def __init__(
        self,
        old: Sample,
        now: Sample,
        columns: NDArray[np.int64],
        category: Flags,
        values: Compared,
        names: tuple[str, str],
    ) -> None:
        self.names = names
        self.old, self.now = old, now
        self.columns, self.category, self.values = columns, category, values
        self.missing = shares(
            np.stack([old.present, old.missing], axis=1),
            np.stack([now.present, now.missing], axis=1),
        )
        self.newest, chance = newcomer(old.counts, now.counts)
        new = np.where(category, chance, 1.0)
        self.p_values = np.stack([values.p_value, self.missing.p_value, new], axis=1)

    def adjusted(self, found: Flags) -> Floats:
        """Adjust for the number of questions asked: of what was found before none is asked.

        Parameters
        ----------
        found
            (n_features, 3) bool, of each aspect, whether its change is known already.
        """
        asked = ~found
        # Where nothing is missing, or no category watched, there is no question either. That is
        # known from both samples together, so it cannot favour one answer.
        asked[:, MISSING] &= (self.old.missing + self.now.missing) > 0.0
        asked[:, CATEGORY] &= self.category
        adjusted = np.ones_like(self.p_values)
        adjusted[asked] = benjamini_hochberg(self.p_values[asked])
        return adjusted

    def finding(self, i: int, aspect: int, index: int, seen: int, p_value: float) -> Finding:
        """Say what was found of the i-th feature."""
        column, which = int(self.columns[i]), ASPECTS[aspect]
        test = self.names[int(self.category[i])] if aspect == VALUES else TESTS[which]
        if aspect == VALUES:
            statistic, _, *size = (float(part[i]) for part in self.values)
            told = self._category(i, self._moved(i)) if self.category[i] else (*self._means(i), -1)
            return Finding(index, seen, column, which, test, statistic, p_value, *told, *size)
        told = self._category(i, int(self.newest[i])) if aspect == CATEGORY else self._gaps(i)
        grown = told[1] - told[0]
        nan = float("nan")
        return Finding(index, seen, column, which, test, grown, p_value, *told, grown, nan, nan)

    def _means(self, i: int) -> tuple[float, float]:
        old, now = (float(s.sums[i] / max(s.present[i], 1.0)) for s in (self.old, self.now))
        return old, now

    def _moved(self, i: int) -> int:
        """Return the category whose share has moved most."""
        old, now = (s.counts[i] / max(s.present[i], 1.0) for s in (self.old, self.now))
        return int(np.abs(old - now).argmax())

    def _category(self, i: int, code: int) -> tuple[float, float, int]:
        old, now = (float(s.counts[i, code] / max(s.present[i], 1.0)) for s in (self.old, self.now))
        return old, now, code

    def _gaps(self, i: int) -> tuple[float, float, int]:
        old, now = (
            float(s.missing[i] / max(s.present[i] + s.missing[i], 1.0))
            for s in (self.old, self.now)
        )
        return old, now, -1
