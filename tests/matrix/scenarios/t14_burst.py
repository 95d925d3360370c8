"""T14: what workers write is blocked for minutes, then ten times as much comes as usual."""

from __future__ import annotations

import time

from tests.matrix.cluster import wait_until
from tests.matrix.flow import Flow, Stream, flow_under
from tests.matrix.proxy import PRODUCE, Proxy
from tests.matrix.report import Result
from tests.matrix.sampling import OwnerSampler, UsageSampler
from tests.matrix.stage import Stage

_MIB = 1 << 20
_OVER_IDLE_MAX_MIB = 512
_TIMES = 10


def run(stage: Stage, result: Result) -> None:
    """Hold every Produce request in a proxy; after that, a burst; the group must not notice."""
    flow = Flow(6, 60.0) if stage.short else Flow(12, 120.0)
    blocked_s, burst_s = (20.0, 5.0) if stage.short else (300.0, 30.0)
    result.dose = {**flow.dose, "blocked s": blocked_s, "burst s": burst_s, "burst times": _TIMES}
    with Proxy(stage.cluster) as proxy:

        def fault(stream: Stream) -> None:
            pids = {worker.pid for worker in stream.fleet.running}
            with UsageSampler(stream.fleet) as usage, OwnerSampler(stream.pipeline, 1.0) as owners:
                time.sleep(10.0)
                idle = _most_rss(usage)
                proxy.hold(PRODUCE)
                time.sleep(blocked_s)
                proxy.release()
                drained_s = wait_until(
                    lambda: sum(stream.pipeline.behind().values()) < flow.rate,
                    3 * blocked_s + 60.0,
                    "the backlog is drained",
                )
                members = set(owners.members)
                stream.feeder.rate = _TIMES * flow.rate
                time.sleep(burst_s)
                stream.feeder.rate = flow.rate
                time.sleep(10.0)
                over = (_most_rss(usage) - idle) / _MIB
            result.figure("drained after s", round(drained_s, 1))
            result.figure("most memory over idle MiB", round(over))
            result.check(
                "drained within twice the outage", drained_s <= 2 * blocked_s, f"{drained_s:.0f} s"
            )
            result.check("memory within the cap", over <= _OVER_IDLE_MAX_MIB, f"{over:.0f} MiB")
            result.check("nobody left the group", members == {flow.workers}, f"members {members}")
            result.check(
                "the same processes", pids == {worker.pid for worker in stream.fleet.running}
            )

        flow_under(stage, result, flow, fault, bootstrap=proxy.bootstrap)


def _most_rss(usage: UsageSampler) -> int:
    return max(max(sample.rss_bytes for sample in samples) for samples in usage.found.values())
