"""A small run of the dynamics, made once compiled and once with numba switched off."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from operators.dynamics.recurrence import DriftDynamics


def recurrence(
    phi: float, length: int, delta: float, acting: int, seed: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Scores around 0 with noise 1, and an intervention in the last `acting` of them."""
    rng = np.random.default_rng(seed)
    u = (np.arange(length) >= length - acting).astype(np.float64)
    scores = np.zeros(length)
    scores[0] = rng.normal() / np.sqrt(1 - phi**2) if phi < 1 else 0.0
    for t in range(1, length):
        scores[t] = phi * scores[t - 1] - delta * u[t] + rng.normal()
    return scores, u


def run() -> dict[str, NDArray[np.float64]]:
    """Alarms and fit of scores that turn persistent, then are worked on."""
    calm, _ = recurrence(0.3, 150, 0.0, 0, 1)
    lost, _ = recurrence(1.0, 150, 0.0, 0, 2)
    scores = np.concatenate([calm, calm[-1] + 2 * lost])
    dynamics = DriftDynamics(forgetting=0.98)
    alarms = dynamics.update_many(scores, (np.arange(300) >= 270).astype(np.float64))
    state = dynamics.snapshot()["state"]
    return {
        "alarms": np.array([(a.index, len(a.reason), a.value, a.limit) for a in alarms]),
        "state": np.array(state.tolist()[0], dtype=np.float64),  # type: ignore[union-attr]
    }
