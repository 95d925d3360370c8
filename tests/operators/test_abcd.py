"""ABCD: signals as the plain restatement does; what every detector promises, for rows."""

from __future__ import annotations

import doctest
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from operators.drift import abcd
from operators.drift.abcd import ABCD, RowAlarm
from operators.snapshot import digest
from tests.reference.abcd import PlainABCD

SMALL = {"grace_period": 40, "part_min": 15, "window": 150, "splits": 7, "loss_range": 0.2}


def related(seed: int, length: int, features: int = 6) -> NDArray[np.float64]:
    """Rows that two hidden numbers make, with some noise."""
    rng = np.random.default_rng(seed)
    hidden = rng.normal(size=(length, 2))
    weights = np.random.default_rng(seed + 1).normal(size=(2, features))
    return hidden @ weights + 0.3 * rng.normal(size=(length, features))


def changing(seed: int, length: int = 400) -> NDArray[np.float64]:
    """Rows whose features are related otherwise from the middle on."""
    return np.concatenate([related(seed, length // 2), related(seed + 7, length // 2)])


def drifts(alarms: list[RowAlarm]) -> list[RowAlarm]:
    return [alarm for alarm in alarms if alarm.kind == "drift"]


@settings(max_examples=4, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    splits=st.sampled_from([1, 7]),
    bottleneck=st.sampled_from([0.1, 0.5, 0.9]),
)
def test_it_signals_as_the_plain_restatement_does(
    seed: int, splits: int, bottleneck: float
) -> None:
    params: dict[str, Any] = {**SMALL, "splits": splits, "bottleneck": bottleneck}
    rows = changing(seed)
    plain = PlainABCD(6, **params)
    verdicts = ((i, plain.update(row)) for i, row in enumerate(rows))
    expected = [(i, *verdict) for i, verdict in verdicts if verdict]
    found = ABCD(6, **params).update_many(rows)
    assert [(a.index, a.kind, a.rows_since) for a in found] == [
        (i, kind, since) for i, kind, _, _, since in expected
    ]
    means = [mean for a in found for mean in (a.before, a.after)]
    assert means == pytest.approx([mean for e in expected for mean in e[2:4]])


def test_a_relation_that_ends_is_found_though_each_feature_looks_as_before() -> None:
    rng = np.random.default_rng(3)
    rows = rng.normal(size=(3000, 8))
    rows[:1500, 1] = 0.95 * rows[:1500, 0] + np.sqrt(1 - 0.95**2) * rows[:1500, 1]
    (alarm,) = drifts(ABCD(8, bottleneck=0.9).update_many(rows))
    assert 1500 <= alarm.index < 1700
    assert abs(alarm.index + 1 - alarm.rows_since - 1500) <= 10
    assert set(alarm.features[:2]) == {0, 1}
    assert alarm.after > alarm.before
    assert alarm.severity > 1


def test_steady_rows_are_no_drift() -> None:
    assert drifts(ABCD(6).update_many(related(1, 30_000))) == []
    assert ABCD(3).update_many(np.full((5000, 3), 0.3)) == []


def test_one_by_one_and_in_pieces_are_the_same_to_the_bit() -> None:
    rows = np.concatenate([changing(seed, 400) for seed in (1, 5, 6)])
    whole, single, pieces = ABCD(6, **SMALL), ABCD(6, **SMALL), ABCD(6, **SMALL)
    expected = whole.update_many(rows)
    assert drifts(expected)
    found = []
    for start in range(0, len(rows), 7):
        for alarm in pieces.update_many(rows[start : start + 7]):
            alarm.index += start
            found.append(alarm)
    seen = []
    for index, row in enumerate(rows):
        single.update(row)
        if single.drift_detected:
            seen.append(index)
    assert found == expected
    assert seen == [alarm.index for alarm in drifts(expected)]
    assert digest(single.snapshot()) == digest(pieces.snapshot()) == digest(whole.snapshot())
    assert whole.n_detections == len(seen)


@pytest.mark.parametrize("cut", [0, 39, 40, 41, 300, 400, 1199])
def test_a_restored_detector_goes_on_as_if_never_stopped(cut: int) -> None:
    rows = np.concatenate([changing(seed, 400) for seed in (1, 5, 6)])
    whole, first, second = ABCD(6, **SMALL), ABCD(6, **SMALL), ABCD(6, **SMALL)
    whole.update_many(rows)
    first.update_many(rows[:cut])
    state = first.snapshot()
    second.update_many(rows[::-1])
    second.restore(state)
    second.update_many(rows[cut:])
    assert digest(second.snapshot()) == digest(whole.snapshot())
    assert digest(first.snapshot()) == digest(state)
    second.reset()
    assert digest(second.snapshot()) == digest(ABCD(6, **SMALL).snapshot())


def test_what_cannot_be_used_is_refused() -> None:
    for params, message in [
        ({"n_features": 1}, "n_features: must be >= 2; got 1"),
        ({"bottleneck": 1.0}, r"bottleneck: must be in \(0, 1\); got 1.0"),
        ({"delta_drift": 0.5}, "delta_drift: must be <= delta_warning = 0.01; got 0.5"),
        ({"window": 99}, "window: must be >= 100; got 99"),
        ({"loss_range": 0.0}, "loss_range: must be > 0; got 0.0"),
    ]:
        with pytest.raises(ValueError, match=message):
            ABCD(**{"n_features": 6, **params})
    detector = ABCD(3)
    with pytest.raises(ValueError, match="rows: must be finite"):
        detector.update([0.0, np.nan, 1.0])
    with pytest.raises(
        ValueError, match=r"rows: must have 3 columns; got an array of shape \(1, 2"
    ):
        detector.update([0.0, 1.0])
    assert digest(detector.snapshot()) == digest(ABCD(3).snapshot())


def test_its_example_holds() -> None:
    assert doctest.testmod(abcd) == doctest.TestResults(failed=0, attempted=5)
