"""ADWIN: signals where river's does, and as the plain restatement says; state, bounds, errors.

Its speed is measured by tests/bench/detectors.py.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from river import drift

from operators.drift.adwin import ADWIN
from operators.drift.base import Detector
from operators.kernels import adwin as kernel
from operators.snapshot import digest
from tests.reference.adwin import PlainADWIN

PARAMS = st.fixed_dictionaries(
    {
        "delta": st.sampled_from([0.002, 0.05, 0.3]),
        "clock": st.sampled_from([1, 3, 32]),
        "max_buckets": st.sampled_from([2, 5, 8]),
        "min_window_length": st.sampled_from([1, 5, 12]),
        "grace_period": st.sampled_from([1, 10, 50]),
    }
)
# With one bucket a level, levels run empty; river 0.26 panics when it drops the one before.
PARAMS_OF_ONE_BUCKET = PARAMS.map(lambda params: {**params, "max_buckets": 1})


def stepping(seed: int, length: int = 2000, kind: str = "bits") -> NDArray[np.float64]:
    """Values whose mean steps four times."""
    rng = np.random.default_rng(seed)
    level = np.repeat(rng.random(5), length // 5)
    if kind == "bits":
        return (rng.random(len(level)) < level).astype(np.float64)
    return rng.normal(level, 0.3) if kind == "normal" else rng.exponential(level)


def alarms_of_river(values: NDArray[np.float64], **params: Any) -> list[int]:
    detector, alarms = drift.ADWIN(**params), []
    for index, value in enumerate(values.tolist()):
        detector.update(value)
        if detector.drift_detected:
            alarms.append(index)
    return alarms


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10**6), kind=st.sampled_from(["bits", "normal", "skewed"]), params=PARAMS
)
def test_signals_where_river_does(seed: int, kind: str, params: dict[str, Any]) -> None:
    values = stepping(seed, kind=kind)
    ours, theirs = ADWIN(**params), drift.ADWIN(**params)
    assert [alarm.index for alarm in ours.update_many(values)] == alarms_of_river(values, **params)
    for value in values.tolist():
        theirs.update(value)
    assert (ours.width, ours.estimation) == (theirs.width, theirs.estimation)


@settings(max_examples=100, deadline=None)
@given(
    values=st.lists(st.floats(-1e12, 1e12), min_size=1, max_size=120),
    params=PARAMS,
)
def test_signals_where_river_does_on_odd_values(
    values: list[float], params: dict[str, Any]
) -> None:
    array = np.array(values)
    alarms = ADWIN(**params).update_many(array)
    assert [alarm.index for alarm in alarms] == alarms_of_river(array, **params)


@pytest.mark.parametrize("kind", ["bits", "normal", "skewed"])
def test_signals_where_river_does_on_a_long_stream(kind: str) -> None:
    values = stepping(7, length=150_000, kind=kind)
    alarms = [alarm.index for alarm in ADWIN().update_many(values)]
    assert len(alarms) >= 3
    assert alarms == alarms_of_river(values)


@pytest.mark.parametrize("offset", [0.0, 1e6, -1e9])
def test_signals_where_river_does_on_tiny_and_shifted_values(offset: float) -> None:
    for scale in (1.0, 1e-3, 1e-150, 1e-170):
        values = stepping(3, kind="normal") * scale + offset
        alarms = [alarm.index for alarm in ADWIN().update_many(values)]
        assert alarms == alarms_of_river(values)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10**6), params=PARAMS | PARAMS_OF_ONE_BUCKET)
def test_means_at_a_signal_are_those_of_the_plain_restatement(
    seed: int, params: dict[str, Any]
) -> None:
    values = stepping(seed, length=500)
    plain, expected = PlainADWIN(**params), []
    for index, value in enumerate(values.tolist()):
        plain.update(value)
        if plain.drift_detected:
            expected.append((index, plain.before, plain.after))
    alarms = ADWIN(**params).update_many(values)
    assert [(alarm.index, alarm.before, alarm.after) for alarm in alarms] == expected


def test_a_signal_tells_from_what_to_what_the_error_rose() -> None:
    rng = np.random.default_rng(5)
    errors = (rng.random(4000) < np.repeat([0.2, 0.6], 2000)).astype(np.float64)
    (alarm,) = ADWIN().update_many(errors)
    assert 2000 < alarm.index < 2200
    assert alarm.kind == "drift"
    assert alarm.before == pytest.approx(0.2, abs=0.03)
    assert alarm.after == pytest.approx(0.6, abs=0.15)
    assert alarm.rise > 0


def test_one_by_one_and_in_pieces_are_the_same_to_the_bit() -> None:
    values = stepping(11, kind="normal")
    whole, single, pieces = ADWIN(), ADWIN(), ADWIN()
    expected = whole.update_many(values)
    assert len(expected) >= 2
    signalled = []
    for index, value in enumerate(values.tolist()):
        single.update(value)
        if single.drift_detected:
            signalled.append(index)
    found = [
        start + alarm.index
        for start in range(0, len(values), 7)
        for alarm in pieces.update_many(values[start : start + 7])
    ]
    assert signalled == found == [alarm.index for alarm in expected]
    assert digest(single.snapshot()) == digest(pieces.snapshot()) == digest(whole.snapshot())
    assert whole.n_detections == len(expected)


@pytest.mark.parametrize("cut", [0, 1, 500, 1023, 1024, 1999])
def test_a_restored_detector_goes_on_as_if_never_stopped(cut: int) -> None:
    values = np.concatenate([np.zeros(1000), np.ones(1000)])
    whole, first, second = ADWIN(), ADWIN(), ADWIN()
    whole.update_many(values)
    first.update_many(values[:cut])
    state = first.snapshot()
    second.update_many(values[::-1])  # what was there before must be gone
    second.restore(state)
    assert digest(second.snapshot()) == digest(state)
    second.update_many(values[cut:])
    assert digest(second.snapshot()) == digest(whole.snapshot())
    assert digest(first.snapshot()) == digest(state)


def test_a_signal_is_seen_until_the_next_update() -> None:
    detector = ADWIN()
    detector.update_many(np.concatenate([np.zeros(1000), np.ones(24)]))
    assert detector.drift_detected
    assert not detector.warning_detected
    assert detector.width < 1024
    detector.update(1.0)
    assert not detector.drift_detected
    assert (detector.width, detector.estimation) == (1, 1.0)


def test_a_full_histogram_forgets_its_oldest_bucket() -> None:
    """Three levels of at most 2 buckets hold no more than 2 * (1 + 2 + 4) values."""
    header = np.zeros(1, dtype=kernel.HEADER)
    buckets, rings = np.zeros((3, 4, 2)), np.zeros((3, 2), dtype=np.int64)
    kernel.reset(header, rings)
    values = np.arange(1000.0)
    index, means = np.empty(1, dtype=np.int64), np.empty((1, 2))
    kernel.update_many(header, buckets, rings, values, 2, 0.002, 10**6, 5, 10, index, means)
    width = int(header["width"][0])
    assert 4 < width <= 14
    assert header["total"][0] == values[-width:].sum()
    assert header["variance"][0] == pytest.approx(width * values[-width:].var())


def test_a_long_stream_needs_no_more_memory() -> None:
    detector = ADWIN()
    detector.update_many(np.zeros(1000))
    rng = np.random.default_rng(2)
    for _ in range(20):
        detector.update_many(rng.random(50_000))
    state = detector.snapshot()
    assert sum(np.asarray(value).nbytes for value in state.values()) < 8_000


def test_what_cannot_be_used_is_refused() -> None:
    for params, message in [
        ({"delta": 1.5}, r"delta: must be in \(0, 1\); got 1.5"),
        ({"delta": 0.0}, r"delta: must be in \(0, 1\); got 0.0"),
        ({"clock": 0}, "clock: must be >= 1; got 0"),
        ({"max_buckets": 0}, "max_buckets: must be >= 1; got 0"),
    ]:
        with pytest.raises(ValueError, match=message):
            ADWIN(**params)
    detector = ADWIN()
    with pytest.raises(ValueError, match="must be finite"):
        detector.update_many(np.array([0.0, np.nan]))
    assert detector.width == 0


def test_it_is_a_detector() -> None:
    assert isinstance(ADWIN(), Detector)
