"""Shows that the simulation finds the faults of a commit before their repair.

    python -m tests.simulate.broken [--commit 968189c] [--seeds 50]

Checks the commit out into a temporary folder, puts the simulation of this checkout into it, and
runs the worker of that commit through the contract that it had (`former`). Prints for each known
fault how many seeds it took, what diverged, and the shrunk history.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).parents[2]
COMMIT = "968189c"
_REPLAYS = 4
_MOVED = {
    "stream.checkpoint.format": "stream.checkpoint",
    "stream.checkpoint.store": "stream.checkpoint",
    "stream.config.pipeline": "stream.config",
    "stream.loading.load": "stream.config_file",
    "stream.observe.observer": "stream.observer",
    "stream.observe.server": "stream.server",
}


class Told(NamedTuple):
    """What the sign of a fault is looked for in: a history, reduced to words."""

    kinds: set[str]
    struck: set[str]
    lines: list[str]
    replays_max: int


class Row(NamedTuple):
    """A fault that the commit has, and the sign by which it is told from the others."""

    number: int
    what: str
    is_seen: Callable[[Told], bool]


def _stuck(told: Told) -> bool:
    return bool(told.kinds & {"not live", "stands still"})


def _dead_after(told: Told, outages: set[str]) -> bool:
    """Whether a partition is given up, without replays that never end, after such an outage."""
    is_dead = "not live" in told.kinds and told.replays_max < _REPLAYS
    return is_dead and bool(told.struck & outages)


ROWS = (
    Row(
        1,
        "a frozen worker keeps its partition, unnoticed",
        lambda told: "offsets gone" not in told.struck and bool(told.kinds & {"repeated"}),
    ),
    Row(
        2,
        "after a commit in doubt, what was paused stays so",
        lambda told: "stands still" in told.kinds and told.replays_max < _REPLAYS,
    ),
    Row(
        3,
        "the coordinator is away while a partition recovers: records lost, or the partition",
        lambda told: "lost" in told.kinds or _dead_after(told, {"coordinator away"}),
    ),
    Row(
        4,
        "committed offsets gone: everything predicted twice",
        lambda told: "offsets gone" in told.struck and "repeated" in told.kinds,
    ),
    Row(
        5,
        "a replay longer than the session never ends",
        lambda told: _stuck(told) and told.replays_max >= _REPLAYS,
    ),
    Row(
        6,
        "the broker is away while partitions recover: some are never tried again",
        lambda told: _dead_after(told, {"broker down", "cut off"}),
    ),
    Row(
        7,
        "two reads of the offsets straddle a commit: exit",
        lambda told: any("all inputs must be committed by the same step" in x for x in told.lines),
    ),
)


def tell(history: Any) -> Told:
    """Reduce a history to what the signs are looked for in."""
    restores = re.findall(
        r"recovered partition (\d+): [1-9]", "\n".join(text for _, text in history.notes)
    )
    return Told(
        history.kinds,
        set(history.struck),
        [str(divergence) for divergence in history.divergences],
        max((restores.count(number) for number in restores), default=0),
    )


def search(seeds: int) -> int:
    """Look for every row, in a checkout of the commit; returns how many were not found."""
    from stream.simulate.faults import Plan, draw
    from stream.simulate.run import play
    from stream.simulate.shrink import shrink
    from tests.simulate.former import FormerWorker

    left = {row.number: row for row in ROWS}
    found: list[tuple[Row, int, Plan]] = []
    for seed in range(seeds):
        plan = draw(seed)
        told = tell(play(plan, FormerWorker))
        for row in [row for row in left.values() if row.is_seen(told)]:
            print(f"row {row.number} at seed {seed}", flush=True)
            found.append((left.pop(row.number), seed, plan))
        if not left:
            break
    for row, seed, plan in sorted(found, key=lambda entry: entry[0].number):
        small = shrink(
            plan,
            lambda other, row=row: row.is_seen(tell(play(other, FormerWorker))),  # type: ignore[misc]
        )
        print(f"\nrow {row.number}: {row.what}\n  found after {seed + 1} seeds; shrunk history:")
        print("    " + str(small).replace("\n", "\n    "))
        for line in tell(play(small, FormerWorker)).lines[:4]:
            print(f"  {line}")
    for row in left.values():
        print(f"\nrow {row.number}: {row.what}\n  NOT found within {seeds} seeds")
    return len(left)


def _in_old_places(code: str) -> str:
    """Import from where things were at that commit."""
    for new, old in _MOVED.items():
        code = code.replace(new, old)
    return code


def _in_checkout(commit: str, arguments: list[str]) -> int:
    """Run this module in a checkout of the commit, with today's simulation in it."""
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(folder) / "tree"
        git = ["git", "-C", str(ROOT), "worktree"]
        subprocess.run([*git, "add", "--detach", str(tree), commit], check=True)
        try:
            for part in ("stream/simulate", "tests/simulate"):
                shutil.copytree(ROOT / part, tree / part, dirs_exist_ok=True)
                for path in (tree / part).glob("*.py"):
                    path.write_text(_in_old_places(path.read_text()))
            command = [sys.executable, "-m", "tests.simulate.broken", "--here", *arguments]
            environment = {**os.environ, "PYTHONPATH": str(tree)}
            return subprocess.run(command, cwd=tree, env=environment, check=False).returncode
        finally:
            subprocess.run([*git, "remove", "--force", str(tree)], check=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--commit", default=COMMIT)
    parser.add_argument("--seeds", type=int, default=50)
    parser.add_argument("--here", action="store_true", help="This is that commit's checkout.")
    arguments = parser.parse_args()
    if not arguments.here:
        return _in_checkout(arguments.commit, ["--seeds", str(arguments.seeds)])
    import structlog

    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    return search(arguments.seeds)


if __name__ == "__main__":
    sys.exit(main())
