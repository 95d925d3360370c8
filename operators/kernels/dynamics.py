"""A drift score as a bounded recurrence: D' = a + phi D - delta u + e, fitted score by score [1]_.

Weighted least squares with weights forgetting^age, which is what recursive least squares with
forgetting computes (Ljung and Soderstrom, 1983, Theory and practice of recursive identification,
section 2.6), from a flat prior. It is kept as weighted means and moments around them, not as a
covariance: nothing has to be assumed of the unit of the scores, nothing can wind up while no
intervention is made, and the errors of the fit can be had right. With weights w these are
s^2 C^-1 K C^-1, C the moments of (D, u) with weights w, K those with weights w^2; s^2 C^-1, which
the recursion offers, is nearly twice as much once weights fade.

Symbols: x = D, y = D'; W and V sums of w and w^2, T = W^2 / V records that would tell as much; r =
the sum of w^2 (z - mean of z).

References
----------
.. [1] Drift no more? Context equilibria in multi-turn LLM interactions, arXiv 2510.07777. The
   correction of phi for short series: Kendall, 1954, Note on bias in the estimation of
   autocorrelation, Biometrika 41. DOI 10.1093/biomet/41.3-4.403.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from operators.kernels.compiled import njit

ABOVE, PERSISTENT, RISEN = 0, 1, 2

LOG = np.dtype(
    [
        ("index", np.int64),  # of the score, in the array that was given
        ("reason", np.int64),
        ("value", np.float64),
        ("limit", np.float64),  # what it exceeds
    ]
)
STATE = np.dtype(
    [
        ("scores", np.int64),  # seen
        ("last", np.float64),
        ("weight", np.float64),  # W
        ("square", np.float64),  # V
        ("x", np.float64),  # weighted means
        ("u", np.float64),
        ("y", np.float64),
        ("xx", np.float64),  # C
        ("xu", np.float64),
        ("uu", np.float64),
        ("xy", np.float64),
        ("uy", np.float64),
        ("yy", np.float64),
        ("rx", np.float64),
        ("ru", np.float64),
        ("kxx", np.float64),  # K
        ("kxu", np.float64),
        ("kuu", np.float64),
        ("u_max", np.float64),  # the greatest |u| there has been
        # The fit, NaN where there is none.
        ("slope", np.float64),  # phi as fitted
        ("slope_error", np.float64),
        ("phi", np.float64),  # corrected for its bias
        ("phi_error", np.float64),
        ("remembers", np.int64),
        ("delta", np.float64),
        ("delta_error", np.float64),
        ("noise", np.float64),
        ("equilibrium", np.float64),
        ("equilibrium_error", np.float64),
        ("spread", np.float64),
        ("lasting", np.float64),  # delta / (1 - phi)
        ("lasting_error", np.float64),
        # The alarms.
        ("above", np.int64),  # scores in a row
        ("limit", np.float64),  # that they are above
        ("persistent", np.int64),
        ("lost", np.int64),  # 1 from the alarm to when phi has come down
        ("sum", np.float64),
    ]
)

_PHI_LOST = 0.95  # a half-life of 13 scores
_ONE_SIDED = 1.645  # 5 % of a normal law are above
_DEVIATIONS = 3.0
_ALLOWANCE = 0.5  # of the CUSUM, in units of the noise; it looks for twice that
_SUM_MAX = 8.0  # once in about 19,000 scores of normal noise (Siegmund's approximation)
_RESIDUAL_MAX = 4.0  # one wild score is no shift

State = NDArray[Any]
Floats = NDArray[np.float64]


def fresh() -> State:
    """Return the state before any score."""
    state = np.zeros(1, dtype=STATE)
    fitted = ("slope", "phi", "delta", "equilibrium", "lasting")
    for name in (*fitted, *(f"{name}_error" for name in fitted), "noise", "spread"):
        state[name] = math.nan
    return state


@njit(cache=True, nogil=True, forceinline=True, error_model="numpy")
def _learn(state: State, x: float, u: float, y: float, forgetting: float) -> None:
    """Take in that the score went from x to y under u."""
    s = state[0]
    weight = forgetting * s["weight"] + 1.0
    gain = 1.0 / weight
    dx, du, dy = x - s["x"], u - s["u"], y - s["y"]
    hx, hu = gain * dx, gain * du
    # Sums around the old means, then around the new ones.
    v, rx, ru = s["square"], s["rx"], s["ru"]
    fade = forgetting * forgetting
    keep = 1.0 - gain
    ex, eu = keep * dx, keep * du
    s["kxx"] = fade * (s["kxx"] - 2.0 * rx * hx + v * hx * hx) + ex * ex
    s["kxu"] = fade * (s["kxu"] - rx * hu - ru * hx + v * hx * hu) + ex * eu
    s["kuu"] = fade * (s["kuu"] - 2.0 * ru * hu + v * hu * hu) + eu * eu
    s["rx"] = fade * (rx - v * hx) + ex
    s["ru"] = fade * (ru - v * hu) + eu
    s["square"] = fade * v + 1.0
    s["weight"] = weight
    s["x"] += hx
    s["u"] += hu
    s["y"] += gain * dy
    s["xx"] = forgetting * s["xx"] + keep * dx * dx
    s["xu"] = forgetting * s["xu"] + keep * dx * du
    s["uu"] = forgetting * s["uu"] + keep * du * du
    s["xy"] = forgetting * s["xy"] + keep * dx * dy
    s["uy"] = forgetting * s["uy"] + keep * du * dy
    s["yy"] = forgetting * s["yy"] + keep * dy * dy
    s["u_max"] = max(s["u_max"], abs(u))


@njit(cache=True, nogil=True, forceinline=True, error_model="numpy")
def _fit(state: State, z_memory: float) -> None:
    """Work out the fit from the sums."""
    s = state[0]
    weight, v = s["weight"], s["square"]
    xx, xu, uu = s["xx"], s["xu"], s["uu"]
    told = weight * weight / v
    # What is left of an intervention is no evidence once it weighs less than a thousandth score;
    # nor is one that began and ended just as the score did.
    moves = xx > 1e-20 * weight * s["x"] * s["x"]
    with_u = moves and uu > 1e-3 * s["u_max"] * s["u_max"] and xx * uu - xu * xu > 1e-9 * xx * uu
    # The inverse of C, with nothing in it for what does not vary.
    ixx, ixu, iuu = 0.0, 0.0, 0.0
    if with_u:
        determinant = xx * uu - xu * xu
        ixx, ixu, iuu = uu / determinant, -xu / determinant, xx / determinant
    elif moves:
        ixx = 1.0 / xx
    slope = ixx * s["xy"] + ixu * s["uy"]
    beta = ixu * s["xy"] + iuu * s["uy"]
    # Rows of C^-1 K, for the errors and for the degrees of freedom.
    pxx = ixx * s["kxx"] + ixu * s["kxu"]
    pxu = ixx * s["kxu"] + ixu * s["kuu"]
    pux = ixu * s["kxx"] + iuu * s["kxu"]
    puu = ixu * s["kxu"] + iuu * s["kuu"]
    free = weight - v / weight - pxx - puu
    rest = max(s["yy"] - slope * s["xy"] - beta * s["uy"], 0.0)
    noise2 = rest / free if free > 0.0 else math.nan
    vxx = noise2 * (pxx * ixx + pxu * ixu)
    vxu = noise2 * (pxx * ixu + pxu * iuu)
    vuu = noise2 * (pux * ixu + puu * iuu)
    # The level of the scores is fitted as well, on each side of an intervention: each costs phi
    # (1 + phi) / T, and the ratio of moments 2 phi / T.
    levels = 2.0 if with_u else 1.0
    scale = 1.0 + (levels + 2.0) / told
    phi = slope * scale + levels / told if moves else 0.0
    phi_error = math.sqrt(vxx) * scale
    remembers = moves and abs(phi) > z_memory * phi_error
    s["slope"] = slope
    s["slope_error"] = math.sqrt(vxx)
    s["phi"] = phi
    s["phi_error"] = phi_error
    s["remembers"] = 1 if remembers else 0
    s["noise"] = math.sqrt(noise2)
    # What the intervention does, given the corrected phi.
    delta = -(s["uy"] - phi * xu) / uu if with_u else math.nan
    s["delta"] = delta
    s["delta_error"] = math.sqrt(vuu) if with_u else math.nan
    # D* = (y - p x + delta u) / (1 - p) at the means, p = 0 without memory.
    p = phi if remembers else 0.0
    effect = -(s["uy"] - p * xu) / uu if with_u else 0.0
    reach = 1.0 / (1.0 - p) if p < 1.0 else math.nan
    equilibrium = (s["y"] - p * s["x"] + effect * s["u"]) * reach
    gx = (equilibrium - s["x"]) * reach if remembers else 0.0
    gu = -s["u"] * reach  # with respect to beta = -delta
    # Of the mean residual, and its covariance with (phi, beta).
    vm = noise2 * v / (weight * weight)
    cx = noise2 * (ixx * s["rx"] + ixu * s["ru"]) / weight
    cu = noise2 * (ixu * s["rx"] + iuu * s["ru"]) / weight
    variance = reach * reach * vm + gx * gx * vxx + gu * gu * vuu + 2.0 * gx * gu * vxu
    variance += 2.0 * reach * (gx * cx + gu * cu)
    s["equilibrium"] = equilibrium
    s["equilibrium_error"] = math.sqrt(max(variance, 0.0)) if p < 1.0 else math.nan
    s["spread"] = math.sqrt(noise2 / (1.0 - p * p)) if abs(p) < 1.0 else math.nan
    if with_u and phi < 1.0:
        reach = 1.0 / (1.0 - phi)
        s["lasting"] = delta * reach
        gx = delta * reach
        variance = reach * reach * (vuu + gx * gx * vxx - 2.0 * gx * vxu)
        s["lasting_error"] = math.sqrt(max(variance, 0.0))
    else:
        s["lasting"] = math.nan
        s["lasting_error"] = math.nan


@njit(cache=True, nogil=True, forceinline=True, error_model="numpy")
def _note(log: State, n_alarms: int, i: int, reason: int, value: float, limit: float) -> int:
    log[n_alarms]["index"] = i
    log[n_alarms]["reason"] = reason
    log[n_alarms]["value"] = value
    log[n_alarms]["limit"] = limit
    return n_alarms + 1


@njit(cache=True, nogil=True, forceinline=True, error_model="numpy")
def _judge_score(
    state: State, log: State, n_alarms: int, i: int, u: float, y: float, run: int
) -> int:
    """Hold a score against the fit of those before it."""
    s = state[0]
    p = s["phi"] if s["remembers"] == 1 else 0.0
    # The limit stays while a run grows: its first scores would raise it beyond the others.
    if s["above"] == 0 or s["above"] >= run:
        lasting = s["lasting"] if s["lasting"] == s["lasting"] else 0.0
        s["limit"] = s["equilibrium"] - lasting * u + _DEVIATIONS * s["spread"]
    s["above"] = s["above"] + 1 if y > s["limit"] else 0
    if s["above"] == run:
        n_alarms = _note(log, n_alarms, i, ABOVE, y, s["limit"])
    delta = s["delta"] if s["delta"] == s["delta"] else 0.0
    # The regression goes through the means.
    expected = s["y"] + p * (s["last"] - s["x"]) - delta * (u - s["u"])
    if s["noise"] > 0.0:
        residual = min(max((y - expected) / s["noise"], -_RESIDUAL_MAX), _RESIDUAL_MAX)
        s["sum"] = max(0.0, s["sum"] + residual - _ALLOWANCE)
        if s["sum"] > _SUM_MAX:
            n_alarms = _note(log, n_alarms, i, RISEN, s["sum"], _SUM_MAX)
            s["sum"] = 0.0
    return n_alarms


@njit(cache=True, nogil=True, forceinline=True, error_model="numpy")
def _judge_persistence(state: State, log: State, n_alarms: int, i: int, run: int) -> int:
    s = state[0]
    lost = s["phi"] - _ONE_SIDED * s["phi_error"] > _PHI_LOST
    s["persistent"] = s["persistent"] + 1 if lost else 0
    if s["persistent"] == run and s["lost"] == 0:
        n_alarms = _note(log, n_alarms, i, PERSISTENT, s["phi"], _PHI_LOST)
        s["lost"] = 1
    if not s["phi"] > _PHI_LOST:
        s["lost"] = 0
    return n_alarms


@njit(cache=True, nogil=True, error_model="numpy")
def update_many(
    scores: Floats,
    interventions: Floats,
    log: State,
    state: State,
    forgetting: float,
    z_memory: float,
    grace_period: int,
    run: int,
) -> int:
    """Take in scores; return how many alarms are in `log` now, which has room for 3 a score."""
    n_alarms = 0
    for i in range(len(scores)):
        y, u = scores[i], interventions[i]
        seen = state[0]["scores"]
        if seen >= 1:
            if seen > grace_period:
                n_alarms = _judge_score(state, log, n_alarms, i, u, y, run)
            _learn(state, state[0]["last"], u, y, forgetting)
            # Fewer transitions than that leave nothing free for the noise.
            if seen >= 5:
                _fit(state, z_memory)
            if seen > grace_period:
                n_alarms = _judge_persistence(state, log, n_alarms, i, run)
        state[0]["last"] = y
        state[0]["scores"] = seen + 1
    return n_alarms
