"""ECDD: an exponentially weighted chart of the error [1]_.

Symbols: z is the weighted mean with weight w for the newest value, p the plain mean, sigma_z the
standard deviation of z if errors come with probability p; L(p) the control limit.

References
----------
.. [1] Ross, Adams, Tasoulis and Hand, 2012, Exponentially weighted moving average charts for
   detecting concept drift, Pattern Recognition Letters 33(2), sections 3 and 4.
   DOI 10.1016/j.patrec.2011.08.019.
"""

from __future__ import annotations

import math

import numpy as np

from operators.kernels.alarms import DRIFT, QUIET, WARNING, Floats, State, layout, speak
from operators.kernels.compiled import njit
from operators.kernels.running_mean import learn

STATE = layout(
    ("n", np.int64),
    ("mean", np.float64),
    ("z", np.float64),
    ("fade", np.float64),  # (1 - w)^(2 n)
)


@njit(cache=True, nogil=True, forceinline=True)
def _restart(state: State) -> None:
    state[0]["n"] = 0
    state[0]["mean"] = 0.0
    state[0]["z"] = 0.0
    state[0]["fade"] = 1.0
    state[0]["zone"] = QUIET


@njit(cache=True, nogil=True, forceinline=True)
def control_limit(p: float) -> float:
    """Return L: with w = 0.2, one false alarm in 400 values on average, whatever p is."""
    square = p * p
    rest = 48.73 + square * (-330.13 + square * 848.18)
    return 3.97 + p * (-6.56 + square * rest)


@njit(cache=True, nogil=True, forceinline=True)
def _judge(state: State, weight: float, warning_share: float, grace_period: int) -> int:
    if state[0]["n"] <= grace_period:
        return QUIET
    p = state[0]["mean"]
    variance = p * (1.0 - p) * weight * (1.0 - state[0]["fade"]) / (2.0 - weight)
    limit = control_limit(p) * math.sqrt(variance)
    rise = state[0]["z"] - p
    if rise > limit:
        return DRIFT
    return WARNING if rise > warning_share * limit else QUIET


@njit(cache=True, nogil=True)
def update_many(
    values: Floats,
    log: State,
    state: State,
    weight: float,
    warning_share: float,
    grace_period: int,
) -> int:
    """Feed errors in [0, 1]; return how many alarms are in `log` now."""
    n_alarms = 0
    keep = (1.0 - weight) * (1.0 - weight)
    for i in range(len(values)):
        if state[0]["zone"] == DRIFT:
            _restart(state)
        learn(state, values[i])
        state[0]["z"] += weight * (values[i] - state[0]["z"])
        # Left to itself it would end among the denormal numbers, which are slow.
        state[0]["fade"] = state[0]["fade"] * keep if state[0]["fade"] > 1e-300 else 0.0
        zone = _judge(state, weight, warning_share, grace_period)
        if zone > state[0]["zone"]:
            n_alarms = speak(state, zone, log, n_alarms, i, state[0]["mean"], state[0]["z"])
        state[0]["zone"] = zone
    return n_alarms
