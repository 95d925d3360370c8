"""`python -m tests.bench`: refusals; a small session of each command, its JSON and picture."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from tests.bench import choices
from tests.bench.__main__ import main
from tests.bench.commands import Choice, plan_learners
from tests.bench.streams.catalog import REGRESSION_STREAMS

SMALL = ("--streams", "sea_abrupt", "--models", "hoeffding_tree", "--records", "300")


def call(*arguments: object) -> int:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["bench", *map(str, arguments)])
        for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
            patch.setenv(name, "1")
        with pytest.raises(SystemExit) as left:
            main()
    return left.value.code if isinstance(left.value.code, int) else 0


def places(folder: Path) -> list[object]:
    return ["--work", folder / "work", "--results", folder / "results.csv"]


def test_learners_measures_draws_and_prints_json(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    picture = tmp_path / "speed.png"
    peers = ("--peers", "river:naive_bayes", "--seeds", 1, "--label-delay", "0,20")
    assert call("learners", *SMALL, *peers, "--json", "--plot", picture, *places(tmp_path)) == 0
    printed = capsys.readouterr()
    found = json.loads(printed.out)
    assert [(one["candidate"], one["label_delay"]) for one in found] == [
        ("hoeffding_tree", 0),
        ("river:naive_bayes", 0),
        ("hoeffding_tree", 20),
        ("river:naive_bayes", 20),
    ]
    assert found[0]["records"] == 300
    assert found[0]["against"][0]["peer"] == "river:naive_bayes"
    assert found[0]["against"][0]["speed_ratio"] > 1
    assert "hoeffding_tree on sea_abrupt, 300, seed 1: " in printed.err
    assert picture.stat().st_size > 10_000
    # All of it is kept: the tables come at once.
    assert call("learners", *SMALL, *peers, "--no-plot", *places(tmp_path)) == 0
    again = capsys.readouterr().out
    assert "sea_abrupt, 300 records, labels 20 late" in again
    assert "seed 1: " not in again


def test_numbers_are_measured_in_errors(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    picture = tmp_path / "speed.png"
    models = ("--models", "linear_regression", "--peers", "river:linear_regression")
    small = ("--streams", "trump_approval", "--records", 200, "--seeds", 1)
    assert call("learners", *small, *models, "--plot", picture, *places(tmp_path)) == 0
    printed = capsys.readouterr().out
    assert "linear_regression on trump_approval, 200, seed 1: MAE " in printed
    assert "% of MAE less, times the records/s" in " ".join(printed.split())
    assert picture.stat().st_size > 10_000


def test_regression_names_all_streams_of_numbers_and_their_models() -> None:
    plan = plan_learners(Choice("regression", None, None, None, 1, "0", None, 10.0, quick=False))
    assert tuple(plan.streams) == REGRESSION_STREAMS
    assert [one.label for one in plan.candidates] == [
        *choices.REGRESSORS,
        *choices.REGRESSION_PEERS,
    ]


def test_growth_measures_draws_and_prints_a_table(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    picture = tmp_path / "growth.svg"
    small = ("--models", "hoeffding_tree", "--axes", "classes", "--records-max", 1000)
    assert call("growth", *small, "--plot", picture, *places(tmp_path)) == 0
    assert "classes: records/s, MB of memory, accuracy in %" in capsys.readouterr().out
    assert picture.read_text().startswith("<?xml")


def test_a_case_that_fails_is_the_exit_code_and_the_rest_is_shown(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    models = "hoeffding_tree,hoeffding_tree{grace_period=-1}"
    arguments = ("--streams", "sea_abrupt", "--models", models, "--records", 300, "--seeds", 1)
    code = call("learners", *arguments, "--peers", "none", "--no-plot", *places(tmp_path))
    printed = capsys.readouterr()
    assert code == 2
    assert "1 of the cases failed" in printed.err
    assert "grace_period" in printed.err
    assert "sea_abrupt, 300 records, labels at once" in printed.out


@pytest.mark.parametrize(
    ("command", "option", "value", "words"),
    [
        ("learners", "--models", "hoefding_tree", "Did you mean hoeffding_tree?"),
        ("learners", "--peers", "moa:forest", "adaptive_random_forest"),
        ("learners", "--streams", "sea", "sea_abrupt"),
        ("learners", "--streams", "bananas,etth1", "must all be of one kind; bananas is of"),
        ("learners", "--streams", "etth1,sine", "sine is of classification"),
        ("learners", "--records", "many", "--records: must be whole numbers of at least 1"),
        ("learners", "--label-delay", "-1", "--label-delay: must be whole numbers of at least 0"),
        ("learners", "--label-delay", "real", "electricity, led_abrupt"),
        ("growth", "--axes", "depth", "records, features, classes"),
    ],
)
def test_a_wrong_option_is_one_line(
    capsys: pytest.CaptureFixture[str], command: str, option: str, value: str, words: str
) -> None:
    assert call(command, option, value) == 2
    printed = capsys.readouterr()
    (line,) = printed.err.splitlines()
    assert line.startswith("bench: ")
    assert words in line


@pytest.mark.parametrize(
    ("option", "value"), [("--models", "hoeffding_tree"), ("--peers", "moa:hoeffding_tree")]
)
def test_a_classifier_on_numbers_is_refused(
    capsys: pytest.CaptureFixture[str], option: str, value: str
) -> None:
    assert call("learners", "--streams", "regression", option, value) == 2
    assert f"{value} is not for streams of regression" in capsys.readouterr().err


def test_nothing_to_measure_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert call("learners", "--models", "none", "--peers", "none") == 2
    assert "at least one model" in capsys.readouterr().err


def test_a_missing_data_file_says_how_to_name_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ("--streams", "electricity", "--peers", "none", "--data", tmp_path)
    assert call("learners", *arguments, *places(tmp_path)) == 2
    assert "--data" in capsys.readouterr().err
