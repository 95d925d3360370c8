"""STEPD: the last values against all before them, as two proportions [1]_.

Symbols: n values since the last drift, r of them recent, n - r old.

References
----------
.. [1] Nishida and Yamauchi, 2007, Detecting concept drift using statistical testing, Discovery
   Science, section 3. DOI 10.1007/978-3-540-75488-6_27.
"""

from __future__ import annotations

import numpy as np

from operators.kernels.alarms import DRIFT, QUIET, WARNING, Floats, State, layout, speak
from operators.kernels.compiled import njit

STATE = layout(
    ("n", np.int64),
    ("place", np.int64),  # where in the ring the next value goes
    ("old", np.float64),  # sum of the old values
    ("recent", np.float64),  # sum of the ring
)


@njit(cache=True, nogil=True, forceinline=True)
def _restart(state: State) -> None:
    state[0]["n"] = 0
    state[0]["place"] = 0
    state[0]["old"] = 0.0
    state[0]["recent"] = 0.0
    state[0]["zone"] = QUIET


@njit(cache=True, nogil=True, forceinline=True)
def _slide(state: State, ring: Floats, x: float) -> None:
    place = state[0]["place"]
    if state[0]["n"] >= len(ring):
        state[0]["old"] += ring[place]
        state[0]["recent"] -= ring[place]
    ring[place] = x
    state[0]["recent"] += x
    state[0]["n"] += 1
    state[0]["place"] = place + 1 if place + 1 < len(ring) else 0


@njit(cache=True, nogil=True, forceinline=True, error_model="numpy")
def _judge(
    state: State, n_recent: int, signs: Floats, z_warning: float, z_drift: float
) -> tuple[int, float, float]:
    """Return the zone, and the old and the recent mean."""
    n_old = state[0]["n"] - n_recent
    old, recent = state[0]["old"] / n_old, state[0]["recent"] / n_recent
    share = 1.0 / n_old + 1.0 / n_recent
    p = (state[0]["old"] + state[0]["recent"]) / state[0]["n"]
    variance = p * (1.0 - p) * share
    zone = QUIET
    for k in range(len(signs)):
        # Yates's correction: counts are whole, the normal distribution is not.
        rise = signs[k] * (recent - old) - 0.5 * share
        if rise > 0.0 and rise * rise > z_warning * z_warning * variance:
            zone = DRIFT if rise * rise > z_drift * z_drift * variance else WARNING
    return zone, old, recent


@njit(cache=True, nogil=True)
def update_many(
    values: Floats,
    log: State,
    state: State,
    ring: Floats,
    signs: Floats,
    z_warning: float,
    z_drift: float,
) -> int:
    """Feed errors in [0, 1]; `ring` (window,) holds the recent ones, `signs` has one a side.

    Returns how many alarms are in `log` now. There is no test before as many values are old as
    are recent.
    """
    n_alarms = 0
    for i in range(len(values)):
        if state[0]["zone"] == DRIFT:
            _restart(state)
        _slide(state, ring, values[i])
        if state[0]["n"] < 2 * len(ring):
            continue
        zone, old, recent = _judge(state, len(ring), signs, z_warning, z_drift)
        if zone > state[0]["zone"]:
            n_alarms = speak(state, zone, log, n_alarms, i, old, recent)
        state[0]["zone"] = zone
    return n_alarms
