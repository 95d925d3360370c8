"""A backlog that workers take while faults are put in, and the verdict that follows."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from tests.matrix.committed import ends_of
from tests.matrix.load import Load
from tests.matrix.pipeline import Pipeline
from tests.matrix.report import Result
from tests.matrix.sampling import Sampler
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
        Records of a step. Few: work lasts as long as the faults.
    """

    load: Load
    workers: int = 3
    records_max: int = 12

    @property
    def dose(self) -> dict[str, Any]:
        """The work as a table shows it."""
        return {
            "records": self.load.events,
            "partitions": self.load.partitions,
            "workers": self.workers,
        }


_LEFT_MIN = 3000
"""Records of a partition; a worker takes fewer between two looks."""

_MORE_EACH = 2000
_READ_AHEAD_STEPS = 20
"""More than a worker reads ahead of what it has committed."""

FULL = Work(Load(12, 100_000))
SMALL = Work(Load(6, 18_000), records_max=8)


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

    Parameters
    ----------
    fault
        Is called once the workers are ready; whoever ends meanwhile is started again at the end.
    inputs
        Input topics; those of the work's load where it is None, which last as long as the fault.
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
    bounded, inputs = inputs is not None, inputs or stage.filled(work.load)
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
        if bounded:
            began_ms = fault(pipeline, fleet)
        else:
            with Backlog(stage, pipeline, inputs) as backlog:
                began_ms = fault(pipeline, fleet)
            result.dose["records"] += backlog.added
            # Then what was taken next may have depended on when it was appended.
            result.check("the backlog lasted", backlog.ran_out == 0, "it was taken too fast")
        codes = stage.finish(result, pipeline, fleet)
    result.check("orderly end", set(codes) == {0}, f"exit codes {codes}")
    exits = fleet.unasked_exits()
    if may_exit:
        result.figure("exits", len(exits))
    else:
        result.check("no worker ended by itself", not exits, "; ".join(exits))
    result.figure("uncertain commits", fleet.count("commit uncertain"))
    stage.check(result, pipeline, inputs, **(settings or {}))
    journal = stage.journal(pipeline)
    if standstill_s is not None:
        stage.check_gaps(result, journal, began_ms, standstill_s)
    return journal


class Backlog(Sampler):
    """Sees to it that a backlog lasts as long as a `with` statement.

    More is appended while every partition still has some of both topics before it: what is taken
    next then depends on the records alone, as in the undisturbed run.
    """

    def __init__(self, stage: Stage, pipeline: Pipeline, inputs: Inputs) -> None:
        super().__init__(self._look, every_s=0.5)
        self.added = self.ran_out = 0
        self._stage, self._pipeline, self._inputs = stage, pipeline, inputs

    def _look(self, _: float) -> None:
        try:
            left = min(self._pipeline.behind().values())
            if left < _LEFT_MIN:
                self._extend()
        except Exception:
            return  # the coordinator is away, and nothing is taken

    def _extend(self) -> None:
        pipeline = self._pipeline
        ends = {topic: ends_of(pipeline.cluster.bootstrap, topic) for topic in pipeline.inputs}
        self._stage.extend(self._inputs, _MORE_EACH)
        self.added += _MORE_EACH * self._inputs.partitions
        ahead = _READ_AHEAD_STEPS * pipeline.settings["steps"]["records_max"]
        self.ran_out += sum(
            ends[topic][partition] - offset < ahead
            for (topic, partition), offset in pipeline.committed().items()
        )


def now_ms() -> int:
    """Milliseconds since 1970."""
    return int(1000 * time.time())
