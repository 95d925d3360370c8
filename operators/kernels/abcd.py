"""ABCD: rows that a linear model of the past no longer describes [1]_.

Rows are standardised and projected on the axes along which the training rows varied most; the loss
of a row is the mean square of what the projection leaves out. A split of the window of losses is a
change when Bernstein's inequality makes so great a difference of the two means improbable.

Symbols: n1, mu1 and v1 are number, mean and variance of the losses before a split, n2, mu2 and v2
of those after it; e = |mu1 - mu2|, k = n2 / (n1 + n2), M the range of losses around their mean.

References
----------
.. [1] Heyden et al., 2024, Adaptive Bernstein change detector for high-dimensional data streams,
   Data Mining and Knowledge Discovery 38, section 4. DOI 10.1007/s10618-023-00999-5.
"""

from __future__ import annotations

import math

import numpy as np

from operators.kernels.alarms import DRIFT, QUIET, WARNING, Floats, State, layout, speak
from operators.kernels.compiled import njit

STATE = layout(
    ("rows", np.int64),  # in the ring
    ("place", np.int64),  # where in the ring the next row goes
    ("losses", np.int64),  # in the window: of the last rows
    ("trained", np.int64),  # 1 if there is a model
    ("split", np.int64),  # losses before the change, at the last alarm
)


@njit(cache=True, nogil=True)
def _loss(row: Floats, centre: Floats, scale: Floats, axes: Floats, left_out: Floats) -> float:
    """Return the loss of a row; `left_out` (features,) is room to work in."""
    for j in range(len(row)):
        left_out[j] = (row[j] - centre[j]) / scale[j]
    # The axes are at right angles, so each takes away its own part.
    for axis in range(len(axes)):
        part = 0.0
        for j in range(len(row)):
            part += axes[axis, j] * left_out[j]
        for j in range(len(row)):
            left_out[j] -= part * axes[axis, j]
    total = 0.0
    for j in range(len(row)):
        total += left_out[j] * left_out[j]
    return total / len(row)


@njit(cache=True, nogil=True, forceinline=True)
def _keep(state: State, ring: Floats, losses: Floats, row: Floats, loss: float) -> None:
    place = state[0]["place"]
    for j in range(len(row)):
        ring[place, j] = row[j]
    losses[place] = loss
    state[0]["place"] = place + 1 if place + 1 < len(ring) else 0
    state[0]["rows"] = min(state[0]["rows"] + 1, len(ring))
    if state[0]["trained"] == 1:
        state[0]["losses"] = min(state[0]["losses"] + 1, len(ring))


@njit(cache=True, nogil=True, forceinline=True)
def exponent(n: int, reach: float, variance: float, loss_range: float) -> float:
    """Return ln(P / 2), P bounding the chance that a mean of n losses strays by `reach`."""
    return -n * reach * reach / (2.0 * (variance + loss_range * reach / 3.0))


@njit(cache=True, nogil=True, error_model="numpy")
def chance_of_split(
    n1: int, mean1: float, square1: float, n2: int, mean2: float, square2: float, loss_range: float
) -> float:
    """Bound the chance of so great a difference without a change; it may exceed 1.

    `square` is the mean of the squared losses. A part without any variance strays nowhere but for
    the range, which keeps the exponent finite.
    """
    e = abs(mean1 - mean2)
    if e == 0.0:
        return 4.0
    k = n2 / (n1 + n2)
    first = exponent(n1, k * e, max(square1 - mean1 * mean1, 0.0), loss_range)
    second = exponent(n2, (1.0 - k) * e, max(square2 - mean2 * mean2, 0.0), loss_range)
    return 2.0 * (math.exp(first) + math.exp(second))


@njit(cache=True, nogil=True, forceinline=True)
def _loss_at(state: State, losses: Floats, i: int) -> float:
    """Return loss i of the window, the oldest being 0."""
    at = state[0]["place"] - state[0]["losses"] + i
    return losses[at if at >= 0 else at + len(losses)]  # type: ignore[no-any-return]


