"""What a leaf knows: class weights, Gaussians and counts, and the votes made from them.

A class's score is log weight + sum over features of log p(value | class): a Gaussian for a
number, (count + 1) / (class count + codes) for a code. A missing value leaves its factor out.
A class whose values of a feature have all been equal is a spike there: density 1 at the value,
0 elsewhere; a class of which a numeric feature has seen nothing has density 0.
"""

from __future__ import annotations

import math

import numpy as np

from operators.kernels.compiled import njit
from operators.kernels.forest import (
    COLUMN,
    COLUMNS,
    COUNT,
    FIRST,
    HEADER,
    HIGH,
    INVERSE,
    LOG_SCALE,
    LOG_TOTALS,
    LOW,
    M2,
    MEAN,
    N_CODES,
    N_NOMINAL,
    N_NUMERIC,
    NOMINAL_FIELDS,
    STUMP_HEADER,
    TOTAL,
    VIEW,
    WAIT,
    FloatArray,
    Forest,
    IntArray,
    class_at,
    counts_at,
    totals_at,
)
from operators.kernels.histogram import count_value

# A spike as a very narrow parabola: exactly 0 at the mean and beyond any other score elsewhere,
# without a branch in the inner loop.
SPIKE = 1e300
VARIANCE_MIN = 1e-300
LOG_TINY = -700.0
LOG_TWO_PI = math.log(2.0 * math.pi)
LOGARITHMS = np.array([-np.inf] + [math.log(value) for value in range(1, 4096)])


@njit(cache=True, nogil=True, error_model="numpy")
def clear_leaf(forest: Forest, leaf: FloatArray, view: int) -> None:
    """Make a leaf that has seen nothing, with a view of its features."""
    views, n, n_classes = forest.views, forest.slots, forest.n_classes
    nominal = COLUMNS + n + N_CODES
    leaf[:] = 0.0
    leaf[VIEW] = view
    leaf[WAIT] = forest.grace_first
    leaf[HEADER + n_classes : HEADER + 2 * n_classes] = -np.inf
    for c in range(n_classes):
        fields = class_at(forest, c)
        for j in range(views[view, N_NUMERIC]):
            leaf[fields + LOG_SCALE * n + j] = -np.inf
            leaf[fields + LOW * n + j] = np.inf
            leaf[fields + HIGH * n + j] = -np.inf
        log_totals = totals_at(forest, c) + LOG_TOTALS * forest.nominal_slots
        for j in range(views[view, N_NOMINAL]):
            leaf[log_totals + j] = log_of(float(views[view, nominal + NOMINAL_FIELDS * j]))


@njit(cache=True, nogil=True, forceinline=True, error_model="numpy")
def log_of(value: float) -> float:
    """Return the logarithm, from a table where the value is a small whole number, as counts are."""
    if value < len(LOGARITHMS):
        whole = np.int64(value)
        if whole == value:
            return LOGARITHMS[whole]  # type: ignore[no-any-return]
    return math.log(value)


@njit(cache=True, nogil=True, error_model="numpy")
def add_weight(forest: Forest, leaf: FloatArray, c: int, weight: float) -> None:
    """Give a class more weight and renew its constant."""
    views, view = forest.views, np.int64(leaf[VIEW])
    leaf[TOTAL] += weight
    leaf[HEADER + c] += weight
    constant = log_of(leaf[HEADER + c])
    scales = class_at(forest, c) + LOG_SCALE * forest.slots
    for j in range(views[view, N_NUMERIC]):
        constant += leaf[scales + j]
    log_totals = totals_at(forest, c) + LOG_TOTALS * forest.nominal_slots
    for j in range(views[view, N_NOMINAL]):
        constant -= leaf[log_totals + j]
    leaf[HEADER + forest.n_classes + c] = constant


@njit(cache=True, nogil=True, forceinline=True, error_model="numpy")
def observe(forest: Forest, leaf: FloatArray, x: FloatArray, y: int, weight: float) -> None:
    """Learn a record of some weight, and renew its class's constant as `add_weight` does."""
    leaf[TOTAL] += weight
    leaf[HEADER + y] += weight
    constant = log_of(leaf[HEADER + y])
    constant = observe_numbers(forest, leaf, x, y, weight, constant)
    constant = observe_codes(forest, leaf, x, y, weight, constant)
    leaf[HEADER + forest.n_classes + y] = constant


@njit(cache=True, nogil=True, forceinline=True, error_model="numpy")
def observe_numbers(
    forest: Forest, leaf: FloatArray, x: FloatArray, y: int, weight: float, constant: float
) -> float:
    """Learn the numbers by West's recurrences; return the constant with their scales."""
    views, n = forest.views, forest.slots
    view = np.int64(leaf[VIEW])
    fields = class_at(forest, y)
    for j in range(views[view, N_NUMERIC]):
        value, at = x[views[view, COLUMNS + j]], fields + j
        if value == value:
            observe_number(leaf, at, n, value, weight)
            if forest.has_histograms:
                count_value(forest, leaf, j, value, y, weight)
        constant += leaf[at + LOG_SCALE * n]
    return constant


