"""Derived features over kills: `evaluate`, a run on topics and a run that was killed three times
give the same bytes, predictions and state. On both logs.

Cuts and restores of a task alone are in tests/stream/test_task_derived.py; several workers under
kills on a real broker are T1b of the matrix.
"""

from __future__ import annotations

import hashlib
import random
import uuid
from pathlib import Path
from typing import Any

import msgspec
import pytest

from stream.cli.topic_setup import topic_specs
from stream.config.pipeline import Config
from stream.evaluate import Series, evaluate
from tests.builders import stream, toy_config
from tests.replay.killing import Pipeline

COUNT = 6000
KILL_AT = (1000, 2500, 4500)
WINDOW = {"type": "rolling", "by": "$.who", "window": "10m", "keys_max": 150, "events_max": 12}
SCHEMA = {
    "features": [
        {"name": "a", "type": "float"},
        {"name": "b", "type": "float", "missing": True},
        {"name": "c", "type": "category"},
        {"name": "d", "type": "text", "path": "$.note", "buckets": 4},
    ],
    "derived": [
        {**WINDOW, "name": "mean", "function": "mean", "of": "b"},
        {**WINDOW, "name": "kinds", "function": "distinct", "of": "c"},
        {"name": "last", "type": "lag", "of": "a", "by": "c", "k": 2},
        {"name": "against", "type": "ratio", "of": ["b", "mean"]},
        {"name": "rate", "type": "target_mean", "by": "c", "fading_factor": 0.99},
    ],
}  # fmt: skip


def records() -> tuple[Series, Series]:
    """Events of 200 customers, some out of order, and labels 5 s before them to 5 minutes after."""
    rng = random.Random(9)
    made = stream(COUNT, seed=7)
    keys = [record["id"].encode() for record in made]
    start = 1_700_000_000_000
    times = [start + 1000 * (10 + n + rng.choice([0, 0, 0, 40, -8])) for n in range(COUNT)]
    events = [
        msgspec.json.encode(
            {name: record[name] for name in "abc"}
            | {"who": rng.randint(1, 200), "note": rng.choice(["yes please", "no", ""])}
        )
        for record in made
    ]
    late = [1000 * rng.choice([-5, 30, 150, 300]) for _ in range(COUNT)]
    labels = sorted(
        (start + 1000 * (10 + n) + late[n], n) for n in range(COUNT) if rng.random() < 0.95
    )
    return Series(keys, events, times), Series(
        [keys[n] for _, n in labels],
        [msgspec.json.encode({"y": made[n]["y"]}) for _, n in labels],
        [at for at, _ in labels],
    )


def config(log: dict[str, Any], folder: Path, inputs: str, app: str) -> Config:
    """One of two apps that read the same topics: predictions name their source."""
    return toy_config(
        app=app,
        log={**log, "partitions": 1},
        schema=SCHEMA,
        topics={"features": f"{inputs}.features", "labels": f"{inputs}.labels"},
        labels={"source": "topic", "max_delay": "1h", "wait_for_other": "1h"},
        model={"name": "hoeffding_tree", "params": {"grace_period": 50}},
        steps={"records_max": 150},
        checkpoint={"store": f"file://{folder}/checkpoints", "interval": "200ms"},
        metrics={"host": "127.0.0.1", "port": 0},
    )


def compare(log: dict[str, Any], folder: Path) -> None:
    """Evaluate, run one app in peace, and kill the other; all must come to the same."""
    inputs = uuid.uuid4().hex[:8]
    outcomes, digests = [], set()
    for kind, kill_at in (("calm", ()), ("killed", KILL_AT)):
        pipeline = Pipeline(config(log, folder, inputs, f"{kind}-{inputs}"), folder)
        if pipeline.admin.create(topic_specs(pipeline.config))[0] == f"{inputs}.features":
            pipeline.fill(*records())
        outcomes.append(pipeline.run(kill_at))
        predictions = b"".join(value + b"\n" for value in pipeline.values("predictions"))
        digests.add((hashlib.sha256(predictions).hexdigest(), outcomes[-1].snapshot_digest))
        pipeline.admin.close()
    calm, killed = outcomes
    assert calm.predictions > 0.95 * COUNT
    assert calm.ids_repeated == 0
    assert killed == calm
    evaluated = evaluate(pipeline.config, *records())
    digests.add((evaluated.predictions_digest, evaluated.snapshot_digest))
    assert len(digests) == 1


@pytest.mark.slow
def test_on_the_embedded_log(tmp_path: Path) -> None:
    compare({"type": "embedded", "path": str(tmp_path / "log.db")}, tmp_path)


@pytest.mark.kafka
@pytest.mark.slow
def test_on_kafka(tmp_path: Path, kafka_broker: str) -> None:
    # The shortest session the broker allows: a killed worker's partitions are free after it.
    compare({"type": "kafka", "bootstrap": kafka_broker, "session_timeout": "6s"}, tmp_path)
