"""Prequential evaluation: every record is scored before it is learnt, by watching the tape.

What a record is scored against is fixed when it is predicted, not when its label comes: the
model's answer stands in `rows.output`, and the two baselines (the last label, and the most
frequent one, of those known by then) in `watch`, which waits with the row as its trace does. So
labels that come late make the baselines as blind as they make the model.

A figure whose denominator is 0 has no value yet: it is NaN. That is so for all before the first
label, for kappas while expected agreement is complete, for `auc` until both classes have come,
and for `r2` until labels differ.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from operators.kernels import prequential as kernel
from operators.snapshot import State
from operators.tape import LEARN, Rows, Tape

WATCH_WIDTH = 2
"""Columns of `watch`: the last label and the most frequent one, as known at PREDICT."""


@dataclass(frozen=True, slots=True)
class Errors:
    """Errors of the LEARN steps of one tape, in its order: what detectors watch.

    Parameters
    ----------
    rows
        (n_learn,) int64, the row of each.
    errors
        (n_learn,) float64, always finite: 0 or 1 for a class, the absolute error for a value.
    """

    rows: NDArray[np.int64]
    errors: NDArray[np.float64]


class PrequentialClassification:
    """Figures of a classifier: over the whole stream, and faded (`faded_...`).

    The answer to a row is the greatest finite entry of its output, the lowest code among equals;
    a row without any is `unanswered` and wrong.

    Parameters
    ----------
    n_classes
        Number of class codes.
    fading_factor
        Weight of a label in the faded figures, relative to the one after it. Larger: smoother
        and slower; 1 / (1 - fading_factor) labels count.

    Notes
    -----
    With a = accuracy, kappa = (a - e) / (1 - e) where e is the agreement of truths and answers
    drawn independently [1]_; kappa_m and kappa_t put in place of e the accuracy of answering
    the most frequent label, and the last one [2]_ [3]_. `log_loss` clips probabilities at 1e-15.
    `auc` (two classes only) is exact on P(class 1) rounded down to 1/1024. O(n_classes) memory
    and O(n_classes) time a label.

    Examples
    --------
    >>> from operators.tape import test_then_train
    >>> rows = Rows(
    ...     x=np.empty((4, 0)),
    ...     y=np.array([0.0, 1.0, 1.0, 0.0]),
    ...     output=np.array([[0.9, 0.1], [0.8, 0.2], [0.3, 0.7], [0.6, 0.4]]),
    ...     trace=np.empty((4, 0)),
    ... )
    >>> evaluator = PrequentialClassification(n_classes=2)
    >>> evaluator.run(test_then_train(4), rows, np.full((4, WATCH_WIDTH), np.nan)).errors.tolist()
    [0.0, 1.0, 0.0, 0.0]
    >>> figures = evaluator.figures()
    >>> figures["accuracy"], figures["kappa"], figures["kappa_t"], figures["auc"]
    (0.75, 0.5, 0.6666666666666666, 0.75)

    References
    ----------
    .. [1] Cohen, 1960, Educational and Psychological Measurement 20.
    .. [2] Bifet et al., 2015, Efficient online evaluation of big data stream classifiers, KDD.
    .. [3] Zliobaite et al., 2015, Evaluation methods and decision theory for classification of
       streaming data with temporal dependence, Machine Learning 98.
    """

    watch_width = WATCH_WIDTH

    def __init__(self, n_classes: int, fading_factor: float = 0.999) -> None:
        if n_classes < 1:
            raise ValueError(f"n_classes: must be >= 1; got {n_classes!r}.")
        self.n_classes = n_classes
        self.fading_factor = _checked_factor(fading_factor)
        self._header: NDArray[Any] = np.zeros(1, dtype=kernel.CLASSIFICATION)
        self._header["last"] = self._header["majority"] = -1
        self._header["weight"] = 1.0
        n_bins = kernel.BINS if n_classes == 2 else 0
        self._classes = np.zeros((2, n_classes + 1), dtype=np.int64)
        self._faded_classes = np.zeros((2, n_classes + 1))
        self._bins = np.zeros((2, n_bins), dtype=np.int64)
        self._faded_bins = np.zeros((2, n_bins))

    def run(self, tape: Tape, rows: Rows, watch: NDArray[np.float64]) -> Errors:
        """Watch a tape that a learner has just run.

        Parameters
        ----------
        watch
            (n_rows, 2) float64, written at PREDICT and read at LEARN; the caller keeps it for
            rows whose label is to come, NaN where nothing was known.
        """
        learnt = tape.row[tape.action == LEARN]
        labels = rows.y[learnt]
        # The kernel indexes by label: a wrong one would write outside its arrays.
        assert bool(np.all((labels >= 0) & (labels < self.n_classes)))
        assert rows.output.shape == (len(rows), self.n_classes)
        result = Errors(np.empty(len(learnt), dtype=np.int64), np.empty(len(learnt)))
        kernel.watch_classification(
            self._header,
            self._classes,
            self._faded_classes,
            self._bins,
            self._faded_bins,
            self.fading_factor,
            tape.action,
            tape.row,
            rows.output,
            rows.y,
            watch,
            result.rows,
            result.errors,
        )
        return result

    def figures(self) -> dict[str, float]:
        """Figures by name: accuracy, kappa, kappa_m, kappa_t, log_loss, auc; faded; counts."""
        head = self._header[0]
        figures = {"count": float(head["count"]), "unanswered": float(head["unanswered"])}
        for prefix, classes, bins in (
            ("", self._classes, self._bins),
            ("faded_", self._faded_classes, self._faded_bins),
        ):
            count = float(head[f"{prefix}count"])
            accuracy = _ratio(float(head[f"{prefix}hits"]), count)
            shares = classes[:, :-1] / count if count else np.zeros_like(classes[:, :-1])
            majority = _ratio(float(head[f"{prefix}hits_majority"]), count)
            last = _ratio(float(head[f"{prefix}hits_last"]), count)
            figures |= {
                f"{prefix}accuracy": accuracy,
                f"{prefix}kappa": _skill(accuracy, float(np.sum(shares[0] * shares[1]))),
                f"{prefix}kappa_m": _skill(accuracy, majority),
                f"{prefix}kappa_t": _skill(accuracy, last),
                f"{prefix}log_loss": _ratio(float(head[f"{prefix}log_loss"]), count),
            }
            if self.n_classes == 2:
                figures[f"{prefix}auc"] = _auc(bins.astype(np.float64))
        return figures

    def snapshot(self) -> State:
        """Return all sums."""
        return {
            "header": self._header.copy(),
            "classes": self._classes.copy(),
            "faded_classes": self._faded_classes.copy(),
            "bins": self._bins.copy(),
            "faded_bins": self._faded_bins.copy(),
        }

    def restore(self, state: State) -> None:
        """Take over a state made by `snapshot` of an evaluator with equal parameters."""
        assert np.shape(state["classes"]) == self._classes.shape
        self._header = np.array(state["header"], dtype=kernel.CLASSIFICATION)
        self._classes = np.array(state["classes"], dtype=np.int64)
        self._faded_classes = np.array(state["faded_classes"], dtype=np.float64)
        self._bins = np.array(state["bins"], dtype=np.int64)
        self._faded_bins = np.array(state["faded_bins"], dtype=np.float64)


class PrequentialRegression:
    """Figures of a regressor: over the whole stream, and faded (`faded_...`).

    A prediction that is not finite is `unanswered`, and scored as the mean of the labels before
    it: what would be known without a model. An absolute error counts as 1e150 at most.

    Parameters
    ----------
    fading_factor
        Weight of a label in the faded figures, relative to the one after it. Larger: smoother
        and slower; 1 / (1 - fading_factor) labels count.

    Notes
    -----
    mae, rmse, and r2 = 1 - (sum of squared errors) / (sum of squared deviations of the labels
    from their mean). O(1) memory and time a label.

    Examples
    --------
    >>> from operators.tape import test_then_train
    >>> rows = Rows(
    ...     x=np.empty((3, 0)),
    ...     y=np.array([1.0, 2.0, 3.0]),
    ...     output=np.array([[1.0], [1.0], [3.0]]),
    ...     trace=np.empty((3, 0)),
    ... )
    >>> evaluator = PrequentialRegression()
    >>> evaluator.run(test_then_train(3), rows, np.empty((3, WATCH_WIDTH))).errors.tolist()
    [0.0, 1.0, 0.0]
    >>> evaluator.figures()["r2"]
    0.5
    """

    watch_width = WATCH_WIDTH

    def __init__(self, fading_factor: float = 0.999) -> None:
        self.fading_factor = _checked_factor(fading_factor)
        self._header: NDArray[Any] = np.zeros(1, dtype=kernel.REGRESSION)

    def run(self, tape: Tape, rows: Rows, watch: NDArray[np.float64]) -> Errors:
        """Watch a tape that a learner has just run; `watch` is left alone (see classification)."""
        del watch
        learnt = tape.row[tape.action == LEARN]
        assert bool(np.isfinite(rows.y[learnt]).all())
        result = Errors(np.empty(len(learnt), dtype=np.int64), np.empty(len(learnt)))
        kernel.watch_regression(
            self._header,
            self.fading_factor,
            tape.action,
            tape.row,
            rows.output,
            rows.y,
            result.rows,
            result.errors,
        )
        return result

    def figures(self) -> dict[str, float]:
        """Figures by name: mae, rmse, r2; the same faded; counts."""
        head = self._header[0]
        figures = {"count": float(head["count"]), "unanswered": float(head["unanswered"])}
        for prefix in ("", "faded_"):
            count, squared = float(head[f"{prefix}count"]), float(head[f"{prefix}squared"])
            figures |= {
                f"{prefix}mae": _ratio(float(head[f"{prefix}absolute"]), count),
                f"{prefix}rmse": math.sqrt(_ratio(squared, count)),
                f"{prefix}r2": 1.0 - _ratio(squared, float(head[f"{prefix}deviations"])),
            }
        return figures

    def snapshot(self) -> State:
        """Return all sums."""
        return {"header": self._header.copy()}

    def restore(self, state: State) -> None:
        """Take over a state made by `snapshot` of an evaluator with equal parameters."""
        self._header = np.array(state["header"], dtype=kernel.REGRESSION)


def baseline_accuracy(accuracy: float, skill: float) -> float:
    """Accuracy of the baseline that `kappa_m` or `kappa_t` compares with; NaN if nothing says it.

    Examples
    --------
    >>> baseline_accuracy(0.9, 0.5)
    0.8
    """
    return _ratio(accuracy - skill, 1.0 - skill)


def mean_rmse(rmse: float, r2: float) -> float:
    """Root mean squared error of answering the mean of all labels, which `r2` compares with.

    Examples
    --------
    >>> mean_rmse(1.0, 0.75)
    2.0
    """
    return rmse / math.sqrt(1.0 - r2) if r2 < 1.0 else math.nan


def _checked_factor(fading_factor: float) -> float:
    if not 0 < fading_factor < 1:
        raise ValueError(f"fading_factor: must be in (0, 1); got {fading_factor!r}.")
    return fading_factor


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else math.nan


def _skill(accuracy: float, baseline: float) -> float:
    """Share of what the baseline leaves open that the model gets right."""
    return _ratio(accuracy - baseline, 1.0 - baseline)


def _auc(bins: NDArray[np.float64]) -> float:
    """Chance that a row of class 1 scores above one of class 0; equal bins count half."""
    below = np.cumsum(bins[0]) - bins[0]
    wins = float(np.sum(bins[1] * (below + 0.5 * bins[0])))
    return _ratio(wins, float(bins[0].sum() * bins[1].sum()))
