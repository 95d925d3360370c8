"""What an operator sees of a worker: probes, metrics, log lines and exit codes, with a log away.

The observer by itself: tests/stream/observe/test_observer.py; the watchdog: tests/stream/watchdog/.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from stream.checkpoint.store import CheckpointStore
from stream.cli import run
from stream.cli.app import main
from stream.cli.topic_setup import topic_specs
from stream.drift.sources import NOBODY
from stream.errors import (
    FencedError,
    LogUnavailableError,
    RecoveryError,
    StalledError,
    StoreUnavailableError,
)
from stream.log.base import Polled, TopicPartition
from stream.log.embedded import EmbeddedLog
from stream.observe.metrics import Metrics
from stream.observe.observer import MetricsObserver
from stream.observe.server import Health
from stream.recovery.lifecycle import State
from stream.topology import input_topics
from stream.worker.worker import Worker
from tests.replay.worlds import COUNT, StepClock, World


class AwayLog(EmbeddedLog):
    """Answers nothing while it is away; a poll then returns nothing, as Kafka's client does."""

    away = False

    def poll(
        self, timeout_s: float, records_max: int, positions: Mapping[TopicPartition, int]
    ) -> Polled:
        return Polled([]) if self.away else super().poll(0.0, records_max, positions)

    def __getattribute__(self, name: str) -> Any:
        asks = ("partition_counts", "bounds", "committed", "commit", "reopen", "topic_ids")
        if name in asks and super().__getattribute__("away"):
            raise LogUnavailableError("log: no route to host. Check the broker.")
        return super().__getattribute__(name)


class Raising(AwayLog):
    """Its polls raise while it is away."""

    def poll(
        self, timeout_s: float, records_max: int, positions: Mapping[TopicPartition, int]
    ) -> Polled:
        if self.away:
            raise LogUnavailableError("log: no route to host. Check the broker.")
        return super().poll(0.0, records_max, positions)


class Watched:
    """A worker with the observer that `driftgate run` gives it."""

    def __init__(self, world: World, log: EmbeddedLog, **changes: Any) -> None:
        self.metrics, self.health = Metrics("toy"), Health(150.0)
        observer = MetricsObserver(
            self.metrics, self.health, "nb", NOBODY, 0.999, input_topics(world.config)
        )
        self.clock = StepClock(0.01)
        self.worker: Worker = world.worker(log, observer=observer, clock=self.clock, **changes)
        self.health.ask(lambda: self.worker.statuses)

    def value(self, name: str, **labels: str) -> float | None:
        return self.metrics.registry.get_sample_value(f"driftgate_{name}", {"app": "toy", **labels})

    def turn_for(self, seconds: float) -> None:
        stop, until = threading.Event(), self.clock.now_s + seconds
        while self.clock.now_s < until:
            self.worker._turn_or_recover(stop)
            self.clock.now_s += 0.2  # what a poll waits


@pytest.mark.parametrize("kind", [AwayLog, Raising])
def test_an_idle_worker_whose_broker_dies_for_95_s(tmp_path: Path, kind: type[AwayLog]) -> None:
    world = World(tmp_path, 3)
    log = kind(world.path, "toy")
    watched = Watched(world, log)
    world.run(watched.worker)
    watched.turn_for(15)
    assert watched.health.ready() == (True, ())
    assert watched.value("lag_seconds", partition="1") == 0.0
    log.away = True
    with capture_logs() as lines:
        watched.turn_for(95)
        ready = watched.health.ready()
        assert not ready.ok
        assert "the log has not answered since 20" in ready.reasons[0]
        assert watched.health.live().ok
        assert watched.value("available", remote="log") == 0.0
        for partition in "012":  # nobody knows whether anything waits
            age_s = watched.value("lag_seconds", partition=partition)
            assert age_s is not None
            assert age_s > 60
        log.away = False
        watched.turn_for(15)
    assert watched.health.ready() == (True, ())
    assert watched.value("available", remote="log") == 1.0
    assert watched.value("lag_seconds", partition="1") == 0.0
    events = [line["event"] for line in lines]
    assert events == ["log unavailable"] * (len(events) - 1) + ["log answers again"]
    assert 3 <= len(events) <= 6


def test_a_worker_whose_log_dies_while_many_partitions_restore(tmp_path: Path) -> None:
    world = World(tmp_path, 12)
    log = AwayLog(world.path, "toy")
    watched = Watched(world, log)
    watched.worker.start()
    stop = threading.Event()
    while not watched.worker.statuses:
        watched.worker._turn_or_recover(stop)
    log.away = True
    with capture_logs() as lines:
        watched.turn_for(95)
    assert len(lines) <= 12, [line["event"] for line in lines]
    assert {line["event"] for line in lines} == {"partition failed", "log unavailable"}
    assert any(len(line.get("failed", [])) > 1 for line in lines)
    assert any("failed (not working for" in reason for reason in watched.health.ready().reasons)
    shown = [watched.value("lag_seconds", partition=str(number)) for number in range(12)]
    assert all(seconds is not None and seconds > 90 for seconds in shown)