@njit(cache=True, nogil=True, error_model="numpy")
def _least_chance(
    state: State, losses: Floats, sums: Floats, part_min: int, loss_range: float
) -> float:
    """Return the least chance of splits at even distances.

    `sums` (splits, 2) is room for the sum and the sum of squares before each split.
    """
    n, splits = state[0]["losses"], len(sums)
    reach, steps = n - 2 * part_min, max(splits - 1, 1)
    total, squares, split = 0.0, 0.0, 0
    for i in range(n):
        while split < splits and i == part_min + split * reach // steps:
            sums[split, 0], sums[split, 1] = total, squares
            split += 1
        loss = _loss_at(state, losses, i)
        total += loss
        squares += loss * loss
    least = math.inf
    for s in range(splits):
        n1 = part_min + s * reach // steps
        n2 = n - n1
        mean1, mean2 = sums[s, 0] / n1, (total - sums[s, 0]) / n2
        square1, square2 = sums[s, 1] / n1, (squares - sums[s, 1]) / n2
        least = min(least, chance_of_split(n1, mean1, square1, n2, mean2, square2, loss_range))
    return least


@njit(cache=True, nogil=True, error_model="numpy")
def _change_point(state: State, losses: Floats, part_min: int) -> tuple[int, float, float]:
    """Return how many losses come before the change, by least squares, and the means beside it.

    The split of least chance will not do: the bound is sharper where both parts are long.
    """
    n, total = state[0]["losses"], 0.0
    for i in range(n):
        total += _loss_at(state, losses, i)
    best, n_best, before, after, first = -1.0, 0, 0.0, 0.0, 0.0
    for n1 in range(1, n - part_min + 1):
        first += _loss_at(state, losses, n1 - 1)
        if n1 < part_min:
            continue
        mean1, mean2 = first / n1, (total - first) / (n - n1)
        explained = (mean1 - mean2) * (mean1 - mean2) * n1 * (n - n1)
        if explained > best:
            best, n_best, before, after = explained, n1, mean1, mean2
    return n_best, before, after


@njit(cache=True, nogil=True, forceinline=True)
def _start_anew(state: State) -> None:
    """Keep the rows since the split; the model is of the rows before."""
    state[0]["rows"] = state[0]["losses"] - state[0]["split"]
    state[0]["losses"] = 0
    state[0]["trained"] = 0
    state[0]["zone"] = QUIET


@njit(cache=True, nogil=True)
def update_many(
    rows: Floats,
    start: int,
    log: State,
    state: State,
    ring: Floats,
    losses: Floats,
    centre: Floats,
    scale: Floats,
    axes: Floats,
    sums: Floats,
    left_out: Floats,
    grace_period: int,
    part_min: int,
    delta_warning: float,
    delta_drift: float,
    loss_range: float,
) -> tuple[int, int]:
    """Feed rows from `start` on; return how many were taken in, and the number of alarms, 0 or 1.

    It stops before a row for which a model has to be trained first, and after an alarm, so that
    the ring still holds what it is about.

    `log` (1,), `ring` (window, features), `losses` (window,), `sums` (splits, 2).
    """
    for i in range(start, len(rows)):
        if state[0]["zone"] == DRIFT:
            _start_anew(state)
        if state[0]["trained"] == 0 and state[0]["rows"] >= grace_period:
            return i, 0
        loss = math.nan
        if state[0]["trained"] == 1:
            loss = _loss(rows[i], centre, scale, axes, left_out)
        _keep(state, ring, losses, rows[i], loss)
        if state[0]["losses"] < 2 * part_min:
            continue
        chance = _least_chance(state, losses, sums, part_min, loss_range)
        zone = DRIFT if chance < delta_drift else WARNING if chance < delta_warning else QUIET
        if zone > state[0]["zone"]:
            state[0]["split"], before, after = _change_point(state, losses, part_min)
            state[0]["zone"] = zone
            return i + 1, speak(state, zone, log, 0, i, before, after)
        state[0]["zone"] = zone
    return len(rows), 0
