"""HDDM-W: a weighted mean that has risen above its best, by McDiarmid's inequality [1]_.

Symbols: an exponentially weighted mean (EWMA) with weight w for the newest value; its spread
S <- w^2 + (1 - w)^2 S is the sum of its squared weights. The cut holds the weighted mean where mean
plus bound was least; the values after it have a mean of their own.

References
----------
.. [1] Frias-Blanco et al., 2015, Online and non-parametric drift detection methods based on
   Hoeffding's bounds, IEEE TKDE 27(3), section 3.2 (W-test). DOI 10.1109/TKDE.2014.2345382.
"""

from __future__ import annotations

import math

import numpy as np

from operators.kernels.alarms import DRIFT, QUIET, WARNING, Floats, State, layout, speak
from operators.kernels.compiled import njit

_EWMA = [("n", np.int64), ("mean", np.float64), ("spread", np.float64)]
STATE = layout(*_EWMA)
SIDE = np.dtype(
    [
        *_EWMA,  # of the values after the cut
        ("sign", np.float64),  # a fall of x is a rise of -x
        ("mean_cut", np.float64),
        ("spread_cut", np.float64),
        ("least", np.float64),  # mean plus bound, at the cut
        ("is_cut", np.int64),
    ]
)


@njit(cache=True, nogil=True, forceinline=True)
def _restart(state: State, sides: State) -> None:
    state[0]["n"] = 0
    state[0]["zone"] = QUIET
    for k in range(len(sides)):
        sides[k]["is_cut"] = 0


@njit(cache=True, nogil=True, forceinline=True)
def _learn(ewma: State, k: int, x: float, weight: float) -> None:
    """Take a value into the fields `n`, `mean` and `spread` of an entry."""
    if ewma[k]["n"] == 0:
        ewma[k]["mean"] = x
        ewma[k]["spread"] = 1.0
    else:
        ewma[k]["mean"] += weight * (x - ewma[k]["mean"])
    ewma[k]["n"] += 1
    keep = (1.0 - weight) * (1.0 - weight)
    ewma[k]["spread"] = weight * weight + keep * ewma[k]["spread"]


@njit(cache=True, nogil=True, forceinline=True)
def _move_cut(state: State, sides: State, k: int, x: float, weight: float, log_cut: float) -> None:
    """Cut after this value if mean plus bound is less than ever, else count it as after the cut."""
    mean = sides[k]["sign"] * state[0]["mean"]
    bound = math.sqrt(state[0]["spread"] * log_cut / 2.0)
    if sides[k]["is_cut"] == 0 or mean + bound < sides[k]["least"]:
        sides[k]["is_cut"] = 1
        sides[k]["least"] = mean + bound
        sides[k]["mean_cut"] = mean
        sides[k]["spread_cut"] = state[0]["spread"]
        sides[k]["n"] = 0
    else:
        _learn(sides, k, sides[k]["sign"] * x, weight)


@njit(cache=True, nogil=True, forceinline=True)
def _judge(sides: State, k: int, log_drift: float, log_warning: float) -> int:
    if sides[k]["n"] == 0:
        return QUIET
    rise = sides[k]["mean"] - sides[k]["mean_cut"]
    spread = sides[k]["spread_cut"] + sides[k]["spread"]
    if rise > math.sqrt(spread * log_drift / 2.0):
        return DRIFT
    return WARNING if rise > math.sqrt(spread * log_warning / 2.0) else QUIET


@njit(cache=True, nogil=True)
def update_many(
    values: Floats,
    log: State,
    state: State,
    sides: State,
    weight: float,
    log_drift: float,
    log_warning: float,
) -> int:
    """Feed values in [0, 1]; return how many alarms are in `log` now.

    The logarithms are ln(1 / delta).
    """
    n_alarms = 0
    for i in range(len(values)):
        if state[0]["zone"] == DRIFT:
            _restart(state, sides)
        _learn(state, 0, values[i], weight)
        zone, side = QUIET, 0
        for k in range(len(sides)):
            _move_cut(state, sides, k, values[i], weight, log_drift)
            found = _judge(sides, k, log_drift, log_warning)
            if found > zone:
                zone, side = found, k
        if zone > state[0]["zone"]:
            sign = sides[side]["sign"]
            before, after = sign * sides[side]["mean_cut"], sign * sides[side]["mean"]
            n_alarms = speak(state, zone, log, n_alarms, i, before, after)
        state[0]["zone"] = zone
    return n_alarms
