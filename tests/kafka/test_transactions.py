"""`driftgate transactions` on a real broker: ordinary, hanging and aborted ones, and `doctor`.

What is made of a coordinator's answer, case by case: tests/stream/log/test_open_transactions.py.
"""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import kafka
import pytest
from typer.testing import CliRunner, Result

from stream.cli.app import app as commands
from stream.loading.load import load_config
from stream.log.base import Committed, OutputBatch, TopicPartition
from stream.log.open import open_admin, open_group
from tests.kafka.hanging import hang, hang_after_commit
from tests.stream.log.worlds import QUICK

pytestmark = pytest.mark.kafka

PIPELINE = """
app: {app}
log: {{type: kafka, bootstrap: "{bootstrap}", worker: w, partitions: 2, {limits}}}
schema: {{id: $.id, features: [{{name: a, type: float}}]}}
target: {{type: classification, path: $.y}}
model: {{name: last_label}}
checkpoint: {{store: "memory://{app}"}}
"""

Cli = Callable[..., Result]


@pytest.fixture
def app() -> str:
    return f"app-{uuid.uuid4().hex[:8]}"


@pytest.fixture
def pipeline(app: str, kafka_broker: str, tmp_path: Path) -> Path:
    path = tmp_path / f"{app}.yaml"
    limits = ", ".join(f"{name}: {value}" for name, value in QUICK.items())
    path.write_text(PIPELINE.format(app=app, bootstrap=kafka_broker, limits=limits))
    assert run("topics", "create", path).exit_code == 0
    return path


@pytest.fixture
def producer(kafka_broker: str) -> Iterator[Any]:
    opened = kafka.KafkaProducer(
        bootstrap_servers=kafka_broker,
        transactional_id=f"other-{uuid.uuid4().hex[:8]}",
        transaction_timeout_ms=60_000,
    )
    opened.init_transactions()
    yield opened
    opened.close(timeout=5)


def run(*arguments: object, answer: str = "") -> Result:
    return CliRunner().invoke(commands, [str(argument) for argument in arguments], input=answer)


def listed(pipeline: Path) -> dict[tuple[str, int], dict[str, Any]]:
    result = run("transactions", "list", pipeline, "--json")
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)["partitions"]
    return {(one["topic"], one["partition"]): one for one in found}


def visible(pipeline: Path, source: TopicPartition) -> list[bytes | None]:
    admin = open_admin(load_config(pipeline, {}))
    try:
        bounds = admin.bounds(source)
        return [v for batch in admin.read(source, *bounds) for v in batch.values]
    finally:
        admin.close()


def append(pipeline: Path, source: TopicPartition, values: list[bytes | None]) -> None:
    admin = open_admin(load_config(pipeline, {}))
    admin.append([OutputBatch(source, [1] * len(values), [None] * len(values), values)])
    admin.close()


def test_nothing_is_open(app: str, pipeline: Path) -> None:
    group, source = open_group(load_config(pipeline, {})), TopicPartition(f"{app}.features", 0)
    group.set_positions(
        [], {source: Committed(0, "")}, {source: None}
    )  # makes the topic of offsets
    group.close()
    found = listed(pipeline)
    assert len(found) == 11
    assert len([topic for topic, _ in found if topic == "__consumer_offsets"]) == 1
    assert all(one["transactions"] == [] for one in found.values())
    assert "11 of 11 partitions have no open" in run("transactions", "list", pipeline).stdout


def test_an_ordinary_transaction_is_ongoing_and_not_to_be_aborted(
    app: str, pipeline: Path, producer: Any
) -> None:
    producer.begin_transaction()
    producer.send(f"{app}.features", b"{}", partition=1).get(10)
    time.sleep(1.1)
    at = listed(pipeline)[f"{app}.features", 1]
    assert (at["last_stable_offset"], at["high_watermark"]) == (0, 1)
    (one,) = at["transactions"]
    assert one["status"] == "ongoing"
    assert one["state"] == "Ongoing"
    assert one["transactional_id"] == producer.config["transactional_id"]
    assert one["start_offset"] == 0
    assert 1 < one["open_s"] < 20
    assert not one["stuck"]
    where = ("--partition", f"{app}.features:1", "--producer-id", one["producer_id"])
    refused = run("transactions", "abort", pipeline, *where, "--yes")
    assert "must be a hanging one; it is ongoing" in str(refused.exception)
    producer.commit_transaction()
    assert visible(pipeline, TopicPartition(f"{app}.features", 1)) == [b"{}"]
    assert all(one["transactions"] == [] for one in listed(pipeline).values())


