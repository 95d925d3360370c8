"""T10: what a partition needs is not kept any more: it stops and says so, and the others go on."""

from __future__ import annotations

import contextlib
import re
import shutil
import time
from collections.abc import Callable, Collection

from kafka.admin import ConfigResource, ConfigResourceType

from tests.matrix.cluster import wait_until
from tests.matrix.committed import read_topic
from tests.matrix.load import POISON, Item, Load
from tests.matrix.pipeline import Pipeline
from tests.matrix.report import Result
from tests.matrix.stage import STANDSTILL_S, Inputs, Stage
from tests.matrix.workers import Fleet, Worker

_SLOWER_MAX = 1.5
"""How much longer the others may take than all of them without a fault, on a busy machine."""

_BEYOND = 500
_NAMED_WITHIN_S = 20.0
_TOMBSTONES = 40
_CLEANED_S = 120.0


def run_one_of_six(stage: Stage, result: Result) -> None:
    """Trim one partition's events past what is committed, before its worker comes back."""
    inputs = stage.filled(Load(6, 12_000 if stage.short else 60_000, seed=10))
    sick = 4
    result.dose = {"records": 12_000 if stage.short else 60_000, "partitions": 6, "trimmed": 1}
    stage.calm(inputs)  # while everything is kept
    usual_s = _usual_seconds(stage, inputs)
    pipeline = _begun(stage, inputs)
    at = pipeline.committed()[(inputs.features, sick)]
    pipeline.trim(inputs.features, sick, at + _BEYOND)
    took_s = _work_beside(stage, result, pipeline, {sick})
    result.figure("the five took s", round(took_s, 1))
    result.figure("all six untrimmed took s", round(usual_s, 1))
    result.check(
        "the five go on at full speed", took_s <= _SLOWER_MAX * usual_s + 5.0,
        f"{took_s:.0f} s instead of {usual_s:.0f} s",
    )  # fmt: skip
    _check_healthy(stage, result, pipeline, inputs, {sick})


def run_lost_history(stage: Stage, result: Result) -> None:
    """Lose three partitions' checkpoints, and what a replay needs instead."""
    inputs = stage.filled(Load(6, 12_000, seed=11))
    lost: dict[int, Callable[[Pipeline, Inputs, int], None]] = {
        1: _trim_events,
        3: _trim_journal,
        5: _compact_events,
    }
    result.dose = {"partitions": 6, "events trimmed": 1, "journal trimmed": 1, "compacted": 1}
    pipeline = _begun(stage, inputs)
    _bury(stage, pipeline, inputs, 5)
    stage.calm(inputs)
    for partition, lose in lost.items():
        for folder in pipeline.checkpoints.glob(f"**/{partition}"):
            shutil.rmtree(folder)
        lose(pipeline, inputs, partition)
    _work_beside(stage, result, pipeline, lost)
    _check_healthy(stage, result, pipeline, inputs, lost)


def _begun(stage: Stage, inputs: Inputs) -> Pipeline:
    """A pipeline that has taken a part of its inputs, whose worker has then left."""
    pipeline = stage.pipeline("t10", inputs, steps={"records_max": 20})
    with Fleet(pipeline, 1) as fleet:
        wait_until(lambda: _all_begun(pipeline, inputs), 120.0, "all partitions have begun")
        fleet.stop()
    return pipeline


def _all_begun(pipeline: Pipeline, inputs: Inputs) -> bool:
    committed = pipeline.committed()
    return all(committed.get((inputs.features, p), 0) >= 100 for p in range(pipeline.partitions))


def _usual_seconds(stage: Stage, inputs: Inputs) -> float:
    """How long all partitions take without a fault, from one that has begun to the end."""
    pipeline = _begun(stage, inputs)
    with Fleet(pipeline, 1) as fleet:
        fleet.wait_ready()
        seconds = stage.wait_idle(pipeline, fleet)
        fleet.stop()
    return seconds


