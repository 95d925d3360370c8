"""Track: what a learner keeps over a million records whose concept turns round again and again.

Run with `python -m tests.bench.memory [NAME ...]`; all compiled learners if none is named. It
prints one CSV line for each learner and count of records: megabytes of its snapshot, of the whole
process, and records a second since the line before.
"""

from __future__ import annotations

import resource
import sys
import time

import numpy as np

from operators.base import Feature, Space
from operators.catalog import LEARNERS, create_learner
from operators.rehearsal import is_classifier
from operators.tape import Rows, test_then_train

COUNTS = (10_000, 100_000, 1_000_000)
CHUNK = 2000
TURN = 20_000
WIDTH = 10


def rows(rng: np.random.Generator, start: int, n_classes: int, trace_width: int) -> Rows:
    """Ten numbers, the last of them a category; which side of a plane decides."""
    x = rng.normal(size=(CHUNK, WIDTH))
    x[:, -1] = rng.integers(8, size=CHUNK)
    plane = np.random.default_rng(start // TURN).normal(size=WIDTH)
    y = x @ plane + rng.normal(size=CHUNK)
    if n_classes:
        y = np.digitize(y, [-1.0, 1.0]).astype(np.float64)
    return Rows(x, y, np.empty((CHUNK, max(n_classes, 1))), np.empty((CHUNK, trace_width)))


def main() -> None:
    print("learner,records,snapshot_mb,process_mb,records_per_s", flush=True)
    features = (*(Feature(f"x{j}") for j in range(WIDTH - 1)), Feature("c", capacity=8))
    for name in sys.argv[1:] or sorted(LEARNERS):
        n_classes = 3 if is_classifier(name) else 0
        learner = create_learner(name, Space(features, n_classes), 1, {})
        rng, tape, seconds, last = np.random.default_rng(1), test_then_train(CHUNK), 0.0, 0
        for start in range(0, COUNTS[-1], CHUNK):
            batch = rows(rng, start, n_classes, learner.trace_width)
            began = time.perf_counter()
            learner.run(tape, batch)
            seconds += time.perf_counter() - began
            if (count := start + CHUNK) in COUNTS:
                size = sum(np.asarray(value).nbytes for value in learner.snapshot().values()) / 1e6
                peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
                speed = (count - last) / seconds
                print(f"{name},{count},{size:.2f},{peak:.0f},{speed:.0f}", flush=True)
                seconds, last = 0.0, count


if __name__ == "__main__":
    main()
