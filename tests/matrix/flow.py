"""Events that keep coming at a steady rate while faults are put in, and the verdict that follows.

Labels come within the events: their order is then that of the topic, so that bytes can be compared
whatever is read when.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.matrix.load import Feeder, Load, interleaved
from tests.matrix.pipeline import Pipeline, unique
from tests.matrix.report import Result
from tests.matrix.stage import Inputs, Journal, Stage
from tests.matrix.workers import Fleet

_ENDLESS = 1_000_000_000


@dataclass(frozen=True)
class Flow:
    """Events a second over all partitions, those who take them, and sections of their own."""

    partitions: int = 12
    rate: float = 240.0
    workers: int = 3
    changes: Mapping[str, Any] = field(default_factory=dict)

    @property
    def dose(self) -> dict[str, Any]:
        """The flow as a table shows it."""
        return {
            "events a second": self.rate,
            "partitions": self.partitions,
            "workers": self.workers,
        }


@dataclass
class Stream:
    """A flow under way."""

    pipeline: Pipeline
    fleet: Fleet
    feeder: Feeder
    inputs: Inputs


def flow_under(
    stage: Stage,
    result: Result,
    flow: Flow,
    fault: Callable[[Stream], Sequence[int] | None],
    *,
    bootstrap: str | None = None,
    log: dict[str, Any] | None = None,
    standstill_s: float | None = None,
) -> Journal:
    """Let workers take a flow under a fault, and check what exactly-once asks for.

    Parameters
    ----------
    fault
        Is called once the workers are ready and events come; returns when each fault began.
    standstill_s
        Longest time without a commit of a partition; None: not looked at.
    """
    load = Load(flow.partitions, _ENDLESS, label_delay=0)
    inputs = stage.inputs(unique(f"{result.id.lower()}-flow"), flow.partitions, labelled=False)
    pipeline = stage.pipeline(
        result.id.lower(), inputs, bootstrap=bootstrap, log=log, **flow.changes
    )
    with Fleet(pipeline, flow.workers) as fleet:
        fleet.wait_ready()
        feeder = Feeder(stage.cluster.bootstrap, inputs.features, interleaved(load), flow.rate)
        try:
            began_ms = fault(Stream(pipeline, fleet, feeder, inputs)) or ()
        finally:
            sent = feeder.stop()
        result.dose["records"] = sent
        codes = stage.finish(result, pipeline, fleet)
    result.check("orderly end", set(codes) == {0}, f"exit codes {codes}")
    exits = fleet.unasked_exits()
    result.check("no worker ended by itself", not exits, "; ".join(exits))
    stage.check(result, pipeline, inputs, **flow.changes)
    journal = stage.journal(pipeline)
    if standstill_s is not None:
        stage.check_gaps(result, journal, began_ms, standstill_s)
    return journal
