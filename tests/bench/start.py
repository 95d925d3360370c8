"""Track: seconds from the start of a process to the first predictions, with a warm cache.

Run with `python -m tests.bench.start DATA`, where DATA is electricity.csv.gz. Each model is warmed
up, then `driftgate evaluate` is started anew for 100 rows; the shortest of a few starts counts.
The whole command is timed: imports, configuration, first prediction, and all that follows.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

from operators.catalog import LEARNERS
from operators.rehearsal import is_classifier

ROOT = Path(__file__).parents[2]
CONFIG = ROOT / "deploy" / "examples" / "electricity.yaml"
REPEATS = 5


def driftgate(*arguments: str) -> tuple[float, str]:
    """Seconds that a command took, and what it printed."""
    start = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "stream", *arguments],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    return time.perf_counter() - start, done.stdout


def main() -> None:
    data = sys.argv[1]
    print("model,warmup_s,compiled,start_s")
    for name in sorted(LEARNERS):
        if not is_classifier(name):
            continue
        warmup_s, said = driftgate("warmup", "--model", name, "--json")
        compiled = json.loads(said)["operators"][-1]["compiled"]
        command = ("evaluate", str(CONFIG), "--data", data, "--limit", "100", "--model", name)
        start_s = min(driftgate(*command, "--json")[0] for _ in range(REPEATS))
        print(f"{name},{warmup_s:.1f},{compiled},{start_s:.2f}", flush=True)


if __name__ == "__main__":
    main()
