"""A small pipeline on an embedded log: records in two topics, workers one after the other."""

from __future__ import annotations

import json
import threading
import uuid
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from stream.checkpoint.reads import InlineReads
from stream.checkpoint.store import CheckpointStore
from stream.checkpoint.writer import InlineWriter
from stream.cli.topic_setup import topic_specs
from stream.config.pipeline import Config
from stream.evaluate import Recorder, Series, committed_values, delay_labels, snapshot_digest
from stream.log.base import OutputBatch, TopicPartition
from stream.log.embedded import EmbeddedAdmin, EmbeddedLog
from stream.log.embedded.group import EmbeddedGroup
from stream.recovery.change import Change, carry_out
from stream.recovery.inventory import Inventory, take_inventory
from stream.recovery.reset import Resets
from stream.recovery.settings import Builds
from stream.topology import PartsBuilder
from stream.worker.worker import Worker
from tests.builders import stream, toy_config

EVENTS, LABELS = TopicPartition("toy.features", 0), TopicPartition("toy.labels", 0)
JOURNAL, PREDICTIONS = TopicPartition("toy.journal", 0), TopicPartition("toy.predictions", 0)
DELAY = 20  # events between an event and its label


class Pipeline:
    """One app with its log and its store; `stem` tells those of a test apart."""

    def __init__(self, folder: Path, stem: str = "toy", **changes: Any) -> None:
        self.folder = folder / stem
        self.config = toy_config(
            **{
                "log": {"type": "embedded", "path": f":memory:{uuid.uuid4().hex}"},
                "labels": {"source": "topic", "max_delay": "1h", "wait_for_other": "1h"},
                "steps": {"records_max": 100},
                "checkpoint": {"store": f"file://{self.folder}", "interval": "1ms"},
                "detectors": [],
                **changes,
            }
        )
        self.path: str = self.config.log.path  # type: ignore[union-attr]
        self.admin = EmbeddedAdmin(self.path)
        self.admin.create(topic_specs(self.config))
        self.store = CheckpointStore(self.config.checkpoint.store, "toy", 1000)

    # Records.

    def fill(self, first: int, count: int, delays: Sequence[int] | None = None) -> None:
        """Append events of these numbers, each a second after the other, and their labels.

        Labels come `DELAY` events later, or each after its own delay in seconds.
        """
        made = stream(first + count, seed=5)[first:]
        times = [1000 * number for number in range(first, first + count)]
        keys = [b"e%d" % number for number in range(first, first + count)]
        values = [msgspec.json.encode({name: each[name] for name in "abc"}) for each in made]
        labels = [msgspec.json.encode({"y": each["y"]}) for each in made]
        self.append(EVENTS, Series(keys, values, times))
        if self.config.labels.source == "topic":
            late = delay_labels(times, DELAY)
            if delays is not None:
                late = [max(0, at + 1000 * by) for at, by in zip(times, delays, strict=True)]
            self.append(LABELS, Series(keys, labels, late))

    def append(self, target: TopicPartition, series: Series) -> None:
        batch = OutputBatch(target, series.timestamps, series.keys, series.values)
        self.admin.append([batch])

    def records(self, source: TopicPartition) -> Series:
        """All that is kept of a partition."""
        bounds = self.admin.bounds(source)
        (batch,) = self.admin.read(source, *bounds)
        return Series(batch.keys, batch.values, batch.timestamps)

    def make_anew(self, *topics: str) -> None:
        """Delete topics and create them again."""
        self.admin.delete(topics)
        self.admin.create(topic_specs(self.config))

    # Workers.

    def worker(self, config: Config | None = None) -> Worker:
        config = config or self.config
        store = CheckpointStore(config.checkpoint.store, "toy", config.checkpoint.keep)
        log, writer = EmbeddedLog(self.path, "toy"), InlineWriter(store)
        worker = Worker(
            config, log, store, PartsBuilder(config), Recorder(), writer=writer, reads=InlineReads()
        )
        worker.start()
        return worker

    def work(self, config: Config | None = None) -> str:
        """Take all there is, and leave in an orderly way; the digest of the state."""
        worker = self.worker(config)
        worker.catch_up(threading.Event())
        state = snapshot_digest(worker.tasks[0])
        worker.close()
        return state

    def vanish(self, turns: int) -> None:
        """Work for some turns, and disappear without a word."""
        worker = self.worker()
        for _ in range(turns):
            worker._turn()

    # What came of it.

    def predictions(self) -> list[bytes]:
        return list(committed_values(self.admin, PREDICTIONS))

    def ids(self) -> list[str]:
        return [json.loads(value)["id"] for value in self.predictions()]

    def ids_twice(self) -> list[str]:
        return [name for name, count in Counter(self.ids()).items() if count > 1]

    def checkpoints(self) -> list[Path]:
        return sorted((self.folder / "toy" / "0").glob("*.checkpoint"))

    # Commands.

    def resets(self, config: Config | None = None) -> Resets:
        config = config or self.config
        self.log, self.group = EmbeddedLog(self.path, "toy"), EmbeddedGroup(self.path, "toy")
        builds = Builds(config, PartsBuilder(config))
        return Resets(config, builds, self.log, self.group, self.store)

    def inventory(self) -> Inventory:
        self.resets()
        return take_inventory(self.config, self.log, self.store, 0)

    def carry_out(self, change: Change) -> None:
        carry_out([change], self.log, self.group, self.store)


def predicted(value: bytes) -> tuple[Any, ...]:
    """What a prediction says, but for where its event stands."""
    found = json.loads(value)
    return tuple((name, str(found[name])) for name in sorted(found) if name != "source")
