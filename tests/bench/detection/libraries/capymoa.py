"""CapyMOA's detectors: MOA's, called from Python, and OPTWIN.

ABCD takes rows and STUDD a student model, so neither is here.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from copy import deepcopy
from functools import cache, partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stream.errors import SetupError
from tests.bench.detection.libraries.one_by_one import run_one_by_one

CLASSES = {
    "adwin": "ADWIN",
    "cusum": "CUSUM",
    "ddm": "DDM",
    "ecdd": "EWMAChart",
    "eddm": "EDDM",
    "gma": "GeometricMovingAverage",
    "hddm_a": "HDDMAverage",
    "hddm_w": "HDDMWeighted",
    "optwin": "OPTWIN",
    "page_hinkley": "PageHinkley",
    "rddm": "RDDM",
    "seed": "SEED",
    "stepd": "STEPD",
}


def run(
    name: str, params: Mapping[str, Any], arrays: Sequence[NDArray[np.float64]]
) -> list[list[int]]:
    """Return the indices of the drifts in each array, a new detector for each."""
    try:
        from capymoa.drift import detectors
    except ImportError as error:
        raise SetupError(
            "CapyMOA is not installed: `pip install 'driftgate[bench]'`, with Java 17 or later."
        ) from error
    if name == "optwin":
        return run_one_by_one(partial(deepcopy, _optwin(*params.items())), _take, arrays)
    return run_one_by_one(partial(getattr(detectors, CLASSES[name]), **params), _take, arrays)


@cache
def _optwin(*params: tuple[str, Any]) -> Any:
    """Make an OPTWIN once: its tables take it half a minute, copies of it none."""
    from capymoa.drift.detectors import OPTWIN

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # squares that overflow, where windows are short
        return OPTWIN(**dict(params))


def _take(detector: Any, value: float) -> bool:
    detector.add_element(value)
    return bool(detector.detected_change())
