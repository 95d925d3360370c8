"""SIGKILL, three times in 20,000 events, on both logs: what is committed is what an undisturbed
run commits, and so is the state. Drift is diagnosed and answered meanwhile. The full matrix of
faults is not here.
"""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Any

import msgspec
import pytest

from stream.cli.topic_setup import topic_specs
from stream.config.pipeline import Config
from stream.evaluate import Series, delay_labels
from tests.builders import stream, toy_config
from tests.replay.killing import Pipeline

COUNT = 20_000
# The concept turns in the middle: the last kill is while the model answers that.
KILL_AT = (3000, 9000, 11000)
MONITORS = [{"name": "psi", "watches": "predictions", "params": {"reference": "rolling"}}]


def records() -> tuple[Series, Series]:
    """Events, and labels that come 150 events later, in topics of their own."""
    made = stream(COUNT, seed=7)
    keys = [record["id"].encode() for record in made]
    times = [1_700_000_000_000 + 1000 * number for number in range(COUNT)]
    events = [
        msgspec.json.encode({name: record[name] for name in ("a", "b", "c")}) for record in made
    ]
    labels = [msgspec.json.encode({"y": record["y"]}) for record in made]
    return Series(keys, events, times), Series(keys, labels, delay_labels(times, 150))


def config(log: dict[str, Any], folder: Path, inputs: str, app: str) -> Config:
    """One of two apps that read the same topics: predictions name their source."""
    return toy_config(
        app=app,
        log={**log, "partitions": 1},
        topics={"features": f"{inputs}.features", "labels": f"{inputs}.labels"},
        labels={"source": "topic", "max_delay": "1h", "wait_for_other": "1h"},
        model={"name": "adaptive_moe"},
        drift={"diagnose": True, "respond": True, "shadow": True, "monitors": MONITORS},
        steps={"records_max": 500},
        checkpoint={"store": f"file://{folder}/checkpoints", "interval": "200ms"},
        metrics={"host": "127.0.0.1", "port": 0},
    )


def compare(log: dict[str, Any], folder: Path) -> None:
    """Run one app in peace and kill the other; they must leave the same behind."""
    inputs = uuid.uuid4().hex[:8]
    outcomes = []
    for kind, kill_at in (("calm", ()), ("killed", KILL_AT)):
        pipeline = Pipeline(config(log, folder, inputs, f"{kind}-{inputs}"), folder)
        if pipeline.admin.create(topic_specs(pipeline.config))[0] == f"{inputs}.features":
            pipeline.fill(*records())
        outcomes.append(pipeline.run(kill_at))
        pipeline.admin.close()
    calm, killed = outcomes
    assert calm.predictions > 0.95 * COUNT
    assert calm.ids_repeated == 0
    assert calm.drift_kinds >= {"alarm", "diagnosis", "action", "outcome"}
    assert killed == calm


@pytest.mark.slow
def test_on_the_embedded_log(tmp_path: Path) -> None:
    compare({"type": "embedded", "path": str(tmp_path / "log.db")}, tmp_path)


@pytest.mark.kafka
@pytest.mark.slow
def test_on_kafka(tmp_path: Path, kafka_broker: str) -> None:
    # The shortest session the broker allows: a killed worker's partitions are free after it.
    compare({"type": "kafka", "bootstrap": kafka_broker, "session_timeout": "6s"}, tmp_path)
