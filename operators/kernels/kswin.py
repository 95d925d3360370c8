"""KSWIN: the last values of a window against a sample of its older ones [1]_.

The window's values are kept sorted, so the test is one walk through them: each recent value is a
step up, each older value that is drawn a step down, and the greatest distance from 0 at the end of
a run of equal values is r D, r being the number on each side and D Kolmogorov's and Smirnov's
statistic.

References
----------
.. [1] Raab, Heusinger and Schleif, 2020, Reactive soft prototype computing for concept drift
   streams, Neurocomputing 416, section 3. DOI 10.1016/j.neucom.2019.11.111.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from operators.kernels.alarms import DRIFT, QUIET, Floats, State, layout, speak
from operators.kernels.compiled import njit
from operators.kernels.random import uniform

STATE = layout(
    ("n", np.int64),  # values in the window
    ("place", np.int64),  # where in the ring the next value goes
)
RANKED = np.dtype([("value", np.float64), ("place", np.int64)])

Counts = NDArray[np.int64]
Random = NDArray[np.uint64]


def critical_steps(recent: int, delta: float) -> int:
    """Return the least r D whose probability under no change is at most `delta`; r + 1 if none is.

    For two samples of equal size r it is known exactly [2]_:
    P(r D >= k) = 2 (C(2r, r - k) - C(2r, r - 2k) + C(2r, r - 3k) ...) / C(2r, r).

    References
    ----------
    .. [2] Gnedenko and Korolyuk, 1951, On the maximum discrepancy between two empirical
       distributions, Doklady 80.
    """
    ways = math.comb(2 * recent, recent)
    for k in range(1, recent + 1):
        signed = (
            (-1) ** (j + 1) * math.comb(2 * recent, recent - j * k) for j in _terms(recent, k)
        )
        if 2 * sum(signed) <= delta * ways:
            return k
    return recent + 1


def _terms(recent: int, k: int) -> range:
    return range(1, recent // k + 1)


@njit(cache=True, nogil=True, forceinline=True)
def _settle(ranked: State, rank: Counts, i: int, n: int) -> None:
    """Move entry i of n, the only one out of order, to where it belongs."""
    value, place = ranked[i]["value"], ranked[i]["place"]
    while i > 0 and ranked[i - 1]["value"] > value:
        ranked[i]["value"] = ranked[i - 1]["value"]
        ranked[i]["place"] = ranked[i - 1]["place"]
        rank[ranked[i]["place"]] = i
        i -= 1
    while i < n - 1 and ranked[i + 1]["value"] < value:
        ranked[i]["value"] = ranked[i + 1]["value"]
        ranked[i]["place"] = ranked[i + 1]["place"]
        rank[ranked[i]["place"]] = i
        i += 1
    ranked[i]["value"] = value
    ranked[i]["place"] = place
    rank[place] = i


@njit(cache=True, nogil=True, forceinline=True)
def _slide(state: State, ranked: State, rank: Counts, x: float) -> None:
    """Put a value in the place of the oldest, or at the end while the window is not full."""
    place, n = state[0]["place"], state[0]["n"]
    i = rank[place] if n == len(ranked) else n
    state[0]["n"] = min(n + 1, len(ranked))
    state[0]["place"] = place + 1 if place + 1 < len(ranked) else 0
    ranked[i]["value"] = x
    ranked[i]["place"] = place
    _settle(ranked, rank, i, state[0]["n"])


@njit(cache=True, nogil=True, forceinline=True)
def _is_recent(place: int, next_place: int, window: int, recent: int) -> bool:
    age = next_place - 1 - place
    return (age if age >= 0 else age + window) < recent


@njit(cache=True, nogil=True)
def _steps(state: State, ranked: State, random: Random, recent: int) -> int:
    """Return r D of the recent values and as many of the older ones, drawn by chance.

    Each older value is drawn with probability (still needed) / (still to come).
    """
    window, next_place = len(ranked), state[0]["place"]
    height, greatest = 0, 0
    needed, to_come = recent, window - recent
    for i in range(window):
        if _is_recent(ranked[i]["place"], next_place, window, recent):
            height += 1
        else:
            drawn = 1 if uniform(random) * to_come < needed else 0
            height -= drawn
            needed -= drawn
            to_come -= 1
        # Between equal values the two distributions cannot be told apart.
        if i == window - 1 or ranked[i + 1]["value"] != ranked[i]["value"]:
            greatest = max(greatest, abs(height))
    return greatest


@njit(cache=True, nogil=True)
def _means(state: State, ranked: State, recent: int) -> tuple[float, float]:
    """Return the mean of the older and of the recent values."""
    older_sum, recent_sum = 0.0, 0.0
    for i in range(len(ranked)):
        if _is_recent(ranked[i]["place"], state[0]["place"], len(ranked), recent):
            recent_sum += ranked[i]["value"]
        else:
            older_sum += ranked[i]["value"]
    return older_sum / (len(ranked) - recent), recent_sum / recent


@njit(cache=True, nogil=True)
def _keep_recent(state: State, ranked: State, rank: Counts, recent: int) -> None:
    """Make a window of the recent values only."""
    n = 0
    for i in range(len(ranked)):
        place = ranked[i]["place"]
        if _is_recent(place, state[0]["place"], len(ranked), recent):
            ranked[n]["value"] = ranked[i]["value"]
            ranked[n]["place"] = place
            rank[place] = n
            n += 1
    state[0]["n"] = n


@njit(cache=True, nogil=True)
def update_many(
    values: Floats,
    log: State,
    state: State,
    ranked: State,
    rank: Counts,
    random: Random,
    recent: int,
    critical: int,
) -> int:
    """Feed values; return how many alarms are in `log` now.

    `ranked` (window,) holds the values in order of size, `rank` where each place of the ring is
    among them; a test is made at every value once the window is full.
    """
    n_alarms = 0
    for i in range(len(values)):
        if state[0]["zone"] == DRIFT:
            _keep_recent(state, ranked, rank, recent)
            state[0]["zone"] = QUIET
        _slide(state, ranked, rank, values[i])
        if state[0]["n"] == len(ranked) and _steps(state, ranked, random, recent) >= critical:
            before, after = _means(state, ranked, recent)
            n_alarms = speak(state, DRIFT, log, n_alarms, i, before, after)
            state[0]["zone"] = DRIFT
    return n_alarms
