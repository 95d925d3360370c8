"""HTM over columns: who is named, by which rule; cutting, gaps, snapshots, bounds."""

from __future__ import annotations

import doctest

import numpy as np
import pytest
from numpy.typing import NDArray

from operators.drift import htm_columns
from operators.drift.htm_columns import ColumnsAlarm, HTMColumns
from operators.drift.htm_sprt import HTMSPRT
from operators.snapshot import digest


def shifting(columns: tuple[int, ...], seed: int = 1, length: int = 1600) -> NDArray[np.float64]:
    """Rows of four columns; some of them shift in the middle."""
    rows = np.random.default_rng(seed).normal(size=(length, 4))
    rows[length // 2 :, columns] += 5.0
    return rows


def told(alarms: list[ColumnsAlarm]) -> list[tuple[int, tuple[int, ...], tuple[float, ...]]]:
    return [(alarm.index, alarm.columns, alarm.after) for alarm in alarms]


def test_a_column_that_changes_is_named() -> None:
    alarms = HTMColumns(4).update_many(shifting((2,)))
    assert alarms
    assert {alarm.columns for alarm in alarms} == {(2,)}
    assert 800 <= alarms[0].index < 860
    assert alarms[0].before[0] == pytest.approx(0.0, abs=0.3)
    assert alarms[0].after[0] > 2.0


def test_a_majority_has_to_change_where_that_is_asked_for() -> None:
    assert HTMColumns(4, rule="majority").update_many(shifting((0, 2))) == []
    (alarm, *_) = HTMColumns(4, rule="majority").update_many(shifting((0, 2, 3)))
    assert alarm.columns == (0, 2, 3)
    assert 800 <= alarm.index < 880


def test_each_column_signals_as_a_detector_of_its_own() -> None:
    rows = shifting((0, 1))
    alarms = HTMColumns(4).update_many(rows)
    for j in range(4):
        alone = HTMSPRT(block=1, seed=1 + j).update_many(rows[:, j])
        assert [a.index for a in alone] == [a.index for a in alarms if j in a.columns]


def test_a_missing_value_is_passed_over() -> None:
    rows = shifting((1,))
    gaps = np.repeat(rows, 2, axis=0)
    gaps[1::2, 1] = np.nan
    gaps[:, (0, 2, 3)] = np.nan
    alarms, anomalies = HTMColumns(4).watch_many(gaps)
    expected = HTMSPRT(block=1, seed=2).update_many(rows[:, 1])
    assert [a.index for a in alarms] == [2 * a.index for a in expected]
    assert np.isnan(anomalies[:, 0]).all()
    assert ((anomalies[::2, 1] >= 0) & (anomalies[::2, 1] <= 1)).all()


@pytest.mark.parametrize("rule", ["any", "majority"])
def test_pieces_snapshots_and_resets(rule: htm_columns.Rule) -> None:
    rows = shifting((0, 1, 3))
    whole, pieces, heir = (HTMColumns(4, rule=rule) for _ in range(3))
    expected = told(whole.update_many(rows))
    assert expected
    found = []
    for start in range(0, 805, 7):
        alarms = told(pieces.update_many(rows[start : start + 7]))
        found += [(start + index, *rest) for index, *rest in alarms]
    heir.update_many(rows[::-1])
    heir.restore(pieces.snapshot())
    found += [(805 + index, *rest) for index, *rest in told(heir.update_many(rows[805:]))]
    assert found == expected
    assert digest(heir.snapshot()) == digest(whole.snapshot())
    heir.reset()
    assert digest(heir.snapshot()) == digest(HTMColumns(4, rule=rule).snapshot())


def test_what_cannot_be_used_is_refused() -> None:
    watch = HTMColumns(2)
    before = digest(watch.snapshot())
    with pytest.raises(ValueError, match=r"rows: must have 2 columns; got an array of "):
        watch.update_many(np.zeros(3))
    with pytest.raises(ValueError, match="rows: must be finite, or NaN where a value is missing"):
        watch.update([0.0, np.inf])
    with pytest.raises(ValueError, match="rule: must be one of any, majority; got 'most'"):
        HTMColumns(2, rule="most")  # type: ignore[arg-type]
    assert digest(watch.snapshot()) == before
    assert watch.update_many(np.zeros((0, 2))) == []


def test_the_example_holds() -> None:
    tried = doctest.testmod(htm_columns)
    assert tried.attempted > 0
    assert tried.failed == 0
