"""SeqDrift2: a sample of the past against the latest block, by Bernstein's inequality [1]_.

Symbols: left is the reservoir, a uniform sample of all blocks since the last drift; right the
block being filled; s2 their pooled variance; q = ln(4 / delta).

References
----------
.. [1] Pears, Sakthithasan and Koh, 2014, Detecting concept change in dynamic data streams, Machine
   Learning 97(3), section 4. DOI 10.1007/s10994-013-5433-9.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from operators.kernels.alarms import DRIFT, QUIET, Floats, State, layout, speak
from operators.kernels.compiled import njit
from operators.kernels.random import below

STATE = layout(
    ("seen", np.int64),  # values that the reservoir is a sample of
    ("left_sum", np.float64),
    ("left_squares", np.float64),
    ("right_n", np.int64),
    ("right_sum", np.float64),
    ("right_squares", np.float64),
)

Random = NDArray[np.uint64]


@njit(cache=True, nogil=True, forceinline=True)
def _put_left(state: State, left: Floats, place: int, x: float, was: float) -> None:
    left[place] = x
    state[0]["left_sum"] += x - was
    state[0]["left_squares"] += x * x - was * was


@njit(cache=True, nogil=True)
def _move_right_to_left(state: State, left: Floats, right: Floats, random: Random) -> None:
    """Let the block into the sample, in which every value seen has the same chance to be."""
    for k in range(len(right)):
        seen = state[0]["seen"]
        state[0]["seen"] = seen + 1
        if seen < len(left):
            _put_left(state, left, seen, right[k], 0.0)
            continue
        place = below(random, seen + 1)
        if place < len(left):
            _put_left(state, left, place, right[k], left[place])
    state[0]["right_n"] = 0
    state[0]["right_sum"] = 0.0
    state[0]["right_squares"] = 0.0


@njit(cache=True, nogil=True, forceinline=True)
def _forget_left(state: State) -> None:
    state[0]["seen"] = 0
    state[0]["left_sum"] = 0.0
    state[0]["left_squares"] = 0.0


@njit(cache=True, nogil=True, forceinline=True)
def _put_right(state: State, right: Floats, x: float) -> None:
    right[state[0]["right_n"]] = x
    state[0]["right_n"] += 1
    state[0]["right_sum"] += x
    state[0]["right_squares"] += x * x


@njit(cache=True, nogil=True, forceinline=True, error_model="numpy")
def _reach(n: int, variance: float, q: float) -> float:
    """How far the mean of n values strays from its expectation, but for a chance of 2 exp(-q)."""
    return (q + math.sqrt(q * q + 18.0 * variance * n * q)) / (3.0 * n)


@njit(cache=True, nogil=True, error_model="numpy")
def _differ(state: State, n: int, m: int, q: float) -> bool:
    """Tell whether the means of n values on the left and m on the right differ too much."""
    left, right = state[0]["left_sum"] / n, state[0]["right_sum"] / m
    m2 = state[0]["left_squares"] - n * left * left + state[0]["right_squares"] - m * right * right
    variance = max(m2, 0.0) / (n + m)
    return abs(left - right) > _reach(n, variance, q) + _reach(m, variance, q)  # type: ignore[no-any-return]


@njit(cache=True, nogil=True, error_model="numpy")
def update_many(
    values: Floats,
    log: State,
    state: State,
    left: Floats,
    right: Floats,
    random: Random,
    q: float,
) -> int:
    """Feed values in [0, 1]; return how many alarms are in `log` now.

    `left` (reservoir,) is at least as long as `right` (block,). A test is made when `right` is
    full; after it, `right` joins the sample, or is the first of a new one.
    """
    n_alarms = 0
    for i in range(len(values)):
        state[0]["zone"] = QUIET
        _put_right(state, right, values[i])
        if state[0]["right_n"] < len(right):
            continue
        n = min(state[0]["seen"], len(left))
        if n > 0 and _differ(state, n, len(right), q):
            before, after = state[0]["left_sum"] / n, state[0]["right_sum"] / len(right)
            n_alarms = speak(state, DRIFT, log, n_alarms, i, before, after)
            state[0]["zone"] = DRIFT
            _forget_left(state)
        _move_right_to_left(state, left, right, random)
    return n_alarms
