"""T1: workers are killed at random points."""

from __future__ import annotations

import random
import time
from dataclasses import dataclass

from tests.matrix.load import Load
from tests.matrix.report import Result
from tests.matrix.stage import Stage
from tests.matrix.workers import Fleet


@dataclass(frozen=True)
class Dose:
    """How much.

    Parameters
    ----------
    kills, every_s
        Number of kills, and shortest and longest time between two.
    records_max
        Records of a step: so few that work lasts as long as the kills.
    """

    load: Load = Load(12, 100_000)
    workers: int = 3
    kills: int = 30
    every_s: tuple[float, float] = (2.0, 8.0)
    records_max: int = 6


SHORT = Dose(Load(6, 12_000), kills=4, every_s=(3.0, 6.0), records_max=8)


def run(stage: Stage, result: Result) -> None:
    """See the module."""
    dose = SHORT if stage.short else Dose()
    result.dose = dose_of(dose)
    inputs = stage.filled(dose.load)
    pipeline = stage.pipeline("kills", inputs, steps={"records_max": dose.records_max})
    with Fleet(pipeline, dose.workers) as fleet:
        fleet.wait_ready()
        kills = kill_at_random(fleet, dose.kills, dose.every_s)
        result.check("work lasted as long as the kills", any(pipeline.behind().values()))
        result.figure("seconds to the end", round(stage.wait_idle(pipeline, fleet)))
        codes = fleet.stop()
    result.check("orderly end", set(codes) == {0}, f"exit codes {codes}")
    result.check("nobody else ended", not fleet.unasked_exits(), str(fleet.unasked_exits()))
    stage.check(result, pipeline, inputs)
    stage.check_gaps(result, stage.journal(pipeline), kills)


def dose_of(dose: Dose) -> dict[str, object]:
    """The dose as a table shows it."""
    return {
        "records": dose.load.events,
        "partitions": dose.load.partitions,
        "workers": dose.workers,
        "SIGKILLs": dose.kills,
    }


def kill_at_random(fleet: Fleet, kills: int, every_s: tuple[float, float]) -> list[int]:
    """Kill workers one after the other, and start each again; return the times (ms since 1970)."""
    rng = random.Random(1)
    times = []
    for _ in range(kills):
        time.sleep(rng.uniform(*every_s))
        fleet.revive()
        worker = rng.choice(fleet.running)
        times.append(int(1000 * time.time()))
        worker.kill()
        worker.start()
    return times
