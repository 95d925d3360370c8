"""T9: a replay that takes far longer than a worker may go without polling, disturbed and not."""

from __future__ import annotations

import shutil
import time

from tests.matrix.cluster import wait_until
from tests.matrix.load import Load
from tests.matrix.pipeline import Pipeline
from tests.matrix.report import Result
from tests.matrix.sampling import ProbeSampler
from tests.matrix.stage import Stage
from tests.matrix.work import Work
from tests.matrix.workers import Fleet

_POLL_INTERVAL_MAX_S = 4.0
_TIMES = 3.0
_ENDS_S = 180.0


def run(stage: Stage, result: Result) -> None:
    """Take a backlog, lose all checkpoints, and replay: one worker, two, and one that joins."""
    work = Work(Load(6, 12_000 if stage.short else 60_000), workers=1, records_max=2)
    inputs = stage.filled(work.load)
    pipeline = stage.pipeline(
        "t9",
        inputs,
        steps={"records_max": work.records_max},
        log={"poll_interval_max": f"{_POLL_INTERVAL_MAX_S:g}s", "revoke_budget": "1s"},
    )
    result.dose = {**work.dose, "poll_interval_max s": _POLL_INTERVAL_MAX_S}
    with Fleet(pipeline, 2) as fleet:
        stage.wait_idle(pipeline, fleet)
        fleet.stop()
    for name, count, joins in (("one", 1, 0), ("two", 2, 0), ("joined", 1, 1)):
        _replay(pipeline, result, name, count, joins)
    stage.check(result, pipeline, inputs)


def _replay(pipeline: Pipeline, result: Result, name: str, count: int, joins: int) -> None:
    shutil.rmtree(pipeline.checkpoints)
    with Fleet(pipeline, count) as fleet:
        before = _restored(pipeline)
        with ProbeSampler(fleet.workers) as probes:
            begin = _begin(pipeline, fleet)
            for _ in range(joins):
                time.sleep(_POLL_INTERVAL_MAX_S)
                fleet.add().start()
            try:
                fleet.wait_ready(_ENDS_S)
            except TimeoutError as error:
                result.check(f"{name}: the replay ends", False, str(error)[:300])
                return
            seconds = time.monotonic() - begin
            time.sleep(2 * _POLL_INTERVAL_MAX_S)
        restores = _restored(pipeline) - before
        codes = fleet.stop()
    times = seconds / _POLL_INTERVAL_MAX_S
    result.figure(f"{name}: replay s", round(seconds, 1))
    result.figure(f"{name}: restores", restores)
    if name == "one":
        result.check(
            "the replay is three times the poll interval", times >= _TIMES, f"{times:.1f} times"
        )
    # Workers do not join in the same moment: a partition that moves is restored once more, there.
    allowed = pipeline.partitions * (count + joins)
    result.check(f"{name}: one restore", restores <= allowed, f"{restores} of {allowed}")
    result.check(f"{name}: orderly end", set(codes) == {0}, f"exit codes {codes}")
    dead = [probe for probe in probes.found if probe.live.status != 200]
    result.check(f"{name}: live throughout", not dead, f"{dead[:2]}")
    said = any("restor" in probe.ready.body for probe in probes.found if probe.ready.status == 503)
    result.check(f"{name}: readiness says what it waits for", said, "no 503 named the restoring")


def _restored(pipeline: Pipeline) -> int:
    """How many restores have ended so far, by the logs of all workers."""
    logs = pipeline.folder.glob("*.log")
    return sum(log.read_text("utf-8", "replace").count('"partition live"') for log in logs)


def _begin(pipeline: Pipeline, fleet: Fleet) -> float:
    def given() -> bool:
        return any(pipeline.members().values())

    wait_until(given, 60.0, "partitions are given out")
    assert fleet.running
    return time.monotonic()
