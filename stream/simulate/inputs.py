"""What the workers are given: events and labels, some of them late, lost, twice or unreadable."""

from __future__ import annotations

import random
from dataclasses import dataclass

import msgspec

from stream.config.pipeline import Config
from stream.log.base import TopicPartition
from stream.simulate.broker import Cluster
from stream.simulate.partition import Entry, Outcome
from stream.simulate.store import PROTOCOL

APP = "sim"
_START_MS = 1_700_000_000_000
_LABEL_DELAY_MAX_S = 60
_OUTPUTS = ("predictions", "drift", "dead-letters", "journal")


@dataclass(frozen=True)
class Shape:
    """Size and form of a history's inputs, and how workers take them.

    Parameters
    ----------
    seed
        Of the records.
    partitions, events
        How many, and how many events each partition holds.
    own_topic
        Whether labels come in a topic of their own.
    label_delay_s
        Event time between an event and its label, on average.
    workers
        How many run.
    records_max
        Records of a step.
    fetch_records
        Records that one fetch brings.
    work_s
        Simulated seconds in which the records come, when nothing goes wrong.
    replay_s
        Simulated seconds that a replayed record costs.
    checkpoint_s
        Interval between checkpoints.
    transactional
        Whether the inputs come in transactions, some of them aborted.
    """

    seed: int
    partitions: int
    events: int
    own_topic: bool
    label_delay_s: int
    workers: int
    records_max: int
    fetch_records: int
    work_s: float
    replay_s: float
    checkpoint_s: float
    transactional: bool

    @property
    def fetch_s(self) -> float:
        """Simulated seconds that a record takes to come, beside those of other partitions."""
        return self.work_s / self.events


def config_of(shape: Shape) -> Config:
    """Make the pipeline of a history."""
    return Config.model_validate(
        {
            "app": APP,
            "log": {"type": "kafka", "bootstrap": "simulated:9092"},
            "schema": {
                "features": [
                    {"name": "a", "type": "float"},
                    {"name": "b", "type": "category", "categories_max": 8},
                ],
                "duplicates_window": 1000,
            },
            "target": {"type": "classification", "path": "$.y", "classes": [0, 1]},
            "labels": {
                "source": "topic" if shape.own_topic else "inline",
                "max_delay": f"{_LABEL_DELAY_MAX_S}s",
                "wait_for_other": "30d",
            },
            "model": {"name": "naive_bayes"},
            "detectors": [{"name": "ddm"}],
            "steps": {"records_max": shape.records_max},
            "checkpoint": {
                "store": f"{PROTOCOL}://disk",
                "interval": f"{round(1000 * shape.checkpoint_s)}ms",
            },
        }
    )


def fill(cluster: Cluster, shape: Shape) -> None:
    """Make the topics, and put everything into the inputs."""
    cluster.create(f"{APP}.features", shape.partitions)
    if shape.own_topic:
        cluster.create(f"{APP}.labels", shape.partitions)
    for name in _OUTPUTS:
        cluster.create(f"{APP}.{name}", shape.partitions)
    for number in range(shape.partitions):
        rng = random.Random(f"{shape.seed}/{number}")
        events, labels = _records(rng, shape, number)
        _append(cluster, rng, shape, TopicPartition(f"{APP}.features", number), events)
        if shape.own_topic:
            _append(cluster, rng, shape, TopicPartition(f"{APP}.labels", number), labels)


def _records(rng: random.Random, shape: Shape, number: int) -> tuple[list[Entry], list[Entry]]:
    events: list[Entry] = []
    labels: list[tuple[int, Entry]] = []
    for index in range(shape.events):
        key = f"{number}-{index}".encode()
        time = _START_MS + 1000 * index
        a = rng.gauss(0.0, 1.0)
        # Half way the rule turns round, so that the detector has something to say.
        label = int((a > 0) == (index < shape.events // 2)) if rng.random() < 0.9 else 0
        record = {"a": a, "b": rng.choice("uvw")}
        if not shape.own_topic:
            record["y"] = label
        value = msgspec.json.encode(record)
        if rng.random() < 0.02:
            value = b"{unreadable"
        events.append(Entry(time, key, value, []))
        if rng.random() < 0.03:
            events.append(Entry(time, key, value, []))
        if rng.random() < 0.95:
            delay_ms = round(1000 * shape.label_delay_s * rng.uniform(-0.05, 2.0))
            entry = Entry(time + delay_ms, key, msgspec.json.encode({"y": label}), [])
            labels += [(entry.timestamp, entry)] * (2 if rng.random() < 0.03 else 1)
    labels.sort(key=lambda pair: pair[0])
    return events, [entry for _, entry in labels]


def _append(
    cluster: Cluster, rng: random.Random, shape: Shape, source: TopicPartition, entries: list[Entry]
) -> None:
    partition = cluster.partition(source)
    place = 0
    while place < len(entries):
        if not shape.transactional:
            partition.append(entries)
            return
        piece = entries[place : place + rng.randint(1, 30)]
        outcome = Outcome(1, 0, 0.0)
        if rng.random() < 0.2:  # aborted: its records take offsets, and nobody may see them
            partition.append([entry._replace(outcome=outcome) for entry in piece])
            partition.mark(outcome, committed=False, timestamp=piece[-1].timestamp)
            continue
        partition.append([entry._replace(outcome=outcome) for entry in piece])
        partition.mark(outcome, committed=True, timestamp=piece[-1].timestamp)
        place += len(piece)
