"""The undisturbed run, and what must hold of a history in comparison.

The expected outputs come from the partition task alone: all records of a partition in one piece,
no log, no commits, no recovery.
"""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass, replace
from functools import lru_cache

from operators.snapshot import digest
from stream.checkpoint.format import decode
from stream.errors import CheckpointError
from stream.journal import StepNote, decode_entry
from stream.log.base import Headers, OutputBatch, TopicPartition
from stream.simulate.broker import Cluster, Limits
from stream.simulate.clock import Scheduler
from stream.simulate.history import History
from stream.simulate.inputs import APP, Shape, config_of, fill
from stream.simulate.store import Disk
from stream.task import PartitionTask
from stream.topology import build_parts

Row = tuple[bytes | None, bytes | None]


@dataclass(frozen=True)
class Expected:
    """What the undisturbed run makes of one partition."""

    predictions: list[Row]
    drift: list[Row]
    dead: Counter[tuple[bytes | None, bytes | None, str]]
    offsets: dict[str, int]
    state: str


def expected_of(shape: Shape, partition: int) -> Expected:
    """Run one partition undisturbed."""
    plain = replace(
        shape,
        partitions=partition + 1,
        workers=1,
        records_max=1000,
        fetch_records=1000,
        work_s=0.0,
        replay_s=0.0,
        checkpoint_s=1000.0,
    )
    return _run(plain, partition)


@lru_cache(maxsize=512)
def _run(shape: Shape, partition: int) -> Expected:
    cluster = Cluster(Scheduler(), random.Random(0), Limits())
    fill(cluster, shape)
    parts = build_parts(config_of(shape), partition)
    task = PartitionTask(parts, dict.fromkeys(parts.input_topics, 0))
    for topic in parts.input_topics:
        task.accept(cluster.partition(TopicPartition(topic, partition)).committed())
    outputs: list[OutputBatch] = []
    while (step := task.step(dict.fromkeys(parts.input_topics, False), 100_000)) is not None:
        outputs += step.outputs
    return Expected(
        _rows(outputs, "predictions"),
        _rows(outputs, "drift"),
        Counter(
            (key, value, _reason(headers))
            for batch in outputs
            if batch.target.topic == f"{APP}.dead-letters"
            for key, value, headers in zip(
                batch.keys, batch.values, batch.headers or [], strict=True
            )
        ),
        {source.topic: offset for source, offset in task.offsets.items()},
        digest(task.snapshot()),
    )


def _rows(outputs: list[OutputBatch], name: str) -> list[Row]:
    return [
        row
        for batch in outputs
        if batch.target.topic == f"{APP}.{name}"
        for row in zip(batch.keys, batch.values, strict=True)
    ]


def _reason(headers: Headers) -> str:
    return "|".join(f"{name}={value.decode()}" for name, value in headers if name != "app")


def unread(cluster: Cluster, shape: Shape) -> list[int]:
    """Partitions whose inputs are not committed to their ends."""
    return [
        partition
        for partition in range(shape.partitions)
        if not _is_read(cluster, partition, expected_of(shape, partition))
    ]


def taken(cluster: Cluster, partition: int) -> int:
    """Sum of a partition's committed offsets."""
    return sum(
        committed.offset
        for source, committed in cluster.offsets.items()
        if source.partition == partition
    )


def _is_read(cluster: Cluster, partition: int, expected: Expected) -> bool:
    entries = [decode_entry(value) for _, value in _committed(cluster, "journal", partition)]
    for topic, offset in expected.offsets.items():
        committed = cluster.offsets.get(TopicPartition(topic, partition))
        if committed is not None:
            at = committed.offset
        else:  # lost; the journal tells, and nothing commits them anew before the next record
            at = entries[-1].ranges[topic].next if entries else 0
        if at < offset:
            return False
    return True


