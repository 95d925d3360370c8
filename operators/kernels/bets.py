"""Bets against exchangeability: a test that may be looked at after every row [1]_ [2]_.

Symbols, for one feature: t values before this one, and how many of them are in each cell, missing
ones in the last; u = (values in cells below + theta (values in the same cell + 1)) / (t + 1), theta
uniform. If the values are exchangeable, the u are independent and uniform, whatever the
distribution and however few values there are. The unit interval is cut into slots of widths w. A
bettor guesses how often u falls in each from recent ones, q = (count + prior w) / (all + prior),
counts fading by a factor; the odds L = q / w of the slot that comes have mean 1. M <- L (M + 1) is
Shiryaev and Roberts' statistic: as it grows by at most 1 a value on average, the mean time until
it exceeds A is at least A. Several bettors of unlike memory share the stake: the mean of their M
has the same property.

References
----------
.. [1] Vovk, Gammerman and Shafer, 2022, Algorithmic learning in a random world, 2nd edition,
   chapter 8. DOI 10.1007/978-3-031-06649-8.
.. [2] Shin, Ramdas and Rinaldo, 2023, E-detectors: a nonparametric framework for sequential change
   detection, New England Journal of Statistics in Data Science 2. DOI 10.51387/23-NEJSDS51.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from operators.kernels.cells import HUGE, place_of
from operators.kernels.compiled import njit
from operators.kernels.random import uniform

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]
Random = NDArray[np.uint64]

BOUND = 1e200  # far beyond any threshold; M must not become infinite


@njit(cache=True, nogil=True, forceinline=True, error_model="numpy")
def rank(past: Counts, j: int, cell: int, total: int, theta: float) -> float:
    """Return u of a value in a cell, and count the value."""
    below = 0
    for c in range(cell):
        below += past[j, c]
    u = (below + theta * (past[j, cell] + 1)) / (total + 1)
    past[j, cell] += 1
    return u  # type: ignore[no-any-return]


@njit(cache=True, nogil=True, forceinline=True, error_model="numpy")
def slot_of(u: float, upper: Floats) -> int:
    """Return the slot that u is in, from their upper ends."""
    s = 0
    while s < len(upper) - 1 and u >= upper[s]:
        s += 1
    return s


@njit(cache=True, nogil=True, error_model="numpy")
def stake(
    j: int, slot: int, width: float, prior: float, fading: Floats, guess: Floats, wealth: Floats
) -> float:
    """Let all bettors of a feature bet on a slot; return the mean of their wealth."""
    n_bettors, last = guess.shape[1], guess.shape[2] - 1
    total = 0.0
    for k in range(n_bettors):
        # The last place holds the sum.
        odds = (guess[j, k, slot] + prior * width) / ((guess[j, k, last] + prior) * width)
        wealth[j, k] = min(odds * (wealth[j, k] + 1.0), BOUND)
        total += wealth[j, k]
        for s in range(last + 1):
            guess[j, k, s] *= fading[k]
        guess[j, k, slot] += 1.0
        guess[j, k, last] += 1.0
    return total / n_bettors  # type: ignore[no-any-return]


@njit(cache=True, nogil=True, error_model="numpy")
def bet_on_rows(
    x: Floats,
    start: int,
    threshold: float,
    prior: float,
    capacity: Counts,
    upper: Floats,
    fading: Floats,
    random: Random,
    edges: Floats,
    n_edges: Counts,
    buffer: Floats,
    fill: Counts,
    past: Counts,
    total: Counts,
    guess: Floats,
    wealth: Floats,
    score: Floats,
    sums: Floats,
) -> int:
    """Take in rows from `start`; return how many, ending where a feature has something to say.

    That is when it has collected its reference, or its wealth has reached the threshold.

    Parameters
    ----------
    x
        (n, d) float64, NaN where missing; read.
    capacity
        (d,) int64, 0 for a numeric feature.
    upper
        (n_slots,) float64, upper ends of the slots.
    fading
        (n_bettors,) float64.
    edges, n_edges, buffer, fill
        As in `operators.kernels.cells`, with fine cells.
    past, total
        (d, n_cells + 1) and (d,) int64, values in each cell and in all; written.
    guess, wealth, score
        (d, n_bettors, n_slots + 1), (d, n_bettors) and (d,) float64; written.
    sums
        (d, 4) float64: sum and number of all values, and of recent ones, these fading as the
        first bettor's; written.
    """
    size, missing = buffer.shape[1], past.shape[1] - 1
    for i in range(start, len(x)):
        speaks = False
        for j in range(x.shape[1]):
            value = x[i, j]
            if fill[j] < size:
                buffer[j, fill[j]] = value
                fill[j] += 1
                speaks |= fill[j] == size
                continue
            if np.isnan(value):
                cell = missing
            elif capacity[j] > 0:
                cell = min(int(value), missing - 1)
            else:
                cell = place_of(value, edges, j, n_edges[j])
            if cell < missing and capacity[j] == 0:
                value = min(max(value, -HUGE), HUGE)
                sums[j, 0] += value
                sums[j, 1] += 1.0
                sums[j, 2] = fading[0] * sums[j, 2] + value
                sums[j, 3] = fading[0] * sums[j, 3] + 1.0
            u = rank(past, j, cell, total[j], uniform(random))
            total[j] += 1
            slot = slot_of(u, upper)
            width = upper[slot] - (upper[slot - 1] if slot > 0 else 0.0)
            score[j] = stake(j, slot, width, prior, fading, guess, wealth)
            speaks |= score[j] >= threshold
        if speaks:
            return i + 1 - start
    return len(x) - start