def test_an_ongoing_transaction_is_aborted_by_force(
    app: str, pipeline: Path, producer: Any
) -> None:
    source = TopicPartition(f"{app}.features", 0)
    producer.begin_transaction()
    producer.send(source.topic, b"lost", partition=0).get(10)
    append(pipeline, source, [b"kept"])
    (one,) = listed(pipeline)[source]["transactions"]
    where = ("--partition", f"{source.topic}:0", "--producer-id", one["producer_id"])
    assert run("transactions", "abort", pipeline, *where, "--force", "--yes").exit_code == 0
    assert visible(pipeline, source) == [b"kept"]


def test_a_hanging_transaction_is_found_shown_and_ended(
    app: str, pipeline: Path, kafka_broker: str
) -> None:
    source = TopicPartition(f"{app}.journal", 1)
    producer_id = hang(kafka_broker, source, [b"never", b"ended"])
    append(pipeline, source, [b"behind"])
    at = listed(pipeline)[source]
    assert (at["last_stable_offset"], at["high_watermark"]) == (0, 3)
    (one,) = at["transactions"]
    assert (one["producer_id"], one["status"], one["stuck"]) == (producer_id, "hanging", True)
    command = f"--partition {source.topic}:1 --producer-id {producer_id}"
    assert command in run("transactions", "list", pipeline).stdout

    where = ("--partition", f"{source.topic}:1", "--producer-id", producer_id)
    declined = run("transactions", "abort", pipeline, *where, answer="n\n")
    assert declined.exit_code == 1
    assert "before 3 offsets (0 to 3)" in declined.stdout
    assert listed(pipeline)[source]["transactions"] == [
        {**one, "open_s": pytest.approx(one["open_s"], abs=20)}
    ]

    done = run("transactions", "abort", pipeline, *where, answer="y\n")
    assert done.exit_code == 0, done.output
    assert "read up to 4 now, of 4" in done.stdout
    assert visible(pipeline, source) == [b"behind"]
    again = run("transactions", "abort", pipeline, *where, "--yes")
    assert "those that have: none" in str(again.exception)


def test_a_hanging_transaction_that_was_committed_is_committed_here_too(
    app: str, pipeline: Path, kafka_broker: str
) -> None:
    source = TopicPartition(f"{app}.journal", 1)
    producer_id = hang_after_commit(kafka_broker, source, [b"decided", b"on"])
    append(pipeline, source, [b"behind"])
    (one,) = listed(pipeline)[source]["transactions"]
    assert (one["producer_id"], one["status"], one["decision"]) == (
        producer_id,
        "hanging",
        "commit",
    )
    where = ("--partition", f"{source.topic}:1", "--producer-id", producer_id)
    refused = run("transactions", "abort", pipeline, *where, "--yes", "--force")
    assert "had decided to commit it" in str(refused.exception)
    done = run("transactions", "finish", pipeline, "--yes")
    assert done.exit_code == 0, done.output
    assert "1 marker written" in done.stdout
    assert visible(pipeline, source) == [b"first", b"decided", b"on", b"behind"]
    assert run("transactions", "finish", pipeline).stdout == "No transaction hangs.\n"


def test_partitions_that_are_not_the_pipelines_are_refused(app: str, pipeline: Path) -> None:
    for partition in ("__consumer_offsets:999", f"{app}.features", f"{app}.features:x"):
        refused = run(
            "transactions", "abort", pipeline, "--partition", partition, "--producer-id", 1
        )
        assert "must be TOPIC:N" in str(refused.exception)
    refused = run(
        *("transactions", "abort", pipeline, "--producer-id", 1),
        *("--partition", f"{app}.features:7"),
    )
    assert "must exist and have a leader" in str(refused.exception)