def compare(
    cluster: Cluster, disk: Disk, shape: Shape, excused: set[int], history: History
) -> None:
    """Note every difference from the undisturbed run.

    Of partitions that are excused from going on, what they wrote must be its beginning.
    """
    for partition in range(shape.partitions):
        expected = expected_of(shape, partition)
        if partition in excused:
            _compare_beginning(cluster, partition, expected, history)
            continue
        _compare_predictions(cluster, partition, expected, history)
        _compare_others(cluster, partition, expected, history)
        steps = _check_journal(cluster, partition, history)
        _compare_state(cluster, disk, partition, steps, expected, history)


def _compare_beginning(
    cluster: Cluster, partition: int, expected: Expected, history: History
) -> None:
    found = _committed(cluster, "predictions", partition)
    if found != expected.predictions[: len(found)]:
        history.diverge("different", f"partition {partition}: not as it ought to begin")
    _check_journal(cluster, partition, history)


def _compare_predictions(
    cluster: Cluster, partition: int, expected: Expected, history: History
) -> None:
    found = _committed(cluster, "predictions", partition)
    if found == expected.predictions:
        return
    times = Counter(key for key, _ in found)
    repeated = sum(count - 1 for count in times.values() if count > 1)
    missing = sum(key not in times for key, _ in expected.predictions)
    if repeated:
        history.diverge("repeated", f"partition {partition}: {repeated} predictions twice")
    if missing:
        passed = _is_read(cluster, partition, expected)
        history.diverge(
            "lost" if passed else "missing", f"partition {partition}: {missing} predictions missing"
        )
    if not repeated and not missing:
        wanted = dict(expected.predictions)
        others = sum(wanted.get(key) != value for key, value in found)
        history.diverge("different", f"partition {partition}: {others} predictions differ")


def _compare_others(cluster: Cluster, partition: int, expected: Expected, history: History) -> None:
    source = cluster.partition(TopicPartition(f"{APP}.dead-letters", partition))
    offsets, _ = source.visible(0, source.end, source.end + 1)
    dead = Counter(
        (entry.key, entry.value, _reason(entry.headers))
        for entry in (source.entries[offset] for offset in offsets)
    )
    if dead != expected.dead:
        more, fewer = (dead - expected.dead).total(), (expected.dead - dead).total()
        history.diverge("dead letters", f"partition {partition}: {more} too many, {fewer} too few")
    drift = _committed(cluster, "drift", partition)
    if drift != expected.drift:
        history.diverge(
            "drift", f"partition {partition}: {len(drift)} records, {len(expected.drift)} expected"
        )


def _committed(cluster: Cluster, name: str, partition: int) -> list[Row]:
    batch = cluster.partition(TopicPartition(f"{APP}.{name}", partition)).committed()
    return list(zip(batch.keys, batch.values, strict=True))


def _check_journal(cluster: Cluster, partition: int, history: History) -> int:
    """Check that steps rise by one; returns how many there are."""
    steps = [decode_entry(value).step for _, value in _committed(cluster, "journal", partition)]
    for index, step in enumerate(steps):
        if step != index:
            before = steps[index - 1] if index else "the beginning"
            history.diverge("journal", f"partition {partition}: step {step} follows {before}")
            break
    return len(steps)


def _compare_state(
    cluster: Cluster,
    disk: Disk,
    partition: int,
    steps: int,
    expected: Expected,
    history: History,
) -> None:
    """Compare the newest checkpoint that is sound, if it stands at the end."""
    for path in reversed(disk.checkpoints(partition)):
        try:
            checkpoint = decode(disk.files[path], path)
        except CheckpointError:
            continue  # damaged by a fault
        if checkpoint.steps == steps and digest(checkpoint.state) != expected.state:
            history.diverge("state", f"partition {partition}: {path} differs")
        break
    for source, committed in cluster.offsets.items():
        if source.partition == partition and StepNote.parse(committed.note).steps != steps:
            history.diverge(
                "journal",
                f"partition {partition}: {steps} entries, but {committed.note!r} beside the offset",
            )
