"""DDM: an error rate that leaves its best level [1]_.

Symbols: n values since the last drift, p their mean, s = sqrt(p (1 - p) / n) its standard
deviation; p_min and s_min are those where p + s was least, n_min values had been seen then.

References
----------
.. [1] Gama, Medas, Castillo and Rodrigues, 2004, Learning with drift detection, SBIA, section 3.
   DOI 10.1007/978-3-540-28645-5_29.
"""

from __future__ import annotations

import math

import numpy as np

from operators.kernels.alarms import DRIFT, QUIET, WARNING, Floats, State, layout, speak
from operators.kernels.compiled import njit
from operators.kernels.running_mean import learn, mean_since

STATE = layout(
    ("n", np.int64),
    ("mean", np.float64),
    ("n_min", np.int64),  # 0 as long as there is no minimum
    ("p_min", np.float64),
    ("s_min", np.float64),
)


@njit(cache=True, nogil=True, forceinline=True)
def restart(state: State) -> None:
    """Forget the series; the number of alarms stays."""
    state[0]["n"] = 0
    state[0]["mean"] = 0.0
    state[0]["n_min"] = 0
    state[0]["zone"] = QUIET


@njit(cache=True, nogil=True, forceinline=True, error_model="numpy")
def judge(state: State, warning_level: float, drift_level: float, grace_period: int) -> int:
    """Note a new minimum; return the zone."""
    n, p = state[0]["n"], state[0]["mean"]
    if n <= grace_period:
        return QUIET
    s = math.sqrt(p * (1.0 - p) / n)
    if state[0]["n_min"] == 0 or p + s <= state[0]["p_min"] + state[0]["s_min"]:
        state[0]["n_min"] = n
        state[0]["p_min"] = p
        state[0]["s_min"] = s
    if p + s > state[0]["p_min"] + drift_level * state[0]["s_min"]:
        return DRIFT
    return WARNING if p + s > state[0]["p_min"] + warning_level * state[0]["s_min"] else QUIET


@njit(cache=True, nogil=True, forceinline=True)
def speak_of_rates(state: State, zone: int, log: State, n_alarms: int, i: int) -> int:
    """Speak with the error rate up to the minimum, and since."""
    before = state[0]["p_min"]
    after = mean_since(state[0]["n"], state[0]["mean"], state[0]["n_min"], before)
    return speak(state, zone, log, n_alarms, i, before, after)  # type: ignore[no-any-return]


@njit(cache=True, nogil=True)
def update_many(
    values: Floats,
    log: State,
    state: State,
    warning_level: float,
    drift_level: float,
    grace_period: int,
) -> int:
    """Feed errors in [0, 1]; write the alarms into `log` and return how many there were."""
    n_alarms = 0
    for i in range(len(values)):
        if state[0]["zone"] == DRIFT:
            restart(state)
        learn(state, values[i])
        zone = judge(state, warning_level, drift_level, grace_period)
        if zone > state[0]["zone"]:
            n_alarms = speak_of_rates(state, zone, log, n_alarms, i)
        state[0]["zone"] = zone
    return n_alarms
