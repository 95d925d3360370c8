"""Small runs of all detectors, made once compiled and once with numba switched off."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from operators.catalog import DETECTORS, create_detector


def runs() -> dict[str, NDArray[np.float64]]:
    """Alarms of each detector over errors that rise twice and fall once."""
    rng = np.random.default_rng(5)
    errors = (rng.random(1200) < np.repeat([0.1, 0.6, 0.2, 0.9], 300)).astype(np.float64)
    return {
        name: np.array(
            [
                (alarm.index, alarm.kind == "drift", alarm.before, alarm.after)
                for alarm in create_detector(name, {}).update_many(errors)
            ]
        )
        for name in DETECTORS
    }
