"""A backlog that workers take while faults are put in, and the verdict that follows."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from tests.matrix.cluster import wait_until
from tests.matrix.load import Load
from tests.matrix.pipeline import Pipeline
from tests.matrix.report import Result
from tests.matrix.stage import TAKEOVER_S, Inputs, Journal, Stage
from tests.matrix.workers import Fleet

Fault = Callable[[Pipeline, Fleet], Sequence[int]]
"""Puts faults in; returns when each began, in milliseconds since 1970."""


@dataclass(frozen=True)
class Work:
    """A backlog and those who take it.

    Parameters
    ----------
    load
        What the input topics hold before the workers start.
    workers
        How many workers there are.
    records_max
        Records of a step. Few: work lasts as long as the faults. What is left then is taken in
        large steps, on which no output depends.
    """

    load: Load
    workers: int = 3
    records_max: int = 2

    @property
    def dose(self) -> dict[str, Any]:
        """The work as a table shows it."""
        return {
            "records": self.load.events,
            "partitions": self.load.partitions,
            "workers": self.workers,
        }


_DRAIN = {"records_max": 2000}
_MOVES_WITHIN_S = 30.0
_UNDER_WAY_S = 2.0
"""Commits come before the first fault, so that a standstill has a beginning."""


FULL = Work(Load(12, 100_000))
SMALL = Work(Load(6, 18_000))


def work_under(
    stage: Stage,
    result: Result,
    work: Work,
    fault: Fault,
    *,
    inputs: Inputs | None = None,
    settings: dict[str, Any] | None = None,
    bootstrap: str | None = None,
    log: dict[str, Any] | None = None,
    may_exit: bool = False,
    standstill_s: float | None = TAKEOVER_S,
) -> Journal:
    """Let workers take a backlog under a fault, and check what exactly-once asks for.

    Returns the journal as it was when the faults were over.

    Parameters
    ----------
    fault
        Is called once the workers are ready; one that ends meanwhile is started again at the end.
    inputs
        Input topics; those of the work's load where it is None.
    settings
        Sections of the pipeline's file that differ, in the undisturbed run, too.
    bootstrap, log
        As for `Pipeline`.
    may_exit
        Whether workers may end by themselves, to be started again by their supervisor.
    standstill_s
        Longest time without a commit of a partition, for each fault that falls into it; None:
        that is looked at by the caller.
    """
    inputs = inputs or stage.filled(work.load)
    pipeline = stage.pipeline(
        result.id.lower(),
        inputs,
        bootstrap=bootstrap,
        log=log,
        steps={"records_max": work.records_max},
        **(settings or {}),
    )
    with Fleet(pipeline, work.workers) as fleet:
        fleet.wait_ready()
        time.sleep(_UNDER_WAY_S)
        began_ms = fault(pipeline, fleet)
        result.check("work lasted as long as the faults", any(pipeline.behind().values()))
        _check_moving(result, pipeline, fleet)
        codes = fleet.stop()
        journal = stage.journal(pipeline)
        result.check("orderly end", set(codes) <= {0}, f"exit codes {codes}")
        pipeline.settings["steps"] = _DRAIN
        pipeline.write()
        for worker in fleet.workers[: work.workers]:
            worker.start()
        codes = stage.finish(result, pipeline, fleet)
    result.check("orderly end after the rest", set(codes) == {0}, f"exit codes {codes}")
    exits = fleet.unasked_exits()
    if may_exit:
        result.figure("exits", len(exits))
    else:
        result.check("no worker ended by itself", not exits, "; ".join(exits))
    result.figure("uncertain commits", fleet.count("commit uncertain"))
    stage.check(result, pipeline, inputs, **(settings or {}))
    if standstill_s is not None:
        stage.check_gaps(result, journal, began_ms, standstill_s)
    return journal


def _check_moving(result: Result, pipeline: Pipeline, fleet: Fleet) -> None:
    """Every partition with records before it gets on, without anybody's help."""
    before = {partition: left for partition, left in pipeline.behind().items() if left}
    still = set(before)

    def moving() -> bool:
        fleet.revive()
        now = pipeline.behind()
        still.intersection_update(p for p in before if now[p] == before[p])
        return not still

    try:
        wait_until(moving, _MOVES_WITHIN_S, "every partition gets on")
    except TimeoutError:
        said = {worker.name: worker.ask("/readyz").body.strip() for worker in fleet.running}
        result.check("nothing stands still", False, f"partitions {sorted(still)}; /readyz: {said}")


def now_ms() -> int:
    """Milliseconds since 1970."""
    return int(1000 * time.time())
