"""HDDM-A: a mean that has risen above its best part, by Hoeffding's inequality [1]_.

Symbols: n values since the last drift and their mean, n_c and mean_c those of the cut: the first
part of the series whose mean plus its bound is least. The part after the cut is not stored: means
of the whole and of the cut give it.

References
----------
.. [1] Frias-Blanco et al., 2015, Online and non-parametric drift detection methods based on
   Hoeffding's bounds, IEEE TKDE 27(3), section 3.1 (A-test). DOI 10.1109/TKDE.2014.2345382.
"""

from __future__ import annotations

import math

import numpy as np

from operators.kernels.alarms import DRIFT, QUIET, WARNING, Floats, State, layout, speak
from operators.kernels.compiled import njit
from operators.kernels.running_mean import learn, mean_since

STATE = layout(("n", np.int64), ("mean", np.float64))
CUT = np.dtype(
    [
        ("sign", np.float64),  # a fall of x is a rise of -x
        ("n", np.int64),  # 0 as long as there is no cut
        ("mean", np.float64),
        ("bound", np.float64),
    ]
)


@njit(cache=True, nogil=True, forceinline=True)
def _restart(state: State, cuts: State) -> None:
    state[0]["n"] = 0
    state[0]["mean"] = 0.0
    state[0]["zone"] = QUIET
    for k in range(len(cuts)):
        cuts[k]["n"] = 0


@njit(cache=True, nogil=True, forceinline=True, error_model="numpy")
def _judge(
    n: int, mean: float, bound: float, cuts: State, k: int, log_drift: float, log_warning: float
) -> int:
    """Move the cut to the end if that is better; return the zone."""
    if cuts[k]["n"] == 0 or cuts[k]["mean"] + cuts[k]["bound"] >= mean + bound:
        cuts[k]["n"] = n
        cuts[k]["mean"] = mean
        cuts[k]["bound"] = bound
        return QUIET
    n_c = cuts[k]["n"]
    half = (n - n_c) / n_c * (1.0 / n) / 2.0
    rise = mean - cuts[k]["mean"]
    if rise >= math.sqrt(half * log_drift):
        return DRIFT
    return WARNING if rise >= math.sqrt(half * log_warning) else QUIET


@njit(cache=True, nogil=True, error_model="numpy")
def update_many(
    values: Floats,
    log: State,
    state: State,
    cuts: State,
    log_cut: float,
    log_drift: float,
    log_warning: float,
) -> int:
    """Feed values in [0, 1]; `cuts` has one entry a side. Return how many alarms are in `log` now.

    The logarithms are ln(1 / delta_drift) for the cut, ln(2 / delta) for each test.
    """
    n_alarms = 0
    for i in range(len(values)):
        if state[0]["zone"] == DRIFT:
            _restart(state, cuts)
        learn(state, values[i])
        n, mean = state[0]["n"], state[0]["mean"]
        bound = math.sqrt(1.0 / (2.0 * n) * log_cut)
        zone, side = QUIET, 0
        for k in range(len(cuts)):
            found = _judge(n, cuts[k]["sign"] * mean, bound, cuts, k, log_drift, log_warning)
            if found > zone:
                zone, side = found, k
        if zone > state[0]["zone"]:
            before = cuts[side]["sign"] * cuts[side]["mean"]
            after = mean_since(n, mean, cuts[side]["n"], before)
            n_alarms = speak(state, zone, log, n_alarms, i, before, after)
        state[0]["zone"] = zone
    return n_alarms