def _work_beside(stage: Stage, result: Result, pipeline: Pipeline, sick: Collection[int]) -> float:
    """Let a worker take all but the sick partitions; return for how many seconds it took."""
    with Fleet(pipeline, 1) as fleet:
        (worker,) = fleet.workers
        wait_until(lambda: worker.ask("/livez").status == 200, 60.0, "the worker listens")
        start = moved = time.monotonic()
        before: dict[int, int] = {}
        while True:
            left = {p: n for p, n in pipeline.behind().items() if p not in sick and n}
            if not left:
                break
            if left != before:
                before, moved = left, time.monotonic()
            if time.monotonic() - moved > STANDSTILL_S / 2 or not worker.running:
                result.check("the others go on", False, f"left: {left}; {worker.tail(2)}")
                break
            time.sleep(0.3)
        took_s = time.monotonic() - start
        named = _wait_named(worker, sick)
        for place, missing in named.items():
            result.check(
                f"{place} names what has stopped", not missing,
                f"partitions {missing} are not in it: {worker.ask('/readyz').body[:300]}",
            )  # fmt: skip
        result.check("the worker runs on", worker.running, worker.tail(2))
        codes = fleet.stop()
    result.check("orderly end", set(codes) == {0}, f"exit codes {codes}")
    return took_s


def _wait_named(worker: Worker, sick: Collection[int]) -> dict[str, list[int]]:
    """Wait until readiness and metrics name all sick partitions; return those that are missing."""
    missing: dict[str, list[int]] = {}

    def named() -> bool:
        body = worker.ask("/readyz").body
        stopped = {
            int(series.labels["partition"])
            for series in worker.metrics()
            if series.labels.get("state") == "failed" and series.value == 1
        }
        missing["readiness"] = [p for p in sick if not re.search(rf"\b{p}\b", body)]
        missing["a metric"] = [p for p in sick if p not in stopped]
        return not any(missing.values())

    with contextlib.suppress(TimeoutError):
        wait_until(named, _NAMED_WITHIN_S, "all are named")
    return missing


def _check_healthy(
    stage: Stage, result: Result, pipeline: Pipeline, inputs: Inputs, sick: Collection[int]
) -> None:
    """The others' predictions are those of the undisturbed run; the sick ones' are a beginning."""
    ours = stage.predictions(pipeline)
    calm = stage.predictions(stage.calm(inputs).pipeline)
    for partition, records in ours.items():
        values = [record.value for record in records]
        wanted = [record.value for record in calm[partition]]
        if partition in sick:
            ok = values == wanted[: len(values)] and len(values) < len(wanted)
            result.check(f"partition {partition}: nothing wrong committed", ok, f"{len(values)}")
        else:
            result.check(
                f"partition {partition}: all, and equal", values == wanted, f"{len(values)}"
            )


def _trim_events(pipeline: Pipeline, inputs: Inputs, partition: int) -> None:
    pipeline.trim(inputs.features, partition, pipeline.committed()[(inputs.features, partition)])


def _trim_journal(pipeline: Pipeline, _: Inputs, partition: int) -> None:
    end = len(read_topic(pipeline.cluster.bootstrap, pipeline.topic("journal"))[partition])
    pipeline.trim(pipeline.topic("journal"), partition, end // 2)


def _bury(stage: Stage, pipeline: Pipeline, inputs: Inputs, partition: int) -> None:
    """Append tombstones for early events, in a segment of their own that is closed.

    Segments are closed by the time of the records: the last record closes that of the tombstones.
    """
    _configure(pipeline, inputs.features, {"segment.ms": "1000"})
    first, far = 1_760_000_000_000, 10_000
    tombstones = [Item(partition, b"5-%d" % n, None, first) for n in range(_TOMBSTONES)]
    stage.append(inputs.features, tombstones)
    # In a batch of its own: segments are closed between batches.
    stage.append(inputs.features, [Item(partition, POISON, b"", first + far)])


def _compact_events(pipeline: Pipeline, inputs: Inputs, partition: int) -> None:
    """Let the broker compact the events until those with tombstones are gone."""
    bootstrap = pipeline.cluster.bootstrap
    before = len(read_topic(bootstrap, inputs.features)[partition])
    _configure(pipeline, inputs.features, _COMPACT)

    def gone() -> bool:
        return len(read_topic(bootstrap, inputs.features)[partition]) < before

    wait_until(gone, _CLEANED_S, "the cleaner has removed the events with tombstones")
    _configure(pipeline, inputs.features, {"cleanup.policy": "delete"})


_COMPACT = {
    "cleanup.policy": "compact",
    "min.cleanable.dirty.ratio": "0.0001",
    "max.compaction.lag.ms": "1000",
}


def _configure(pipeline: Pipeline, topic: str, settings: dict[str, str]) -> None:
    resource = ConfigResource(ConfigResourceType.TOPIC, topic, settings)
    with pipeline.cluster.admin() as admin:
        admin.client.alter_configs([resource])
