"""T12: one record in a hundred is poison: a dead letter with its bytes, and nothing slows."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from itertools import islice

from tests.matrix.committed import read_topic
from tests.matrix.load import POISON, Item, Load, event_time, events_of
from tests.matrix.pipeline import Pipeline, unique
from tests.matrix.report import Result
from tests.matrix.stage import Inputs, Stage
from tests.matrix.workers import Fleet

_EVERY = 100
_SLOWER_MAX = 1.1
_STEPS = {"records_max": 500}
_PARTITIONS = 6


def run(stage: Stage, result: Result) -> None:
    """Take the same events with and without poison between them, twice each, in turn."""
    events, repeats = (12_000, 1) if stage.short else (100_000, 3)
    load = Load(_PARTITIONS, events, label_delay=0, seed=12)
    clean, poisoned = _filled(stage, load, poison=False), _filled(stage, load, poison=True)
    took: dict[str, list[float]] = {"clean": [], "poisoned": []}
    for _ in range(repeats):
        for name, inputs in (("clean", clean), ("poisoned", poisoned)):
            pipeline = _taken(stage, inputs)
            took[name].append(_seconds_of_commits(stage, pipeline))
    bad = events // _EVERY
    result.dose = {"records": events, "poison": bad, "partitions": _PARTITIONS, "workers": 1}
    outcome = stage.outcome(pipeline, poisoned)
    result.check("every event predicted once, in order", outcome.faults() == 0, str(outcome)[:300])
    _check_dead_letters(stage, result, pipeline, poisoned)
    ratio = min(took["poisoned"]) / min(took["clean"])
    result.figure("time, poisoned / clean", round(ratio, 2))
    if not stage.short:  # too few records to tell
        result.check("throughput loss at most 10 %", ratio <= _SLOWER_MAX, f"{ratio:.2f} {took}")


def poison_of(partition: int, number: int) -> Item:
    """A record that cannot be used, each with other bytes."""
    kinds = (
        b"%d-%d is not JSON" % (partition, number),
        b'{"a": "warm", "b": 1.0, "c": "p%d-%d"}' % (partition, number),
        b'{"a": 0.5, "b": 1.0, "c": "%d-%d' % (partition, number),
        b'{"b": 1.0, "c": "%d-%d"}' % (partition, number),
        b"[%d, %d]" % (partition, number),
        os.urandom(64),
        b"",
        None,
    )
    key = POISON + b"%d-%d" % (partition, number)
    return Item(partition, key, kinds[number // _EVERY % len(kinds)], event_time(number))


def _records(load: Load, partition: int, *, poison: bool) -> Iterator[Item]:
    for number, item in enumerate(islice(events_of(load, partition), load.events_each)):
        yield item
        if poison and number % _EVERY == 0:
            yield poison_of(partition, number)


def _filled(stage: Stage, load: Load, *, poison: bool) -> Inputs:
    inputs = stage.inputs(unique("t12"), load.partitions, labelled=False)
    for partition in range(load.partitions):
        stage.append(inputs.features, list(_records(load, partition, poison=poison)))
    return inputs


def _taken(stage: Stage, inputs: Inputs) -> Pipeline:
    pipeline = stage.pipeline("t12", inputs, steps=_STEPS)
    with Fleet(pipeline, 1) as fleet:
        stage.wait_idle(pipeline, fleet)
        fleet.stop()
    return pipeline


def _seconds_of_commits(stage: Stage, pipeline: Pipeline) -> float:
    times = [record.timestamp for records in stage.journal(pipeline).values() for record in records]
    return (max(times) - min(times)) / 1000


def _check_dead_letters(stage: Stage, result: Result, pipeline: Pipeline, inputs: Inputs) -> None:
    """Each poisoned record is there once, with its bytes, its origin and a reason."""
    bootstrap = stage.cluster.bootstrap
    fed = {
        (partition, record.offset): record.value
        for partition, records in read_topic(bootstrap, inputs.features).items()
        for record in records
        if record.key is not None and record.key.startswith(POISON)
    }
    letters = [
        record
        for records in read_topic(bootstrap, pipeline.topic("dead-letters")).values()
        for record in records
    ]
    dead = {_origin(letter.headers): letter.value for letter in letters}
    reasons = Counter(letter.headers["driftgate.reason"].decode() for letter in letters)
    result.figure("dead letters", len(letters))
    result.figure(
        "reasons", ", ".join(f"{name} {count}" for name, count in sorted(reasons.items()))
    )
    result.check("dead letters exact", len(letters) == len(fed), f"{len(letters)} of {len(fed)}")
    result.check("bytes and origin kept", dead == fed, "some differ from what was fed in")


def _origin(headers: dict[str, bytes]) -> tuple[int, int]:
    return int(headers["driftgate.partition"]), int(headers["driftgate.offset"])
