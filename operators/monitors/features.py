"""What monitors of single features share: cells, blocks, the reference, and when to decide."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from operators.base import Space
from operators.kernels.cells import COLLECTING, count_rows
from operators.monitors.base import Finding
from operators.monitors.edges import Cells, widths
from operators.monitors.schedule import SETTLED, Schedule
from operators.monitors.trial import ASPECTS, Compare, Compared, Sample, Trial
from operators.monitors.two_sample import chi_square, merge_sparse
from operators.snapshot import State, copied, refill

VERSION = 1
CATEGORIES_MAX = 256
"""Codes that are counted one by one; memory has to have a bound."""
EXPECTED_MIN = 20.0
"""Values that each cell can be expected to hold in the window. Five will do at a level of 5 %; at
those of 1e-6, to which many features and many tests lead, that would let ten times as many false
alarms pass."""

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]

_STATE = np.dtype([("seen", np.int64), ("filled", np.int64), ("tests", np.int64)])


class FeatureMonitor:
    """A monitor that tests each feature by counts of its cells.

    A monitor of the catalogue is a constructor with documented parameters that hands its test to
    this class. Nothing else is overridden.

    Parameters
    ----------
    space
        Its features are watched.
    compare
        The test of numeric features, with its name.
    compare_categories
        The test of categories, which have no order, with its name.
    divide
        How a numeric feature is divided, from its values in the reference.
    edges_max
        At most as many edges does it make.
    schedule
        When and at which level it is tested.
    """

    def __init__(
        self,
        space: Space,
        *,
        compare: tuple[str, Compare],
        compare_categories: tuple[str, Compare],
        divide: Callable[[Floats], Cells],
        edges_max: int,
        schedule: Schedule,
    ) -> None:
        self.space, self.schedule = space, schedule
        self._divide = divide
        self._compare, self._compare_categories = compare, compare_categories
        # Blocks of the reference that are kept one by one, to be let go of one by one.
        self._kept = schedule.reference_size // schedule.step if schedule.is_rolling else 0
        self._capacity = np.array([f.capacity for f in space.features], dtype=np.int64)
        self._category = self._capacity > 0
        codes = min(int(self._capacity.max(initial=0)), CATEGORIES_MAX)
        numeric = 0 if self._category.all() else 2 * edges_max + 1
        self._arrays = self._fresh(max(codes, numeric, 1), edges_max)
        self._header = self._arrays["state"]

    def watch(self, x: NDArray[np.float64]) -> list[Finding]:
        """Take in rows; return what was found, in order.

        Parameters
        ----------
        x
            (n, n_features) float64; a category is its code, NaN is missing.
        """
        assert x.ndim == 2
        assert x.shape[1] == len(self._capacity)
        chosen = self.schedule.looked_at(int(self._header["seen"][0]))
        rows = np.ascontiguousarray(x[chosen], dtype=np.float64)
        findings: list[Finding] = []
        taken = 0
        while taken < len(rows):
            taken += self._take(rows, taken)
            if self._header["filled"][0] == self.schedule.step:
                findings += self._end_block(chosen.start + (taken - 1) * self.schedule.every)
        self._header["seen"] += len(x)
        return findings

    def renew(self, columns: Sequence[int] | None = None) -> None:
        """Take a new reference from the rows to come, for some features or for all.

        It begins with the next block, so that it does not depend on how rows were cut.
        """
        self._arrays["due"][slice(None) if columns is None else list(columns)] = True

    @property
    def scores(self) -> Floats:
        """(n_features,) statistic of the last test of values; NaN before the first."""
        return self._arrays["scores"].copy()

    @property
    def level(self) -> float:
        """Level of the next test, over all features together."""
        return self.schedule.level(int(self._header["tests"][0]) + 1)

    def snapshot(self) -> State:
        """Return the whole state; it shares no memory with the monitor."""
        return copied(VERSION, self._arrays)

    def restore(self, state: State) -> None:
        """Take over a state made by `snapshot` of a monitor with equal parameters and space."""
        refill(type(self).__name__, VERSION, self._arrays, state)

    def _fresh(self, n_cells: int, edges_max: int) -> dict[str, NDArray[Any]]:
        d, n_blocks = len(self._capacity), self._kept + 2
        return {
            "state": np.zeros(1, dtype=_STATE),
            "buffer": np.zeros((d, self.schedule.reference_size)),
            "fill": np.zeros(d, dtype=np.int64),
            "edges": np.full((d, edges_max), np.inf),
            "n_edges": np.zeros(d, dtype=np.int64),
            "cell": np.zeros((d, 2 * edges_max + 1), dtype=np.int64),
            "slot": np.full(d, COLLECTING, dtype=np.int64),
            "ring": np.zeros((n_blocks, d, n_cells + 1), dtype=np.int64),
            "ring_sums": np.zeros((n_blocks, d)),
            "blocks": np.zeros(d, dtype=np.int64),
            "reference": np.zeros((d, n_cells + 1), dtype=np.int64),
            "reference_sums": np.zeros(d),
            "found": np.zeros((d, len(ASPECTS)), dtype=np.bool_),
            "due": np.zeros(d, dtype=np.bool_),
            "scores": np.full(d, np.nan),
            "widths": np.zeros((d, n_cells - 1)),
        }

    def _take(self, rows: Floats, start: int) -> int:
        a, header = self._arrays, self._header[0]
        count = min(len(rows) - start, self.schedule.step - int(header["filled"]))
        self._count(rows, start, start + count, slice(None), a["slot"], a["ring"], a["ring_sums"])
        header["filled"] += count
        return count

    def _count(
        self,
        rows: Floats,
        start: int,
        stop: int,
        columns: slice,
        slot: Counts,
        ring: Counts,
        sums: Floats,
    ) -> None:
        a = self._arrays
        parts = (a["edges"], a["n_edges"], a["cell"], a["buffer"], a["fill"])
        count_rows(
            rows,
            start,
            stop,
            self._capacity[columns],
            *(part[columns] for part in parts),
            slot,
            ring,
            sums,
        )

    def _end_block(self, index: int) -> list[Finding]:
        a = self._arrays
        self._header["filled"][0] = 0
        a["blocks"][a["slot"] != COLLECTING] += 1
        for j in np.flatnonzero(
            (a["slot"] == COLLECTING) & (a["fill"] == self.schedule.reference_size)
        ):
            self._learn(int(j))
        findings = self._decide(index)
        self._begin_block()
        return findings

    def _learn(self, j: int) -> None:
        """Divide a feature by what was collected of it, and count that."""
        a = self._arrays
        values = a["buffer"][j]
        if not self._category[j]:
            cells = self._divide(np.sort(values[~np.isnan(values)]))
            a["n_edges"][j] = len(cells.edges)
            a["edges"][j, : len(cells.edges)] = cells.edges
            a["edges"][j, len(cells.edges) :] = np.inf
            a["cell"][j, : len(cells.cell)] = cells.cell
            gaps = widths(cells.edges)
            a["widths"][j] = 0.0
            a["widths"][j, : len(gaps)] = gaps
        n_blocks = self.schedule.reference_size // self.schedule.step
        counts = np.zeros((n_blocks, 1, a["reference"].shape[1]), dtype=np.int64)
        sums = np.zeros((n_blocks, 1))
        rows, only = values.reshape(-1, 1).copy(), slice(j, j + 1)
        for b in range(n_blocks):
            block = np.array([b])
            self._count(
                rows,
                b * self.schedule.step,
                (b + 1) * self.schedule.step,
                only,
                block,
                counts,
                sums,
            )
        a["reference"][j], a["reference_sums"][j] = counts[:, 0].sum(axis=0), sums.sum()
        a["ring"][: self._kept, j] = counts[: self._kept, 0]
        a["ring_sums"][: self._kept, j] = sums[: self._kept, 0]
        a["blocks"][j] = self._kept
        a["slot"][j] = 0  # no longer collecting; the next block's slot follows
        a["buffer"][j] = 0.0  # it is of no more use, and zeros are cheap to keep

    def _begin_block(self) -> None:
        """Move on by one block: what leaves the window, what leaves the reference, who is anew."""
        a, n_blocks = self._arrays, self._kept + 2
        for j in np.flatnonzero(a["due"]):
            a["fill"][j], a["slot"][j], a["found"][j], a["due"][j] = 0, COLLECTING, False, False
            a["scores"][j] = np.nan
        counted = np.flatnonzero(a["slot"] != COLLECTING)
        slot, leaving = a["blocks"][counted] % n_blocks, (a["blocks"][counted] - 2) % n_blocks
        if self._kept:
            moved = a["blocks"][counted] >= n_blocks
            on, old, new = counted[moved], slot[moved], leaving[moved]
            a["reference"][on] += a["ring"][new, on] - a["ring"][old, on]
            # Sums are added up anew: what was once taken in would leave its rounding behind.
            kept = (a["blocks"][on] - 2 - np.arange(self._kept)[:, None]) % n_blocks
            a["reference_sums"][on] = a["ring_sums"][kept, on].sum(axis=0)
        a["ring"][slot, counted] = 0
        a["ring_sums"][slot, counted] = 0.0
        a["slot"][counted] = slot

    def _decide(self, index: int) -> list[Finding]:
        a = self._arrays
        tested = np.flatnonzero((a["slot"] != COLLECTING) & (a["blocks"] >= self._kept + 2))
        if not len(tested):
            return []
        level = self.level
        self._header["tests"][0] += 1
        trial = self._trial(tested)
        adjusted = trial.adjusted(a["found"][tested])
        a["scores"][tested] = trial.values.statistic
        fresh = adjusted <= level
        a["found"][tested] &= trial.p_values <= SETTLED
        a["found"][tested] |= fresh
        if self.schedule.is_rolling:
            a["due"][tested[fresh.any(axis=1)]] = True
        seen = int(self._header["seen"][0]) + index + 1
        return [
            trial.finding(int(i), int(k), index, seen, float(adjusted[i, k]))
            for i, k in np.argwhere(fresh)
        ]

    def _trial(self, columns: NDArray[np.int64]) -> Trial:
        a, n_blocks = self._arrays, self._kept + 2
        window = np.stack([(a["blocks"][columns] - back) % n_blocks for back in (1, 2)])
        now = _sample(
            a["ring"][window, columns].sum(axis=0), a["ring_sums"][window, columns].sum(axis=0)
        )
        old = _sample(a["reference"][columns], a["reference_sums"][columns])
        category = self._category[columns]
        values = np.empty((len(Compared._fields), len(columns)))
        for which, (_, compare) in (
            (~category, self._compare),
            (category, self._compare_categories),
        ):
            gaps = a["widths"][columns[which]]
            values[:, which] = compare(old.counts[which], now.counts[which], gaps)
        names = (self._compare[0], self._compare_categories[0])
        return Trial(old, now, columns, category, Compared(*values), names)


def _sample(counts: Counts, sums: Floats) -> Sample:
    whole = counts.astype(np.float64)
    return Sample(whole[:, :-1], whole[:, -1], sums)


def compare_by_chi_square(old: Floats, now: Floats, gaps: Floats) -> Compared:
    """Test by Pearson's chi-square; the effect is Cramer's V."""
    tested = chi_square(*merge_sparse(old, now, EXPECTED_MIN))
    effect = np.sqrt(tested.statistic / np.maximum(old.sum(axis=-1) + now.sum(axis=-1), 1.0))
    nothing = np.full_like(effect, np.nan)
    return Compared(*tested, effect, nothing, nothing)
