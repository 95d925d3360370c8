"""Spatial pooler: from bits to as many columns as always, alike where bits are alike [1]_.

A column sees half of the bits, chosen at random. It is as fit as it has connected synapses to set
bits, and the fittest win; winners move their synapses to the bits that are set. Permanences are
whole numbers of thousandths, so no rounding has a part in who wins. Of two equally fit columns the
first wins. Boosting and the rescue of columns that never win, both off or nearly so by default in
[1]_'s implementations, are left out: they change the columns of a value while nothing changes.

References
----------
.. [1] Cui, Ahmad and Hawkins, 2017, The HTM spatial pooler, Frontiers in Computational
   Neuroscience 11. DOI 10.3389/fncom.2017.00111.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from operators.kernels.compiled import njit

CONNECTED, RAISE, LOWER, MOST = 100, 50, 8, 1000
NEVER = -1  # the permanence of a bit that the column does not see

Ints = NDArray[np.int64]
Permanences = NDArray[np.int16]


def new_pool(columns: int, size: int, seed: int) -> Permanences:
    """Return permanences (columns, size): half of the bits are seen, half of those connected."""
    rng = np.random.default_rng(seed)
    near = rng.integers(CONNECTED - 50, CONNECTED + 50, size=(columns, size))
    # Exactly half in each row: the columns are to have even chances.
    order = np.argsort(rng.random((columns, size)), axis=1)
    seen = np.zeros((columns, size), dtype=np.bool_)
    np.put_along_axis(seen, order[:, : size // 2], True, axis=1)
    return np.where(seen, near, NEVER).astype(np.int16)


@njit(cache=True, nogil=True, forceinline=True, error_model="numpy")
def overlaps(pool: Permanences, bits: Ints, n_bits: int, overlap: Ints) -> None:
    """Write how many set bits each column is connected to."""
    for c in range(len(pool)):
        total = 0
        for k in range(n_bits):
            total += pool[c, bits[k]] >= CONNECTED
        overlap[c] = total


@njit(cache=True, nogil=True, forceinline=True, error_model="numpy")
def fittest(overlap: Ints, winners: Ints, counts: Ints) -> None:
    """Write the columns of greatest overlap, in their order, as many as `winners` has room for.

    `counts` is working space, longer than any overlap is great.
    """
    counts[:] = 0
    for c in range(len(overlap)):
        counts[overlap[c]] += 1
    least, room = len(counts) - 1, len(winners)
    while counts[least] < room:
        room -= counts[least]
        least -= 1
    n = 0
    for c in range(len(overlap)):
        if overlap[c] > least:
            winners[n] = c
            n += 1
        elif overlap[c] == least and room > 0:
            winners[n] = c
            n += 1
            room -= 1


@njit(cache=True, nogil=True, forceinline=True, error_model="numpy")
def learn_winners(pool: Permanences, bits: Ints, n_bits: int, winners: Ints) -> None:
    """Move the winners' synapses to the bits that are set."""
    for k in range(len(winners)):
        row = pool[winners[k]]
        for i in range(n_bits):
            if row[bits[i]] >= 0:
                row[bits[i]] += LOWER + RAISE
        for j in range(len(row)):
            if row[j] >= 0:
                row[j] = min(max(row[j] - LOWER, 0), MOST)
