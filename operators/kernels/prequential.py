"""Sums behind the prequential figures, one step of a tape after the other.

All sums are taken in the order of the tape, so that no bit depends on how it was cut. Faded sums
of the classification do not shrink at each label, which would touch every histogram bin: instead
each label weighs 1 / fading_factor times the one before, and everything is scaled back once the
weight passes `WEIGHT_MAX`. Figures are ratios of such sums, so the scale cancels.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from operators.kernels.compiled import njit
from operators.tape import PREDICT

BINS = 1024
WEIGHT_MAX = 1e6
PROBABILITY_MIN = 1e-15
ERROR_MAX = 1e150  # its square is still finite

CLASSIFICATION = np.dtype(
    [
        ("count", np.int64),  # labels scored
        ("hits", np.int64),  # of the model
        ("hits_majority", np.int64),  # of the majority class known at prediction
        ("hits_last", np.int64),  # of the last label known at prediction
        ("unanswered", np.int64),  # rows without any finite probability
        ("last", np.int64),  # last label, -1 before any
        ("majority", np.int64),  # most frequent label, the lowest code among equals; -1 before any
        ("log_loss", np.float64),
        ("weight", np.float64),  # of the next label, in the faded sums
        ("faded_count", np.float64),
        ("faded_hits", np.float64),
        ("faded_hits_majority", np.float64),
        ("faded_hits_last", np.float64),
        ("faded_log_loss", np.float64),
    ]
)
REGRESSION = np.dtype(
    [
        ("count", np.int64),
        ("unanswered", np.int64),  # predictions that were not finite
        ("mean", np.float64),  # of the labels
        ("deviations", np.float64),  # sum of squared deviations of the labels from their mean
        ("absolute", np.float64),  # sum of absolute errors
        ("squared", np.float64),  # sum of squared errors
        ("faded_count", np.float64),
        ("faded_mean", np.float64),
        ("faded_deviations", np.float64),
        ("faded_absolute", np.float64),
        ("faded_squared", np.float64),
    ]
)

Header = NDArray[np.void]
Floats = NDArray[np.float64]
Counts = NDArray[np.int64]


@njit(cache=True, nogil=True)
def best_code(output: Floats) -> int:
    """Code of the greatest finite entry, the lowest among equals; -1 if none is finite."""
    best = -1
    for code in range(len(output)):
        if math.isfinite(output[code]) and (best < 0 or output[code] > output[best]):
            best = code
    return best


@njit(cache=True, nogil=True)
def _probability(output: Floats, code: int) -> float:
    """Probability of a class, within [0, 1]; one that is not finite counts as 0."""
    value = output[code]
    return min(max(value, 0.0), 1.0) if math.isfinite(value) else 0.0


@njit(cache=True, nogil=True)
def _count_label(header: Header, truths: Counts, label: int) -> None:
    truths[label] += 1
    header[0]["last"] = label
    top = header[0]["majority"]
    if top < 0 or truths[label] > truths[top] or (truths[label] == truths[top] and label < top):
        header[0]["majority"] = label


@njit(cache=True, nogil=True)
def _scale_back(header: Header, faded_classes: Floats, faded_bins: Floats) -> None:
    scale = 1.0 / header[0]["weight"]
    header[0]["weight"] = 1.0
    header[0]["faded_count"] *= scale
    header[0]["faded_hits"] *= scale
    header[0]["faded_hits_majority"] *= scale
    header[0]["faded_hits_last"] *= scale
    header[0]["faded_log_loss"] *= scale
    faded_classes *= scale
    faded_bins *= scale


@njit(cache=True, nogil=True)
def watch_classification(
    header: Header,
    classes: Counts,
    faded_classes: Floats,
    bins: Counts,
    faded_bins: Floats,
    fading_factor: float,
    action: NDArray[np.uint8],
    row: Counts,
    output: Floats,
    y: Floats,
    watch: Floats,
    error_rows: Counts,
    errors: Floats,
) -> None:
    """Run a tape: note the baselines at PREDICT, score at LEARN.

    `classes` is (2, n_classes + 1): how often each code was the truth, and the answer (the last
    place: no answer). `bins` is (2, BINS) for two classes, else (2, 0): by true class, how often
    P(class 1) fell in each bin. `error_rows` and `errors` have one place for each LEARN.
    """
    n_errors = 0
    none = classes.shape[1] - 1
    for step in range(len(row)):
        i = row[step]
        if action[step] == PREDICT:
            known = header[0]["last"] >= 0
            watch[i, 0] = header[0]["last"] if known else math.nan
            watch[i, 1] = header[0]["majority"] if known else math.nan
            continue
        label = int(y[i])
        answer = best_code(output[i])
        # A baseline that knew no label yet (NaN) has missed.
        hit, hit_last, hit_majority = answer == label, watch[i, 0] == label, watch[i, 1] == label
        loss = -math.log(max(_probability(output[i], label), PROBABILITY_MIN))
        if answer < 0:
            answer = none
            header[0]["unanswered"] += 1
        header[0]["count"] += 1
        header[0]["hits"] += hit
        header[0]["hits_last"] += hit_last
        header[0]["hits_majority"] += hit_majority
        header[0]["log_loss"] += loss
        classes[1, answer] += 1

        header[0]["weight"] /= fading_factor
        if header[0]["weight"] > WEIGHT_MAX:
            _scale_back(header, faded_classes, faded_bins)
        weight = header[0]["weight"]
        header[0]["faded_count"] += weight
        header[0]["faded_hits"] += weight * hit
        header[0]["faded_hits_last"] += weight * hit_last
        header[0]["faded_hits_majority"] += weight * hit_majority
        header[0]["faded_log_loss"] += weight * loss
        faded_classes[0, label] += weight
        faded_classes[1, answer] += weight
        if bins.shape[1] > 0:
            place = min(int(_probability(output[i], 1) * BINS), BINS - 1)
            bins[label, place] += 1
            faded_bins[label, place] += weight

        _count_label(header, classes[0], label)
        error_rows[n_errors] = i
        errors[n_errors] = 0.0 if hit else 1.0
        n_errors += 1


@njit(cache=True, nogil=True)
def watch_regression(
    header: Header,
    fading_factor: float,
    action: NDArray[np.uint8],
    row: Counts,
    output: Floats,
    y: Floats,
    error_rows: Counts,
    errors: Floats,
) -> None:
    """Run a tape: score at LEARN; labels' moments by Welford's update, faded and not."""
    n_errors = 0
    for step in range(len(row)):
        if action[step] == PREDICT:
            continue
        i = row[step]
        label, prediction = y[i], output[i, 0]
        if not math.isfinite(prediction):
            prediction = header[0]["mean"]
            header[0]["unanswered"] += 1
        error = min(abs(label - prediction), ERROR_MAX)
        header[0]["count"] += 1
        gap = label - header[0]["mean"]
        header[0]["mean"] += gap / header[0]["count"]
        header[0]["deviations"] += gap * (label - header[0]["mean"])
        header[0]["absolute"] += error
        header[0]["squared"] += error * error

        count = fading_factor * header[0]["faded_count"] + 1.0
        gap = label - header[0]["faded_mean"]
        header[0]["faded_count"] = count
        header[0]["faded_mean"] += gap / count
        header[0]["faded_deviations"] = fading_factor * header[0]["faded_deviations"] + gap * (
            label - header[0]["faded_mean"]
        )
        header[0]["faded_absolute"] = fading_factor * header[0]["faded_absolute"] + error
        header[0]["faded_squared"] = fading_factor * header[0]["faded_squared"] + error * error
        error_rows[n_errors] = i
        errors[n_errors] = error
        n_errors += 1
