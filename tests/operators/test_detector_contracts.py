"""What every detector of the catalogue promises: cutting, snapshots, bounds, polarity, errors.

Where each of them signals is tested by the test_<detector>.py beside this file; rates of false
alarms are not tested but measured.
"""

from __future__ import annotations

import doctest
import importlib
import math
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from operators.catalog import DETECTORS, create_detector, find_detector
from operators.drift.base import Alarm, Detector
from operators.snapshot import State, digest

# Values after the step at 2,000 within which an error that rises from 0.2 to 0.6 is found.
DELAY = {
    "adwin": 100,
    "cusum": 100,
    "ddm": 150,
    "ecdd": 20,
    "eddm": 100,
    "fhddm": 100,
    "glr": 60,
    "gma": 100,
    "hddm_a": 60,
    "hddm_w": 60,
    "htm_sprt": 200,
    "kswin": 60,
    "normal_change": 100,
    "page_hinkley": 100,
    "rddm": 100,
    "seed": 100,
    "seq_drift2": 200,
    "sprt": 80,
    "stacked_fhddm": 60,
    "stepd": 60,
}
TWO_SIDED = {
    "adwin",
    "htm_sprt",
    "kswin",
    "normal_change",
    "page_hinkley",
    "seed",
    "seq_drift2",
    "stepd",
}
WARNS = {"ddm", "ecdd", "eddm", "hddm_a", "hddm_w", "rddm", "stepd"}
OF_ERRORS = set(DETECTORS) - {
    *("adwin", "cusum", "gma", "htm_sprt"),
    *("kswin", "normal_change", "page_hinkley", "seed"),
}
every_detector = pytest.mark.parametrize("name", DETECTORS)


def step(before: float, after: float, seed: int = 4) -> NDArray[np.float64]:
    rng = np.random.default_rng(seed)
    return (rng.random(4000) < np.repeat([before, after], 2000)).astype(np.float64)


