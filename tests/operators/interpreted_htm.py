"""Small HTM columns and series for them; a run made once compiled and once with numba off."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from operators.drift.htm_sprt import new_column
from operators.kernels import htm as kernel
from operators.kernels.spatial_pooler import fittest, learn_winners, overlaps
from operators.kernels.temporal_memory import new_memory, step

COLUMNS, ACTIVE, SIZE, WIDTH, SEGMENTS, SYNAPSES = 40, 8, 60, 9, 30, 10


def sequence(seed: int, length: int, columns: int = COLUMNS) -> list[list[int]]:
    """Sets of active columns: a few patterns in a mostly fixed order."""
    rng = np.random.default_rng(seed)
    patterns = [sorted(rng.choice(columns, ACTIVE, replace=False).tolist()) for _ in range(5)]
    order = [t % 5 if rng.random() < 0.8 else int(rng.integers(5)) for t in range(length)]
    return [patterns[k] for k in order]


def run() -> dict[str, NDArray[np.float64]]:
    """Surprises of a column, and what its parts hold afterwards."""
    column = new_column(3)
    column.scale["resolution"] = 0.2
    values = np.random.default_rng(1).normal(size=30)
    surprises = [kernel.surprise_of(column, x) for x in np.tile(values[:6], 5)]
    memory = new_memory(COLUMNS, SEGMENTS, SYNAPSES)
    expected = [step(memory, np.array(columns)) for columns in sequence(2, 120)]
    winners, counts = np.zeros(ACTIVE, dtype=np.int64), np.zeros(WIDTH + 1, dtype=np.int64)
    overlap, bits = np.zeros(len(column.pool), dtype=np.int64), np.arange(WIDTH)
    overlaps(column.pool, bits, WIDTH, overlap)
    fittest(overlap, winners, counts)
    learn_winners(column.pool, bits, WIDTH, winners)
    return {
        "surprises": np.array(surprises),
        "expected": np.array(expected, dtype=np.float64),
        "sources": memory.synapses.source.astype(np.float64),
        "permanences": memory.synapses.permanence.astype(np.float64),
        "winners": winners.astype(np.float64),
        "pool": column.pool.astype(np.float64),
    }
