"""T11: checkpoint files are damaged while the workers are away, or cannot be written."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from tests.matrix.pipeline import Pipeline
from tests.matrix.report import Result
from tests.matrix.stage import Stage
from tests.matrix.states import newest_checkpoints
from tests.matrix.work import FULL, SMALL, now_ms, work_under
from tests.matrix.workers import Fleet

_RUN_S = 4.0


def run(stage: Stage, result: Result) -> None:
    """Kill all workers, damage every partition's newest checkpoint, and start them again."""
    work, rounds = (SMALL, 1) if stage.short else (FULL, 9)
    result.dose = {**work.dose, "rounds of damage": rounds, "store away s": 2 * _RUN_S}
    damaged: Counter[str] = Counter()

    def fault(pipeline: Pipeline, fleet: Fleet) -> list[int]:
        rng, times = random.Random(11), []
        for number in range(rounds):
            time.sleep(_RUN_S)
            times.append(now_ms())
            for worker in fleet.running:
                worker.kill()
            for partition, path in newest_checkpoints(
                pipeline.checkpoints, pipeline.partitions
            ).items():
                damage = DAMAGES[(partition + number) % len(DAMAGES)]
                damage(path, rng)
                damaged[(damage.__doc__ or "").rstrip(".")] += 1
            fleet.revive()
            fleet.wait_ready()
        times.append(_without_store(pipeline))
        return times

    work_under(stage, result, work, fault)
    result.dose |= {"damaged": damaged.total(), **damaged}


def _flip(path: Path, rng: random.Random) -> None:
    """Bit flipped."""
    data = bytearray(path.read_bytes())
    data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    path.write_bytes(data)


def _cut(path: Path, rng: random.Random) -> None:
    """Cut short."""
    data = path.read_bytes()
    path.write_bytes(data[: rng.randrange(len(data))])


def _empty(path: Path, _: random.Random) -> None:
    """Emptied."""
    path.write_bytes(b"")


def _tear(path: Path, rng: random.Random) -> None:
    """Left under its temporary name."""
    _cut(path, rng)
    path.rename(path.with_name(path.name + ".tmp"))


def _remove(path: Path, _: random.Random) -> None:
    """Removed."""
    path.unlink()


def _all(path: Path, rng: random.Random) -> None:
    """All of its partition bit-flipped."""
    for each in path.parent.glob("*.checkpoint"):
        _flip(each, rng)


DAMAGES: tuple[Callable[[Path, random.Random], None], ...] = (
    _flip, _cut, _empty, _tear, _remove, _all,
)  # fmt: skip


def _without_store(pipeline: Pipeline) -> int:
    """Put a file where the store's folder was: nothing can be written for a while."""
    away = pipeline.checkpoints.with_name("away")
    pipeline.checkpoints.rename(away)
    pipeline.checkpoints.write_text("no folder")
    begun = now_ms()
    time.sleep(2 * _RUN_S)
    pipeline.checkpoints.unlink()
    away.rename(pipeline.checkpoints)
    return begun
