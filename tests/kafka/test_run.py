"""`driftgate` as a process on a real broker: the Kafka example, a huge record, bad setups.

Lost frames, fencing and rebalances: the other modules here. The embedded log: test_cli.py.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import uuid
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy.kafka.dev_broker import SASL_USER, Broker
from stream.evaluate import committed_values
from stream.loading.load import load_config
from stream.log.base import LogAdmin, OutputBatch, TopicPartition, TopicSpec
from stream.log.open import open_admin

pytestmark = pytest.mark.kafka

ROOT = Path(__file__).parents[2]
DATA = Path(os.environ.get("DRIFTGATE_DATA", ROOT.parent / "shared" / "data"))
ELECTRICITY = DATA / "electricity.csv.gz"
LIMIT = 2000
COMPILING_S = 400


class Pipeline:
    """A copy of the Kafka example, with an app and a folder of its own."""

    def __init__(self, folder: Path, bootstrap: str) -> None:
        self.folder, self.path = folder, folder / "kafka.yaml"
        self.environment = {**os.environ, "DRIFTGATE_BOOTSTRAP": bootstrap}
        settings = yaml.safe_load((ROOT / "deploy" / "examples" / "kafka.yaml").read_text())
        self.app = settings["app"] = f"electricity-{uuid.uuid4().hex[:8]}"
        settings["checkpoint"]["store"] = f"file://{folder}/checkpoints"
        settings["metrics"] = {"port": 0, "host": "127.0.0.1"}
        self.write(settings)

    def write(self, settings: dict[str, Any]) -> None:
        self.settings = settings
        self.path.write_text(yaml.safe_dump(settings))

    def command(self, *words: object) -> list[str]:
        first = 2 if words[0] == "topics" else 1
        texts = [str(word) for word in words]
        return [sys.executable, "-m", "stream", *texts[:first], str(self.path), *texts[first:]]

    def call(self, *words: object, timeout_s: float = 60) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.command(*words),
            cwd=ROOT,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=timeout_s,
        )

    def work_until(self, role: str, count: int) -> None:
        """Run a worker until a topic holds so many records, then stop it with SIGTERM."""
        output = self.folder / "run.log"
        with output.open("w") as file:
            process = subprocess.Popen(
                self.command("run"), cwd=ROOT, env=self.environment, stdout=file, stderr=file
            )
        try:
            deadline = time.monotonic() + 60
            while len(self.committed(role)) < count:
                assert process.poll() is None, output.read_text()
                assert time.monotonic() < deadline, output.read_text()
                time.sleep(0.3)
            process.send_signal(signal.SIGTERM)
            assert process.wait(30) == 0, output.read_text()
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()

    def admin(self) -> LogAdmin:
        return open_admin(load_config(self.path, self.environment))

    def committed(self, role: str) -> list[bytes]:
        topic = load_config(self.path, {}).topics.model_dump()[role]
        admin = self.admin()
        try:
            count = admin.topics()[topic]
            sources = [TopicPartition(topic, number) for number in range(count)]
            return [value for source in sources for value in committed_values(admin, source)]
        finally:
            admin.close()

    def refused(self, *words: str) -> str:
        """The one line of `run`; `doctor` must find something wrong as well."""
        done = self.call("run")
        assert done.returncode == 2, done.stderr
        (line,) = done.stderr.splitlines()
        assert line.startswith("driftgate: ")
        assert all(word in line for word in words), line
        found = self.call("doctor", "--json")
        assert found.returncode == 2, found.stderr
        assert found.stderr == ""
        assert json.loads(found.stdout)["ok"] is False
        return line


@pytest.fixture
def pipeline(tmp_path: Path, kafka_broker: str) -> Pipeline:
    return Pipeline(tmp_path, kafka_broker)


def test_the_kafka_example_and_a_huge_record(pipeline: Pipeline) -> None:
    if not ELECTRICITY.exists():
        pytest.skip(f"{ELECTRICITY} is absent; set DRIFTGATE_DATA")
    huge, features = os.urandom(5_000_000).hex().encode(), f"{pipeline.app}.features"
    admin = pipeline.admin()
    admin.create([TopicSpec(features, 4, 1, {"max.message.bytes": "16777216"})])
    admin.close()
    created = pipeline.call("topics", "create")
    assert created.returncode == 0, created.stderr
    assert created.stdout.count("created") == 4
    doctor = pipeline.call("doctor")
    assert doctor.returncode == 0, doctor.stdout
    admin = pipeline.admin()
    admin.append([OutputBatch(TopicPartition(features, 0), [1], [b"huge"], [huge])])
    admin.close()
    loaded = pipeline.call("topics", "load", "--data", ELECTRICITY, "--limit", LIMIT)
    assert loaded.returncode == 0, loaded.stderr
    warm = pipeline.call("warmup", timeout_s=COMPILING_S)
    assert warm.returncode == 0, warm.stderr
    pipeline.work_until("predictions", LIMIT)
    assert "compiled=0" in (pipeline.folder / "run.log").read_text()
    ids = [json.loads(value)["id"] for value in pipeline.committed("predictions")]
    assert sorted(map(int, ids)) == list(range(LIMIT))
    assert pipeline.committed("dead_letters") == [huge]
    assert any(path.is_file() for path in (pipeline.folder / "checkpoints").rglob("*"))
    tail = pipeline.call("topics", "tail", "predictions", "--limit", 3)
    assert len([json.loads(line)["prediction"] for line in tail.stdout.splitlines()]) == 12
    dead = pipeline.call("topics", "tail", "dead_letters")
    assert "at most 1048576 bytes" in dead.stdout


def test_missing_topics(pipeline: Pipeline) -> None:
    pipeline.refused(f"{pipeline.app}.features", "driftgate topics create")


def test_partition_counts_that_differ(pipeline: Pipeline) -> None:
    assert pipeline.call("topics", "create").returncode == 0
    admin = pipeline.admin()
    admin.add_partitions(f"{pipeline.app}.features", 5)
    admin.close()
    pipeline.refused("partitions: ", f"`{pipeline.app}.features` has 5", "topics create")


def test_wrong_credentials(pipeline: Pipeline, dev_kafka: Broker) -> None:
    pipeline.environment |= {
        "DRIFTGATE_BOOTSTRAP": dev_kafka.addresses["SASL"],
        "DRIFTGATE_SASL_USERNAME": SASL_USER,
        "DRIFTGATE_SASL_PASSWORD": "wrong-password",
    }
    security = {"protocol": "SASL_PLAINTEXT", "sasl_mechanism": "PLAIN"}
    pipeline.write({**pipeline.settings, "log": {**pipeline.settings["log"], "security": security}})
    line = pipeline.refused(f"user `{SASL_USER}`")
    assert "wrong-password" not in line


def test_a_session_timeout_beyond_the_brokers_bounds_ends_the_run(pipeline: Pipeline) -> None:
    settings = pipeline.settings
    log = {**settings["log"], "session_timeout": "3h"}
    pipeline.write({**settings, "log": log, "model": {"name": "last_label"}})
    assert pipeline.call("topics", "create").returncode == 0
    done = pipeline.call("run")
    assert done.returncode == 2, done.stderr
    told = [line for line in done.stderr.splitlines() if line.startswith("driftgate: ")]
    assert len(told) == 1, done.stderr
    assert "log.session_timeout must be between" in told[0]
