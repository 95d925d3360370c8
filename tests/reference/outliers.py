"""Winsorising restated: by what was learnt so far, of which each value has a weight."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def winsorised(value: float, learnt: Sequence[float], weights: Sequence[float]) -> float:
    if sum(weights) < 5.0 or len(set(learnt)) < 2:
        return value
    mean = np.average(learnt, weights=weights)
    variance = np.average((np.array(learnt) - mean) ** 2, weights=weights)
    if np.sqrt(variance) <= 1e-12 * max(abs(mean), 1.0):  # nothing but rounding
        return value
    # Ten deviations, or further if the variance, of which this is one part in n, gains a tenth.
    reach = np.sqrt(max(100.0, 0.1 * sum(weights)) * variance)
    return float(np.clip(value, mean - reach, mean + reach))
