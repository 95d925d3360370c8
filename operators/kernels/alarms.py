"""What all compiled detectors say in the same way: zones, and the log of those entered.

A detector is quiet, warns, or has found a drift. It speaks when it enters a worse zone than the
one it is in; after a drift it starts anew at the next value.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from operators.kernels.compiled import njit

QUIET, WARNING, DRIFT = 0, 1, 2

LOG = np.dtype(
    [
        ("index", np.int64),  # of the value, in the array that was given
        ("zone", np.int64),  # that was entered
        ("before", np.float64),  # mean before the change
        ("after", np.float64),  # mean since then
    ]
)

State = NDArray[np.void]
Floats = NDArray[np.float64]


def layout(*fields: tuple[Any, ...]) -> np.dtype[np.void]:
    """Lay out a detector's state: its own fields, then those that all have."""
    own = [field if len(field) == 3 else (*field, ()) for field in fields]
    return np.dtype([*own, ("zone", np.int64, ()), ("detections", np.int64, ())])


@njit(cache=True, nogil=True, forceinline=True)
def speak(
    state: State, zone: int, log: State, n_alarms: int, i: int, before: float, after: float
) -> int:
    """Write down that a value led into a worse zone; return the number of alarms."""
    log[n_alarms]["index"] = i
    log[n_alarms]["zone"] = zone
    log[n_alarms]["before"] = before
    log[n_alarms]["after"] = after
    if zone == DRIFT:
        state[0]["detections"] += 1
    return n_alarms + 1
