"""T1: workers are killed at random points, and started again at once."""

from __future__ import annotations

import random
import time

from tests.matrix.report import Result
from tests.matrix.stage import Stage
from tests.matrix.work import FULL, SMALL, now_ms, work_under
from tests.matrix.workers import Fleet

_EVERY_S = (2.0, 8.0)


def run(stage: Stage, result: Result) -> None:
    """See the module."""
    work, kills = (SMALL, 4) if stage.short else (FULL, 30)
    result.dose = {**work.dose, "SIGKILLs": kills}
    work_under(stage, result, work, lambda _, fleet: kill_at_random(fleet, kills))


def kill_at_random(fleet: Fleet, kills: int) -> list[int]:
    """Kill workers one after the other; return the times (ms since 1970)."""
    rng = random.Random(1)
    times = []
    for _ in range(kills):
        time.sleep(rng.uniform(*_EVERY_S))
        fleet.revive()
        worker = rng.choice(fleet.running)
        times.append(now_ms())
        worker.kill()
        worker.start()
    return times
