"""RDDM: DDM that reacts faster by forgetting [1]_.

To DDM's rule it adds three. A drift is declared when a warning lasts too long. Statistics that
span a very long concept are computed anew from its last values, without an alarm, for their mean
hardly moves any more. After a drift, the values since the warning began count as the new concept's
first.

References
----------
.. [1] Barros, Cabral, Goncalves and Santos, 2017, RDDM: Reactive drift detection method, Expert
   Systems with Applications 90, section 3. DOI 10.1016/j.eswa.2017.08.023.
"""

from __future__ import annotations

import numpy as np

from operators.kernels import ddm
from operators.kernels.alarms import DRIFT, QUIET, WARNING, Floats, State
from operators.kernels.compiled import njit
from operators.kernels.ddm import judge, restart, speak_of_rates
from operators.kernels.running_mean import learn

_OF_DDM = [(name, ddm.STATE[name]) for name in ddm.STATE.names or ()]
STATE = np.dtype([*_OF_DDM, ("place", np.int64), ("warned", np.int64)])
"""`place`: where in the ring the next value goes; `warned`: values since the warning began."""


@njit(cache=True, nogil=True)
def _replay(
    state: State,
    ring: Floats,
    count: int,
    warning_level: float,
    drift_level: float,
    grace_period: int,
) -> None:
    """Start anew with the last `count` values; their minimum counts, their alarms do not."""
    for k in range(count, 0, -1):
        learn(state, ring[(state[0]["place"] - k) % len(ring)])
        judge(state, warning_level, drift_level, grace_period)


@njit(cache=True, nogil=True)
def _rebase(state: State, ring: Floats) -> None:
    """Shorten a long concept to the values in the ring; the next value sets the minimum.

    Their own minimum would turn chance, of which there is much in thousands of values, into an
    alarm at once.
    """
    restart(state)
    for k in range(len(ring), 0, -1):
        learn(state, ring[(state[0]["place"] - k) % len(ring)])


@njit(cache=True, nogil=True)
def update_many(
    values: Floats,
    log: State,
    state: State,
    ring: Floats,
    warning_level: float,
    drift_level: float,
    grace_period: int,
    concept_length_max: int,
    warning_length_max: int,
) -> int:
    """Feed errors in [0, 1]; `ring` (stable_length,) holds the last ones.

    Returns how many alarms are in `log` now. A warning must fit into the ring, and the ring into
    the longest concept.
    """
    n_alarms = 0
    for i in range(len(values)):
        if state[0]["zone"] == DRIFT:
            restart(state)
            count = max(state[0]["warned"], 1)
            _replay(state, ring, count, warning_level, drift_level, grace_period)
            state[0]["warned"] = 0
        ring[state[0]["place"]] = values[i]
        state[0]["place"] = (state[0]["place"] + 1) % len(ring)
        learn(state, values[i])
        zone = judge(state, warning_level, drift_level, grace_period)
        if zone == WARNING and state[0]["warned"] >= warning_length_max:
            # So long a warning has mixed old and new: only the last value is surely new.
            zone, state[0]["warned"] = DRIFT, 0
        elif zone == WARNING or (state[0]["warned"] > 0 and zone == DRIFT):
            state[0]["warned"] += 1
        else:
            state[0]["warned"] = 0
        if zone > state[0]["zone"]:
            n_alarms = speak_of_rates(state, zone, log, n_alarms, i)
        state[0]["zone"] = zone
        if zone == QUIET and state[0]["n"] >= concept_length_max:
            _rebase(state, ring)
    return n_alarms
