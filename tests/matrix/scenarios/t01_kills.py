"""T1: workers are killed at random points, and started again at once."""

from __future__ import annotations

import random
import time

from tests.matrix.pipeline import SCHEMA
from tests.matrix.report import Result
from tests.matrix.stage import Stage
from tests.matrix.work import FULL, SMALL, now_ms, work_under
from tests.matrix.workers import Fleet

_EVERY_S = (2.0, 8.0)
_WINDOW = {"type": "rolling", "by": "c", "of": "b", "window": "10m"}
_DERIVED = [
    {**_WINDOW, "name": "mean", "function": "mean"},
    # Fewer keys and events than there are, so that both bounds are reached.
    {**_WINDOW, "name": "sum", "function": "sum", "keys_max": 6, "events_max": 10},
    {"name": "last", "type": "lag", "of": "a", "by": "c", "k": 3},
    {"name": "against", "type": "ratio", "of": ["b", "mean"]},
    {"name": "rate", "type": "target_mean", "by": "c", "fading_factor": 0.99},
]


def run(stage: Stage, result: Result) -> None:
    """See the module."""
    work, kills = (SMALL, 4) if stage.short else (FULL, 30)
    result.dose = {**work.dose, "SIGKILLs": kills}
    work_under(stage, result, work, lambda _, fleet: kill_at_random(fleet, kills))


def run_derived(stage: Stage, result: Result) -> None:
    """The same with features that remember earlier events and labels."""
    work, kills = (SMALL, 4) if stage.short else (FULL, 30)
    result.dose = {**work.dose, "SIGKILLs": kills, "derived features": len(_DERIVED)}
    work_under(
        stage, result, work, lambda _, fleet: kill_at_random(fleet, kills),
        settings={"schema": {**SCHEMA, "derived": _DERIVED}},
    )  # fmt: skip


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