@njit(cache=True, nogil=True, forceinline=True, error_model="numpy")
def observe_number(leaf: FloatArray, at: int, n: int, value: float, weight: float) -> None:
    """Learn one number, whose fields stand `n` apart from `at` on."""
    count = leaf[at + COUNT * n] + weight
    step = value - leaf[at + MEAN * n]
    mean = leaf[at + MEAN * n] + step * weight / count
    m2 = leaf[at + M2 * n] + weight * step * (value - mean)
    leaf[at + COUNT * n] = count
    leaf[at + MEAN * n] = mean
    leaf[at + M2 * n] = m2
    leaf[at + LOW * n] = min(leaf[at + LOW * n], value)
    leaf[at + HIGH * n] = max(leaf[at + HIGH * n], value)
    variance = m2 / max(count - 1.0, 1.0)
    if variance > VARIANCE_MIN:
        leaf[at + INVERSE * n] = 0.5 / variance
        leaf[at + LOG_SCALE * n] = -0.5 * (LOG_TWO_PI + math.log(variance))
    else:
        leaf[at + INVERSE * n] = SPIKE
        leaf[at + LOG_SCALE * n] = 0.0


@njit(cache=True, nogil=True, forceinline=True, error_model="numpy")
def observe_codes(
    forest: Forest, leaf: FloatArray, x: FloatArray, y: int, weight: float, constant: float
) -> float:
    """Count the codes; return the constant with their totals."""
    views, n_classes, room = forest.views, forest.n_classes, forest.nominal_slots
    view = np.int64(leaf[VIEW])
    nominal = views[view, COLUMNS + forest.slots :]
    # Slices, whose indexes are seen to be no negative ones, which Python counts from the end.
    at = totals_at(forest, y)
    totals, log_totals = leaf[at : at + room], leaf[at + room : at + 2 * room]
    counts, logs = leaf[counts_at(forest, y) :], leaf[class_at(forest, n_classes) :]
    # Totals differ only where values are missing: mostly one logarithm serves all features.
    last, log_last = -1.0, 0.0
    for j in range(views[view, N_NOMINAL]):
        value = x[nominal[NOMINAL_FIELDS * j + COLUMN]]
        if value == value:
            total = totals[j] + weight
            totals[j] = total
            total += nominal[NOMINAL_FIELDS * j + N_CODES]
            if total != last:
                last, log_last = total, log_of(total)
            log_totals[j] = log_last
            code = nominal[NOMINAL_FIELDS * j + FIRST] + np.int64(value)
            count = counts[code] + weight
            counts[code] = count
            logs[code * n_classes + y] = log_of(count + 1.0)
        constant -= log_totals[j]
    return constant


@njit(cache=True, nogil=True, forceinline=True, error_model="numpy")
def score_numbers(forest: Forest, leaf: FloatArray, x: FloatArray) -> None:
    """Write to `forest.scores` what class weights and numbers say; -inf for classes not seen."""
    views, scores, n = forest.views, forest.scores, forest.slots
    view = np.int64(leaf[VIEW])
    n_numeric = views[view, N_NUMERIC]
    columns = views[view, COLUMNS : COLUMNS + n_numeric]
    constants = leaf[HEADER + forest.n_classes :]
    for c in range(forest.n_classes):
        scores[c] = constants[c]
    if n_numeric == 0:
        return
    for c in range(forest.n_classes):
        score = scores[c]
        if score > -np.inf:
            means = leaf[class_at(forest, c) + MEAN * n :]
            inverses = leaf[class_at(forest, c) + INVERSE * n :]
            for j in range(n_numeric):
                step = x[columns[j]] - means[j]
                score -= step * step * inverses[j]
            scores[c] = score


@njit(cache=True, nogil=True, forceinline=True, error_model="numpy")
def place_of_code(nominal: IntArray, x: FloatArray, j: int, n_classes: int) -> int:
    """Return where the logarithms of a record's code begin, after those of the codes before it."""
    first, value = nominal[NOMINAL_FIELDS * j + FIRST], x[nominal[NOMINAL_FIELDS * j + COLUMN]]
    return (first + np.int64(value)) * n_classes  # type: ignore[no-any-return]


