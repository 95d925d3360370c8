"""Where a series of numbers changes its mean or its spread, by Bayes factors [1]_ [2]_.

Symbols: k values before a split with mean and sum of squared deviations, m after it, n in all. The
values after the split are either more of the same: their density given those before is that of
unknown mean and spread with the right Haar prior, whatever these are; or they have a mean and a
spread of their own, drawn around those before: variance inverse gamma of shape `SHAPE`, mean
normal with `WEIGHT` as much precision as one value. The Bayes factor is the ratio of the two.

Splits are the edges of an exponential histogram [3]_: at most `ROW` buckets of each size 1, 2, 4,
..., so a split of age m is known to within m / ROW values. Edges that move slowly are tested
seldom: those of size 2^i only when n is a multiple of 2^(i - 2).

References
----------
.. [1] Adams and MacKay, 2007, Bayesian online changepoint detection, arXiv 0710.3742, section 2.3.
.. [2] Shin, Ramdas and Rinaldo, 2024, E-detectors: a nonparametric framework for sequential change
   detection, New England Journal of Statistics in Data Science 2(2).
   DOI 10.51387/23-NEJSDS51.
.. [3] Datar, Gionis, Indyk and Motwani, 2002, Maintaining stream statistics over sliding windows,
   SIAM Journal on Computing 31(6). DOI 10.1137/S0097539701398363.
"""

from __future__ import annotations

import math

import numpy as np

from operators.kernels.alarms import DRIFT, QUIET, Floats, State, layout, speak
from operators.kernels.compiled import njit

ROW = 4
BUCKETS_MAX = 50 * (ROW + 1)
"""Enough for 2^50 values."""
SHAPE = 1.0
WEIGHT = 1.0
SPREAD_MIN = 1e-9
"""Share of all squares that the values before a change are taken to have at the least."""
STATE = layout(
    ("n_buckets", np.int64),
    ("edge", np.int64),  # first bucket after the change found last
    ("n", np.int64),
    ("mean", np.float64),
    ("squares", np.float64),
    ("since", np.int64),  # values given since anything was forgotten: when edges are tested
)
BUCKET = np.dtype([("n", np.int64), ("mean", np.float64), ("squares", np.float64)])


@njit(cache=True, nogil=True, forceinline=True, error_model="numpy")
def _merge(whole: State, i: int, n: int, mean: float, squares: float) -> None:
    """Take n values, with their mean and sum of squared deviations, into an entry."""
    total = whole[i]["n"] + n
    distance = mean - whole[i]["mean"]
    whole[i]["squares"] += squares + distance * distance * whole[i]["n"] * (n / total)
    whole[i]["mean"] += distance * (n / total)
    whole[i]["n"] = total


@njit(cache=True, nogil=True, error_model="numpy")
def _append(state: State, buckets: State, x: float) -> None:
    """Put a value into a bucket of its own; of too many of one size the two oldest become one."""
    count = state[0]["n_buckets"]
    buckets[count]["n"] = 1
    buckets[count]["mean"] = x
    buckets[count]["squares"] = 0.0
    count += 1
    size, last = 1, count
    while True:
        first = last
        while first > 0 and buckets[first - 1]["n"] == size:
            first -= 1
        if last - first <= ROW:
            break
        newer = first + 1
        _merge(buckets, first, size, buckets[newer]["mean"], buckets[newer]["squares"])
        for j in range(newer + 1, count):
            buckets[j - 1]["n"] = buckets[j]["n"]
            buckets[j - 1]["mean"] = buckets[j]["mean"]
            buckets[j - 1]["squares"] = buckets[j]["squares"]
        count -= 1
        size, last = 2 * size, first + 1
    state[0]["n_buckets"] = count


