"""What a diagnoser costs while nothing happens: labels a second of CPU, and its snapshot's size.

python -m tests.bench.drift.cost
"""

from __future__ import annotations

import time

import numpy as np

from operators.diagnosis.diagnoser import DriftDiagnoser
from operators.tape import Rows, test_then_train
from stream.cli.kernel_cache import drop_stale
from tests.bench.streams.records import numeric_space

N_LABELS = 60_000
WIDTHS = (10, 100)


def measure(n_features: int, n_labels: int = N_LABELS) -> tuple[float, int]:
    """Return labels a second of CPU, without compiling, and the bytes of a snapshot."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(n_labels, n_features))
    y = (x[:, 0] > 0.0).astype(np.float64)
    answer = np.where(rng.random(n_labels) < 0.1, 1.0 - y, y)
    rows = Rows(x, y, np.column_stack([1.0 - answer, answer]), np.empty((n_labels, 0)))
    space, tape = numeric_space(n_features, 2), test_then_train(n_labels)
    DriftDiagnoser(space).watch(tape, rows)
    diagnoser = DriftDiagnoser(space)
    start = time.process_time()
    diagnoser.watch(tape, rows)
    rate = n_labels / (time.process_time() - start)
    arrays = [v for v in diagnoser.snapshot().values() if isinstance(v, np.ndarray)]
    return rate, sum(array.nbytes for array in arrays)


def main() -> None:
    """Measure and print."""
    drop_stale()
    for n_features in WIDTHS:
        rate, size = measure(n_features)
        line = f"{n_features:4} features {rate:10,.0f} labels/s {size:12,} bytes"
        print(line)


if __name__ == "__main__":
    main()
