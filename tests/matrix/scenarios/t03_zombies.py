"""T3: workers are frozen for longer than their session, and go on as if nothing had happened."""

from __future__ import annotations

import random
import time

from tests.matrix.cluster import wait_until
from tests.matrix.pipeline import SESSION_S, Pipeline
from tests.matrix.report import Result
from tests.matrix.stage import Stage
from tests.matrix.work import FULL, SMALL, now_ms, work_under
from tests.matrix.workers import Fleet, Worker

_POLL_INTERVAL_MAX_S = 9.0
_BACK_S = 15.0
"""A zombie has ended, or has partitions of its own again, within this."""


def run(stage: Stage, result: Result) -> None:
    """Freeze one worker at a time, for longer than the session and the longest poll interval."""
    work, cycles = (SMALL, 1) if stage.short else (FULL, 20)
    frozen_s = (SESSION_S + 2, _POLL_INTERVAL_MAX_S + 5)
    result.dose = {
        **work.dose,
        "zombies": cycles,
        "frozen for s": f"{frozen_s[0]:g}-{frozen_s[1]:g}",
    }
    slowest = 0.0

    def fault(pipeline: Pipeline, fleet: Fleet) -> list[int]:
        nonlocal slowest
        rng, times = random.Random(3), []
        for _ in range(cycles):
            fleet.revive()
            worker = rng.choice(fleet.running)
            times.append(now_ms())
            worker.freeze()
            time.sleep(rng.uniform(*frozen_s))
            worker.thaw()
            times.append(now_ms())
            slowest = max(slowest, _wait_back(pipeline, worker))
            time.sleep(rng.uniform(1.0, 4.0))
        return times

    work_under(stage, result, work, fault, log=_LOG, may_exit=True)
    result.figure("slowest return s", round(slowest, 1))
    result.check(f"back or gone within {_BACK_S:g} s", slowest <= _BACK_S, f"{slowest:.1f} s")


def run_in_a_rebalance(stage: Stage, result: Result) -> None:
    """Freeze a second worker whose JoinGroup is under way, while the first one holds that up.

    A fourth worker joins and one is frozen, so that the rebalance waits for its session to end;
    3.2 s later a second one is frozen, whose own JoinGroup waits by then. The others take over
    and commit. When the second goes on, it holds an answer of a generation that is over.
    """
    work, cycles = (SMALL, 1) if stage.short else (FULL, 6)
    result.dose = {**work.dose, "freezes in a rebalance": cycles}

    def fault(pipeline: Pipeline, fleet: Fleet) -> list[int]:
        times = []
        for _ in range(cycles):
            times += _freeze_in_a_rebalance(pipeline, fleet)
        return times

    work_under(stage, result, work, fault, log=_LOG, may_exit=True)


_LOG = {"poll_interval_max": f"{_POLL_INTERVAL_MAX_S:g}s", "revoke_budget": "3s"}


def _freeze_in_a_rebalance(pipeline: Pipeline, fleet: Fleet) -> list[int]:
    fleet.revive(fleet.workers[:3])
    fleet.wait_ready()
    wait_until(lambda: len(_owners(pipeline)) == 3, 60.0, "three workers have partitions")
    first, second = fleet.workers[:2]
    fourth = fleet.workers[3] if len(fleet.workers) > 3 else fleet.add()
    fourth.start()
    with pipeline.cluster.admin() as admin:

        def joining() -> bool:
            group = admin.client.describe_groups([pipeline.app])[pipeline.app]
            return str(group["group_state"]) == "PreparingRebalance"

        wait_until(joining, 60.0, "the fourth worker joins")
    begun = now_ms()
    first.freeze()
    time.sleep(3.2)
    second.freeze()
    # The first one's session ends, then the second one's; the others take over and commit.
    time.sleep(12.0)
    second.thaw()
    time.sleep(2.0)
    first.thaw()
    thawed = now_ms()
    for worker in (first, second):
        _wait_back(pipeline, worker)
    fourth.stop()
    return [begun, thawed, now_ms()]


def _owners(pipeline: Pipeline) -> set[str]:
    return {member.split("/")[0] for member, given in pipeline.members().items() if given}


def _wait_back(pipeline: Pipeline, worker: Worker) -> float:
    """Wait until a worker has ended or has partitions; return the seconds."""

    def back() -> bool:
        return not worker.running or any(worker.name in owner for owner in _owners(pipeline))

    return wait_until(back, 60.0, f"{worker.name} has partitions again, or has ended")
