"""T17: an older version's state goes on with today's code, and back again."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

from tests.matrix.cluster import wait_until
from tests.matrix.load import Load
from tests.matrix.pipeline import ROOT, Pipeline, command, environment
from tests.matrix.report import Result
from tests.matrix.stage import Inputs, Stage
from tests.matrix.workers import Fleet

_WARM_UP_S = 600.0
_REFUSAL_S = 90.0


def run(stage: Stage, result: Result) -> None:
    """A third of the backlog each: the older code, today's, the older one again.

    Going back may be refused: then with an exit code of its own and one line that says so, and
    today's code takes the rest.
    """
    load = Load(6, 12_000 if stage.short else 60_000, seed=17)
    inputs = stage.filled(load)
    pipeline = stage.pipeline("t17", inputs, steps={"records_max": 40})
    older = _checked_out(stage, pipeline)
    result.dose = {"records": load.events, "partitions": 6, "workers": 2, "older": stage.older}
    try:
        _take_to(pipeline, inputs, older, load.events // 3)
        _take_to(pipeline, inputs, ROOT, 2 * load.events // 3)
        back = _go_back(pipeline, older)
    finally:
        _git("worktree", "remove", "--force", str(older))
    result.figure("back to the older version", back)
    result.check("goes back, or is refused in words", bool(back), "no reason was given")
    with Fleet(pipeline, 2) as fleet:
        codes = stage.finish(result, pipeline, fleet)
    result.check("orderly end", set(codes) == {0}, f"exit codes {codes}")
    stage.check(result, pipeline, inputs)


def _checked_out(stage: Stage, pipeline: Pipeline) -> Path:
    """A checkout of the older code, with its kernels compiled."""
    folder = stage.folder / f"older-{time.time_ns()}"
    _git("worktree", "add", "--detach", str(folder), stage.older)
    subprocess.run(
        [*command("warmup"), str(pipeline.path)],
        env=environment(folder), cwd=folder, timeout=_WARM_UP_S, check=True, capture_output=True,
    )  # fmt: skip
    return folder


def _take_to(pipeline: Pipeline, inputs: Inputs, code: Path, events: int) -> None:
    with Fleet(pipeline, 2, code) as fleet:
        wait_until(lambda: _events(pipeline, inputs) >= events, 300.0, f"{events} events are taken")
        fleet.stop()


def _events(pipeline: Pipeline, inputs: Inputs) -> int:
    return sum(at for (topic, _), at in pipeline.committed().items() if topic == inputs.features)


def _go_back(pipeline: Pipeline, older: Path) -> str:
    """Let the older code go on; say what came of it, or nothing where it fails without a word."""
    before = pipeline.done()
    with Fleet(pipeline, 2, older) as fleet:
        deadline = time.monotonic() + _REFUSAL_S
        while time.monotonic() < deadline:
            if not fleet.running:
                return _refusal(fleet)
            if pipeline.done() > before:
                fleet.stop()
                return "goes on"
            time.sleep(0.5)
    return ""


def _refusal(fleet: Fleet) -> str:
    """The last line of a worker that has ended with an exit code of its own, not a traceback."""
    worker = fleet.workers[0]
    worker.wait()
    last = worker.tail(1)
    told = worker.exits[-1] in (1, 2) and "Traceback" not in worker.tail(40)
    return f"refused: {last[:200]}" if told else ""


def _git(*arguments: str) -> None:
    subprocess.run(["git", *arguments], cwd=ROOT, check=True, capture_output=True)
