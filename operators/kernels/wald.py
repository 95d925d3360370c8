"""Wald's sequential probability ratio test on bits, begun anew at both bounds [1]_.

It weighs "ones come at rate p0" against "at rate p1 > p0": the log likelihood ratio of the bits
since it began grows by ln(p1 / p0) with a one and falls by ln((1 - p0) / (1 - p1)) with a zero. At
ln((1 - beta) / alpha) the rate has risen; at ln(beta / (1 - alpha)) it has not. Either way the test
begins anew: a test that went on after "it has not" would sink for as long as nothing happens, and
a change would first have to make up for that.

A value between 0 and 1 counts as so much of a one. The ratio is convex in it, so a series of such
values with mean p0 crosses the bounds no more often than bits do.

p0 is what is usual: the mean of all values up to where the current test began, with half a one
and half a zero added; p1 = p0 + rise (1 - p0), so `rise` is the share of zeros that turn into ones.
A test that has taken as many values as p0 comes from ends as if it had decided for p0.

References
----------
.. [1] Wald, 1945, Sequential tests of statistical hypotheses, Annals of Mathematical Statistics
   16(2), sections 3 and 5. DOI 10.1214/aoms/1177731118.
"""

from __future__ import annotations

import math

import numpy as np

from operators.kernels.alarms import DRIFT, QUIET, Floats, State, layout, speak
from operators.kernels.compiled import njit

CONTINUE, NO_RISE, RISE = 0, -1, 1

TEST = (
    ("ratio", np.float64),  # log likelihood ratio of the current test
    ("n", np.int64),  # values since the last drift, up to where the current test began
    ("sum", np.float64),
    ("n_test", np.int64),  # values of the current test
    ("sum_test", np.float64),
    ("up", np.float64),  # what a one adds to the ratio, and a zero
    ("down", np.float64),
)
STATE = layout(*TEST)


@njit(cache=True, nogil=True, forceinline=True, error_model="numpy")
def _begin(state: State, least: float, most: float, rise: float) -> None:
    """Choose the rates that the next test weighs against each other."""
    s = state[0]
    p0 = min(max((s["sum"] + 0.5) / (s["n"] + 1.0), least), most)
    p1 = p0 + rise * (1.0 - p0)
    s["up"] = math.log(p1 / p0)
    s["down"] = math.log((1.0 - p1) / (1.0 - p0))


@njit(cache=True, nogil=True, forceinline=True, error_model="numpy")
def weigh(
    state: State,
    x: float,
    least: float,
    most: float,
    rise: float,
    low: float,
    high: float,
    grace_period: int,
) -> int:
    """Take in a value; return what the test decides by it.

    p0 is kept from `least` to `most`; `low` and `high` are the bounds of the ratio. What follows
    on `RISE` is for the caller to do; on `NO_RISE` the next test has begun.
    """
    s = state[0]
    if s["n"] < grace_period:
        s["n"] += 1
        s["sum"] += x
        return NO_RISE
    if s["n_test"] == 0:
        _begin(state, least, most, rise)
    s["n_test"] += 1
    s["sum_test"] += x
    s["ratio"] += x * s["up"] + (1.0 - x) * s["down"]
    if s["ratio"] >= high:
        return RISE
    # What is usual is not known well enough for a longer test.
    ends = least < most and s["n_test"] >= s["n"]
    if s["ratio"] > low and not ends:
        return CONTINUE
    s["n"] += s["n_test"]
    s["sum"] += s["sum_test"]
    _clear(state)
    return NO_RISE


@njit(cache=True, nogil=True, forceinline=True, error_model="numpy")
def _clear(state: State) -> None:
    state[0]["ratio"] = 0.0
    state[0]["n_test"] = 0
    state[0]["sum_test"] = 0.0


@njit(cache=True, nogil=True, forceinline=True, error_model="numpy")
def restart(state: State) -> None:
    """Forget what was usual."""
    state[0]["n"] = 0
    state[0]["sum"] = 0.0
    state[0]["zone"] = QUIET
    _clear(state)


@njit(cache=True, nogil=True, error_model="numpy")
def update_many(
    values: Floats,
    log: State,
    state: State,
    least: float,
    most: float,
    rise: float,
    low: float,
    high: float,
    grace_period: int,
) -> int:
    """Feed values; return how many alarms are in `log` now."""
    n_alarms = 0
    s = state[0]
    for i in range(len(values)):
        if s["zone"] == DRIFT:
            restart(state)
        if weigh(state, values[i], least, most, rise, low, high, grace_period) == RISE:
            before = s["sum"] / s["n"] if s["n"] > 0 else least
            after = s["sum_test"] / s["n_test"]
            n_alarms = speak(state, DRIFT, log, n_alarms, i, before, after)
            s["zone"] = DRIFT
    return n_alarms
