"""A filled log in memory with several partitions, workers on it, and logs that misbehave."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from operators.snapshot import digest
from stream.checkpoint.reads import InlineReads
from stream.checkpoint.store import CheckpointStore
from stream.checkpoint.writer import InlineWriter
from stream.cli.topic_setup import topic_specs
from stream.config.pipeline import Config
from stream.evaluate import Series, committed_values, delay_labels
from stream.log.base import OutputBatch, TopicPartition
from stream.log.embedded import EmbeddedAdmin, EmbeddedLog
from stream.observe.observer import Observer
from stream.topology import PartsBuilder
from stream.worker.worker import Worker
from tests.builders import stream, toy_config

COUNT = 400
"""Events of each partition."""


class StepClock:
    """A clock that moves on each time it is asked, so that a slice of a restore is one step."""

    def __init__(self, step_s: float = 1.0) -> None:
        self.now_s = 0.0
        self.step_s = step_s

    def monotonic(self) -> float:
        self.now_s += self.step_s
        return self.now_s

    def wait(self, seconds: float, stop: threading.Event) -> None:
        self.now_s += seconds


class World:
    """See the module.

    Parameters
    ----------
    folder
        Of the checkpoints.
    partitions
        Each holds the same number of other events, and their labels 50 events later.
    """

    def __init__(self, folder: Path, partitions: int = 1, **changes: Any) -> None:
        self.partitions = partitions
        self.config = toy_config(
            **{
                "log": {
                    "type": "embedded",
                    "path": f":memory:{uuid.uuid4().hex}",
                    "partitions": partitions,
                },
                "labels": {"source": "topic", "max_delay": "1h", "wait_for_other": "1h"},
                "model": {"name": "naive_bayes"},
                "detectors": [],
                "steps": {"records_max": 20},
                "checkpoint": {"store": f"file://{folder}", "interval": "1ms", "keep": 100},
                "on_failure": "isolate",
                **changes,
            }
        )
        self.folder = folder
        self.path: str = self.config.log.path  # type: ignore[union-attr]
        self.admin = EmbeddedAdmin(self.path)
        self.admin.create(topic_specs(self.config))
        for partition in range(partitions):
            self.fill(partition, 0, COUNT)

    def fill(self, partition: int, first: int, stop: int) -> None:
        """Append events first .. stop - 1 of a partition, and their labels."""
        made = stream(COUNT, seed=5 + partition)[first:stop]
        times = [1000 * number for number in range(first, stop)]
        keys = [record["id"].encode() for record in made]
        events = [msgspec.json.encode({n: record[n] for n in "abc"}) for record in made]
        labels = [msgspec.json.encode({"y": record["y"]}) for record in made]
        for topic, series in (
            ("toy.features", Series(keys, events, times)),
            ("toy.labels", Series(keys, labels, delay_labels(times, 50))),
        ):
            target = TopicPartition(topic, partition)
            self.admin.append([OutputBatch(target, series.timestamps, series.keys, series.values)])

    def worker(
        self,
        log: EmbeddedLog | None = None,
        config: Config | None = None,
        observer: Observer | None = None,
        **changes: Any,
    ) -> Worker:
        config = config or self.config
        store = changes.pop(
            "store", CheckpointStore(config.checkpoint.store, config.app, config.checkpoint.keep)
        )
        return Worker(
            config,
            log or EmbeddedLog(self.path, "toy"),
            store,
            changes.pop("build", PartsBuilder(config)),
            observer or Observer(),
            **{
                "writer": InlineWriter(store),
                "reads": InlineReads(),
                "clock": StepClock(0.01),
                **changes,
            },
        )

    def run(self, worker: Worker, until: Callable[[], bool] | None = None) -> None:
        """Turn until all is taken, or until something holds."""
        worker.start()
        self.go_on(worker, until)

    @staticmethod
    def go_on(worker: Worker, until: Callable[[], bool] | None = None) -> None:
        stop = threading.Event()
        for _ in range(3000):
            worker._turn_or_recover(stop)
            if worker._caught_up() if until is None else until():
                return
        raise AssertionError(f"too many turns: {worker.statuses}")

    def finish(self, worker: Worker) -> list[str]:
        """Run to the end of the inputs and leave; digests of all states."""
        self.run(worker)
        digests = [digest(task.snapshot()) for _, task in sorted(worker.tasks.items())]
        worker.close()
        return digests

    def predictions(self, partition: int = 0) -> list[bytes]:
        return self.values("predictions", partition)

    def values(self, role: str, partition: int = 0) -> list[bytes]:
        topic = self.config.topics.model_dump()[role]
        return list(committed_values(self.admin, TopicPartition(topic, partition)))

    def steps(self, partition: int = 0) -> list[int]:
        """Numbers of the committed steps, as the journal has them."""
        return [msgspec.json.decode(v)["step"] for v in self.values("journal", partition)]

    def checkpoints(self, partition: int = 0) -> list[Path]:
        return sorted((self.folder / "toy" / str(partition)).glob("*.checkpoint"))


def calm(folder: Path, partitions: int = 1, **changes: Any) -> tuple[list[str], list[list[bytes]]]:
    """What an undisturbed run leaves behind: digests of states, predictions."""
    world = World(folder / "calm", partitions, **changes)
    digests = world.finish(world.worker())
    return digests, [world.predictions(partition) for partition in range(partitions)]
