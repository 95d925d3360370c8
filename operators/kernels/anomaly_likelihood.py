"""How unlikely a run of anomaly scores is, by what they usually are [1]_.

Scores s are held against their fading mean m and variance v: the likelihood is the chance of a
lower one under a normal law, Phi((s - m) / sqrt(v)). m starts at 1 (all is new at first) and stays
above 0.03, v above 3e-4: where there are no surprises, the first one is no catastrophe.

References
----------
.. [1] Ahmad, Lavin, Purdy and Agha, 2017, Unsupervised real-time anomaly detection for streaming
   data, Neurocomputing 262, section 3.2. DOI 10.1016/j.neucom.2017.04.070. There over windows;
   here faded, as in later implementations.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from operators.kernels.compiled import njit

SCORES = np.dtype([("n", np.int64), ("mean", np.float64), ("variance", np.float64)])
MEAN_MIN, VARIANCE_MIN = 0.03, 3e-4

Scores = NDArray[Any]


def new_scores() -> Scores:
    """Return the state before any score."""
    scores = np.zeros(1, dtype=SCORES)
    scores["mean"] = 1.0
    return scores


@njit(cache=True, nogil=True, forceinline=True, error_model="numpy")
def likelihood(scores: Scores, score: float, period: float) -> float:
    """Take in a score; return how likely a lower one was before it."""
    s = scores[0]
    mean, variance = max(s["mean"], MEAN_MIN), max(s["variance"], VARIANCE_MIN)
    chance = 1.0 - 0.5 * math.erfc((score - mean) / math.sqrt(2.0 * variance))
    gain = 1.0 - math.exp(-1.0 / period)
    step = score - s["mean"]
    s["mean"] += gain * step
    s["variance"] = (1.0 - gain) * (s["variance"] + gain * step * step)
    s["n"] += 1
    return chance
