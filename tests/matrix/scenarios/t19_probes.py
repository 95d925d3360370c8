"""T19: the broker is away for long: no probe has the worker restarted, and readiness tells it."""

from __future__ import annotations

import time

from tests.matrix.flow import Flow, Stream, flow_under
from tests.matrix.report import Result
from tests.matrix.sampling import ProbeSampler
from tests.matrix.stage import Stage

_TOLD_WITHIN_S = 30.0
_BACK_WITHIN_S = 60.0


def run(stage: Stage, result: Result) -> None:
    """Freeze every node, so that connections stand and nothing answers. A long restore: T9."""
    flow = Flow(6, 60.0, workers=2)
    away_s = 45.0 if stage.short else 600.0
    result.dose = {**flow.dose, "broker away s": away_s}

    def fault(stream: Stream) -> None:
        with ProbeSampler(stream.fleet.workers, 1.0) as probes:
            time.sleep(5.0)
            gone = time.monotonic() - probes.start
            for node in range(stage.cluster.nodes):
                stage.cluster.freeze(node)
            time.sleep(away_s)
            for node in range(stage.cluster.nodes):
                stage.cluster.thaw(node)
            back = time.monotonic() - probes.start
            time.sleep(_BACK_WITHIN_S)
        dead = [p for p in probes.found if p.live.status != 200]
        result.check("liveness holds throughout", not dead, f"{len(dead)} failed: {dead[:1]}")
        unready = [p for p in probes.found if gone < p.seconds < back and p.ready.status != 200]
        told_s = unready[0].seconds - gone if unready else float("inf")
        result.figure("readiness tells after s", round(told_s, 1))
        result.check(f"readiness tells within {_TOLD_WITHIN_S:g} s", told_s <= _TOLD_WITHIN_S)
        late = [p for p in probes.found if p.seconds > back and p.ready.status != 200]
        ready_s = max((p.seconds for p in late), default=back) - back
        result.figure("ready again after s", round(ready_s, 1))
        result.check(f"ready again within {_BACK_WITHIN_S:g} s", ready_s < _BACK_WITHIN_S - 2)

    flow_under(stage, result, flow, fault)