@njit(cache=True, nogil=True, error_model="numpy")
def log_factor(
    k: int, mean: float, squares: float, m: int, mean_m: float, squares_m: float
) -> float:
    """Return the log Bayes factor for a change after k values against none.

    `squares` are sums of squared deviations from the own mean.
    """
    n = k + m
    distance = (mean_m - mean) * (mean_m - mean)
    whole = squares + squares_m + distance * k * (m / n)
    # Rounding alone is no spread; nor is that left when one spread is taken off another.
    if whole <= 1e-24 * n * (mean * mean + mean_m * mean_m):
        return 0.0
    squares = max(squares, SPREAD_MIN * whole)
    same = math.lgamma(0.5 * (n - 1)) - math.lgamma(0.5 * (k - 1)) + 0.5 * math.log(k / n)
    same += 0.5 * (k - 1) * math.log(squares) - 0.5 * (n - 1) * math.log(whole)
    prior = SHAPE * squares / (k - 1)
    shape = SHAPE + 0.5 * m
    posterior = prior + 0.5 * squares_m + 0.5 * distance * WEIGHT * m / (WEIGHT + m)
    other = math.lgamma(shape) - math.lgamma(SHAPE) + 0.5 * math.log(WEIGHT / (WEIGHT + m))
    other += SHAPE * math.log(prior) - shape * math.log(posterior) - 0.5 * m * math.log(2.0)
    return other - same


@njit(cache=True, nogil=True, error_model="numpy")
def _search(
    state: State, buckets: State, right: State, evidence: float, grace: int, recent: int
) -> float:
    """Note the edge with the strongest evidence; return by how much it exceeds what is asked."""
    since = state[0]["since"]
    largest = 4 * (since & -since)
    n, mean, squares = state[0]["n"], state[0]["mean"], state[0]["squares"]
    right[0]["n"] = 0
    right[0]["mean"] = 0.0
    right[0]["squares"] = 0.0
    most = 0.0
    for j in range(state[0]["n_buckets"] - 1, 0, -1):
        if buckets[j]["n"] > largest:
            break
        _merge(right, 0, buckets[j]["n"], buckets[j]["mean"], buckets[j]["squares"])
        m = right[0]["n"]
        k = n - m
        if k < grace:
            break
        if m < recent:
            continue
        # The part before is the whole without the part after.
        distance = right[0]["mean"] - mean
        before = mean - distance * m / k
        apart = right[0]["mean"] - before
        rest = max(0.0, squares - right[0]["squares"] - apart * apart * k * (m / n))
        excess = log_factor(k, before, rest, m, right[0]["mean"], right[0]["squares"]) - evidence
        if excess > most:
            most = excess
            state[0]["edge"] = j
    return most


@njit(cache=True, nogil=True, error_model="numpy")
def _forget(state: State, buckets: State) -> None:
    """Begin anew at the change: the buckets before it go."""
    edge, count = state[0]["edge"], state[0]["n_buckets"]
    state[0]["n"] = 0
    state[0]["mean"] = 0.0
    state[0]["squares"] = 0.0
    for j in range(edge, count):
        buckets[j - edge]["n"] = buckets[j]["n"]
        buckets[j - edge]["mean"] = buckets[j]["mean"]
        buckets[j - edge]["squares"] = buckets[j]["squares"]
        _merge(state, 0, buckets[j]["n"], buckets[j]["mean"], buckets[j]["squares"])
    state[0]["n_buckets"] = count - edge
    state[0]["since"] = 0


@njit(cache=True, nogil=True, error_model="numpy")
def update_many(
    values: Floats,
    log: State,
    state: State,
    buckets: State,
    right: State,
    evidence: float,
    grace_period: int,
    recent: int,
) -> int:
    """Feed values; `right` is scratch. Return how many alarms are in `log` now."""
    n_alarms = 0
    for i in range(len(values)):
        state[0]["zone"] = QUIET
        state[0]["since"] += 1
        _append(state, buckets, values[i])
        _merge(state, 0, 1, values[i], 0.0)
        if _search(state, buckets, right, evidence, grace_period, recent) > 0.0:
            n, mean = state[0]["n"], state[0]["mean"]
            _forget(state, buckets)
            m, after = state[0]["n"], state[0]["mean"]
            before = mean - (after - mean) * m / (n - m)
            n_alarms = speak(state, DRIFT, log, n_alarms, i, before, after)
            state[0]["zone"] = DRIFT
    return n_alarms
