"""`driftgate drift show`: what it prints, draws and refuses. Topics are filled by hand."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
import yaml

from operators.adaptation.base import Action, Outcome
from operators.diagnosis.base import ChangePoint, Diagnosis
from operators.drift.base import Alarm
from stream.cli import main
from stream.cli.topic_setup import topic_specs
from stream.drift.collector import DriftWatch, Places, Said
from stream.drift.events import DriftEvent
from stream.loading.load import load_config
from stream.log.base import OutputBatch, TopicPartition
from stream.log.open import open_admin
from tests.stream.drift.test_events import ACTION, OUTCOME, REAL, SPACE, learnt

Cli = Callable[..., tuple[int, str, str]]
PIPELINE = {
    "app": "toy",
    "schema": {"features": [{"name": "a", "type": "float"}]},
    "target": {"type": "classification", "path": "$.y", "classes": ["no", "yes"]},
    "model": {"name": "naive_bayes"},
}


@pytest.fixture
def cli(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Cli:
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        monkeypatch.setenv(name, "1")
    monkeypatch.setenv("COLUMNS", "200")

    def call(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["driftgate", "drift", *map(str, arguments)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as left:
            main()
        printed = capsys.readouterr()
        return left.value.code if isinstance(left.value.code, int) else 0, *printed

    return call


@pytest.fixture
def pipeline(tmp_path: Path) -> Path:
    path = tmp_path / "toy.yaml"
    log = {"type": "embedded", "path": str(tmp_path / "toy.db"), "partitions": 2}
    path.write_text(yaml.safe_dump({**PIPELINE, "log": log}))
    return path


def episode() -> list[DriftEvent]:
    """A drift at label 870 of partition 2 in that test, an alarm, and how it went."""
    watch = DriftWatch("toy", 1, "toy.features", "toy.features", SPACE.features, False, True, 900)
    places = Places(list(range(1000)), [60_000 * n + 1_362_339_000_000 for n in range(1000)])
    reports: list[Diagnosis | Action | Outcome] = [REAL, ACTION, OUTCOME]
    return learnt(watch, places, Said({"adwin": [Alarm(950, "drift", 0.2, 0.4)]}, reports))


def filled(path: Path, events: list[DriftEvent], errors: bool = False) -> Path:
    config = load_config(path, {})
    admin = open_admin(config)
    admin.create(topic_specs(config))
    values = [msgspec.json.encode(event) for event in events]
    drift = TopicPartition("toy.drift", 1)
    admin.append([OutputBatch(drift, [0] * len(values), [b"toy"] * len(values), values)])
    if errors:
        keys = [b"%d" % number for number in range(1000)]
        times = [60_000 * n + 1_362_339_000_000 for n in range(1000)]
        records = [msgspec.json.encode({"a": 0.5, "y": "yes"})] * 1000
        answers = [
            msgspec.json.encode({"id": f"{n}", "prediction": "yes" if n % 5 or n < 870 else "no"})
            for n in range(1000)
        ]
        for topic, of_topic in (("toy.features", records), ("toy.predictions", answers)):
            admin.append([OutputBatch(TopicPartition(topic, 1), times, keys, of_topic)])
    admin.close()
    return path


def test_a_drift_is_told_sentence_by_sentence(cli: Cli, pipeline: Path) -> None:
    events = episode()
    code, out, err = cli("show", filled(pipeline, events))
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert lines[0] == "2013-03-04T10:00Z  drift 3 of partition 1  real"
    alarm, diagnosis, action, outcome = (f"  {event.message}" for event in events)
    assert lines[1:4] == [diagnosis, action, outcome]
    assert lines[4:] == ["1 alarm (1 of adwin)", alarm]


def test_the_machines_object_has_all_events(cli: Cli, pipeline: Path) -> None:
    code, out, _ = cli("show", filled(pipeline, episode()), "--json")
    (line,) = out.splitlines()
    got = json.loads(line)
    assert code == 0
    assert [(each["partition"], each["episode"]) for each in got["episodes"]] == [(1, 3)]
    kinds = [event["event"] for event in got["episodes"][0]["events"]]
    assert kinds == ["diagnosis", "action", "outcome"]
    assert len(got["alarms"]) == 1


def test_only_what_was_said_since(cli: Cli, pipeline: Path) -> None:
    filled(pipeline, episode())
    assert "drift 3" in cli("show", pipeline, "--since", "2013-03-04T10:00+00:00")[1]
    out = cli("show", pipeline, "--since", "2013-03-05")[1]
    assert out == "Nothing was noticed since 2013-03-05T00:00+00:00.\n"


def test_a_long_topic_is_told_in_short_unless_all_is_asked_for(cli: Cli, pipeline: Path) -> None:
    alarm, *rest = episode()
    filled(pipeline, [alarm] * 30 + rest)
    out = cli("show", pipeline)[1]
    assert "30 alarms (30 of adwin); the last 5 (all: --all)" in out
    assert out.count(alarm.message) == 5
    assert cli("show", pipeline, "--all")[1].count(alarm.message) == 30


@pytest.mark.parametrize("kind", ["png", "svg"])
def test_the_picture(cli: Cli, pipeline: Path, tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"drift.{kind}"
    code, out, _ = cli("show", filled(pipeline, episode(), errors=True), "--plot", path)
    assert code == 0
    assert f"Wrote {path}" in out.replace("\n", "")
    assert path.read_bytes()[:4] in (b"\x89PNG", b"<?xm")


def test_without_matplotlib_the_error_says_what_to_install(
    cli: Cli, pipeline: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    filled(pipeline, episode(), errors=True)
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    code, _, err = cli("show", pipeline, "--plot", tmp_path / "drift.png")
    assert code == 2
    assert err == (
        "driftgate: a plot needs matplotlib; install it with `pip install 'driftgate[demo]'`.\n"
    )


def test_errors_teach(cli: Cli, pipeline: Path, tmp_path: Path) -> None:
    code, _, err = cli("show", pipeline)
    assert code == 2
    assert "topic `toy.drift` must exist" in err
    assert f"driftgate topics create {pipeline}" in err
    filled(pipeline, [])
    assert "`drift: {diagnose: true}`" in cli("show", pipeline)[1]
    code, _, err = cli("show", pipeline, "--since", "last week")
    assert (code, err.count("\n")) == (2, 1)
    assert "--since: must be a date or a time, such as 2013-03-04" in err
    code, _, err = cli("show", pipeline, "--plot", tmp_path / "drift.png")
    assert code == 2
    assert "there must be predictions whose labels have come" in err
    admin = open_admin(load_config(pipeline, {}))
    admin.append([OutputBatch(TopicPartition("toy.drift", 0), [0], [b"x"], [b'{"app": 1}'])])
    admin.close()
    code, _, err = cli("show", pipeline)
    assert code == 2
    assert "toy.drift[0]: each record must be a drift event" in err


def test_what_a_diagnosis_has_no_place_for_is_told_too(cli: Cli, pipeline: Path) -> None:
    watch = DriftWatch("toy", 0, "toy.features", "toy.features", SPACE.features, False, True, 1)
    far = Diagnosis(1, 0, 0, 1, "label", "gradual", 2, 0.5, ChangePoint(0, 0, 0), (), ())
    code, out, _ = cli("show", filled(pipeline, learnt(watch, Places([0], [0]), Said({}, [far]))))
    assert code == 0
    assert "concept 2 has come back" in out
