"""GMA: a geometric moving average of deviations from the mean [1]_.

Symbols: n values since the last drift and their mean; S <- a S + (1 - a) (x - mean).

References
----------
.. [1] Roberts, 1959, Control chart tests based on geometric moving averages, Technometrics 1(3).
   DOI 10.1080/00401706.1959.10489860.
"""

from __future__ import annotations

import numpy as np

from operators.kernels.alarms import DRIFT, QUIET, Floats, State, layout, speak
from operators.kernels.compiled import njit
from operators.kernels.running_mean import learn

STATE = layout(("n", np.int64), ("mean", np.float64), ("average", np.float64))


@njit(cache=True, nogil=True, forceinline=True)
def _restart(state: State) -> None:
    state[0]["n"] = 0
    state[0]["mean"] = 0.0
    state[0]["average"] = 0.0
    state[0]["zone"] = QUIET


@njit(cache=True, nogil=True, forceinline=True)
def _exceeds(average: float, signs: Floats, threshold: float) -> bool:
    found = False
    for k in range(len(signs)):
        found |= signs[k] * average > threshold
    return found


@njit(cache=True, nogil=True)
def update_many(
    values: Floats,
    log: State,
    state: State,
    signs: Floats,
    threshold: float,
    fading_factor: float,
    grace_period: int,
) -> int:
    """Feed values; `signs` has one a side. Return how many alarms are in `log` now."""
    n_alarms = 0
    for i in range(len(values)):
        if state[0]["zone"] == DRIFT:
            _restart(state)
        learn(state, values[i])
        mean = state[0]["mean"]
        average = fading_factor * state[0]["average"] + (1.0 - fading_factor) * (values[i] - mean)
        state[0]["average"] = average
        if state[0]["n"] >= grace_period and _exceeds(average, signs, threshold):
            n_alarms = speak(state, DRIFT, log, n_alarms, i, mean, mean + average)
            state[0]["zone"] = DRIFT
    return n_alarms