def test_a_store_that_is_away_for_a_restore_is_shown(tmp_path: Path) -> None:
    world = World(tmp_path)
    first = world.worker()
    world.run(first, lambda: len(world.steps()) >= 4)
    first.close()
    store: Any = CheckpointStore(world.config.checkpoint.store, "toy", 100)
    listed = store.listed

    def refuse(partition: int) -> Any:
        raise StoreUnavailableError("store: connection refused")

    store.listed = refuse
    watched = Watched(world, EmbeddedLog(world.path, "toy"), store=store)
    world.run(watched.worker, lambda: bool(watched.worker.lifecycle.at(State.FAILED)))
    assert watched.value("available", remote="store") == 0.0
    assert watched.value("partition_failures_total", partition="0") == 1.0
    assert watched.health.ready().reasons[-1].startswith("the checkpoint store does not answer")
    store.listed = listed
    world.go_on(watched.worker)
    assert watched.value("available", remote="store") == 1.0
    assert watched.health.ready() == (True, ())


def test_a_journal_made_anew_under_a_worker_stops_its_partitions_with_their_state_kept(
    tmp_path: Path,
) -> None:
    world = World(tmp_path, 2, checkpoint={"store": f"file://{tmp_path}", "interval": "1h"})
    watched = Watched(world, EmbeddedLog(world.path, "toy"))
    world.run(watched.worker)
    steps = {number: task.steps for number, task in watched.worker.tasks.items()}
    assert world.checkpoints() == []
    world.admin.delete(["toy.journal"])
    world.admin.create(topic_specs(world.config))
    watched.turn_for(45)
    assert [status.state for status in watched.worker.statuses] == [State.FAILED] * 2
    command = "--partition 1 --to committed --keep-model`"
    assert any(command in reason for reason in watched.health.ready().reasons)
    for number in (0, 1):
        assert int(world.checkpoints(number)[-1].stem) == steps[number]


def test_a_partition_of_which_nothing_is_committed_goes_on_by_itself(tmp_path: Path) -> None:
    world = World(tmp_path, on_failure="exit")
    specs = topic_specs(world.config)
    world.admin.delete([spec.name for spec in specs])
    world.admin.create(specs)
    watched = Watched(world, EmbeddedLog(world.path, "toy"))
    world.run(watched.worker, lambda: bool(watched.worker.tasks))
    life = watched.worker.tasks[0].life
    world.admin.delete(["toy.journal"])
    world.admin.create(specs)
    watched.turn_for(45)
    assert watched.worker.tasks[0].life != life
    world.fill(0, 0, COUNT)
    world.go_on(watched.worker)
    watched.worker.close()
    assert world.finish(world.worker())  # a start finds all of one life
    assert len(world.predictions()) > COUNT - 10


def test_where_a_failure_ends_the_worker_all_states_are_kept(tmp_path: Path) -> None:
    world = World(
        tmp_path,
        2,
        checkpoint={"store": f"file://{tmp_path}", "interval": "1h"},
        on_failure="exit",
    )
    watched = Watched(world, EmbeddedLog(world.path, "toy"))
    world.run(watched.worker)
    world.admin.delete(["toy.journal"])
    world.admin.create(topic_specs(world.config))
    with pytest.raises(RecoveryError, match="--to committed --keep-model"):
        watched.turn_for(45)
    assert [len(world.checkpoints(number)) for number in (0, 1)] == [1, 1]


@pytest.mark.parametrize(
    "error", [StalledError("toy.features[0]@7: records must come"), FencedError("toy-a: fenced")]
)
def test_an_end_for_good_is_one_line_and_a_code(
    tmp_path: Path, error: Exception, monkeypatch: Any, capsys: Any
) -> None:
    def turn(self: Worker, stop: threading.Event) -> None:
        raise error

    example = Path(__file__).parents[2] / "deploy/examples/electricity.yaml"
    monkeypatch.setattr(Worker, "_turn", turn)
    monkeypatch.setattr(run, "refuse_if_unfit", lambda config: None)
    monkeypatch.setattr(run, "warm_up", lambda config, stop: None)
    monkeypatch.setattr(Worker, "start", lambda self: None)
    monkeypatch.setattr(run, "configure_logging", lambda log_format, log_level: None)
    monkeypatch.setattr(run, "_stop_on_signals", lambda stop: None)
    monkeypatch.setenv("DRIFTGATE_LOG_PATH", str(tmp_path / "toy.db"))
    monkeypatch.setenv("DRIFTGATE_CHECKPOINT_STORE", f"file://{tmp_path}/checkpoints")
    text = example.read_text()
    path = tmp_path / "pipeline.yaml"
    path.write_text(text + ("" if "metrics:" in text else "\nmetrics: {port: 0}\n"))
    monkeypatch.setattr(sys, "argv", ["driftgate", "run", str(path)])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line == f"driftgate: {error}"
