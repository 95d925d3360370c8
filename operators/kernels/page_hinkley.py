"""Page-Hinkley: a sum of deviations from the mean that has risen from its least [1]_.

Symbols: n values since the last drift and their mean; U <- a U + (x - mean - tolerance), a the
fading factor; the cut is where U was least.

References
----------
.. [1] Page, 1954, Continuous inspection schemes, Biometrika 41(1/2), section 3.
   DOI 10.1093/biomet/41.1-2.100.
"""

from __future__ import annotations

import numpy as np

from operators.kernels.alarms import DRIFT, QUIET, Floats, State, layout, speak
from operators.kernels.compiled import njit
from operators.kernels.running_mean import learn, mean_since

STATE = layout(("n", np.int64), ("mean", np.float64))
SIDE = np.dtype(
    [
        ("sign", np.float64),  # a fall of x is a rise of -x
        ("sum", np.float64),
        ("least", np.float64),
        ("n_cut", np.int64),  # 0 as long as there is none
        ("mean_cut", np.float64),
    ]
)


@njit(cache=True, nogil=True, forceinline=True)
def _restart(state: State, sides: State) -> None:
    state[0]["n"] = 0
    state[0]["mean"] = 0.0
    state[0]["zone"] = QUIET
    for k in range(len(sides)):
        sides[k]["sum"] = 0.0
        sides[k]["n_cut"] = 0


@njit(cache=True, nogil=True, forceinline=True)
def _rise(
    sides: State, k: int, n: int, mean: float, x: float, tolerance: float, fading_factor: float
) -> float:
    """Add a deviation; return how far the sum is above its least."""
    total = fading_factor * sides[k]["sum"] + sides[k]["sign"] * (x - mean) - tolerance
    sides[k]["sum"] = total
    if sides[k]["n_cut"] == 0 or total < sides[k]["least"]:
        sides[k]["least"] = total
        sides[k]["n_cut"] = n
        sides[k]["mean_cut"] = mean
    return total - sides[k]["least"]  # type: ignore[no-any-return]


@njit(cache=True, nogil=True)
def update_many(
    values: Floats,
    log: State,
    state: State,
    sides: State,
    threshold: float,
    tolerance: float,
    fading_factor: float,
    grace_period: int,
) -> int:
    """Feed values; `sides` has one entry a side. Return how many alarms are in `log` now."""
    n_alarms = 0
    for i in range(len(values)):
        if state[0]["zone"] == DRIFT:
            _restart(state, sides)
        learn(state, values[i])
        n, mean = state[0]["n"], state[0]["mean"]
        found = -1
        for k in range(len(sides)):
            rise = _rise(sides, k, n, mean, values[i], tolerance, fading_factor)
            if rise > threshold:
                found = k
        if found >= 0 and n >= grace_period:
            before = sides[found]["mean_cut"]
            after = mean_since(n, mean, sides[found]["n_cut"], before)
            n_alarms = speak(state, DRIFT, log, n_alarms, i, before, after)
            state[0]["zone"] = DRIFT
    return n_alarms