@njit(cache=True, nogil=True, forceinline=True, error_model="numpy")
def score_codes(forest: Forest, leaf: FloatArray, x: FloatArray) -> None:
    """Add to `forest.scores` what the codes say.

    Four rows go at a time, to read and write the scores once instead of four times; each of them
    still gets its terms one after the other.
    """
    views, scores, n_classes = forest.views, forest.scores, forest.n_classes
    view = np.int64(leaf[VIEW])
    n_nominal = views[view, N_NOMINAL]
    nominal = views[view, COLUMNS + forest.slots :]
    logs = leaf[class_at(forest, n_classes) :]
    j = 0
    while j + 4 <= n_nominal:
        row0 = logs[place_of_code(nominal, x, j, n_classes) :]
        row1 = logs[place_of_code(nominal, x, j + 1, n_classes) :]
        row2 = logs[place_of_code(nominal, x, j + 2, n_classes) :]
        row3 = logs[place_of_code(nominal, x, j + 3, n_classes) :]
        for c in range(n_classes):
            scores[c] = scores[c] + row0[c] + row1[c] + row2[c] + row3[c]
        j += 4
    while j < n_nominal:
        row0 = logs[place_of_code(nominal, x, j, n_classes) :]
        for c in range(n_classes):
            scores[c] += row0[c]
        j += 1


@njit(cache=True, nogil=True, error_model="numpy")
def score_present(forest: Forest, leaf: FloatArray, x: FloatArray) -> None:
    """Write to `forest.scores` what class weights and those values say that are not missing."""
    views, scores, n, n_classes = forest.views, forest.scores, forest.slots, forest.n_classes
    view = np.int64(leaf[VIEW])
    logs = class_at(forest, n_classes)
    for c in range(n_classes):
        scores[c] = -np.inf
        if not leaf[HEADER + c] > 0.0:
            continue
        score = log_of(leaf[HEADER + c])
        fields = class_at(forest, c)
        for j in range(views[view, N_NUMERIC]):
            value = x[views[view, COLUMNS + j]]
            if value == value:
                step = value - leaf[fields + MEAN * n + j]
                score += leaf[fields + LOG_SCALE * n + j]
                score -= step * step * leaf[fields + INVERSE * n + j]
        log_totals = totals_at(forest, c) + LOG_TOTALS * forest.nominal_slots
        for j in range(views[view, N_NOMINAL]):
            at = COLUMNS + n + NOMINAL_FIELDS * j
            value = x[views[view, at + COLUMN]]
            if value == value:
                code = views[view, at + FIRST] + np.int64(value)
                score += leaf[logs + code * n_classes + c]
                score -= leaf[log_totals + j]
        scores[c] = score


@njit(cache=True, nogil=True, forceinline=True, error_model="numpy")
def bayes_scores(forest: Forest, leaf: FloatArray, x: FloatArray, is_complete: bool) -> int:
    """Write the naive Bayes scores to `forest.scores`; return the best class, -1 if none."""
    if is_complete:
        score_numbers(forest, leaf, x)
        score_codes(forest, leaf, x)
    else:
        score_present(forest, leaf, x)
    scores = forest.scores
    best, top = -1, -np.inf
    for c in range(forest.n_classes):
        # Values near the end of float64 can make inf - inf; such a class is ruled out.
        if scores[c] != scores[c]:
            scores[c] = -np.inf
        if scores[c] > top:
            best, top = c, scores[c]
    return best


@njit(cache=True, nogil=True, forceinline=True, error_model="numpy")
def majority_class(leaf: FloatArray, n_classes: int) -> int:
    """Return the class with most weight, -1 in an empty leaf."""
    weights = leaf[HEADER:]
    best, top = -1, 0.0
    for c in range(n_classes):
        if weights[c] > top:
            best, top = c, weights[c]
    return best


@njit(cache=True, nogil=True, forceinline=True, error_model="numpy")
def softmax(scores: FloatArray, best: int, out: FloatArray) -> None:
    """Write probabilities in proportion to exp(scores), of which `best` is the largest."""
    top = scores[best]
    total = 0.0
    for c in range(len(out)):
        # Below about -708 exp gives subnormal numbers, which cost hundreds of cycles.
        step = scores[c] - top
        term = math.exp(step) if step > LOG_TINY else 0.0
        out[c] = term
        total += term
    for c in range(len(out)):
        out[c] /= total


@njit(cache=True, nogil=True, forceinline=True, error_model="numpy")
def weight_shares(leaf: FloatArray, out: FloatArray) -> None:
    """Write each class's share of a leaf's weight: uniform as long as it has seen nothing."""
    total = leaf[TOTAL]
    for c in range(len(out)):
        out[c] = leaf[HEADER + c] / total if total > 0.0 else 1.0 / len(out)


@njit(cache=True, nogil=True, forceinline=True, error_model="numpy")
def stump_shares(stump: FloatArray, out: FloatArray) -> None:
    """Write each class's share of a stump's weight."""
    for c in range(len(out)):
        out[c] = stump[STUMP_HEADER + c] / stump[TOTAL]
