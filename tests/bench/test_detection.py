"""Drift detectors beside peers: how alarms are counted, delays read off sweeps, and one session.

What the detectors do is tested in tests/operators; frouros, which lives in an environment of its
own, is run here only where DRIFTGATE_FROUROS names one.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from operators.catalog import DETECTORS
from tests.bench.detection import session, speed
from tests.bench.detection.document import current
from tests.bench.detection.libraries import frouros, river
from tests.bench.detection.operating import Curve, curves, delay_where, verdict
from tests.bench.detection.results import read_rows
from tests.bench.detection.series import HORIZON, Series, count
from tests.bench.detection.session import Plan, run_session
from tests.bench.detection.streams import CLASSES, QUIET, drifting, quiet_series
from tests.bench.detection.sweeps import LIBRARIES, SWEEPS
from tests.bench.drift import diagnose
from tests.bench.test_commands import call

PLAN = Plan(["page_hinkley", "river:page_hinkley"], ["large_rise"], [1, 2], 1, 2_000)


class Silent:
    def __init__(self) -> None:
        self.totals: list[int] = []

    def begin(self, detector: str, total: int) -> None:
        self.totals.append(total)

    def advance(self) -> None:
        pass


def test_alarms_are_found_drifts_or_false() -> None:
    series = Series(np.zeros(9_000), drifts=(1_000, 5_000), changes=(3_000,))
    found = count(series, [10, 1_500, 1_600, 3_100, 4_900, 8_500])
    # 10 is early, 1,600 a second one, 8,500 too late; those after 3,000 need not be.
    assert (found.found, found.false_alarms, found.delay) == (1, 3, 500 + HORIZON)


def test_a_drift_ends_where_the_next_change_is() -> None:
    series = Series(np.zeros(4_000), drifts=(1_000,), changes=(1_500,))
    assert count(series, [1_600]).found == 0
    assert count(series, [1_400]).delay == 400


def test_a_delay_is_read_where_the_false_alarms_are_those_wanted() -> None:
    rates, delays = np.array([4.0, 1.0, 0.0]), np.array([20.0, 40.0, 160.0])
    assert delay_where(rates, delays, 4.0) == pytest.approx(20.0)
    assert delay_where(rates, delays, 2.0) == pytest.approx(20.0 * 2.0**0.5)
    assert delay_where(rates, delays, 100.0) == pytest.approx(20.0)
    assert delay_where(rates, delays, 0.5) == pytest.approx(160.0)
    # A setting that is worse in both ways is of no use.
    assert delay_where(np.array([4.0, 1.0]), np.array([90.0, 40.0]), 4.0) == pytest.approx(40.0)


def test_equal_detectors_are_equally_late_with_no_error_between_them() -> None:
    shape = (2, 3)
    alarms = np.array([[20.0, 30.0, 10.0], [1.0, 0.0, 2.0]])
    delay = np.array([[30.0, 50.0, 40.0], [90.0, 70.0, 80.0]])
    ours, theirs = (
        Curve(name, (1, 2, 3), np.full(shape, 1e4), alarms, np.ones(shape), delay)
        for name in ("adwin", "river:adwin")
    )
    found = verdict([ours, theirs], "large_rise", 1.0)
    assert found is not None
    assert (found.ratio, found.ratio_error) == (1.0, 0.0)
    assert 40 < found.ours.delay < 80
    assert found.ours.error > 0
    # A peer that had fewer series is compared on those.
    fewer = verdict([ours, theirs.on([2])], "large_rise", 1.0)
    assert fewer is not None
    assert fewer.ours.delay == fewer.peer.delay != found.ours.delay


@pytest.mark.parametrize("name", CLASSES)
def test_series_have_their_drift_and_come_again(name: str) -> None:
    (one,) = drifting(name, 3, 1)
    assert one.drifts
    assert one.drifts[-1] + HORIZON <= len(one.values) or name == "recurring"
    before, after = one.values[: one.drifts[0]], one.values[-800:]
    if CLASSES[name].family == "learner":  # which has learnt by then
        after = one.values[one.drifts[0] : one.drifts[0] + 1_500]
    sums = [float(np.mean(part) + np.std(part)) for part in (before, after)]
    assert abs(sums[0] - sums[1]) > 0.03
    drifting.cache_clear()
    np.testing.assert_array_equal(drifting(name, 3, 1)[0].values, one.values)
    assert CLASSES[name].quiet in QUIET
    (still,) = quiet_series(CLASSES[name].quiet, 3, 500)
    assert (len(still.values), still.drifts) == (500, ())


def test_every_detector_of_ours_is_swept_with_parameters_that_it_has() -> None:
    assert {sweep.name for sweep in SWEEPS.values() if sweep.is_ours} == set(DETECTORS)
    from operators.catalog import create_detector

    for sweep in SWEEPS.values():
        for family in sweep.families if sweep.is_ours else ():
            for value in sweep.values_for(family):
                create_detector(sweep.name, sweep.params(value, "both"))


def test_a_session_goes_on_where_it_was_and_equals_are_equal(tmp_path: Path) -> None:
    path, watcher = tmp_path / "drift.csv", Silent()
    rows = run_session(PLAN, path, watcher, fresh=False)
    assert watcher.totals == [24, 24]  # 6 settings, 2 seeds, with a drift and without
    again = run_session(PLAN, path, watcher, fresh=False)
    assert watcher.totals[2:] == [0, 0]
    assert again == rows == read_rows(path)
    ours, theirs = curves(rows, "large_rise")
    np.testing.assert_array_equal(ours.delay, theirs.delay)
    np.testing.assert_array_equal(ours.false_alarms, theirs.false_alarms)


def test_series_that_are_no_longer_the_same_are_measured_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, watcher = tmp_path / "drift.csv", Silent()
    old = run_session(PLAN, path, watcher, fresh=False)
    monkeypatch.setattr(session, "checksum", lambda *_: "changed")
    new = run_session(PLAN, path, watcher, fresh=False)
    assert watcher.totals == [24, 24, 24, 24]
    kept = current(read_rows(path))
    assert kept == new
    assert not kept.keys() & old.keys()


def test_rivers_fhddm_is_given_right_answers() -> None:
    errors = np.repeat([0.0, 1.0], 300)
    assert river.run("fhddm", {}, [errors])[0][0] < 340


def test_speeds_are_kept(tmp_path: Path) -> None:
    found = speed.measure("page_hinkley", ["river"], rounds=1, scale=0.02)
    assert [one.detector for one in found] == ["page_hinkley", "river:page_hinkley"]
    assert found[0].values_per_s > found[1].values_per_s
    speed.write(tmp_path / "speed.csv", found)
    assert [one.detector for one in speed.read(tmp_path / "speed.csv")] == [
        one.detector for one in found
    ]
    assert set(speed.shared()) <= set(DETECTORS)


@pytest.mark.skipif(not frouros.is_there(), reason="no environment with frouros is named")
def test_frouros_answers_from_its_own_environment() -> None:
    errors = np.repeat([0.0, 1.0], 300)
    first, second = frouros.run("ddm", {}, [errors, errors[:100]])
    assert 300 <= first[0] < 340
    assert second == []


def test_the_command_prints_json_draws_and_keeps(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    picture = tmp_path / "drift.png"
    few = ("--detectors", "page_hinkley,river:page_hinkley", "--streams", "large_rise")
    given = ("drift", "--quick", "--seeds", 1, "--only", "detection", "--results", tmp_path)
    assert call(*given, *few, "--json", "--plot", picture) == 0
    said = json.loads(capsys.readouterr().out)
    assert [one["ratio"] for one in said["verdicts"]] == [1.0, 1.0]
    assert {one["detector"] for one in said["speeds"]} == {"page_hinkley", "river:page_hinkley"}
    assert picture.stat().st_size > 10_000
    assert call(*given, *few, "--no-plot", "--no-speed") == 0
    shown = capsys.readouterr().out
    assert "large_rise: 0.2 to 0.6 at once" in shown
    assert "every detector as it comes" in shown


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (("--detectors", "adwim"), "--detectors: must be one of "),
        (("--streams", "sea"), "--streams: must be one of "),
        (("--only", "speed"), "--only: must be one of "),
    ],
)
def test_names_that_are_not_there_are_refused(
    wrong: tuple[str, ...], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call("drift", *wrong, "--results", tmp_path) != 0
    assert said in capsys.readouterr().err


def test_diagnoses_are_written_for_machines(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    line = diagnose.Line(
        kind="abrupt",
        source="real",
        n=2,
        named=Counter({"real": 2}),
        tempo=Counter(),
        right=1.0,
        delay=math.nan,
        covered=1.0,
        interval=5.0,
        known_again=math.nan,
        falsely_known=0.0,
        episodes=1.0,
    )
    monkeypatch.setattr(diagnose, "follow_all", lambda seeds, quick: [])
    monkeypatch.setattr(diagnose, "summarise", lambda followed: [line])
    assert call("drift", "--only", "diagnosis", "--json", "--results", tmp_path) == 0
    (found,) = json.loads(capsys.readouterr().out)["diagnosis"]
    assert (found["named"], found["delay"], found["n"]) == ({"real": 2}, None, 2)


def test_a_library_stands_for_all_of_its_detectors() -> None:
    from tests.bench.drift_command import Choice, plan_drift

    plan = plan_drift(Choice("capymoa,glr", None, 3, None, False, True, "detection"))
    assert {SWEEPS[name].library for name in plan.detectors} == {"capymoa", "driftgate"}
    assert len(plan.seeds) == 3
    assert {sweep.library for sweep in SWEEPS.values()} == {"driftgate", *LIBRARIES}
