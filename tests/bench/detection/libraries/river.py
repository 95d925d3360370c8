"""River's detectors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tests.bench.detection.libraries.one_by_one import run_one_by_one

OF_RIGHT_ANSWERS = ("fhddm", "stacked_fhddm")
"""River's FHDDM says 1 is an error, but signals when the share of ones falls."""


def run(
    name: str, params: Mapping[str, Any], arrays: Sequence[NDArray[np.float64]]
) -> list[list[int]]:
    """Return the indices of the drifts in each array, a new detector for each."""
    from river import drift

    classes = {
        "adwin": drift.ADWIN,
        "ddm": drift.binary.DDM,
        "eddm": drift.binary.EDDM,
        "fhddm": drift.binary.FHDDM,
        "hddm_a": drift.binary.HDDMA,
        "hddm_w": drift.binary.HDDMW,
        "kswin": drift.KSWIN,
        "page_hinkley": drift.PageHinkley,
        "stacked_fhddm": drift.binary.FHDDM,
    }
    if name in OF_RIGHT_ANSWERS:
        arrays = [1.0 - values for values in arrays]
    return run_one_by_one(partial(classes[name], **params), _take, arrays)


def _take(detector: Any, value: float) -> bool:
    detector.update(value)
    return bool(detector.drift_detected)
