"""ABCD: changes of many features at once, compiled."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import numpy as np
from annotated_types import Ge, Gt, Lt
from numpy.typing import ArrayLike, NDArray

from operators.checks import check_positive
from operators.drift.parameters import check_at_least, check_at_most, check_probability
from operators.kernels import abcd as kernel
from operators.kernels.alarms import DRIFT, LOG, WARNING
from operators.snapshot import State, copied, refill

VERSION = 1


@dataclass(slots=True)
class RowAlarm:
    """One signal of a detector that watches rows.

    Parameters
    ----------
    index
        Of the row, in the array that was given, at which the detector signalled.
    kind
        `drift` or `warning`.
    before, after
        Mean loss of the rows before the change, and of those since.
    rows_since
        Rows since the change, the one at `index` included.
    features
        Of a drift: the columns that the model describes worse or better than before, the most
        changed one first. A model of all features passes some of a change on to the others, so
        trust the first ones most.
    severity
        Of a drift: by how many standard deviations of before their mean loss has moved.
    """

    index: int
    kind: Literal["drift", "warning"]
    before: float
    after: float
    rows_since: int
    features: tuple[int, ...] = ()
    severity: float = 0.0


class ABCD:
    """Adaptive Bernstein change detector: many features, one model of how they hang together [1]_.

    Prefer it where features change together, or their relations change while each looks as before:
    no detector of single features sees that. It needs no labels, tells which features have
    changed and since when, and trains its model anew after each drift. It watches rows, so it is
    no detector for the errors of a pipeline.

    It differs from the paper in three ways. Instead of an autoencoder, whose training depends on a
    seed, the model is linear: the principal components of standardised rows, as in CapyMOA. Losses
    are in units of the features' variance, so `loss_range` is 1, not 0.1. Where the change began is
    found by least squares: the split of least chance leans to the middle of the window, where the
    bound is sharper.

    Parameters
    ----------
    n_features
        Columns of the rows, at least 2.
    delta_drift
        Significance of a drift. Smaller: fewer false alarms, longer delay.
    delta_warning
        Significance of a warning.
    bottleneck
        Share of as many components as features that the model has. Larger: it describes more, and
        sees fewer changes.
    splits
        How many places in the window are tried as the change. Larger: finer, slower.
    grace_period
        Rows that a model is trained on.
    part_min
        Losses on either side of a split, at the least. Smaller: shorter delay, more false alarms.
    window
        Losses that are remembered. Larger: sees smaller changes, slower.
    loss_range
        How far a loss may be from its mean. Larger: more careful with outliers.
    feature_level
        Features are named for which the same bound, in [0, 4], is below this. Larger: more.
        The paper has 2.5 for its range of 0.1; with a range of 1 that names nearly all.

    Notes
    -----
    O(features^2 bottleneck + window) time a row and O(features window) memory; training takes
    O(features^2 (grace_period + features)), once a drift. A drift is signalled when
    2 (exp(-n1 (k e)^2 / (2 (v1 + k M e / 3))) + exp(-n2 (l e)^2 / (2 (v2 + l M e / 3)))) is below
    `delta_drift` at one of the splits, with n, mean loss and variance v of the parts beside it, e
    the difference of the means, k = n2 / (n1 + n2), l = 1 - k, M = `loss_range`.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> rows = rng.normal(size=(3000, 4))
    >>> rows[:1500, 3] = rows[:1500, 2] + 0.1 * rows[:1500, 3]  # two features go together, then not
    >>> alarm = ABCD(4).update_many(rows)[-1]
    >>> alarm.kind, alarm.index, alarm.index + 1 - alarm.rows_since, alarm.features
    ('drift', 1779, 1528, (3, 2))

    References
    ----------
    .. [1] Heyden et al., 2024, Adaptive Bernstein change detector for high-dimensional data
       streams, Data Mining and Knowledge Discovery 38. DOI 10.1007/s10618-023-00999-5.
    """

    def __init__(
        self,
        n_features: Annotated[int, Ge(2)],
        delta_drift: Annotated[float, Gt(0), Lt(1)] = 0.002,
        delta_warning: Annotated[float, Gt(0), Lt(1)] = 0.01,
        bottleneck: Annotated[float, Gt(0), Lt(1)] = 0.5,
        splits: Annotated[int, Ge(1)] = 20,
        grace_period: Annotated[int, Ge(2)] = 100,
        part_min: Annotated[int, Ge(1)] = 30,
        window: Annotated[int, Ge(2)] = 1_000,
        loss_range: Annotated[float, Gt(0)] = 1.0,
        feature_level: Annotated[float, Gt(0)] = 0.05,
    ) -> None:
        check_at_least("n_features", n_features, 2)
        check_probability("delta_drift", delta_drift)
        check_probability("delta_warning", delta_warning)
        check_at_most("delta_drift", delta_drift, delta_warning, "delta_warning")
        check_probability("bottleneck", bottleneck)
        check_at_least("splits", splits, 1)
        check_at_least("grace_period", grace_period, 2)
        check_at_least("part_min", part_min, 1)
        check_at_least("window", window, max(2 * part_min, grace_period))
        check_positive("loss_range", loss_range)
        check_positive("feature_level", feature_level)
        self.n_features = n_features
        self.delta_drift = delta_drift
        self.delta_warning = delta_warning
        self.bottleneck = bottleneck
        self.splits = splits
        self.grace_period = grace_period
        self.part_min = part_min
        self.window = window
        self.loss_range = loss_range
        self.feature_level = feature_level
        components = min(max(round(bottleneck * n_features), 1), n_features - 1)
        self._arrays: dict[str, NDArray[Any]] = {
            "state": np.zeros(1, dtype=kernel.STATE),
            "ring": np.zeros((window, n_features)),
            "losses": np.zeros(window),
            "centre": np.zeros(n_features),
            "scale": np.ones(n_features),
            "axes": np.zeros((components, n_features)),
        }
        self._header = self._arrays["state"]
        self._log = np.empty(1, dtype=LOG)
        self._work = (np.zeros((splits, 2)), np.zeros(n_features))
        self._fresh = copied(VERSION, self._arrays)

    @property
    def drift_detected(self) -> bool:
        """True right after the update that signals; the next update starts anew."""
        return bool(self._header["zone"][0] == DRIFT)

    @property
    def warning_detected(self) -> bool:
        """True while the rows may be changing."""
        return bool(self._header["zone"][0] == WARNING)

    @property
    def n_detections(self) -> int:
        """Drifts since the detector was made or reset."""
        return int(self._header["detections"][0])

    def update(self, row: Sequence[float] | NDArray[np.float64]) -> None:
        """Take in one row."""
        self.update_many(np.array([row], dtype=np.float64))

    def update_many(self, rows: ArrayLike) -> list[RowAlarm]:
        """Take in rows in order; return the alarms they raised, in order.

        Raises
        ------
        ValueError
            When a value is not finite, or a row has another width; then none has been taken in.
        """
        array = np.ascontiguousarray(rows, dtype=np.float64)
        if array.ndim != 2 or array.shape[1] != self.n_features:
            raise ValueError(
                f"rows: must have {self.n_features} columns; got an array of shape {array.shape}."
            )
        if not np.isfinite(array).all():
            raise ValueError("rows: must be finite; one NaN would stay in the model.")
        alarms: list[RowAlarm] = []
        taken = 0
        while taken < len(array):
            self._train_if_due()
            taken, n_alarms = self._run(array, taken)
            if n_alarms:
                alarms.append(self._alarm(*self._log[0].tolist()))
        return alarms

    def snapshot(self) -> State:
        """Return the whole state; it shares no memory with the detector."""
        return copied(VERSION, self._arrays)

    def restore(self, state: State) -> None:
        """Take over a state made by `snapshot` of a detector with equal parameters."""
        refill(type(self).__name__, VERSION, self._arrays, state)

    def reset(self) -> None:
        """Forget everything, as if just made."""
        self.restore(self._fresh)

    def _run(self, rows: NDArray[np.float64], start: int) -> tuple[int, int]:
        taken, n_alarms = kernel.update_many(
            rows,
            start,
            self._log,
            *self._arrays.values(),
            *self._work,
            self.grace_period,
            self.part_min,
            float(self.delta_warning),
            float(self.delta_drift),
            float(self.loss_range),
        )
        return int(taken), int(n_alarms)

    def _train_if_due(self) -> None:
        state = self._header[0]
        if state["zone"] == DRIFT or state["trained"] or state["rows"] < self.grace_period:
            return
        rows = self._last(int(state["rows"]))
        centre, scale = rows.mean(axis=0), rows.std(axis=0)
        scale[scale == 0.0] = 1.0  # a constant feature is left out by nothing
        standard = (rows - centre) / scale
        _, vectors = np.linalg.eigh(standard.T @ standard)
        axes = self._arrays["axes"]
        self._arrays["centre"][:], self._arrays["scale"][:] = centre, scale
        axes[:] = vectors[:, ::-1][:, : len(axes)].T
        state["trained"] = 1

    def _last(self, count: int) -> NDArray[np.float64]:
        """Return the last rows in their order."""
        place = int(self._header["place"][0])
        return self._arrays["ring"][np.arange(place - count, place) % self.window]

    def _alarm(self, index: int, zone: int, before: float, after: float) -> RowAlarm:
        count, split = int(self._header["losses"][0]), int(self._header["split"][0])
        if zone != DRIFT:
            return RowAlarm(index, "warning", before, after, count - split)
        features, severity = self._changed(count, split)
        return RowAlarm(index, "drift", before, after, count - split, features, severity)

    def _changed(self, count: int, split: int) -> tuple[tuple[int, ...], float]:
        """Return the features whose own losses differ beside the split, and how much these do."""
        axes = self._arrays["axes"]
        standard = (self._last(count) - self._arrays["centre"]) / self._arrays["scale"]
        squares = (standard - standard @ axes.T @ axes) ** 2
        old, new = squares[:split], squares[split:]
        moved = np.abs(new.mean(axis=0) - old.mean(axis=0))
        features = tuple(
            int(j)
            for j in np.argsort(-moved, kind="stable")
            if self._chance(old[:, j], new[:, j]) < self.feature_level
        )
        if not features:
            return (), 0.0
        past, present = old[:, features].mean(axis=1), new[:, features].mean()
        # A model that left out nothing has no spread to compare with.
        return features, abs(float(present - past.mean())) / max(float(past.std()), 1e-12)

    def _chance(self, old: NDArray[np.float64], new: NDArray[np.float64]) -> float:
        parts = [(len(part), float(part.mean()), float((part**2).mean())) for part in (old, new)]
        return float(kernel.chance_of_split(*parts[0], *parts[1], float(self.loss_range)))