def moving(seed: int = 1, length: int = 6000) -> NDArray[np.float64]:
    rng = np.random.default_rng(seed)
    level = np.repeat([0.1, 0.5, 0.2, 0.8], length // 4)
    return (rng.random(length) < level).astype(np.float64)


def drifts(alarms: list[Alarm]) -> list[int]:
    return [alarm.index for alarm in alarms if alarm.kind == "drift"]


@every_detector
def test_one_by_one_and_in_pieces_are_the_same_to_the_bit(name: str) -> None:
    values = moving()
    whole, single, pieces = (create_detector(name, {}) for _ in range(3))
    expected = whole.update_many(values)
    assert drifts(expected)
    zones = []
    for value in values.tolist():
        single.update(value)
        zones.append((single.drift_detected, single.warning_detected))
    found = [
        (start + alarm.index, alarm.kind, alarm.before, alarm.after)
        for start in range(0, len(values), 7)
        for alarm in pieces.update_many(values[start : start + 7])
    ]
    assert found == [(a.index, a.kind, a.before, a.after) for a in expected]
    assert [i for i, (drift, _) in enumerate(zones) if drift] == drifts(expected)
    entered = [i for i, (_, warns) in enumerate(zones) if warns and not (i and zones[i - 1][1])]
    assert entered == [alarm.index for alarm in expected if alarm.kind == "warning"]
    assert bool(entered) == (name in WARNS)
    assert digest(single.snapshot()) == digest(pieces.snapshot()) == digest(whole.snapshot())


@every_detector
@pytest.mark.parametrize("cut", [0, 1, 777, 3000, 5999])
def test_a_restored_detector_goes_on_as_if_never_stopped(name: str, cut: int) -> None:
    values = moving(2)
    whole, first, second = (create_detector(name, {}) for _ in range(3))
    expected = whole.update_many(values)
    before = first.update_many(values[:cut])
    state = first.snapshot()
    second.update_many(values[::-1])  # what was there before must be gone
    second.restore(state)
    assert digest(second.snapshot()) == digest(state)
    after = second.update_many(values[cut:])
    assert [a.index for a in before] + [cut + a.index for a in after] == [a.index for a in expected]
    assert digest(second.snapshot()) == digest(whole.snapshot())
    assert digest(first.snapshot()) == digest(state)


@every_detector
def test_a_reset_detector_is_as_new(name: str) -> None:
    values = moving(3)
    detector, fresh = create_detector(name, {}), create_detector(name, {})
    detector.update_many(values)
    detector.reset()
    assert digest(detector.snapshot()) == digest(fresh.snapshot())
    assert detector.update_many(values) == fresh.update_many(values)


@every_detector
def test_a_million_values_need_no_more_memory(name: str) -> None:
    rng = np.random.default_rng(2)
    detector = create_detector(name, {})
    detector.update_many((rng.random(1000) < 0.3).astype(np.float64))
    size = size_of(detector.snapshot())
    # HTM takes a thousand times as long; a fifth of that fills all that it has many times over.
    for _ in range(4 if name == "htm_sprt" else 20):
        detector.update_many((rng.random(50_000) < 0.3).astype(np.float64))
    # ADWIN gives only the levels of its histogram that are in use.
    assert size_of(detector.snapshot()) <= (8_000 if name == "adwin" else size)


def size_of(state: State) -> int:
    return sum(np.asarray(value).nbytes for value in state.values())


@every_detector
@pytest.mark.parametrize("wrong", [math.nan, math.inf, -math.inf])
def test_what_is_not_finite_is_refused(name: str, wrong: float) -> None:
    detector = create_detector(name, {})
    before = digest(detector.snapshot())
    with pytest.raises(ValueError, match="values: must be finite"):
        detector.update_many(np.array([0.0, wrong, 1.0]))
    with pytest.raises(ValueError, match="values: must be finite"):
        detector.update(wrong)
    assert digest(detector.snapshot()) == before
    assert detector.update_many(np.empty(0)) == []


@every_detector
def test_values_that_are_no_errors_are_refused_where_only_errors_will_do(name: str) -> None:
    detector = create_detector(name, {})
    assert detector.takes_any_loss == (name not in OF_ERRORS)
    if detector.takes_any_loss:
        detector.update_many(np.array([-1e150, 1.5, 1e150]))
        detector.update(3.0)
        return
    with pytest.raises(ValueError, match=r"values: must be in \[0, 1\]; got 1.5. "):
        detector.update_many(np.array([0.0, 1.5]))
    with pytest.raises(ValueError, match=r"values: must be in \[0, 1\]; got -0.25. "):
        detector.update(-0.25)


@every_detector
def test_an_error_that_rises_is_found(name: str) -> None:
    alarms = create_detector(name, {}).update_many(step(0.2, 0.6))
    found = [alarm for alarm in alarms if alarm.kind == "drift" and alarm.index >= 2000]
    assert found
    assert found[0].index < 2000 + DELAY[name]
    # Some look at the best part of the past, and some at a long recent one.
    assert 0.04 < found[0].before < 0.25
    assert found[0].rise > 0.08


@every_detector
def test_an_error_that_falls_is_no_drift_to_those_that_watch_one_side(name: str) -> None:
    alarms = create_detector(name, {}).update_many(step(0.6, 0.2))
    found = [alarm for alarm in alarms if alarm.kind == "drift" and alarm.index >= 2000]
    if name in TWO_SIDED:
        assert found[0].index < 2000 + DELAY[name] + 100
        assert found[0].rise < -0.1
    else:
        # At 0.2 there are false alarms; the fall itself makes none.
        assert not [alarm for alarm in found if alarm.index < 2000 + DELAY[name]]


@pytest.mark.parametrize("name", ["cusum", "gma", "hddm_a", "hddm_w", "page_hinkley", "stepd"])
def test_a_direction_is_the_mirror_image_of_the_other(name: str) -> None:
    values = step(0.2, 0.6)
    up = create_detector(name, {"direction": "up"}).update_many(values)
    down = create_detector(name, {"direction": "down"}).update_many(1.0 - values)
    assert drifts(up) == drifts(down)
    assert drifts(up)
    assert [a.before for a in up] == pytest.approx([1 - a.before for a in down])
    assert not create_detector(name, {"direction": "down"}).update_many(values[1900:2100])


@every_detector
@pytest.mark.parametrize("value", [0.0, 0.3, 1.0])
def test_a_constant_never_drifts(name: str, value: float) -> None:
    assert create_detector(name, {}).update_many(np.full(20_000, value)) == []


@every_detector
def test_a_signal_is_seen_until_the_next_update(name: str) -> None:
    values = step(0.2, 0.6)
    detector = create_detector(name, {})
    first = drifts(detector.update_many(values))[0]
    detector = create_detector(name, {})
    detector.update_many(values[: first + 1])
    assert detector.drift_detected
    assert not detector.warning_detected
    assert detector.n_detections == 1  # type: ignore[attr-defined]
    detector.update(0.0)
    assert not detector.drift_detected


@pytest.mark.parametrize(
    ("name", "params", "said"),
    [
        ("ddm", {"warning_level": 4.0}, "warning_level: must be <= drift_level = 3; got 4.0."),
        ("ddm", {"drift_level": 0.5}, "drift_level: must be >= 1; got 0.5."),
        ("ddm", {"grace_period": 0}, "grace_period: must be >= 1; got 0."),
        ("eddm", {"drift_level": 1.0}, "drift_level: must be in (0, 1); got 1.0."),
        ("eddm", {"drift_level": 0.97}, "drift_level: must be <= warning_level = 0.95; got 0.97."),
        ("rddm", {"stable_length": 900}, "warning_length_max: must be <= stable_length - 1 = 899"),
        ("rddm", {"concept_length_max": 9}, "stable_length: must be <= concept_length_max - 1 = 8"),
        ("hddm_a", {"delta_drift": 0.1}, "delta_drift: must be <= delta_warning = 0.005; got 0.1."),
        ("hddm_w", {"weight": 1.0}, "weight: must be in (0, 1); got 1.0."),
        ("hddm_w", {"direction": "left"}, "direction: must be one of "),
        ("fhddm", {"window": 0}, "window: must be >= 1; got 0."),
        ("stacked_fhddm", {"short_window": 101}, "short_window: must be <= window = 100; got 101."),
        ("stepd", {"delta_warning": 0.0}, "delta_warning: must be in (0, 1); got 0.0."),
        ("ecdd", {"warning_share": 1.0}, "warning_share: must be in (0, 1); got 1.0."),
        ("page_hinkley", {"threshold": 0.0}, "threshold: must be > 0; got 0.0."),
        ("page_hinkley", {"fading_factor": 1.5}, "fading_factor: must be in (0, 1]; got 1.5."),
        ("cusum", {"tolerance": -1.0}, "tolerance: must be >= 0; got -1.0."),
        ("gma", {"fading_factor": 1.0}, "fading_factor: must be in (0, 1); got 1.0."),
        ("glr", {"run_length": 99.0}, "run_length: must be >= 100; got 99.0."),
        ("normal_change", {"grace_period": 2}, "grace_period: must be >= 3; got 2."),
        ("htm_sprt", {"block": 0}, "block: must be >= 1; got 0."),
        ("htm_sprt", {"theta": 1.0}, "theta: must be in (0, 1); got 1.0."),
        ("htm_sprt", {"period": 0.0}, "period: must be > 0; got 0.0."),
        ("sprt", {"rise": 1.0}, "rise: must be in (0, 1); got 1.0."),
        ("sprt", {"alpha": 0.6, "beta": 0.5}, "beta: must be < 1 - alpha = 0.4; got 0.5."),
        ("kswin", {"recent": 51}, "recent: must be <= window // 2 = 50; got 51."),
        ("kswin", {"recent": 3}, "delta: must be one that 3 recent values can reach; got 0.005."),
        ("seed", {"blocks_max": 2}, "blocks_max: must be >= 3; got 2."),
        ("seq_drift2", {"reservoir": 100}, "reservoir: must be >= 200; got 100."),
    ],
)
def test_parameters_that_cannot_be_used_are_refused(
    name: str, params: dict[str, Any], said: str
) -> None:
    with pytest.raises(ValueError, match=r"^[a-z]") as caught:
        find_detector(name)(**params)
    assert str(caught.value).startswith(said)


@every_detector
def test_a_snapshot_of_other_parameters_is_refused(name: str) -> None:
    detector = create_detector(name, {})
    state = detector.snapshot()
    if "version" not in state:  # ADWIN's, which is older
        return
    with pytest.raises(ValueError, match="snapshot version must be 1; got 2"):
        detector.restore({**state, "version": 2})
    with pytest.raises(ValueError, match="must have the layout"):
        detector.restore({**state, "state": np.zeros(2)})


@every_detector
def test_it_is_a_detector_and_its_example_holds(name: str) -> None:
    assert isinstance(create_detector(name, {}), Detector)
    module = importlib.import_module(find_detector(name).__module__)
    tried = doctest.testmod(module)
    assert tried.attempted > 0
    assert tried.failed == 0
