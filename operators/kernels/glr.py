"""GLR: the best split of a series of errors into two rates [1]_ [2]_.

Symbols: n values since the last change, T their sum; a split k has k values with sum S before it
and m = n - k after; fit(n, T) = T ln(T / n) + (n - T) ln(1 - T / n), what the likelihood of n
values is at its best; gain(k) = fit(k, S) + fit(m, T - S) - fit(n, T), what two rates explain
better than one; patience(m) = ln(1 + scale / m). A change is found when gain(k) - patience(m)
exceeds the evidence asked for.

For a given pair of rates the likelihood of a split is linear in (k, S_k). So the best split for a
rise is a corner of the lower convex hull of all points (k, S_k), for a fall one of the upper, and
nothing else has to be kept: some ln(n) corners. Patience is taken off at the corners alone. When a
change is found, the values before it go; the corners after it are the hull of what stays.

References
----------
.. [1] Romano, Eckley, Fearnhead and Rigaill, 2023, Fast online changepoint detection via
   functional pruning CUSUM statistics, JMLR 24(81), section 2 (FOCuS).
.. [2] Ward, Romano, Eckley and Fearnhead, 2024, A constant-per-iteration likelihood ratio test
   for online changepoint detection for exponential family models, Statistics and Computing
   34:99. DOI 10.1007/s11222-024-10416-y.
"""

from __future__ import annotations

import math

import numpy as np

from operators.kernels.alarms import DRIFT, QUIET, Floats, State, layout, speak
from operators.kernels.compiled import njit

STATE = layout(
    ("n", np.int64),
    ("total", np.float64),
    ("side", np.int64),  # of the change found last, and where it was
    ("cut", np.int64),
    ("total_cut", np.float64),
)
SIDE = np.dtype(
    [
        ("sign", np.float64),  # 1: rises, the lower hull; -1: falls, the upper one
        ("speaks", np.int64),  # whether a change is signalled, or only acted upon
        ("n_corners", np.int64),
    ]
)
CORNER = np.dtype([("k", np.int64), ("sum", np.float64)])


@njit(cache=True, nogil=True, forceinline=True, error_model="numpy")
def _fit(n: float, total: float) -> float:
    """Return the log likelihood of n values at their own mean."""
    if total <= 0.0 or total >= n:
        return 0.0
    return total * math.log(total / n) + (n - total) * math.log((n - total) / n)


@njit(cache=True, nogil=True, error_model="numpy")
def _search(
    state: State, sides: State, corners: State, s: int, evidence: float, scale: float, grace: int
) -> float:
    """Note the best split of a side if it is one; return by how much it exceeds the evidence."""
    n, total = state[0]["n"], state[0]["total"]
    mean = total / n
    # No likelihood ratio exceeds the squared distance of the means in units of their variance:
    # KL(q, p) <= (q - p)^2 / (p (1 - p)). So most splits need no logarithm.
    spread = mean * (1.0 - mean)
    most = 0.0
    for j in range(sides[s]["n_corners"] - 1, -1, -1):
        k, before = corners[s, j]["k"], corners[s, j]["sum"]
        if k < grace:
            break
        m = n - k
        rise = sides[s]["sign"] * ((total - before) / m - before / k)
        if rise <= 0.0 or k * (m / n) * rise * rise < evidence * spread:
            continue
        gain = _fit(k, before) + _fit(m, total - before) - _fit(n, total)
        excess = gain - math.log(1.0 + scale / m) - evidence
        if excess > most:
            most = excess
            state[0]["side"], state[0]["cut"], state[0]["total_cut"] = s, k, before
    return most


@njit(cache=True, nogil=True)
def _append(sides: State, corners: State, s: int, n: int, total: float) -> None:
    """Make the newest point a corner; those that are none any more go."""
    sign, count = sides[s]["sign"], sides[s]["n_corners"]
    while count >= 2:
        last, other = corners[s, count - 1], corners[s, count - 2]
        bend = (last["sum"] - other["sum"]) * (n - last["k"])
        bend -= (total - last["sum"]) * (last["k"] - other["k"])
        if sign * bend < 0.0:
            break
        count -= 1
    if count == corners.shape[1]:
        count = _thin(corners, s, count)
    corners[s, count]["k"] = n
    corners[s, count]["sum"] = total
    sides[s]["n_corners"] = count + 1


@njit(cache=True, nogil=True)
def _thin(corners: State, s: int, count: int) -> int:
    """Keep every other corner: only values made to have ever more of them come here."""
    kept = 0
    for j in range(0, count, 2):
        corners[s, kept]["k"] = corners[s, j]["k"]
        corners[s, kept]["sum"] = corners[s, j]["sum"]
        kept += 1
    return kept


@njit(cache=True, nogil=True)
def _forget(state: State, sides: State, corners: State) -> None:
    """Begin anew at the change: what came before it goes."""
    cut, gone = state[0]["cut"], state[0]["total_cut"]
    state[0]["n"] -= cut
    state[0]["total"] -= gone
    for s in range(len(sides)):
        kept = 1
        for j in range(sides[s]["n_corners"]):
            if corners[s, j]["k"] > cut:
                corners[s, kept]["k"] = corners[s, j]["k"] - cut
                corners[s, kept]["sum"] = corners[s, j]["sum"] - gone
                kept += 1
        corners[s, 0]["k"] = 0
        corners[s, 0]["sum"] = 0.0
        sides[s]["n_corners"] = kept


@njit(cache=True, nogil=True)
def update_many(
    values: Floats,
    log: State,
    state: State,
    sides: State,
    corners: State,
    evidence: float,
    scale: float,
    grace_period: int,
) -> int:
    """Feed values; `corners` has a row a side. Return how many alarms are in `log` now."""
    n_alarms = 0
    for i in range(len(values)):
        state[0]["zone"] = QUIET
        x = values[i]
        state[0]["n"] += 1
        state[0]["total"] += x
        n, total = state[0]["n"], state[0]["total"]
        # A value below the mean is no evidence of a rise, nor one above it of a fall.
        s = 0 if x * n > total else 1
        if (
            n > grace_period
            and 0.0 < total < n
            and _search(state, sides, corners, s, evidence, scale, grace_period) > 0.0
        ):
            cut, gone = state[0]["cut"], state[0]["total_cut"]
            if sides[s]["speaks"]:
                after = (total - gone) / (n - cut)
                n_alarms = speak(state, DRIFT, log, n_alarms, i, gone / cut, after)
                state[0]["zone"] = DRIFT
            _forget(state, sides, corners)
        for side in range(len(sides)):
            _append(sides, corners, side, state[0]["n"], state[0]["total"])
    return n_alarms
