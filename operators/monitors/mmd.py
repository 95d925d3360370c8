"""Maximum mean discrepancy of whole rows, in linear time."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Annotated, Any

import numpy as np
from annotated_types import Ge, Gt, Lt
from numpy.typing import NDArray

from operators.base import Space
from operators.kernels import mmd as kernel
from operators.monitors.base import Finding
from operators.monitors.schedule import SETTLED, Control, Reference, Schedule
from operators.monitors.two_sample import normal_tail
from operators.snapshot import State, copied, refill

VERSION = 1
MEDIAN_OF = 200
"""Rows of the reference of whose distances the median is taken."""
_IQR = 1.349
"""Interquartile range of a standard normal number."""

Floats = NDArray[np.float64]


class MMD:
    """Maximum mean discrepancy of whole rows, with a Gaussian kernel, in linear time [1]_.

    Prefer it where features may change together while each looks as before. It cannot say which
    of them has changed, and it needs longer windows than the tests of single features, for it
    looks at each row only once.

    Parameters
    ----------
    space
        Its features are watched. Numbers are divided by their spread in the reference; unlike
        categories, and a value beside a gap, are as far apart as one-hot codes.
    reference_size
        Rows of the reference, a multiple of `window` / 2, at least `window`. Larger: starts later;
        8 bytes a row and feature.
    window
        Rows that are compared with it, a multiple of 4; a test is made every `window` / 2 rows.
        Larger: sees smaller changes, longer delay.
    alpha
        False alarms that may be expected in 100,000 rows, or at all; see `control`.
    reference
        `fixed`: the first rows, until `renew`. `rolling`: each row is compared with the one
        `reference_size` rows before it; after a finding the reference begins anew.
    control
        `rate`: `alpha` false alarms in 100,000 rows, for ever. `spending`: `alpha` in all, the
        k-th test having 6 / (pi k)^2 of it: better in the first thousands of rows, ever blinder
        later.
    every
        Only each `every`-th row is looked at, and counted in `reference_size` and `window`. Choose
        it so large that such rows hang together no more: the tests take them for independent.

    Notes
    -----
    O(features) time a row. The kernel is exp(-|a - b|^2 / (2 s^2)), s the median distance of
    200 rows of the reference. `Finding.statistic` is the mean h of window / 2 pairs, the squared
    discrepancy. Under no change h is symmetric around 0, so sum h / sqrt(sum h^2) is close to
    normal even far out.

    Examples
    --------
    >>> from operators.base import Feature
    >>> rng = np.random.default_rng(1)
    >>> rows = rng.normal(size=(20_000, 2))
    >>> rows[6000:, 1] = 0.95 * rows[6000:, 0] + 0.31 * rows[6000:, 1]  # now they go together
    >>> space = Space((Feature("a"), Feature("b")), n_classes=0)
    >>> [finding] = MMD(space).watch(rows)
    >>> finding.column, finding.index, round(finding.statistic, 2)
    (-1, 10999, 0.06)

    References
    ----------
    .. [1] Gretton et al., 2012, A kernel two-sample test, Journal of Machine Learning Research 13.
    """

    def __init__(
        self,
        space: Space,
        *,
        reference_size: Annotated[int, Ge(20)] = 2_000,
        window: Annotated[int, Ge(20)] = 2_000,
        alpha: Annotated[float, Gt(0), Lt(1)] = 0.05,
        reference: Reference = "fixed",
        control: Control = "rate",
        every: Annotated[int, Ge(1)] = 1,
    ) -> None:
        self.space = space
        self.schedule = Schedule(reference_size, window, alpha, reference, control, every)
        d = len(space.features)
        self._capacity = np.array([f.capacity for f in space.features], dtype=np.int64)
        self._arrays: dict[str, NDArray[Any]] = {
            "state": np.zeros(1, dtype=kernel.STATE),
            "reference": np.zeros((reference_size, d)),
            "last": np.zeros((2, d)),
            "sums": np.zeros((2, 2)),
            "scale": np.ones(d),
        }
        self._header = self._arrays["state"]
        self._header["score"] = np.nan

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
        """Take a new reference from the rows to come, whichever features have changed.

        It begins with the next block, so that it does not depend on how rows were cut.
        """
        self._header["due"] = 1

    @property
    def scores(self) -> Floats:
        """(1,) squared discrepancy of the last test; NaN before the first."""
        return self._header["score"].copy()

    def snapshot(self) -> State:
        """Return the whole state; it shares no memory with the monitor."""
        return copied(VERSION, self._arrays)

    def restore(self, state: State) -> None:
        """Take over a state made by `snapshot` of a monitor with equal parameters and space."""
        refill(type(self).__name__, VERSION, self._arrays, state)

    def _take(self, rows: Floats, start: int) -> int:
        count = min(len(rows) - start, self.schedule.step - int(self._header["filled"][0]))
        a = self._arrays
        kernel.count_rows(
            rows,
            start,
            start + count,
            self.schedule.is_rolling,
            a["state"],
            a["reference"],
            a["last"],
            a["sums"],
            self._capacity,
            a["scale"],
        )
        return count

    def _end_block(self, index: int) -> list[Finding]:
        state, sums = self._header[0], self._arrays["sums"]
        state["filled"] = 0
        findings: list[Finding] = []
        if state["fill"] == self.schedule.reference_size:
            if state["gamma"] == 0.0:
                self._learn()
            else:
                state["blocks"] += 1
            if state["blocks"] >= 2:
                findings = self._decide(index)
            sums[state["blocks"] % 2] = 0.0
        if state["due"]:
            for name in ("fill", "place", "blocks", "found", "due", "gamma"):
                state[name] = 0
            state["score"] = np.nan
            sums[:] = 0.0
        return findings

    def _learn(self) -> None:
        """Take spreads and the kernel's width from the reference."""
        a = self._arrays
        a["scale"][:] = [_spread(column[~np.isnan(column)]) for column in a["reference"].T]
        count = min(MEDIAN_OF, self.schedule.reference_size)
        squares = np.empty(count * (count - 1) // 2)
        kernel.distances(a["reference"], count, self._capacity, a["scale"], squares)
        self._header["gamma"] = 1.0 / (2.0 * max(float(np.median(squares)), 1e-12))

    def _decide(self, index: int) -> list[Finding]:
        state = self._header[0]
        total, squares = self._arrays["sums"].sum(axis=0).tolist()
        state["tests"] += 1
        state["score"] = 2.0 * total / self.schedule.window
        p_value = float(normal_tail(total / math.sqrt(squares))) if squares > 0.0 else 1.0
        if state["found"]:
            state["found"] = int(p_value <= SETTLED)
            return []
        if p_value > self.schedule.level(int(state["tests"])):
            return []
        state["found"] = 1
        state["due"] |= int(self.schedule.is_rolling)
        score, nan = float(state["score"]), float("nan")
        seen = int(state["seen"]) + index + 1
        return [
            Finding(index, seen, -1, "rows", "mmd", score, p_value, nan, nan, -1, score, nan, nan)
        ]


def _spread(values: Floats) -> float:
    """Return a scale that outliers do not make: the quartiles', else the deviation, else 1."""
    if not len(values):
        return 1.0
    low, high = np.quantile(values, [0.25, 0.75])
    for spread in ((high - low) / _IQR, values.std()):
        if spread > 0.0:
            return float(spread)
    return 1.0
