"""Sessions: what is measured, kept and measured again; comparisons, tables, growth, the page.

One small session over processes of their own; everything else on rows that are made up.
"""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest

from stream.errors import ConfigError
from tests.bench import document, growth
from tests.bench.candidates import OURS, Candidate
from tests.bench.case import Case
from tests.bench.kinds import CLASSIFICATION, REGRESSION
from tests.bench.rows import Row, append_row, check_file, read_rows
from tests.bench.session import Places, Plan, cases, run_session
from tests.bench.summary import Scene, as_json, best_peer, by_scene, compare
from tests.bench.tables import figures, ratios

ROOT = Path(__file__).parents[2]
TREE = Candidate(OURS, "hoeffding_tree")
BAYES = Candidate("river", "naive_bayes")


class Listener:
    """Remembers what it was told."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.errors: list[str] = []

    def begin(self, case: Case) -> None:
        self.begun.append(f"{case.candidate.label}/{case.seed}")

    def advance(self, case: Case, done: int) -> None:
        assert 0 < done <= case.limit

    def end(self, case: Case, row: Row | None, error: str) -> None:
        self.errors.append(error)
        assert (row is None) == bool(error)


def plan(*candidates: Candidate, **changes: object) -> Plan:
    whole = Plan(["sea_abrupt"], candidates, [400], [0], [1], None, 100.0)
    return replace(whole, **changes)  # type: ignore[arg-type]


def places(folder: Path) -> Places:
    return Places(folder / "work", folder, folder / "results" / "learners.csv")


def row(candidate: str, seed: int = 1, accuracy: float = 0.8, **changes: object) -> Row:
    made = Row(
        stream="sea_abrupt",
        length=1000,
        limit=1000,
        label_delay=0,
        seed=seed,
        candidate=candidate,
        records=1000,
        scores={"accuracy": accuracy, "kappa": 0.6, "kappa_m": 0.5},
        cpu_s=0.5,
        wall_s=0.5,
        process_cpu_s=2.0,
        memory_bytes=3_000_000,
        snapshot_bytes=None,
        version="1",
        processor="a processor",
        cores=2,
        python="3.11.0",
        load=0.5,
        when="2026-01-02T03:04:05+00:00",
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def row_of_numbers(candidate: str, mae: float, **changes: object) -> Row:
    scores = {"mae": mae, "rmse": 2.0, "r2": 0.5}
    return row(candidate, stream="friedman_drift", scores=scores, **changes)


# A session.


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Places:
    return places(tmp_path_factory.mktemp("session"))


def test_a_session_goes_on_where_it_was_stopped(here: Places) -> None:
    first, second, third = Listener(), Listener(), Listener()
    only_river = plan(BAYES, peer_limit=200)
    rows = run_session(cases(only_river, here), here, first, fresh=False)
    both = plan(TREE, BAYES, peer_limit=200)
    again = run_session(cases(both, here), here, second, fresh=False)
    run_session(cases(only_river, here), here, third, fresh=True)
    assert first.begun == ["river:naive_bayes/1"]
    assert second.begun == ["hoeffding_tree/1"]
    assert third.begun == ["river:naive_bayes/1"]
    assert [found.records for found in again] == [400, 200]
    assert again[1].key == rows[0].key
    assert again[0].version != ""
    assert {one.candidate for one in read_rows(here.results)} == {one.candidate for one in again}
    assert len(here.results.read_text().splitlines()) == 4


def test_what_another_version_measured_is_measured_again(here: Places) -> None:
    kept = [one for one in read_rows(here.results) if one.candidate == BAYES.label]
    append_row(here.results, replace(kept[0], version="another"))
    listener = Listener()
    run_session(cases(plan(BAYES, peer_limit=200), here), here, listener, fresh=False)
    assert listener.begun == ["river:naive_bayes/1"]


def test_a_failed_case_is_told_and_not_kept(tmp_path: Path) -> None:
    wrong = Candidate(OURS, "hoeffding_tree", {"grace_period": -1})
    listener = Listener()
    there = places(tmp_path)
    assert run_session(cases(plan(wrong), there), there, listener, fresh=False) == []
    assert "grace_period" in listener.errors[0]
    assert read_rows(there.results) == []


def test_moa_is_not_asked_what_it_cannot_do(tmp_path: Path) -> None:
    """Late labels, and other seeds on a stream that is always the same."""
    line = Candidate("moa", "naive_bayes")
    there = places(tmp_path)
    wanted = plan(line, BAYES, streams=["bananas"], label_delays=[0, 9], seeds=[1, 2])
    found = [(one.candidate.library, one.label_delay, one.seed) for one in cases(wanted, there)]
    assert found == [
        ("moa", 0, 1),
        ("river", 0, 1),
        ("river", 9, 1),
        ("river", 0, 2),
        ("river", 9, 2),
    ]
    folders = {one.folder for one in cases(wanted, there)}
    assert len(folders) == 1


# Results.


def test_rows_come_back_and_the_last_of_a_kind_counts(tmp_path: Path) -> None:
    path = tmp_path / "new" / "results.csv"
    first = row("hoeffding_tree", snapshot_bytes=12)
    later = row("hoeffding_tree", accuracy=0.9, snapshot_bytes=12)
    append_row(path, first)
    append_row(path, row("river:naive_bayes"))
    append_row(path, later)
    assert read_rows(path) == [later, row("river:naive_bayes")]


def test_rows_of_numbers_have_columns_and_a_file_of_their_own(tmp_path: Path) -> None:
    path = tmp_path / "results.csv"
    check_file(path, REGRESSION)
    append_row(path, row_of_numbers("linear_regression", 1.5))
    assert read_rows(path) == [row_of_numbers("linear_regression", 1.5)]
    check_file(path, REGRESSION)
    with pytest.raises(ConfigError, match="accuracy, kappa, kappa_m"):
        check_file(path, CLASSIFICATION)


def test_less_error_is_better() -> None:
    rows = [
        row_of_numbers("linear_regression", 2.0),
        row_of_numbers("hoeffding_tree_regressor", 1.5),
        row_of_numbers("moa:fimtdd", 2.5),
        row_of_numbers("river:linear_regression", 2.0),
    ]
    ((scene, summaries),) = by_scene(rows).items()
    best = best_peer(summaries)
    assert best is not None
    assert best.candidate == "river:linear_regression"
    sheet = figures(scene, summaries)
    assert sheet.columns[1:4] == ["MAE", "RMSE", "R2"]
    assert [line[0] for line in sheet.rows] == [rows[k].candidate for k in (1, 0, 3, 2)]
    assert [line[-1] for line in sheet.rows] == ["+25.00", "+0.00", "", ""]
    against = ratios(scene, summaries)
    assert against is not None
    assert "% of MAE less, times the records/s" in against.title
    assert against.rows[0] == ["moa:fimtdd", "+20.00, 1.0x / 4.0x", "+40.00, 1.0x / 4.0x"]
    assert as_json({scene: summaries})[0]["mae"] == 2.0


# Comparisons.


def test_a_comparison_is_paired_by_seed() -> None:
    ours = [row("hoeffding_tree", seed, accuracy=0.8 + 0.1 * seed) for seed in (0, 1)]
    peer = [
        row("moa:hoeffding_tree", seed, accuracy=0.7 + 0.1 * seed, cpu_s=5.0) for seed in (0, 1)
    ]
    (scene,), (summaries,) = zip(*by_scene([*ours, *peer]).items(), strict=True)
    found = compare(*summaries)
    assert scene == Scene("sea_abrupt", 1000, 0)
    assert (found.gain, found.speed_ratio) == (pytest.approx(0.1), pytest.approx(10.0))
    assert found.gain_error == pytest.approx(0.0, abs=1e-12)
    assert summaries[0].main_error == pytest.approx(0.05)


def test_one_run_of_a_peer_without_a_seed_stands_for_all() -> None:
    ours = [row("hoeffding_tree", seed) for seed in (1, 2)]
    (summaries,) = by_scene([*ours, row("moa:naive_bayes", 1, accuracy=0.7)]).values()
    assert compare(*summaries).gain == pytest.approx(0.1)


def test_figures_of_fewer_records_are_not_compared() -> None:
    short = row("river:naive_bayes", records=300, limit=300, accuracy=0.99)
    (summaries,) = by_scene([row("hoeffding_tree"), short]).values()
    assert math.isnan(compare(*summaries).gain)
    assert best_peer(summaries) is None
    sheet = figures(Scene("sea_abrupt", 1000, 0), summaries)
    assert sheet.rows[1][0] == "river:naive_bayes (first 300)"
    assert as_json({Scene("sea_abrupt", 1000, 0): summaries})[0]["against"][0]["gain"] is None


def test_tables_say_who_is_ahead_and_by_how_much() -> None:
    rows = [
        row("hoeffding_tree", snapshot_bytes=10_000, accuracy=0.81),
        row("moa:hoeffding_tree", cpu_s=10.0, process_cpu_s=20.0),
        row("river:naive_bayes", accuracy=0.7, cpu_s=1.0),
    ]
    ((scene, summaries),) = by_scene(rows).items()
    sheet = figures(scene, summaries)
    assert sheet.title == "sea_abrupt, 1,000 records, labels at once"
    assert [line[0] for line in sheet.rows] == [one.candidate for one in rows]
    assert sheet.rows[0][1:] == ["81.00", "0.600", "0.500", "2,000", "3.0", "0.01", "+1.00"]
    against = ratios(scene, summaries)
    assert against is not None
    assert against.rows == [
        ["moa:hoeffding_tree", "+1.00, 20x / 40x"],
        ["river:naive_bayes", "+11.00, 2.0x"],
    ]
    assert against.title.endswith("times the records/s (MOA: its own clock / its whole process)")
    assert "| moa:hoeffding_tree | +1.00, 20x / 40x |" in against.to_markdown()
    moa, river = as_json({scene: summaries})[0]["against"]
    assert (moa["speed_ratio"], moa["process_speed_ratio"]) == (20.0, 40.0)
    assert (river["speed_ratio"], river["process_speed_ratio"]) == (2.0, None)
    assert ratios(scene, summaries[:1]) is None


# Growth.


def test_growth_takes_the_sizes_that_fit() -> None:
    found = growth.points(["records", "features"], 20_000)
    assert [(p.axis, p.size, p.length) for p in found] == [
        ("records", 10_000, 10_000),
        ("features", 10, 20_000),
        ("features", 100, 20_000),
        ("features", 1000, 20_000),
    ]
    assert growth.points(growth.AXES, None) == list(growth.POINTS)


def test_growth_has_a_table_an_axis() -> None:
    first, second = growth.points(["records"], 100_000)
    measured = [(first, row("hoeffding_tree")), (second, row("hoeffding_tree", records=500))]
    (sheet,) = growth.sheets(measured)
    assert sheet.columns == ["model", "10,000", "100,000"]
    assert sheet.rows == [["hoeffding_tree", "2,000, 3.0, 80.0", "1,000, 3.0, 80.0 (first 500)"]]


# The page.


def test_the_page_has_the_tables_of_the_results() -> None:
    """After a change of the results: `make docs`."""
    page = ROOT / "docs" / "benchmarks.md"
    assert page.read_text() == document.write_page(page)


def test_the_page_is_made_from_results(tmp_path: Path) -> None:
    append_row(tmp_path / "learners.csv", row("hoeffding_tree"))
    append_row(tmp_path / "learners.csv", row("moa:hoeffding_tree", version="0.9"))
    size = growth.POINTS[0]
    sized = row("hoeffding_tree", stream=size.stream, length=size.length)
    append_row(tmp_path / "growth.csv", sized)
    append_row(tmp_path / "regressors.csv", row_of_numbers("linear_regression", 1.5))
    text = document.write_page(ROOT / "docs" / "benchmarks.md", tmp_path)
    assert "Measured from 2026-01-02 to 2026-01-02 on 2 cores of a processor, Python 3.11.0" in text
    assert "driftgate 1; moa 0.9" in text
    assert "| hoeffding_tree | 80.00 | 0.600 | 0.500 | 2,000 | 3.0 |  | +0.00 |" in text
    assert "| linear_regression | 1.5000 | 2.0000 | 0.500 | 2,000 | 3.0 |  |  |" in text
    assert "**records: records/s, MB of memory, accuracy in %**" in text
    drawn = document.draw_pictures(tmp_path, tmp_path)
    assert [path.name for path in drawn] == ["learners.png", "regressors.png", "growth.png"]
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in drawn)
