"""EDDM: errors that come closer together than they once did [1]_.

Symbols: m and s are mean and standard deviation of the distances between errors, m2 the sum of
squared deviations; the peak is the greatest m + 2 s.

References
----------
.. [1] Baena-Garcia et al., 2006, Early drift detection method, ECML PKDD workshop on knowledge
   discovery from data streams.
"""

from __future__ import annotations

import math

import numpy as np

from operators.kernels.alarms import DRIFT, QUIET, WARNING, Floats, State, layout, speak
from operators.kernels.compiled import njit

STATE = layout(
    ("n", np.int64),
    ("errors", np.int64),
    ("last", np.int64),  # n at the last error
    ("m", np.float64),
    ("m2", np.float64),
    ("n_peak", np.int64),  # 0 as long as there is no peak
    ("errors_peak", np.int64),
    ("peak", np.float64),
)


@njit(cache=True, nogil=True, forceinline=True)
def _restart(state: State) -> None:
    state[0]["n"] = 0
    state[0]["errors"] = 0
    state[0]["last"] = 0
    state[0]["m"] = 0.0
    state[0]["m2"] = 0.0
    state[0]["n_peak"] = 0
    state[0]["zone"] = QUIET


@njit(cache=True, nogil=True, forceinline=True, error_model="numpy")
def _learn_distance(state: State) -> None:
    distance = float(state[0]["n"] - state[0]["last"])
    state[0]["last"] = state[0]["n"]
    state[0]["errors"] += 1
    old = state[0]["m"]
    state[0]["m"] += (1.0 / state[0]["errors"]) * (distance - old)
    state[0]["m2"] += (distance - old) * (distance - state[0]["m"])


@njit(cache=True, nogil=True, forceinline=True, error_model="numpy")
def _judge(state: State, warning_level: float, drift_level: float, grace_period: int) -> int:
    """Note a new peak; return the zone."""
    if state[0]["n"] <= grace_period:
        return QUIET
    errors = state[0]["errors"]
    variance = state[0]["m2"] / (errors - 1) if errors > 1 else 0.0
    reach = state[0]["m"] + 2.0 * math.sqrt(variance)
    if state[0]["n_peak"] == 0 or reach > state[0]["peak"]:
        state[0]["n_peak"] = state[0]["n"]
        state[0]["errors_peak"] = errors
        state[0]["peak"] = reach
        return QUIET
    if errors <= grace_period:
        return QUIET
    level = reach / state[0]["peak"]
    if level < drift_level:
        return DRIFT
    return WARNING if level < warning_level else QUIET


@njit(cache=True, nogil=True, forceinline=True, error_model="numpy")
def _speak_of_rates(state: State, zone: int, log: State, n_alarms: int, i: int) -> int:
    """Speak with the error rate up to the peak, and since."""
    before = state[0]["errors_peak"] / state[0]["n_peak"]
    after = (state[0]["errors"] - state[0]["errors_peak"]) / (state[0]["n"] - state[0]["n_peak"])
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
    """Feed errors, 0.5 and more being wrong; return how many alarms are in `log` now."""
    n_alarms = 0
    for i in range(len(values)):
        if state[0]["zone"] == DRIFT:
            _restart(state)
        state[0]["n"] += 1
        if values[i] < 0.5:
            continue
        _learn_distance(state)
        zone = _judge(state, warning_level, drift_level, grace_period)
        if zone > state[0]["zone"]:
            n_alarms = _speak_of_rates(state, zone, log, n_alarms, i)
        state[0]["zone"] = zone
    return n_alarms
