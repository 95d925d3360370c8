"""Track: megabytes a second in and out of snapshots and checkpoints, beside a copy of the bytes.

Run with `python -m tests.bench.snapshots`. It prints one CSV line for each learner and stage; what
a checkpoint costs beyond copying is its SHA-256, which has a line of its own.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from operators.base import Feature, Learner, Space
from operators.catalog import create_learner
from operators.snapshot import State
from operators.tape import Rows, test_then_train
from stream.checkpoint.format import Checkpoint, decode, encode

REPEATS = 7
EAGER = {"grace_period": 25, "delta": 0.5, "tie_threshold": 1.0, "leaves_max": 4000}
LEARNERS: dict[str, dict[str, Any]] = {
    "hoeffding_tree": EAGER,
    "drift_moe": {**EAGER, "experts": 4, "leaves_max": 1000},
}


SPACE = Space(tuple(Feature(f"x{j}") for j in range(50)), n_classes=10)


def grown(name: str, params: dict[str, Any]) -> Learner:
    """A learner whose trees are as large as they may be."""
    learner = create_learner(name, SPACE, 1, params)
    rng = np.random.default_rng(1)
    for _ in range(60):
        x = rng.normal(size=(5000, 50))
        rows = Rows(
            x,
            rng.integers(10, size=len(x)).astype(np.float64),
            np.empty((len(x), 10)),
            np.empty((len(x), learner.trace_width)),
        )
        learner.run(test_then_train(len(rows)), rows)
    return learner


def best_seconds(run: Callable[[], object]) -> float:
    """Shortest time of a few runs: the machine is shared."""
    seconds = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        run()
        seconds.append(time.perf_counter() - start)
    return min(seconds)


def copies(state: State) -> list[Any]:
    return [value.copy() for value in state.values() if isinstance(value, np.ndarray)]


def main() -> None:
    print("learner,megabytes,stage,megabytes_per_s,share_of_copy")
    for name, params in LEARNERS.items():
        learner, heir = grown(name, params), create_learner(name, SPACE, 1, params)
        state = learner.snapshot()
        size = sum(np.asarray(value).nbytes for value in state.values()) / 1e6
        checkpoint = Checkpoint("bench", 0, "f", 1, {"t": 1}, 0, state)
        data = encode(checkpoint)
        heir.restore(decode(data, "bench").state)
        stages: dict[str, Callable[[], object]] = {
            "copy": partial(copies, state),
            "sha256": lambda: hashlib.sha256(data).digest(),  # noqa: B023 - called in this turn
            "snapshot": learner.snapshot,
            "restore": partial(heir.restore, state),
            "encode": partial(encode, checkpoint),
            "decode": partial(decode, data, "bench"),
        }
        copied = 0.0
        for stage, run in stages.items():
            speed = size / best_seconds(run)
            copied = copied or speed
            print(f"{name},{size:.1f},{stage},{speed:.0f},{speed / copied:.2f}", flush=True)


if __name__ == "__main__":
    main()
