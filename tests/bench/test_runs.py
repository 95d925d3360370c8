"""A case from its files to its figures, each library in this process or in one of its own.

Figures themselves: tests/operators/test_prequential.py. Sessions: test_sessions.py.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from operators.base import Feature, Space
from operators.catalog import create_learner
from operators.tape import LEARN, PREDICT, Rows, Tape
from stream.errors import ConfigError, SetupError
from tests.bench.arrivals import REAL, by_time, fixed
from tests.bench.candidates import OURS, Candidate, check_kind, parse_model, parse_peer
from tests.bench.case import Case, Outcome
from tests.bench.kinds import CLASSIFICATION, REGRESSION, Kind
from tests.bench.meter import PeakMemory, Stopwatch
from tests.bench.runners import capymoa, moa, ours, river
from tests.bench.scores import NO_ANSWER, as_output, majority_accuracy, score
from tests.bench.session import run_case
from tests.bench.stream_files import ARFF, count_records, read_records, write_records
from tests.bench.streams.drift import ABRUPT
from tests.bench.streams.friedman import friedman_local
from tests.bench.streams.records import Records, numeric_space
from tests.bench.streams.sea import sea

LENGTH = 600


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("sea")
    write_records(path, sea(LENGTH, 1, ABRUPT))
    return path


@pytest.fixture(scope="module")
def numbers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("friedman")
    write_records(path, friedman_local(LENGTH, 1, ABRUPT))
    return path


def case(folder: Path, candidate: Candidate, label_delay: int = 0) -> Case:
    return Case(candidate, "sea_abrupt", LENGTH, folder, 1, label_delay, LENGTH, 100.0)


def run(module: Any, case: Case) -> Outcome:
    seen: list[int] = []
    outcome: Outcome = module.run(case, seen.append)
    assert seen[-1] == outcome.records
    return outcome


# Files.


def test_records_come_back_and_arff_says_the_same(tmp_path: Path) -> None:
    x = np.array([[0.1, 2.0], [np.nan, np.nan], [-1e-9, 0.0]])
    space = Space((Feature("a b"), Feature("kind", capacity=3)), n_classes=2)
    write_records(tmp_path / "tiny", Records(x, np.array([1.0, 0.0, 1.0]), space))
    back = read_records(tmp_path / "tiny", limit=2)
    assert np.array_equal(back.x, x[:2], equal_nan=True)
    assert back.space == space
    assert count_records(tmp_path / "tiny") == 3
    assert (tmp_path / "tiny" / ARFF).read_text().splitlines() == [
        "@relation tiny",
        "@attribute 'a b' numeric",
        "@attribute 'kind' {0,1,2}",
        "@attribute class {0,1}",
        "@data",
        "0.1,2,1",
        "?,?,0",
        "-1e-09,0,1",
    ]


def test_numbers_are_written_in_full(tmp_path: Path) -> None:
    write_records(tmp_path, Records(np.zeros((1, 1)), np.array([0.1]), numeric_space(1, 0)))
    assert (tmp_path / ARFF).read_text().endswith("@attribute class numeric\n@data\n0.0,0.1\n")


# Scores.


def test_a_late_tape_learns_each_row_when_its_label_comes() -> None:
    tape = fixed(20, 4).tape(3, 6)
    steps = list(zip(tape.action.tolist(), tape.row.tolist(), strict=True))
    assert steps == [(PREDICT, 3), (PREDICT, 4), (LEARN, 0), (PREDICT, 5), (LEARN, 1)]


@pytest.mark.parametrize("cut", [1, 3, 40])
def test_labels_come_in_the_order_of_the_clock(cut: int) -> None:
    """However the tape is cut: each label once, after its time and before the next record."""
    rng = np.random.default_rng(cut)
    asked = np.sort(rng.integers(0, 100, 40))
    came = asked + rng.integers(0, 60, 40)
    arrivals = by_time(asked, came)
    tapes = [arrivals.tape(start, min(start + cut, 40)) for start in range(0, 40, cut)]
    steps = [step for tape in tapes for step in zip(tape.action, tape.row, strict=True)]
    now, learnt = -1, []
    for action, row in steps:
        if action == PREDICT:
            assert row == now + 1
            now = row
        else:
            assert came[row] >= asked[now]
            assert now == 39 or came[row] < asked[now + 1]
            learnt.append(row)
    rest = arrivals.after_all(30).row.tolist()
    assert learnt == sorted(range(40), key=lambda row: (came[row], row))
    assert rest == [row for row in range(30) if came[row] >= asked[30]]


def test_scores_are_plain_shares() -> None:
    rng = np.random.default_rng(1)
    y = rng.integers(0, 3, 400).astype(float)
    answers = np.where(rng.random(400) < 0.6, y, 0.0)
    answers[:5] = NO_ANSWER
    majority = 0
    counts = [0, 0, 0]
    for label in y.astype(int):
        majority += sum(counts) > 0 and counts.index(max(counts)) == label
        counts[label] += 1
    found = score(as_output(answers, 3), y, 3, fixed(400, 0))
    accuracy = (answers == y).mean()
    assert found["accuracy"] == pytest.approx(accuracy)
    base = majority_accuracy(y, 3)
    assert base == pytest.approx(majority / 400, abs=0.003)
    assert found["kappa_m"] == pytest.approx((accuracy - base) / (1 - base))


def test_errors_of_numbers_are_plain_means() -> None:
    rng = np.random.default_rng(1)
    y, answers = rng.random(300), rng.random(300)
    found = score(as_output(answers, 0), y, 0, fixed(300, 7))
    error = y - answers
    assert found["mae"] == pytest.approx(np.abs(error).mean())
    assert found["rmse"] == pytest.approx(np.sqrt((error**2).mean()))
    assert found["r2"] == pytest.approx(1 - (error**2).mean() / y.var())


# Costs.


def test_the_meters_see_what_is_used_while_they_look() -> None:
    watch = Stopwatch()
    memory = PeakMemory()
    before = memory.grown_bytes()
    with watch:
        used = np.ones(8_000_000)
    seen = watch.cpu_s
    assert memory.grown_bytes() - before > 0.9 * used.nbytes
    sum(range(100_000))
    assert 0 < watch.cpu_s == seen <= watch.wall_s + 0.05


# Ours and river, in this process.


@pytest.mark.parametrize("label_delay", [0, 50])
def test_ours_learns_labels_late(folder: Path, label_delay: int) -> None:
    outcome = run(ours, case(folder, Candidate(OURS, "hoeffding_tree"), label_delay))
    x, y, space, _ = read_records(folder)
    learner = create_learner("hoeffding_tree", space, 1, {})
    rows = Rows(x, y, np.zeros((LENGTH, 2)), np.zeros((LENGTH, learner.trace_width)))
    for now in range(LENGTH):
        learner.run(_step(PREDICT, now), rows)
        if now >= label_delay:
            learner.run(_step(LEARN, now - label_delay), rows)
    assert outcome.records == LENGTH
    assert outcome.scores["accuracy"] == (rows.output.argmax(axis=1) == y).mean()
    assert outcome.snapshot_bytes
    assert 0 < outcome.cpu_s < 5


@pytest.mark.parametrize("label_delay", [0, 50])
def test_river_learns_labels_late(folder: Path, label_delay: int) -> None:
    from river.naive_bayes import GaussianNB

    outcome = run(river, case(folder, Candidate("river", "naive_bayes"), label_delay))
    x, y, *_ = read_records(folder)
    model = GaussianNB()
    right = 0
    for now in range(LENGTH):
        right += model.predict_one(_dict(x[now])) == y[now]
        if now >= label_delay:
            late = now - label_delay
            model.learn_one(_dict(x[late]), int(y[late]))
    assert outcome.scores["accuracy"] == right / LENGTH


def test_labels_that_come_when_they_came_are_learnt_then(tmp_path: Path) -> None:
    """Alike by ours and by a peer that takes one record at a time: naive Bayes of both."""
    rng = np.random.default_rng(1)
    records = sea(LENGTH, 1, ABRUPT)
    asked = np.arange(LENGTH)
    arrivals = by_time(asked, asked + rng.integers(0, 200, LENGTH))
    write_records(tmp_path, records._replace(arrivals=arrivals))
    mine = run(ours, case(tmp_path, Candidate(OURS, "naive_bayes"), REAL))
    theirs = run(river, case(tmp_path, Candidate("river", "naive_bayes"), REAL))
    model = create_learner("naive_bayes", records.space, 1, {})
    rows = Rows(records.x, records.y, np.zeros((LENGTH, 2)), np.zeros((LENGTH, model.trace_width)))
    for now in range(LENGTH):
        model.run(_step(PREDICT, now), rows)
        for row in arrivals.row[arrivals.after == now]:
            model.run(_step(LEARN, row), rows)
    expected = (rows.output.argmax(axis=1) == records.y).mean()
    assert mine.scores["accuracy"] == expected
    assert theirs.scores["accuracy"] == pytest.approx(expected, abs=0.02)
    limited = replace(case(tmp_path, Candidate("river", "naive_bayes"), REAL), limit=300)
    assert run(river, limited).records == 300


@pytest.mark.parametrize("name", river.MODELS)
def test_every_river_model_takes_categories_and_gaps(tmp_path: Path, name: str) -> None:
    rng = np.random.default_rng(1)
    x = np.column_stack([rng.random(60), rng.integers(0, 3, 60).astype(float)])
    x[::7, 0] = x[::11, 1] = np.nan
    space = Space((Feature("x"), Feature("kind", capacity=3)), n_classes=3)
    write_records(tmp_path, Records(x, rng.integers(0, 3, 60).astype(float), space))
    params = {"trees": 2} if "random" in name or "bagging" in name else {}
    small = replace(case(tmp_path, Candidate("river", name, params)), limit=60)
    assert run(river, small).records == 60


@pytest.mark.parametrize("name", river.REGRESSORS)
def test_every_river_model_of_numbers_takes_gaps(tmp_path: Path, name: str) -> None:
    """No categories: the linear model in the leaves of its trees cannot have them."""
    rng = np.random.default_rng(1)
    x = rng.random((60, 2))
    x[::7, 0] = np.nan
    write_records(tmp_path, Records(x, rng.random(60), numeric_space(2, 0)))
    params = {"trees": 2} if "random" in name else {}
    small = replace(case(tmp_path, Candidate("river", name, params)), limit=60)
    outcome = run(river, small)
    assert outcome.records == 60
    assert outcome.scores["mae"] > 0


@pytest.mark.parametrize("label_delay", [0, 50])
def test_ours_and_river_learn_numbers_late(numbers: Path, label_delay: int) -> None:
    """The mean of the labels known is what a tree without splits says, here and there."""
    params = {"leaf_prediction": "mean", "grace_period": 10_000}
    mine = run(
        ours, case(numbers, Candidate(OURS, "hoeffding_tree_regressor", params), label_delay)
    )
    other = Candidate("river", "hoeffding_tree_regressor", params)
    theirs = run(river, case(numbers, other, label_delay))
    y = read_records(numbers).y
    known = np.array(
        [
            y[: max(now - label_delay, 0)].mean() if now > label_delay else 0.0
            for now in range(LENGTH)
        ]
    )
    assert theirs.scores["mae"] == pytest.approx(np.abs(y - known).mean(), rel=1e-3)
    assert mine.scores == pytest.approx(theirs.scores, rel=0.02)


def test_a_case_ends_at_its_budget(folder: Path) -> None:
    slow = replace(case(folder, Candidate("river", "naive_bayes")), budget_s=1e-9)
    assert run(river, slow).records == 500


# MOA and CapyMOA.


def test_moas_command_line_agrees_with_river_on_naive_bayes(folder: Path) -> None:
    try:
        moa.jar()
    except SetupError as error:
        pytest.skip(str(error))
    outcome = run(moa, case(folder, Candidate("moa", "naive_bayes")))
    theirs = run(river, case(folder, Candidate("river", "naive_bayes")))
    assert outcome.records == LENGTH
    assert outcome.scores == pytest.approx(theirs.scores, abs=0.02)
    assert 0 < outcome.cpu_s < outcome.process_cpu_s
    assert outcome.memory_bytes > 0


@pytest.mark.parametrize("name", ["fimtdd", "soknl"])
def test_moas_command_line_agrees_with_capymoa_on_numbers(numbers: Path, name: str) -> None:
    try:
        moa.jar()
    except SetupError as error:
        pytest.skip(str(error))
    params = {"trees": 3} if name == "soknl" else {}
    line = run(moa, case(numbers, Candidate("moa", name, params)))
    called, error = run_case(case(numbers, Candidate("capymoa", name, params)), lambda _: None)
    assert called is not None, error
    assert line.records == called.records == LENGTH
    # Seeds differ, and with them the forests.
    assert line.scores["mae"] == pytest.approx(called.scores["mae"], rel=0.1)
    assert line.scores["r2"] == pytest.approx(called.scores["r2"], abs=0.2)


def test_capymoa_runs_in_a_process_of_its_own(folder: Path) -> None:
    try:
        moa.jar()
    except SetupError as error:
        pytest.skip(str(error))
    outcome, error = run_case(case(folder, Candidate("capymoa", "naive_bayes"), 50), lambda _: None)
    assert error == ""
    assert outcome is not None
    theirs = run(river, case(folder, Candidate("river", "naive_bayes"), 50))
    assert outcome.scores == pytest.approx(theirs.scores, abs=0.03)


@pytest.mark.parametrize("runner", [moa, capymoa])
def test_what_is_not_installed_says_how_to_get_it(
    folder: Path, monkeypatch: pytest.MonkeyPatch, runner: Any
) -> None:
    monkeypatch.setattr("tests.bench.runners.moa.shutil.which", lambda _: "java")
    monkeypatch.setattr("tests.bench.runners.moa.find_spec", lambda _: None)
    monkeypatch.setitem(__import__("sys").modules, "capymoa", None)
    call: Callable[[], object]
    if runner is moa:
        call = moa.jar
    else:
        call = lambda: capymoa.CapyMOAPeer(case(folder, Candidate("capymoa", "naive_bayes")))  # noqa: E731
    with pytest.raises(SetupError, match=r"pip install 'driftgate\[bench\]'"):
        call()


def test_moas_command_line_has_no_late_labels(folder: Path) -> None:
    with pytest.raises(SetupError, match="late labels"):
        moa.run(case(folder, Candidate("moa", "naive_bayes"), 5), lambda _: None)


def test_moas_task_names_the_learner_and_the_records(folder: Path) -> None:
    forest = Candidate("moa", "adaptive_random_forest", {"trees": 10})
    task = moa.task(case(folder, forest), Path("out.csv"))
    assert "-l (meta.AdaptiveRandomForest -s 10)" in task
    assert f"-s (ArffFileStream -f {folder / ARFF})" in task


# A process of its own.


def test_a_failure_in_the_child_comes_back_in_words(folder: Path) -> None:
    wrong = Candidate(OURS, "hoeffding_tree", {"grace_period": -1})
    outcome, error = run_case(case(folder, wrong), lambda _: None)
    assert outcome is None
    assert "grace_period" in error


# Names.


@pytest.mark.parametrize(
    ("parse", "label", "words"),
    [
        (parse_model, "hoefding_tree", "Did you mean hoeffding_tree?"),
        (parse_model, "hoeffding_tree{depth=3}", "params.depth"),
        (parse_model, "moa:hoeffding_tree", "--peers"),
        (parse_model, "hoeffding tree", "NAME"),
        (parse_model, "hoeffding_tree{delta}", "param=value"),
        (parse_peer, "hoeffding_tree", "river, capymoa, moa"),
        (parse_peer, "weka:hoeffding_tree", "river, capymoa, moa"),
        (parse_peer, "moa:tree", "moa:must be one of"),
    ],
)
def test_a_wrong_label_is_refused(
    parse: Callable[[str], Candidate], label: str, words: str
) -> None:
    with pytest.raises(ConfigError) as refused:
        parse(label)
    assert words in str(refused.value)


@pytest.mark.parametrize(
    ("candidate", "kind", "words"),
    [
        (Candidate(OURS, "hoeffding_tree"), REGRESSION, "Choose a regressor"),
        (Candidate(OURS, "linear_regression"), CLASSIFICATION, "Choose a classifier"),
        (Candidate("moa", "naive_bayes"), REGRESSION, "moa has fimtdd"),
        (Candidate("river", "linear_regression"), CLASSIFICATION, "river has hoeffding_tree"),
    ],
)
def test_a_model_of_the_other_kind_is_refused(candidate: Candidate, kind: Kind, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        check_kind(candidate, kind)


@pytest.mark.parametrize("label", ["hoeffding_tree", "hoeffding_tree{delta=0.001}"])
def test_a_label_reads_as_it_is_written(label: str) -> None:
    assert parse_model(label).label == label
    assert parse_peer(f"river:{label}").label == f"river:{label}"


def _step(action: int, row: int) -> Tape:
    return Tape(np.array([action], dtype=np.uint8), np.array([row], dtype=np.int64))


def _dict(row: Any) -> dict[str, float]:
    return {f"x{j}": value for j, value in enumerate(row.tolist())}
