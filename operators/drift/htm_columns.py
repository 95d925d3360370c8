"""HTM and SPRT over many columns: each has its own, and a rule that puts them together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
from annotated_types import Ge
from numpy.typing import ArrayLike, NDArray

from operators.checks import check_choice
from operators.drift.base import Alarm
from operators.drift.htm_sprt import HTMSPRT
from operators.drift.parameters import check_at_least
from operators.snapshot import State, copied, nest, part, refill

VERSION = 1
Rule = Literal["any", "majority"]
STATE = np.dtype(
    [
        ("alarm", np.int64),  # row of a column's last alarm; -1: none, or it has been told
        ("before", np.float64),
        ("after", np.float64),
    ]
)


@dataclass(slots=True)
class ColumnsAlarm:
    """Columns that signalled together.

    Parameters
    ----------
    index
        Of the row, in the array that was given.
    kind
        Always `drift`.
    columns
        Those that signalled, in their order.
    before, after
        Mean of each before its change, and since.
    """

    index: int
    kind: Literal["drift"]
    columns: tuple[int, ...]
    before: tuple[float, ...]
    after: tuple[float, ...]


class HTMColumns:
    """HTM and a sequential test for each column of rows, put together by a rule [1]_.

    Use it for metrics that come together: features, or what the pipeline says of itself. `any` is
    for columns that are each worth an alarm: false alarms of d columns add up. `majority` is for
    columns that show the same thing with noise of their own.

    Parameters
    ----------
    n_features
        Columns of the rows.
    rule
        `any`: an alarm wherever a column's test signals. `majority`: where more than half of the
        columns have signalled within the last `within` rows; these are then told, and are not told
        again before they signal anew.
    within
        Rows for which a signal counts. Larger: columns that follow each other slowly are put
        together, and so are false alarms.
    block
        Rows that are averaged before they are looked at.
    theta, rise, alpha, warm_up, seed
        As for `HTMSPRT`.

    Notes
    -----
    As much time and memory as `HTMSPRT` takes for each column. A value that is missing (NaN) is
    passed over: its column waits.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> rows = rng.normal(size=(3000, 3))
    >>> rows[2000:, 1] += 4.0
    >>> [(alarm.index, alarm.columns) for alarm in HTMColumns(3).update_many(rows)]
    [(2015, (1,))]

    References
    ----------
    .. [1] HTM and SPRT for drift detection, 2025, IJMEMS 10(3), arXiv 2504.18599.
    """

    def __init__(
        self,
        n_features: Annotated[int, Ge(1)],
        rule: Rule = "any",
        within: Annotated[int, Ge(1)] = 50,
        block: Annotated[int, Ge(1)] = 1,
        theta: float = 0.8,
        rise: float = 0.6,
        alpha: float = 1e-5,
        warm_up: int = 100,
        seed: int = 1,
    ) -> None:
        check_at_least("n_features", n_features, 1)
        check_choice("rule", rule, Rule)
        check_at_least("within", within, 1)
        self.n_features = n_features
        self.rule = rule
        self.within = within
        self.detectors = [
            HTMSPRT(block, theta, rise, alpha, warm_up=warm_up, seed=seed + j)
            for j in range(n_features)
        ]
        self._needed = n_features // 2 + 1 if rule == "majority" else 1
        self._last = np.zeros(n_features, dtype=STATE)
        self._last["alarm"] = -1
        self._rows = np.zeros(1, dtype=np.int64)
        self._arrays = {"last": self._last, "rows": self._rows}

    def update(self, row: ArrayLike) -> None:
        """Take in one row."""
        self.update_many(np.array([row], dtype=np.float64))

    def update_many(self, rows: ArrayLike) -> list[ColumnsAlarm]:
        """Take in rows in order; return the alarms they raised, in order.

        Raises
        ------
        ValueError
            When a value is infinite, or a row has another width; then none has been taken in.
        """
        return self.watch_many(rows)[0]

    def watch_many(self, rows: ArrayLike) -> tuple[list[ColumnsAlarm], NDArray[np.float64]]:
        """Take in rows as `update_many` does; return the anomalies of all values as well.

        They are of the shape of `rows`, in [0, 1] as `HTMSPRT.watch_many` has them, NaN where the
        value is missing.
        """
        x = np.ascontiguousarray(rows, dtype=np.float64)
        if x.ndim != 2 or x.shape[1] != self.n_features:
            raise ValueError(
                f"rows: must have {self.n_features} columns; got an array of shape {x.shape}."
            )
        if np.isinf(x).any():
            raise ValueError("rows: must be finite, or NaN where a value is missing.")
        signals: dict[int, list[tuple[int, Alarm]]] = {}
        anomalies = np.full(x.shape, np.nan)
        for j, detector in enumerate(self.detectors):
            there = np.flatnonzero(~np.isnan(x[:, j]))
            found, anomalies[there, j] = detector.watch_many(x[there, j])
            for alarm in found:
                signals.setdefault(int(there[alarm.index]), []).append((j, alarm))
        alarms = [
            alarm for index in sorted(signals) for alarm in self._judge(index, signals[index])
        ]
        self._rows[0] += len(x)
        return alarms, anomalies

    def snapshot(self) -> State:
        """Return the whole state; it shares no memory with the operator."""
        state = copied(VERSION, self._arrays)
        for j, detector in enumerate(self.detectors):
            state |= nest(f"column_{j}", detector.snapshot())
        return state

    def restore(self, state: State) -> None:
        """Take over a state made by `snapshot` of one with equal parameters."""
        refill(type(self).__name__, VERSION, self._arrays, state)
        for j, detector in enumerate(self.detectors):
            detector.restore(part(f"column_{j}", state))

    def reset(self) -> None:
        """Forget everything, as if just made."""
        self._last[:] = 0
        self._last["alarm"] = -1
        self._rows[0] = 0
        for detector in self.detectors:
            detector.reset()

    def _judge(self, index: int, found: list[tuple[int, Alarm]]) -> list[ColumnsAlarm]:
        """Take in what columns signalled at a row; return the alarm that this makes, if it does."""
        now = int(self._rows[0]) + index
        for j, alarm in found:
            self._last[j] = (now, alarm.before, alarm.after)
        at = self._last["alarm"]
        fresh = np.flatnonzero((at >= 0) & (now - at < self.within))
        if len(fresh) < self._needed:
            return []
        told = self._last[fresh]
        self._last["alarm"][fresh] = -1
        columns = tuple(fresh.tolist())
        before, after = tuple(told["before"].tolist()), tuple(told["after"].tolist())
        return [ColumnsAlarm(index, "drift", columns, before, after)]
