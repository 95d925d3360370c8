"""T13: labels are missing, come twice, out of order, or before their event; workers are killed."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from itertools import islice

from tests.matrix.committed import read_topic
from tests.matrix.load import Item, Load, events_of, labels_of
from tests.matrix.pipeline import unique
from tests.matrix.report import Result
from tests.matrix.scenarios.t01_kills import kill_at_random
from tests.matrix.stage import Inputs, Stage
from tests.matrix.work import Work, work_under
from tests.matrix.workers import Fleet, Worker

_MINUTE_MS = 60_000
_DAY_EVENTS = 24 * 60
"""An event a minute: a day of them."""

_LABELS = {"source": "topic", "max_delay": "49h", "wait_for_other": "1h"}


@dataclass
class Fed:
    """What was made of the labels."""

    labelled: int = 0
    missing: int = 0
    duplicated: int = 0
    items: list[Item] = field(default_factory=list)


def run(stage: Stage, result: Result) -> None:
    """Count the fates of all events in an undisturbed run, then compare one with kills."""
    load = Load(6, 12_000 if stage.short else 120_000, label_delay=150, seed=13)
    kills = 2 if stage.short else 10
    inputs, fed = _filled(stage, load)
    work = Work(load)
    result.dose = {
        **work.dose,
        "labels missing": fed.missing,
        "twice": fed.duplicated,
        "out of order": "20 %",
        "before their event": "1 %",
        "SIGKILLs": kills,
    }
    _count_fates(stage, result, inputs, fed, load)
    work_under(
        stage, result, work, lambda _, fleet: kill_at_random(fleet, kills),
        inputs=inputs, settings={"labels": _LABELS},
    )  # fmt: skip


def _filled(stage: Stage, load: Load) -> tuple[Inputs, Fed]:
    inputs = stage.inputs(unique("t13"), load.partitions, labelled=True)
    fed = Fed()
    for partition in range(load.partitions):
        events = islice(events_of(load, partition), load.events_each)
        stage.append(inputs.features, [_by_the_minute(item) for item in events])
        _mix(load, partition, fed)
    assert inputs.labels is not None
    stage.append(inputs.labels, fed.items)
    return inputs, fed


def _mix(load: Load, partition: int, fed: Fed) -> None:
    """Labels of one partition in the order of the topic: (place, item), sorted by place."""
    rng = random.Random(f"13-{partition}")
    placed: list[tuple[float, Item]] = []
    labels = islice(labels_of(load, partition), load.events_each)
    for number, label in enumerate(labels):
        item = _by_the_minute(label)
        if rng.random() < 0.1:
            fed.missing += 1
            continue
        fed.labelled += 1
        place = float(number)
        if rng.random() < 0.01:  # it happened before its event
            early = rng.randint(1, 30)
            item = item._replace(timestamp=item.timestamp - (load.label_delay + early) * _MINUTE_MS)
            place -= load.label_delay + early
        elif rng.random() < 0.2:  # it comes up to a day after others of its time
            place += rng.uniform(0, _DAY_EVENTS)
        placed.append((place, item))
        if rng.random() < 0.05:
            fed.duplicated += 1
            placed.append((place + rng.uniform(1, 100), item))
    fed.items += [item for _, item in sorted(placed, key=lambda pair: pair[0])]


def _by_the_minute(item: Item) -> Item:
    first = 1_700_000_000_000
    return item._replace(timestamp=first + (item.timestamp - first) * 60)


def _count_fates(stage: Stage, result: Result, inputs: Inputs, fed: Fed, load: Load) -> None:
    """Each labelled event is learnt once, each other one expires once or waits, no more."""
    pipeline = stage.pipeline("t13", inputs, labels=_LABELS)
    with Fleet(pipeline, 1) as fleet:
        stage.wait_idle(pipeline, fleet)
        (worker,) = fleet.workers
        learnt = _total(worker, "driftgate_labels_learnt_total")
        expired = _total(worker, "driftgate_expired_labels_total")
        waiting = _total(worker, "driftgate_pending_labels")
        fleet.stop()
    dead = read_topic(stage.cluster.bootstrap, pipeline.topic("dead-letters"))
    letters = sum(map(len, dead.values()))
    for name, count in (("learnt", learnt), ("expired", expired), ("still waiting", waiting)):
        result.figure(name, count)
    result.check("learnt exactly once", learnt == fed.labelled, f"{learnt} of {fed.labelled}")
    result.check(
        "the others expire or wait", expired + waiting == fed.missing,
        f"{expired} expired and {waiting} wait of {fed.missing}",
    )  # fmt: skip
    result.check("second labels are dead letters", letters == fed.duplicated,
                 f"{letters} of {fed.duplicated}")  # fmt: skip
    bound = 49 * 60 * load.partitions + load.partitions
    result.check("waiting events bounded", waiting <= bound, f"{waiting} > {bound}")


def _total(worker: Worker, name: str) -> int:
    return round(sum(series.value for series in worker.metrics() if series.name == name))
