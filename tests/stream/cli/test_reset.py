"""`driftgate reset` and `driftgate rebuild` as commands: what they say, ask and print.

What they do: tests/replay/test_reset.py and test_rebuild.py. Beside workers on a real broker:
tests/kafka/test_reset.py.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner, Result

from stream.cli import reset as command
from stream.cli.app import app
from stream.errors import ConfigError, DriftgateError, OvertakenError, SetupError
from stream.log.base import TopicPartition
from stream.recovery import change
from tests.replay.pipelines import EVENTS, Pipeline

COUNT = 200


@pytest.fixture
def pipeline(tmp_path: Path) -> Pipeline:
    """One with some work done, in a file of its own."""
    made = Pipeline(tmp_path, log={"type": "embedded", "path": str(tmp_path / "toy.db")})
    made.fill(0, COUNT)
    made.work()
    return made


@pytest.fixture
def path(pipeline: Pipeline, tmp_path: Path) -> Path:
    return write(pipeline, tmp_path / "toy.yaml")


def write(pipeline: Pipeline, path: Path, **changes: object) -> Path:
    dump = pipeline.config.model_dump(mode="json", by_alias=True, exclude_none=True)
    path.write_text(yaml.safe_dump({**dump, **changes}))
    return path


def call(*words: object, answer: str | None = None) -> Result:
    result = CliRunner().invoke(app, [str(word) for word in words], input=answer)
    if isinstance(result.exception, DriftgateError):
        raise result.exception
    return result


def position(pipeline: Pipeline) -> int | None:
    pipeline.resets()
    committed = pipeline.log.committed([EVENTS])[EVENTS]
    return committed.offset if committed is not None else None


def test_it_says_what_it_will_do_and_asks(pipeline: Pipeline, path: Path) -> None:
    before = pipeline.checkpoints()
    result = call("reset", path, "--to", "earliest", answer="n\n")
    assert result.exit_code == 1
    assert "200 read again" in result.output
    assert "begins anew" in result.output
    assert all(str(checkpoint) in result.output for checkpoint in before)
    assert position(pipeline) == COUNT
    assert pipeline.checkpoints() == before
    result = call("reset", path, "--to", "earliest", answer="y\n")
    assert result.exit_code == 0
    assert "driftgate run" in result.output
    assert position(pipeline) == 0
    assert pipeline.checkpoints() == []


def test_for_machines_it_does_nothing_without_yes(pipeline: Pipeline, path: Path) -> None:
    words = ("reset", path, "--to", "1970-01-01T00:00:50", "--keep-model", "--json")
    plan = json.loads(call(*words).stdout)
    assert plan["done"] is False
    assert position(pipeline) == COUNT
    (partition,) = plan["partitions"]
    assert partition["topics"] == {
        "toy.features": {"now": COUNT, "then": 50},
        "toy.labels": {"now": COUNT, "then": 30},
    }
    assert partition["removed"] == [str(path) for path in pipeline.checkpoints()]
    assert json.loads(call(*words, "--yes").stdout)["done"] is True
    assert position(pipeline) == 50


def test_positions_go_back_to_those_of_the_journal(pipeline: Pipeline, path: Path) -> None:
    result = call("reset", path, "--to", "journal", "--yes")
    assert "checkpoints removed: none" in result.output
    assert position(pipeline) == COUNT
    assert len(pipeline.checkpoints()) > 0


def test_one_partition_of_several(tmp_path: Path) -> None:
    log = {"type": "embedded", "path": str(tmp_path / "toy.db"), "partitions": 3}
    pipeline = Pipeline(tmp_path, log=log)
    pipeline.fill(0, COUNT)
    pipeline.work()
    path = write(pipeline, tmp_path / "toy.yaml")
    # The others have never begun: the journal says nothing of them.
    plan = json.loads(call("reset", path, "--to", "journal", "--json").stdout)
    assert [partition["partition"] for partition in plan["partitions"]] == [0]
    words = ("reset", path, "--to", "latest", "--yes", "--partition", 2, "--partition", 1)
    call(*words)
    pipeline.resets()
    sources = [TopicPartition("toy.features", number) for number in range(3)]
    found = pipeline.log.committed(sources)
    assert [at.offset if at else None for at in found.values()] == [COUNT, 0, 0]
    with pytest.raises(SetupError, match=r"must be below 3.*got \[3\]"):
        call("reset", path, "--to", "latest", "--partition", 3)


@pytest.mark.parametrize("to", ["journal", "committed"])
@pytest.mark.parametrize("more", [(), ("--keep-model",)])
def test_places_of_a_pipeline_that_never_began_are_refused(
    tmp_path: Path, to: str, more: tuple[str, ...]
) -> None:
    log = {"type": "embedded", "path": str(tmp_path / "toy.db"), "partitions": 2}
    path = write(Pipeline(tmp_path, log=log), tmp_path / "toy.yaml")
    with pytest.raises(SetupError, match="a partition must have begun"):
        call("reset", path, "--to", to, "--yes", *more)
    with pytest.raises(SetupError, match="a partition must have begun"):
        call("rebuild", path, "--yes")


def test_a_journal_made_anew_is_no_reason_to_do_nothing(pipeline: Pipeline, path: Path) -> None:
    pipeline.make_anew("toy.journal")
    with pytest.raises(SetupError, match=r"it names nothing.*--to committed --keep-model"):
        call("reset", path, "--to", "journal", "--yes")
    result = call("reset", path, "--to", "committed", "--keep-model", "--yes")
    assert "with all that was learnt" in result.output
    assert position(pipeline) == COUNT


@pytest.mark.parametrize("times", [1, 9])
def test_what_a_worker_commits_meanwhile_is_planned_anew(
    pipeline: Pipeline, path: Path, monkeypatch: pytest.MonkeyPatch, times: int
) -> None:
    moves = iter(range(times))

    def carry_out(*arguments: Any) -> None:
        for move in moves:
            pipeline.fill(COUNT + 50 * move, 50)
            pipeline.work()
            break
        change.carry_out(*arguments)

    monkeypatch.setattr(command, "carry_out", carry_out)
    words = ("reset", path, "--to", "earliest", "--yes", "--json")
    if times == 9:
        with pytest.raises(OvertakenError, match="at each of 5 attempts"):
            call(*words)
        assert position(pipeline) == COUNT + 50 * 5
        return
    (partition,) = json.loads(call(*words).stdout)["partitions"]
    assert partition["topics"]["toy.features"] == {"now": COUNT + 50, "then": 0}
    assert position(pipeline) == 0


@pytest.mark.parametrize("text", ["yesterday", "", "2026-13-01"])
def test_a_place_that_is_none(path: Path, text: str) -> None:
    with pytest.raises(ConfigError, match="--to: must be a place by name, or a time"):
        call("reset", path, "--to", text)


def test_rebuild_says_what_it_will_learn_and_asks(
    pipeline: Pipeline, path: Path, tmp_path: Path
) -> None:
    changed = write(pipeline, tmp_path / "new.yaml", model={"name": "naive_bayes"})
    with pytest.raises(SetupError, match="driftgate rebuild CONFIG"):
        call("reset", changed, "--to", "latest", "--keep-model")
    before = pipeline.checkpoints()
    result = call("rebuild", changed, answer="n\n")
    assert result.exit_code == 1
    assert "200" in result.output
    assert pipeline.checkpoints() == before
    words = ("rebuild", changed, "--from", "1970-01-01T00:01:00Z", "--json")
    assert json.loads(call(*words).stdout)["done"] is False
    done = json.loads(call(*words, "--yes").stdout)
    assert done["ranges"] == {"0": {"toy.features": [60, COUNT], "toy.labels": [40, COUNT]}}
    (partition,) = done["partitions"]
    assert partition["removed"] == [str(path) for path in before]
    assert "toy.features 60..200" in partition["model"]
    assert position(pipeline) == COUNT
    assert len(pipeline.checkpoints()) == 1


@pytest.mark.parametrize("text", ["latest", "journal", "committed"])
def test_rebuild_begins_at_a_first_record(path: Path, text: str) -> None:
    with pytest.raises(ConfigError, match="--from: must be earliest or a time"):
        call("rebuild", path, "--from", text)
