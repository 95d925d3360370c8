"""Betting: a monitor that may decide after every row."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import numpy as np
from annotated_types import Ge, Gt, Lt
from numpy.typing import NDArray

from operators.base import Space
from operators.drift.parameters import check_at_least, check_probability
from operators.kernels import bets as kernel
from operators.kernels.random import state_of
from operators.monitors.base import Finding
from operators.monitors.edges import fine_cells
from operators.monitors.features import CATEGORIES_MAX
from operators.snapshot import State, copied, refill

VERSION = 1
MEMORIES = (50.0, 250.0, 1_250.0)
"""Rows that the bettors remember, about. The quick one sees large changes, the slow one small."""
PRIOR = 10.0
"""Rows' worth of belief that nothing has changed."""
UPPER = (0.01, 0.05, *(round(0.1 * k, 1) for k in range(1, 10)), 0.95, 0.99, 1.0)
"""Upper ends of the slots that are bet on; narrow ones for tails, gaps and what is new."""

Floats = NDArray[np.float64]


class Betting:
    """Bets against the claim that rows could as well have come in any other order [1]_ [2]_.

    Prefer it where a change has to be seen soon: it decides after every row instead of after half a
    window, and every mean time between false alarms is guaranteed, not approximated, however few
    rows there are and however often it looks. It compares with all rows since the last finding,
    so a change that creeps becomes part of what is usual; and it says little of what has changed.

    Parameters
    ----------
    space
        Its features are watched. Gaps and new categories are values like others.
    bins
        Quantiles at which a numeric feature is divided. More: finer, slower.
    reference_size
        Rows that these are taken from, and before which none is found. Larger: starts later.
    alpha
        False alarms that may be expected in 100,000 rows, over all features.
    seed
        Of the random numbers that part equal values.

    Notes
    -----
    O(bins) time a value. Wealth is the mean of three bettors', who remember 50, 250 and 1,250 rows;
    a feature is found when its wealth reaches features 100,000 / `alpha`, and begins anew with the
    next row. `Finding.statistic` is the decimal logarithm of the wealth, `Finding.p_value` at most
    how many false findings a row are as strong. `Finding.now` is the mean of recent rows.

    Examples
    --------
    >>> from operators.base import Feature
    >>> rng = np.random.default_rng(1)
    >>> rows = rng.normal(size=(8000, 3))
    >>> rows[5000:, 1] += 0.5  # half a standard deviation
    >>> space = Space(tuple(Feature(name) for name in "abc"), n_classes=0)
    >>> [finding] = Betting(space).watch(rows)
    >>> finding.column, finding.index, round(finding.before, 2), round(finding.now, 2)
    (1, 5195, 0.0, 0.52)

    References
    ----------
    .. [1] Vovk, Gammerman and Shafer, 2022, Algorithmic learning in a random world, 2nd edition,
       chapter 8. DOI 10.1007/978-3-031-06649-8.
    .. [2] Shin, Ramdas and Rinaldo, 2023, E-detectors: a nonparametric framework for sequential
       change detection, New England Journal of Statistics in Data Science 2.
       DOI 10.51387/23-NEJSDS51.
    """

    def __init__(
        self,
        space: Space,
        *,
        bins: Annotated[int, Ge(2)] = 50,
        reference_size: Annotated[int, Ge(20)] = 500,
        alpha: Annotated[float, Gt(0), Lt(1)] = 0.05,
        every: Annotated[int, Ge(1)] = 1,
        seed: int = 1,
    ) -> None:
        check_at_least("bins", bins, 2)
        check_at_least("reference_size", reference_size, 20)
        check_probability("alpha", alpha)
        check_at_least("every", every, 1)
        self.space, self.bins, self.reference_size = space, bins, reference_size
        self.alpha, self.every, self.seed = alpha, every, seed
        d, n_bettors, n_slots = len(space.features), len(MEMORIES), len(UPPER)
        self._capacity = np.array([f.capacity for f in space.features], dtype=np.int64)
        codes = min(int(self._capacity.max(initial=0)), CATEGORIES_MAX)
        n_cells = max(codes, 2 * bins + 1)
        self._threshold = max(d, 1) * 100_000.0 / alpha / every
        self._upper = np.array(UPPER)
        self._fading = np.exp(-1.0 / np.array(MEMORIES))
        self._arrays: dict[str, NDArray[Any]] = {
            "random": state_of(seed),
            "edges": np.full((d, bins), np.inf),
            "n_edges": np.zeros(d, dtype=np.int64),
            "buffer": np.zeros((d, reference_size)),
            "fill": np.zeros(d, dtype=np.int64),
            "past": np.zeros((d, n_cells + 1), dtype=np.int64),
            "total": np.zeros(d, dtype=np.int64),
            "guess": np.zeros((d, n_bettors, n_slots + 1)),
            "wealth": np.zeros((d, n_bettors)),
            "score": np.full(d, np.nan),
            "sums": np.zeros((d, 4)),
        }
        self._seen = np.zeros(1, dtype=np.int64)

    def watch(self, x: NDArray[np.float64]) -> list[Finding]:
        """Take in rows; return what was found, in order.

        Parameters
        ----------
        x
            (n, n_features) float64; a category is its code, NaN is missing.
        """
        assert x.ndim == 2
        assert x.shape[1] == len(self._capacity)
        first = -int(self._seen[0]) % self.every
        rows = np.ascontiguousarray(x[first :: self.every], dtype=np.float64)
        findings: list[Finding] = []
        taken = 0
        while taken < len(rows):
            taken += kernel.bet_on_rows(
                rows,
                taken,
                self._threshold,
                PRIOR,
                self._capacity,
                self._upper,
                self._fading,
                *self._arrays.values(),
            )
            findings += self._speak(first + (taken - 1) * self.every)
        self._seen += len(x)
        return findings

    def renew(self, columns: Sequence[int] | None = None) -> None:
        """Forget what has been usual, of some features or of all, with the next row."""
        for j in range(len(self._capacity)) if columns is None else columns:
            self._begin(j)

    @property
    def scores(self) -> Floats:
        """(n_features,) decimal logarithm of the wealth; NaN before the first bet."""
        return np.asarray(np.log10(self._arrays["score"]))

    def snapshot(self) -> State:
        """Return the whole state; it shares no memory with the monitor."""
        return copied(VERSION, {**self._arrays, "seen": self._seen})

    def restore(self, state: State) -> None:
        """Take over a state made by `snapshot` of a monitor with equal parameters and space."""
        refill(type(self).__name__, VERSION, {**self._arrays, "seen": self._seen}, state)

    def _speak(self, index: int) -> list[Finding]:
        a = self._arrays
        ready = (a["fill"] == self.reference_size) & (a["total"] == 0)
        for j in np.flatnonzero(ready):
            self._learn(int(j))
        found = np.flatnonzero(a["score"] >= self._threshold)
        findings = [self._finding(int(j), index) for j in found]
        for j in found:
            self._begin(int(j))
        return findings

    def _learn(self, j: int) -> None:
        """Divide a feature by what was collected of it, and take that for its past."""
        a = self._arrays
        values = a["buffer"][j]
        there = values[~np.isnan(values)]
        if self._capacity[j]:
            cell = np.minimum(there.astype(np.int64), a["past"].shape[1] - 2)
        else:
            edges = fine_cells(np.sort(there), self.bins).edges
            a["n_edges"][j] = len(edges)
            a["edges"][j] = np.inf
            a["edges"][j, : len(edges)] = edges
            cell = 2 * np.searchsorted(edges, there) + np.isin(there, edges)
            a["sums"][j, :2] = there.sum(), len(there)
        a["past"][j] = np.bincount(cell, minlength=a["past"].shape[1])
        a["past"][j, -1] = len(values) - len(there)
        a["total"][j] = len(values)
        a["buffer"][j] = 0.0

    def _begin(self, j: int) -> None:
        a = self._arrays
        for name in ("fill", "past", "total", "guess", "wealth", "sums"):
            a[name][j] = 0
        a["score"][j] = np.nan

    def _finding(self, j: int, index: int) -> Finding:
        a, nan = self._arrays, float("nan")
        wealth, (old, n, new, m) = float(a["score"][j]), a["sums"][j].tolist()
        strength = float(np.log10(wealth))
        return Finding(
            index,
            int(self._seen[0]) + index + 1,
            j,
            "values",
            "betting",
            strength,
            min(len(self._capacity) / wealth, 1.0),
            old / n if n else nan,
            new / m if m else nan,
            -1,
            strength,
            nan,
            nan,
        )
