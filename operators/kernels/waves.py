"""Random waves of a record's entries: what a straight boundary among them is curved among those.

A wave is the cosine of a random combination of two entries and a random phase, so sums of waves
come near any smooth function of pairs of entries [1]_.

References
----------
.. [1] Rahimi and Recht, 2007, Random features for large-scale kernel machines, NIPS, algorithm 1.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from operators.kernels.compiled import njit

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

# cos(2 pi t) as a power series in t^2: to 5e-6 for t from -1/2 to 1/2.
SERIES = tuple((-1) ** k * (2.0 * math.pi) ** (2 * k) / math.factorial(2 * k) for k in range(8))
C0, C1, C2, C3, C4, C5, C6, C7 = SERIES
TURN = 2.5  # radians that a unit of an entry turns a wave, as a standard deviation
AMPLITUDE = math.sqrt(2.0)  # mean square 1, as a standardised entry has


class Waves(NamedTuple):
    """What some number of waves are of; nothing changes them.

    Parameters
    ----------
    entry
        (n, 2) int64, the entries that each wave is of.
    turns
        (n, 2) float64, turns of each wave for a unit of each of its entries.
    phase
        (n,) float64, in turns.
    """

    entry: IntArray
    turns: FloatArray
    phase: FloatArray


def make_waves(count: int, entries: int, seed: int) -> Waves:
    """Draw waves of the entries 1 .. `entries` of a vector, two each where there are two."""
    rng = np.random.default_rng(seed)
    pairs = [rng.permutation(entries)[[0, -1]] + 1 for _ in range(count)]
    return Waves(
        entry=np.array(pairs, dtype=np.int64).reshape(count, 2),
        turns=rng.normal(0.0, TURN / (2.0 * math.pi), (count, 2)),
        phase=rng.random(count),
    )


@njit(cache=True, nogil=True, error_model="numpy")
def write_waves(waves: Waves, vector: FloatArray) -> None:
    """Write the waves of a vector's first entries to its last ones."""
    entry, turns, phase = waves.entry, waves.turns, waves.phase
    start = len(vector) - len(phase)
    for i in range(len(phase)):
        t = turns[i, 0] * vector[entry[i, 0]] + turns[i, 1] * vector[entry[i, 1]] + phase[i]
        t -= math.floor(t + 0.5)
        z = t * t
        high = C4 + z * (C5 + z * (C6 + z * C7))
        vector[start + i] = AMPLITUDE * (C0 + z * (C1 + z * (C2 + z * (C3 + z * high))))
