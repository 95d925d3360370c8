"""Track: seconds from the start of a process to the first predictions, with a warm cache.

Run with `python -m tests.bench.start DATA`, where DATA is electricity.csv.gz. Each model is warmed
up, then `driftgate evaluate` is started anew for 100 rows; the shortest of a few starts counts, by
the clock and in time of the processor (which other work on the machine does not lengthen so much).
The whole command is timed: imports, configuration, first prediction, and all that follows.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

from operators.catalog import LEARNERS
from operators.rehearsal import is_classifier

ROOT = Path(__file__).parents[2]
CONFIG = ROOT / "deploy" / "examples" / "electricity.yaml"
REPEATS = 5


class Done(NamedTuple):
    """What a command took, and what it printed."""

    seconds: float
    cpu_s: float
    printed: str


def driftgate(*arguments: str) -> Done:
    """Run a command in a process of its own."""
    start, before = time.perf_counter(), os.times()
    done = subprocess.run(
        [sys.executable, "-m", "stream", *arguments],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    after = os.times()
    cpu_s = after.children_user + after.children_system
    cpu_s -= before.children_user + before.children_system
    return Done(time.perf_counter() - start, cpu_s, done.stdout)


def main() -> None:
    data = sys.argv[1]
    print("model,warmup_s,compiled,start_s,start_cpu_s")
    for name in sorted(LEARNERS):
        if not is_classifier(name):
            continue
        warmed = driftgate("warmup", "--model", name, "--json")
        compiled = json.loads(warmed.printed)["operators"][-1]["compiled"]
        command = ("evaluate", str(CONFIG), "--data", data, "--limit", "100", "--model", name)
        starts = [driftgate(*command, "--json") for _ in range(REPEATS)]
        seconds = min(start.seconds for start in starts)
        cpu_s = min(start.cpu_s for start in starts)
        print(f"{name},{warmed.seconds:.1f},{compiled},{seconds:.2f},{cpu_s:.2f}", flush=True)


if __name__ == "__main__":
    main()
