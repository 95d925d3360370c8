"""FHDDM: the share of right answers in sliding windows, against its best [1]_, [2]_.

Symbols: u is the share of right answers among the last values, one u for each window; u_max the
greatest since the last drift.

References
----------
.. [1] Pesaranghader and Viktor, 2016, Fast Hoeffding drift detection method for evolving data
   streams, ECML PKDD, section 3. DOI 10.1007/978-3-319-46227-1_7.
.. [2] Pesaranghader, Viktor and Paquet, 2018, Reservoir of diverse adaptive learners and stacking
   fast Hoeffding drift detection methods for evolving data streams, Machine Learning 107,
   section 4 (stacking). DOI 10.1007/s10994-018-5719-z.
"""

from __future__ import annotations

import numpy as np

from operators.kernels.alarms import DRIFT, QUIET, Floats, State, layout, speak
from operators.kernels.compiled import njit

STATE = layout(
    ("n", np.int64),
    ("place", np.int64),  # where in the ring the next value goes
    ("total", np.float64),  # sum of all n
)
WINDOW = np.dtype(
    [
        ("size", np.int64),
        ("bound", np.float64),  # fall of u that is a drift
        # Of errors: exact where these are 0 and 1. Losses leave rounding behind, which after
        # a billion of them is still below 1e-9.
        ("sum", np.float64),
        ("u_max", np.float64),
    ]
)


@njit(cache=True, nogil=True, forceinline=True)
def _restart(state: State, windows: State) -> None:
    state[0]["n"] = 0
    state[0]["place"] = 0
    state[0]["total"] = 0.0
    state[0]["zone"] = QUIET
    for k in range(len(windows)):
        windows[k]["sum"] = 0.0
        windows[k]["u_max"] = 0.0


@njit(cache=True, nogil=True, forceinline=True)
def _slide(state: State, windows: State, ring: Floats, x: float) -> None:
    """Take a value into all windows; the longest is as long as the ring."""
    for k in range(len(windows)):
        size = windows[k]["size"]
        windows[k]["sum"] += x
        if state[0]["n"] >= size:
            leaving = state[0]["place"] - size
            windows[k]["sum"] -= ring[leaving if leaving >= 0 else leaving + len(ring)]
    ring[state[0]["place"]] = x
    state[0]["total"] += x
    state[0]["n"] += 1
    state[0]["place"] = state[0]["place"] + 1 if state[0]["place"] + 1 < len(ring) else 0


@njit(cache=True, nogil=True, forceinline=True, error_model="numpy")
def _share_of_right(windows: State, k: int) -> float:
    return (windows[k]["size"] - windows[k]["sum"]) / windows[k]["size"]  # type: ignore[no-any-return]


@njit(cache=True, nogil=True, forceinline=True)
def _fallen(windows: State) -> int:
    """Note new maxima; return the first window whose u has fallen too far, or -1."""
    found = -1
    for k in range(len(windows)):
        u = _share_of_right(windows, k)
        windows[k]["u_max"] = max(windows[k]["u_max"], u)
        if found < 0 and windows[k]["u_max"] - u > windows[k]["bound"]:
            found = k
    return found


@njit(cache=True, nogil=True)
def update_many(values: Floats, log: State, state: State, windows: State, ring: Floats) -> int:
    """Feed errors in [0, 1]; return how many alarms are in `log` now.

    No window is tested before the longest, which `ring` holds, is full.
    """
    n_alarms = 0
    for i in range(len(values)):
        if state[0]["zone"] == DRIFT:
            _restart(state, windows)
        _slide(state, windows, ring, values[i])
        if state[0]["n"] < len(ring):
            continue
        k = _fallen(windows)
        if k >= 0:
            # u_max, being a maximum, would make the past better than it was.
            size, recent = windows[k]["size"], windows[k]["sum"]
            before = (state[0]["total"] - recent) / (state[0]["n"] - size)
            n_alarms = speak(state, DRIFT, log, n_alarms, i, before, recent / size)
            state[0]["zone"] = DRIFT
    return n_alarms
