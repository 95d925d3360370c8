"""`driftgate compare` and the reports of `--html`: what is printed, written and refused.

What is compared and how: tests/stream/compare/. Pages: tests/stream/report/.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.console import Console

from stream.cli import main
from stream.cli.compare import CLASSIFIERS, REGRESSORS
from stream.cli.compare_table import CompareProgress
from tests.stream.report.samples import Page, class_figures, entry, evaluation

ROOT = Path(__file__).parents[3]
ROWS = 400
Cli = Callable[..., tuple[int, str, str]]


@pytest.fixture
def cli(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Cli:
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        monkeypatch.setenv(name, "1")
    monkeypatch.setenv("COLUMNS", "200")

    def call(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["driftgate", *map(str, arguments)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as left:
            main()
        printed = capsys.readouterr()
        return left.value.code if isinstance(left.value.code, int) else 0, *printed

    return call


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """Two numbers; the class follows one of them, the amount the other."""
    rng = random.Random(1)
    lines = ["x,z,sold,amount"]
    for _ in range(ROWS):
        x, z = rng.random(), rng.gauss(0, 1)
        lines.append(f"{x:.4f},{z:.4f},{'yes' if x > 0.5 else 'no'},{3 * z + x:.4f}")
    path = tmp_path / "sales.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


def pipeline(folder: Path, target: str) -> Path:
    path = folder / "sales.yaml"
    path.write_text(
        "app: sales\n"
        "log: {type: embedded, path: sales.db}\n"
        "schema: {features: [{name: x, type: float}, {name: z, type: float}]}\n"
        f"target: {target}\n"
        "model: {name: naive_bayes, params: {smoothing: 2.0}}\n"
    )
    return path


@pytest.fixture
def classes(tmp_path: Path) -> Path:
    return pipeline(tmp_path, "{type: classification, path: $.sold, classes: ['no', 'yes']}")


def test_a_leaderboard_on_paper_and_for_machines(cli: Cli, classes: Path, table: Path) -> None:
    models = "last_label,hoeffding_tree{grace_period=50},hoefding_tree"
    command = ("compare", classes, "--data", table, "--models", models)
    code, out, err = cli(*command)
    assert (code, err) == (0, "")
    shown = out[out.index("3 models on sales.csv") :]  # after a line for each that has ended
    names = ["hoeffding_tree{grace_period=50}", "last_label", "hoefding_tree: "]
    assert sorted(names, key=shown.index) == names
    assert "no change (baseline)" in shown
    assert "Did you mean hoeffding_tree?" in out
    code, out, err = cli(*command, "--json", "--seeds", 2)
    board = json.loads(out)
    assert (code, board["seeds"], board["is_complete"]) == (0, [1, 2], True)
    names = [model["model"] for model in board["models"]]
    assert names == ["hoeffding_tree{grace_period=50}", "last_label", "hoefding_tree"]
    best, _, refused = board["models"]
    assert best["params"] == {"grace_period": 50}
    assert best["figures"]["accuracy"]["mean"] > 0.8
    assert [run["records"] for run in best["runs"]] == [ROWS]
    assert refused["runs"] == []
    assert "must be one of" in refused["failure"]
    assert "hoeffding_tree{grace_period=50}: accuracy" in err  # progress, beside the object


@pytest.mark.parametrize(
    ("target", "usual"),
    [
        ("{type: classification, path: $.sold, classes: ['no', 'yes']}", CLASSIFIERS),
        ("{type: regression, path: $.amount}", REGRESSORS),
    ],
)
def test_the_pipelines_own_model_and_a_usual_set(
    cli: Cli, tmp_path: Path, table: Path, target: str, usual: tuple[str, ...]
) -> None:
    path = pipeline(tmp_path, target)
    own = "naive_bayes{smoothing=2.0}"
    if "regression" in target:
        path.write_text(path.read_text().replace("naive_bayes", "linear_regression"))
        path.write_text(path.read_text().replace(", params: {smoothing: 2.0}", ""))
        own = "linear_regression"
    code, out, _ = cli("compare", path, "--data", table, "--seeds", 1, "--limit", 60, "--json")
    board = json.loads(out)
    names = {model["model"] for model in board["models"]}
    assert names == {own, *(name for name in usual if not own.startswith(name))}
    assert all(model["failure"] is None for model in board["models"])
    assert len(board["baselines"]) == 2
    assert code == 0


def test_a_report_and_a_picture(cli: Cli, classes: Path, table: Path, tmp_path: Path) -> None:
    html, plot = tmp_path / "report.html", tmp_path / "report.png"
    command = ("compare", classes, "--data", table, "--models", "last_label,naive_bayes")
    code, out, _ = cli(*command, "--html", html, "--plot", plot)
    assert code == 0
    assert f"Wrote {html}" in out
    page = Page(html.read_text())
    assert page.faults == []
    assert "2 models on sales.csv" in page.text
    assert "naive_bayes is best" in page.text
    assert f"compare {classes} --data {table}" in page.text
    assert plot.read_bytes().startswith(b"\x89PNG\r\n")


@pytest.mark.parametrize("delay", [0, 20])
def test_a_report_of_an_evaluation(
    cli: Cli, classes: Path, table: Path, tmp_path: Path, delay: int
) -> None:
    html = tmp_path / "report.html"
    command = ("evaluate", classes, "--data", table, "--label-delay", delay, "--json")
    plain = json.loads(cli(*command)[1])
    code, out, err = cli(*command, "--html", html)
    assert code == 0
    assert json.loads(out)["predictions_digest"] == plain["predictions_digest"]
    assert f"Wrote {html}" in err
    page = Page(html.read_text())
    assert page.faults == []
    assert f"naive_bayes was right in {100 * plain['accuracy']:.2f} %" in page.text
    assert ("20 events later" in page.text) == bool(delay)
    # A curve of more than one point, though all records would fit into one step.
    curve = next(v["d"] for tag, v in page.attributes if "curve s1" in (v.get("class") or ""))
    assert (curve or "").count("L") > 5


def test_a_report_of_a_comparison_has_the_drifts_of_the_best_model(
    cli: Cli, classes: Path, table: Path
) -> None:
    header, *rows = table.read_text().splitlines()
    swapped = {"yes": "no", "no": "yes"}
    turned = [[*row.split(",")[:2], swapped[row.split(",")[2]], "0"] for row in rows]
    table.write_text("\n".join([header, *rows, *map(",".join, turned)]) + "\n")
    soon = "{decide_every: 100, blocks: 20, grace_period: 200}"
    classes.write_text(f"{classes.read_text()}drift: {{diagnose: true, diagnoser: {soon}}}\n")
    html = classes.parent / "report.html"
    models = "hoeffding_tree,last_label"
    assert cli("compare", classes, "--data", table, "--models", models, "--html", html)[0] == 0
    page = Page(html.read_text())
    assert "drift-1" in page.values("id")
    assert "Drift 1: since about" in page.text
    assert "What follows is of hoeffding_tree, seed 1" in page.text.replace(" ,", ",")


def test_a_report_that_cannot_be_written(cli: Cli, classes: Path, table: Path) -> None:
    command = ("compare", classes, "--data", table, "--models", "last_label")
    code, _, err = cli(*command, "--html", classes.parent / "no" / "report.html")
    assert code == 2
    assert "report.html: must be in a folder that exists" in err


def test_no_label_at_all(cli: Cli, classes: Path, table: Path) -> None:
    header, *rows = table.read_text().splitlines()
    unlabelled = [",".join([*row.split(",")[:2], "", ""]) for row in rows]
    table.write_text("\n".join([header, *unlabelled]) + "\n")
    code, out, _ = cli("compare", classes, "--data", table, "--models", "last_label")
    assert code == 1
    assert "last_label: no label was learnt" in out


def test_no_model_at_all(cli: Cli, classes: Path, table: Path) -> None:
    code, _, err = cli("compare", classes, "--data", table, "--models", ",")
    assert (code, err) == (2, "driftgate: --models: must name at least one model; got ','.\n")
    html, plot = classes.parent / "report.html", classes.parent / "report.svg"
    command = ("compare", classes, "--data", table, "--models", "no_such")
    code, out, _ = cli(*command, "--html", html, "--plot", plot)
    assert code == 1
    assert "no_such: must be one of" in out
    assert "No model has a figure." in Page(html.read_text()).text
    assert "<svg" in plot.read_text()


def test_bars_on_a_terminal() -> None:
    console = Console(force_terminal=True, width=120, record=True)
    models = [entry("tree", 0.8), entry("arf")]
    so_far = evaluation(class_figures(0.7), records=50)
    with CompareProgress(models, 1, 100, console) as progress:
        progress.begins(models[0])
        progress.evaluates(models[0], 1, so_far)
        progress.ends(models[0])
        models[1].failure = "no"
        progress.ends(models[1])
    shown = console.export_text()
    assert "accuracy 80.00 %" in shown
    assert "failed" in shown


def test_ctrl_c_prints_what_is_there(classes: Path, table: Path) -> None:
    rows = table.read_text().splitlines()
    table.write_text("\n".join([rows[0], *rows[1:] * 100]) + "\n")
    models = "last_label,river:neighbors.KNNClassifier"
    command = ["compare", str(classes), "--data", str(table), "--models", models, "--json"]
    process = subprocess.Popen(
        [sys.executable, "-m", "stream", *command],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        # A shell's background job ignores the signal, and so would this process.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    assert process.stderr is not None
    try:
        while not process.stderr.readline().startswith("last_label: accuracy"):
            assert process.poll() is None
        time.sleep(0.2)
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=60)
    finally:
        process.kill()
        process.wait()
    board = json.loads(out)
    assert process.returncode == 130
    assert board["is_complete"] is False
    assert board["models"][0]["figures"]["accuracy"]["mean"] > 0
    assert board["models"][1]["runs"] == []
