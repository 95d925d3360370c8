"""Resets and rebuilds on a real broker, beside running workers and after what a broker forgets.

All else about them: tests/replay/test_reset.py and test_rebuild.py.
"""

from __future__ import annotations

import json
import logging
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import yaml
from kafka import OffsetAndMetadata
from kafka import TopicPartition as ClientPartition
from kafka.admin import KafkaAdminClient
from typer.testing import CliRunner

from stream.checkpoint.reads import InlineReads
from stream.checkpoint.store import CheckpointStore
from stream.checkpoint.writer import InlineWriter
from stream.cli.app import app
from stream.cli.topic_setup import topic_specs
from stream.config.pipeline import Config
from stream.errors import DriftgateError, OvertakenError, SetupError
from stream.evaluate import Recorder, committed_values
from stream.loading.load import load_config
from stream.log.base import OutputBatch, TopicPartition
from stream.log.kafka import KafkaAdmin, KafkaLog, KafkaSettings
from stream.recovery.lifecycle import State, Status
from stream.topology import PartsBuilder
from stream.worker.worker import Worker
from tests.builders import event, toy_config
from tests.stream.log.worlds import QUICK

pytestmark = pytest.mark.kafka

COUNT = 200


@pytest.fixture(autouse=True)
def _quiet(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL, logger="kafka")


class Pipeline:
    """One app with inline labels, in two partitions, and its workers as threads."""

    def __init__(self, folder: Path, bootstrap: str) -> None:
        self.app = f"reset-{uuid.uuid4().hex[:8]}"
        self.folder, self.path = folder / "checkpoints", folder / "toy.yaml"
        self.log = {"type": "kafka", "bootstrap": bootstrap, "partitions": 2, **QUICK}
        self.write()
        self.config = load_config(self.path, {})
        self.settings = KafkaSettings(self.config.log, self.app)  # type: ignore[arg-type]
        self.admin = KafkaAdmin(self.settings)
        self.admin.create(topic_specs(self.config))
        self.client = KafkaAdminClient(bootstrap_servers=bootstrap)

    def write(self, **changes: Any) -> None:
        config = toy_config(
            **{
                "app": self.app,
                "log": self.log,
                "checkpoint": {"store": f"file://{self.folder}", "interval": "100ms"},
                "detectors": [],
                **changes,
            }
        )
        dump = config.model_dump(mode="json", by_alias=True, exclude_none=True)
        self.path.write_text(yaml.safe_dump(dump))

    def close(self) -> None:
        self.client.close()
        self.admin.close()

    def source(self, partition: int, role: str = "features") -> TopicPartition:
        return TopicPartition(f"{self.app}.{role}", partition)

    def fill(self, partition: int, first: int, count: int) -> None:
        numbers = range(first, first + count)
        values = [event(a=n % 7 / 7, y="yes" if n % 7 > 3 else "no") for n in numbers]
        keys = [b"%d-%d" % (partition, n) for n in numbers]
        times = [1_000_000 + n for n in numbers]
        self.admin.append([OutputBatch(self.source(partition), times, keys, values)])

    def predictions(self, partition: int) -> list[str]:
        """Ids of what was predicted, in order."""
        source = self.source(partition, "predictions")
        return [json.loads(value)["id"] for value in committed_values(self.admin, source)]

    def ids_twice(self) -> list[str]:
        counts = Counter(self.predictions(0) + self.predictions(1))
        return [name for name, count in counts.items() if count > 1]

    def checkpoints(self, partition: int) -> list[Path]:
        return sorted((self.folder / self.app / str(partition)).glob("*.checkpoint"))

    def alone(self, count: int, partition: int = 0) -> None:
        """Let a worker come, and go once so much is predicted."""
        with Running(self) as running:
            running.until(lambda: len(self.predictions(partition)) >= count)

    def call(self, *words: object) -> str:
        """Call a command; what it prints."""
        name, *rest = words
        texts = [str(name), str(self.path), *map(str, rest)]
        result = CliRunner().invoke(app, texts)
        if isinstance(result.exception, DriftgateError):
            raise result.exception
        assert result.exit_code == 0, result.output
        return result.stdout


