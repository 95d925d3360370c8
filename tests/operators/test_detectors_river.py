"""Detectors that river has: they signal at exactly the values where river's do.

ADWIN is in test_adwin.py. KSWIN draws its own sample and is in test_detectors_reference.py.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from river import drift

from operators.catalog import create_detector

PROBABILITIES = {"delta_drift": [0.001, 0.01], "delta_warning": [0.05, 0.2]}
TWO_SIDED = {"direction": ["up", "both"]}
# Of each detector: river's, the names of its parameters there, and choices for them.
CASES: dict[str, tuple[Any, dict[str, str], dict[str, list[Any]]]] = {
    "ddm": (
        drift.binary.DDM,
        {
            "warning_level": "warning_threshold",
            "drift_level": "drift_threshold",
            "grace_period": "warm_start",
        },
        {"warning_level": [1.5, 2.0], "drift_level": [2.0, 3.0], "grace_period": [1, 30]},
    ),
    "eddm": (
        drift.binary.EDDM,
        {"warning_level": "alpha", "drift_level": "beta", "grace_period": "warm_start"},
        {"warning_level": [0.95], "drift_level": [0.9, 0.7], "grace_period": [5, 30]},
    ),
    "hddm_a": (
        drift.binary.HDDMA,
        {
            "delta_drift": "drift_confidence",
            "delta_warning": "warning_confidence",
            "direction": "two_sided_test",
        },
        {**PROBABILITIES, **TWO_SIDED},
    ),
    "hddm_w": (
        drift.binary.HDDMW,
        {
            "delta_drift": "drift_confidence",
            "delta_warning": "warning_confidence",
            "direction": "two_sided_test",
            "weight": "lambda_val",
        },
        {**PROBABILITIES, **TWO_SIDED, "weight": [0.01, 0.05, 0.2]},
    ),
    "fhddm": (
        drift.binary.FHDDM,
        {"window": "sliding_window_size", "delta": "confidence_level"},
        {"window": [20, 100], "delta": [1e-6, 1e-2]},
    ),
    "stacked_fhddm": (
        drift.binary.FHDDM,
        {
            "window": "sliding_window_size",
            "short_window": "short_window_size",
            "delta": "confidence_level",
        },
        {"window": [20, 100], "short_window": [5, 20], "delta": [1e-6, 1e-2]},
    ),
    "page_hinkley": (
        drift.PageHinkley,
        {
            "threshold": "threshold",
            "tolerance": "delta",
            "fading_factor": "alpha",
            "grace_period": "min_instances",
            "direction": "mode",
        },
        {
            "threshold": [5.0, 50.0],
            "tolerance": [0.0, 0.005],
            "fading_factor": [0.99, 0.9999, 1.0],
            "grace_period": [1, 30],
            "direction": ["up", "down", "both"],
        },
    ),
}
OF_ANY_VALUE = {"page_hinkley"}
OF_RIGHT_ANSWERS = {"fhddm", "stacked_fhddm"}  # river's FHDDM signals when the share of ones falls


def stepping(seed: int, kind: str, length: int = 3000) -> NDArray[np.float64]:
    """Values whose mean steps five times."""
    rng = np.random.default_rng(seed)
    level = np.repeat(rng.random(6), length // 6)
    if kind == "bits":
        return (rng.random(length) < level).astype(np.float64)
    return rng.normal(3 * level, 0.5)


def entered(theirs: Any, values: list[float]) -> tuple[list[int], list[int]]:
    """Where river's signals, and where its warnings begin."""
    drifts, warnings, warned = [], [], False
    for index, value in enumerate(values):
        theirs.update(value)
        warns = getattr(theirs, "warning_detected", False) and not theirs.drift_detected
        if theirs.drift_detected:
            drifts.append(index)
        elif warns and not warned:
            warnings.append(index)
        warned = warns
    return drifts, warnings


@settings(max_examples=25, deadline=None)
@given(data=st.data(), seed=st.integers(0, 10**6))
@pytest.mark.parametrize("name", CASES)
def test_it_signals_where_river_does(name: str, data: st.DataObject, seed: int) -> None:
    made, names, choices = CASES[name]
    params = {key: data.draw(st.sampled_from(values), key) for key, values in choices.items()}
    kinds = ["bits", "normal"] if name in OF_ANY_VALUE else ["bits"]
    values = stepping(seed, data.draw(st.sampled_from(kinds), "kind"))
    theirs = {names[key]: value for key, value in params.items()}
    if "two_sided_test" in theirs:
        theirs["two_sided_test"] = params["direction"] == "both"
    seen = 1.0 - values if name in OF_RIGHT_ANSWERS else values
    drifts, warnings = entered(made(**theirs), seen.tolist())
    alarms = create_detector(name, params).update_many(values)
    assert [alarm.index for alarm in alarms if alarm.kind == "drift"] == drifts
    if name != "eddm":  # its warnings end at a new peak; see test_detectors_reference.py
        assert [alarm.index for alarm in alarms if alarm.kind == "warning"] == warnings


@pytest.mark.parametrize("name", CASES)
def test_it_signals_where_river_does_on_a_long_stream(name: str) -> None:
    values = stepping(3, "bits", length=60_000)
    seen = 1.0 - values if name in OF_RIGHT_ANSWERS else values
    short = {"short_window_size": 25} if name == "stacked_fhddm" else {}
    drifts, _ = entered(CASES[name][0](**short), seen.tolist())
    alarms = create_detector(name, {}).update_many(values)
    assert drifts
    assert [alarm.index for alarm in alarms if alarm.kind == "drift"] == drifts
