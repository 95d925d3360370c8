"""`driftgate doctor` on an embedded log: positions, partitions, warnings, exit codes.

On a real broker: tests/kafka/test_doctor.py, tests/kafka/test_access.py.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from stream.cli import doctor
from stream.cli.app import app
from stream.cli.run import refuse_if_unfit
from stream.config.pipeline import Config
from stream.journal import StepNote
from stream.loading.load import load_config
from stream.log.base import Committed, OutputBatch, Probe, TopicPartition
from stream.log.embedded import EmbeddedAdmin
from stream.log.embedded.store import Store

PIPELINE = """
app: shop
log: {{type: embedded, path: "{folder}/shop.db", partitions: 2}}
schema: {{id: $.id, features: [{{name: a, type: float}}]}}
target: {{type: classification, path: $.y}}
model: {{name: last_label}}
checkpoint: {{store: "file://{folder}/checkpoints"}}
"""
FEATURES = TopicPartition("shop.features", 1)


@pytest.fixture
def pipeline(tmp_path: Path) -> Path:
    path = tmp_path / "shop.yaml"
    path.write_text(PIPELINE.format(folder=tmp_path))
    assert CliRunner().invoke(app, ["topics", "create", str(path)]).exit_code == 0
    return path


def found(pipeline: Path, expected_code: int) -> dict[str, Any]:
    result = CliRunner().invoke(app, ["doctor", str(pipeline), "--json"])
    assert result.exit_code == expected_code, result.output
    return {finding["name"]: finding for finding in json.loads(result.stdout)["findings"]}


def append(pipeline: Path, topic: str, count: int) -> None:
    admin = EmbeddedAdmin(str(pipeline.with_name("shop.db")))
    nothing = [None] * count
    target = TopicPartition(topic, FEATURES.partition)
    admin.append([OutputBatch(target, [1] * count, nothing, [b"{}"] * count)])
    admin.close()


def commit(pipeline: Path, offset: int) -> None:
    store = Store(str(pipeline.with_name("shop.db")))
    with store.transaction():
        store.set_position("shop", FEATURES, Committed(offset, str(StepNote(1))))
    store.close()


def test_a_position_whose_records_are_gone(pipeline: Path) -> None:
    assert found(pipeline, 0)["positions"]["detail"] == "nothing is committed yet"
    append(pipeline, FEATURES.topic, 30)
    commit(pipeline, 10)
    assert found(pipeline, 0)["positions"]["ok"]
    admin = EmbeddedAdmin(str(pipeline.with_name("shop.db")))
    admin.trim(FEATURES, 25)
    admin.close()
    finding = found(pipeline, 2)["positions"]
    assert "`shop.features[1]`: group `shop` has committed 10" in finding["detail"]
    assert "driftgate reset CONFIG --partition 1 --to earliest" in finding["remedy"]
    refuse_if_unfit(load_config(pipeline, {}))  # one partition's trouble stops no worker


def test_offsets_that_are_gone_while_the_journal_stands(pipeline: Path) -> None:
    append(pipeline, FEATURES.topic, 30)
    append(pipeline, "shop.journal", 3)
    finding = found(pipeline, 2)["positions"]
    assert "the journal holds entries" in finding["detail"]
    assert "--partition 1 --to journal" in finding["remedy"]
    commit(pipeline, 30)
    assert found(pipeline, 0)["positions"]["level"] == "ok"


def test_a_warning_is_shown_with_its_remedy_and_fails_nothing(
    pipeline: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def probes(_: Config) -> list[Probe]:
        return [
            Probe("replication", True, "one copy [only]", "Have three.", warning=True),
            Probe("topics", True, "all exist", "Never shown."),
        ]

    monkeypatch.setattr(doctor, "probe_quietly", probes)
    result = CliRunner().invoke(app, ["doctor", str(pipeline)])
    assert result.exit_code == 0
    first, second, *_ = result.stdout.splitlines()
    assert first == "warn replication: one copy [only]. Have three."
    assert second == "ok   topics: all exist"
    assert found(pipeline, 0)["replication"]["level"] == "warning"