class Running:
    """A worker in a thread; the block ends with its orderly end."""

    def __init__(self, pipeline: Pipeline) -> None:
        config: Config = load_config(pipeline.path, {})
        store = CheckpointStore(config.checkpoint.store, config.app, 3)
        self.log = KafkaLog(KafkaSettings(config.log, config.app))  # type: ignore[arg-type]
        self.worker = Worker(
            config,
            self.log,
            store,
            PartsBuilder(config),
            Recorder(),
            writer=InlineWriter(store),
            reads=InlineReads(),
        )
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Running:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(60)
        self.log.close()
        assert not self._thread.is_alive()

    def _run(self) -> None:
        self.worker.start()
        self.worker.run(self._stop)
        self.worker.close()

    def status(self, partition: int) -> Status | None:
        return next((s for s in self.worker.statuses if s.partition == partition), None)

    def at(self, partition: int, state: State) -> Callable[[], bool]:
        return lambda: (found := self.status(partition)) is not None and found.state is state

    def failed(self, partition: int) -> str:
        """Wait until a partition has failed; why."""
        self.until(self.at(partition, State.FAILED))
        found = self.status(partition)
        return found.reason if found is not None else ""

    def until(self, condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + 60
        while not condition():
            assert time.monotonic() < deadline, self.worker.statuses
            assert self._thread.is_alive()
            time.sleep(0.1)


@pytest.fixture
def pipeline(tmp_path: Path, kafka_broker: str) -> Iterator[Pipeline]:
    opened = Pipeline(tmp_path, kafka_broker)
    yield opened
    opened.close()


def test_offsets_that_the_broker_forgot_come_back_from_the_journal(pipeline: Pipeline) -> None:
    pipeline.fill(0, 0, COUNT)
    pipeline.alone(COUNT)
    # What a broker does after offsets.retention.minutes without members.
    pipeline.client.delete_groups([pipeline.app])
    pipeline.fill(0, COUNT, 10)
    pipeline.alone(COUNT + 10)
    assert pipeline.ids_twice() == []


def test_offsets_that_kafkas_own_tools_moved_are_refused_and_restored(pipeline: Pipeline) -> None:
    pipeline.fill(0, 0, COUNT)
    pipeline.alone(COUNT)
    moved = {ClientPartition(*pipeline.source(0)): OffsetAndMetadata(150, "", -1)}
    pipeline.client.alter_group_offsets(pipeline.app, moved)
    pipeline.fill(0, COUNT, 10)
    with Running(pipeline) as running:
        assert "`driftgate reset CONFIG --to journal`" in running.failed(0)
    pipeline.call("reset", "--partition", 0, "--to", "journal", "--yes")
    pipeline.alone(COUNT + 10)
    assert pipeline.ids_twice() == []


def test_a_trimmed_partition_is_reset_while_its_worker_goes_on_with_the_others(
    pipeline: Pipeline,
) -> None:
    for partition in (0, 1):
        pipeline.fill(partition, 0, COUNT)
    pipeline.alone(COUNT, 1)
    pipeline.alone(COUNT, 0)
    for partition in (0, 1):
        pipeline.fill(partition, COUNT, COUNT)
    pipeline.admin.trim(pipeline.source(0), COUNT + 50)
    with Running(pipeline) as running:
        reason = running.failed(0)
        assert "50 were removed unread" in reason
        assert "--partition 0 --to earliest --keep-model" in reason
        running.until(lambda: len(pipeline.predictions(1)) == 2 * COUNT)
        words = ("reset", "--partition", 0, "--to", "earliest", "--keep-model", "--yes")
        with pytest.raises(SetupError, match=r"partition 0 of `reset-.*--force"):
            pipeline.call(*words)
        assert "50 skipped" in pipeline.call(*words, "--force")
        running.until(lambda: len(pipeline.predictions(0)) == 2 * COUNT - 50)
        pipeline.fill(1, 2 * COUNT, 10)
        running.until(lambda: len(pipeline.predictions(1)) == 2 * COUNT + 10)
    assert pipeline.ids_twice() == []


def test_a_live_partition_that_is_moved_by_force_recovers_in_its_new_life(
    pipeline: Pipeline,
) -> None:
    pipeline.fill(0, 0, COUNT)
    pipeline.fill(1, 0, COUNT)
    with Running(pipeline) as running:
        running.until(lambda: len(pipeline.predictions(0) + pipeline.predictions(1)) == 2 * COUNT)
        begin = running.worker.tasks[1].life
        pipeline.call("reset", "--partition", 1, "--to", "earliest", "--yes", "--force")
        pipeline.fill(1, COUNT, 10)  # its next commit is refused
        running.until(lambda: len(pipeline.predictions(1)) == 2 * COUNT + 10)
        assert running.worker.tasks[1].life != begin
        assert running.worker.tasks[0].life != running.worker.tasks[1].life
    assert len(pipeline.predictions(0)) == COUNT
    assert set(pipeline.ids_twice()) == {f"1-{number}" for number in range(COUNT)}


def test_a_partition_under_load_is_moved_by_force_or_not_and_nothing_comes_twice(
    pipeline: Pipeline,
) -> None:
    stop, sent = threading.Event(), iter(range(0, 100_000, 10))

    def feed() -> None:
        while not stop.wait(0.03):
            pipeline.fill(0, next(sent), 10)

    feeder = threading.Thread(target=feed)
    with Running(pipeline) as running:
        feeder.start()
        try:
            running.until(lambda: len(pipeline.predictions(0)) > COUNT)
            words = ("reset", "--partition", 0, "--to", "latest", "--keep-model", "--yes")
            with suppress(OvertakenError):  # its worker commits too often
                pipeline.call(*words, "--force")
        finally:
            stop.set()
            feeder.join()
        last = next(sent)
        pipeline.fill(0, last, 10)
        running.until(lambda: f"0-{last + 9}" in pipeline.predictions(0))
    numbers = [int(name.removeprefix("0-")) for name in pipeline.predictions(0)]
    assert numbers == sorted(set(numbers))


def test_a_topic_made_anew_begins_a_second_life_that_needs_no_checkpoint(
    pipeline: Pipeline,
) -> None:
    pipeline.fill(0, 0, COUNT)
    pipeline.alone(COUNT)
    pipeline.admin.delete([pipeline.source(0).topic])
    pipeline.admin.create(topic_specs(pipeline.config))
    pipeline.fill(0, 1000, COUNT)
    with Running(pipeline) as running:
        reason = running.failed(0)
        assert f"{pipeline.source(0).topic}" in reason
        assert "made anew" in reason
        assert "--partition 0 --to earliest" in reason
    with pytest.raises(SetupError, match=f"`{pipeline.source(0).topic}` was deleted"):
        pipeline.call("reset", "--to", "journal", "--yes")
    pipeline.call("reset", "--to", "earliest", "--yes")
    pipeline.alone(2 * COUNT)
    for path in pipeline.checkpoints(0):
        path.unlink()
    pipeline.fill(0, 2000, 10)
    pipeline.alone(2 * COUNT + 10)
    assert pipeline.ids_twice() == []


def test_a_journal_made_anew_under_a_worker_costs_neither_model_nor_predictions(
    pipeline: Pipeline,
) -> None:
    pipeline.fill(0, 0, COUNT)
    with Running(pipeline) as running:
        running.until(lambda: len(pipeline.predictions(0)) == COUNT)
        pipeline.admin.delete([pipeline.source(0, "journal").topic])
        pipeline.admin.create(topic_specs(pipeline.config))
        assert "`driftgate reset CONFIG --partition 0 --to committed" in running.failed(0)
        words = ("reset", "--partition", 0, "--to", "committed", "--keep-model", "--yes", "--force")
        assert "with all that was learnt" in pipeline.call(*words)
        pipeline.fill(0, COUNT, 10)
        running.until(lambda: len(pipeline.predictions(0)) == COUNT + 10)
        assert running.worker.tasks[0].parts.drift_watch.learnt == COUNT + 10
    pipeline.fill(0, COUNT + 10, 10)
    pipeline.alone(COUNT + 20)
    assert pipeline.ids_twice() == []


def test_a_model_is_rebuilt_once_its_workers_are_gone(pipeline: Pipeline) -> None:
    pipeline.fill(0, 0, COUNT)
    with Running(pipeline) as running:
        running.until(lambda: len(pipeline.predictions(0)) == COUNT)
        with pytest.raises(SetupError, match=r"all workers must be stopped.*`reset-"):
            pipeline.call("rebuild", "--yes")
    pipeline.write(model={"name": "naive_bayes"})
    with Running(pipeline) as running:
        assert "driftgate rebuild CONFIG" in running.failed(0)
    done = json.loads(pipeline.call("rebuild", "--yes", "--json"))
    assert done["ranges"] == {"0": {pipeline.source(0).topic: [0, COUNT]}}
    pipeline.fill(0, COUNT, 10)
    pipeline.alone(COUNT + 10)
    assert pipeline.ids_twice() == []
