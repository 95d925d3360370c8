"""T2: rolling restarts: one worker after the other is told to end, and started again."""

from __future__ import annotations

import time

from tests.matrix.cluster import wait_until
from tests.matrix.flow import Flow, Stream, flow_under
from tests.matrix.report import Result
from tests.matrix.stage import TAKEOVER_S, Journal, Stage
from tests.matrix.verdict import commit_gaps, quantile
from tests.matrix.work import now_ms
from tests.matrix.workers import Fleet

_GAP_P95_S = 5.0
_AFTER_MS = 20_000
"""A gap belongs to a restart that began at most so long before its end."""


def run(stage: Stage, result: Result) -> None:
    """Restart while events come at a steady rate.

    Not under a backlog of small steps: the client hands one partition's fetched records out before
    the next one's, so that a partition waits its turn for longer than a restart takes.
    """
    flow, rounds = (Flow(6, 120.0), 1) if stage.short else (Flow(12, 240.0), 3)
    result.dose = {**flow.dose, "rolling restarts": rounds}
    began: list[int] = []
    apps: list[str] = []

    def fault(stream: Stream) -> list[int]:
        apps.append(stream.pipeline.app)
        time.sleep(_AFTER_MS / 1000)
        for _ in range(rounds):
            began.extend(restart_in_turn(stream.fleet, result))
        time.sleep(_AFTER_MS / 1000)
        return began

    journal = flow_under(stage, result, flow, fault, standstill_s=TAKEOVER_S)
    gap = quantile(gaps_after(journal, began), 0.95)
    result.figure("gap p95 s", round(gap, 1))
    result.check(f"gap p95 within {_GAP_P95_S:g} s", gap <= _GAP_P95_S, f"{gap:.1f} s")
    rolled_back = stage.cluster.rolled_back(apps[0])
    result.check("no transaction timed out", rolled_back == 0, f"{rolled_back} were rolled back")


def restart_in_turn(fleet: Fleet, result: Result) -> list[int]:
    """Stop and start each worker once; return when each was told to end."""
    times = []
    for worker in list(fleet.workers):
        times.append(now_ms())
        code = worker.stop()
        if code != 0:
            result.check(f"{worker.name} ends in an orderly way", False, f"exit code {code}")
        worker.start()
        wait_until(worker.ready, 90.0, f"{worker.name} is ready again")
    return times


def gaps_after(journal: Journal, began_ms: list[int]) -> list[float]:
    """Longest gap in seconds of each partition around each restart."""
    found = []
    for pairs in commit_gaps(journal).values():
        for at in began_ms:
            near = [
                end - start for start, end in pairs if start - 500 <= at + _AFTER_MS and end > at
            ]
            found.append(max(near, default=0) / 1000)
    return found
