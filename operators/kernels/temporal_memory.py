"""Temporal memory: which columns follow which, in the context of what came before [1]_.

A column has `DEPTH` cells, each for one context. A segment is a cell's guess: synapses to cells
that were active together one step before it. When enough of them are active again, the cell is
expected. A column with expected cells activates only those; one that nobody expected bursts (all
its cells), and one of its cells learns the context.

Everything is bounded: a pool of segments, each with room for so many synapses. When all are taken,
the next segment to come takes the place of one that has not been of use since a hand that goes
round the pool last passed it (the clock algorithm). There is nothing random: of equal candidates
the first is taken. Permanences are whole numbers of thousandths.

Symbols: connected synapses of a segment to active cells make it active at `ACTIVATION`; all its
synapses to active cells make it matching at `MATCHING`.

References
----------
.. [1] Hawkins and Ahmad, 2016, Why neurons have thousands of synapses, a theory of sequence memory
   in neocortex, Frontiers in Neural Circuits 10. DOI 10.3389/fncir.2016.00023. Steps as in the
   temporal memory of its later implementations.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from operators.kernels.compiled import njit

DEPTH = 8  # cells a column
ACTIVATION, MATCHING = 7, 5
CONNECTED, INITIAL, STEP, MOST = 500, 210, 100, 1000

Ints = NDArray[np.int64]
Shorts = NDArray[np.int16]

COUNTS = np.dtype(
    [
        ("segments", np.int64),  # in use, the first ones of the pool
        ("hand", np.int64),
        ("winners", np.int64),  # of the last step
        ("expecting", np.int64),  # active segments: the next step's expectation
    ]
)


class Memory(NamedTuple):
    """State and working space of a temporal memory; everything is mutated.

    Parameters
    ----------
    counts
        (1,) COUNTS.
    owner
        (segments,) int64, the cell of a segment.
    used
        (segments,) bool, whether it was of use since the hand passed.
    size
        (segments,) int64, synapses that it has.
    source
        (segments, synapses) int16, the cells that they come from.
    permanence
        (segments, synapses) int16.
    connected, potential
        (segments,) int64, synapses to cells that were active in the last step.
    load
        (cells,) int64, segments that a cell has.
    active
        (cells,) bool, in the last step.
    winner
        (columns,) int64, the cells that learnt in the last step, one a column.
    best
        (columns,) int64, the best matching segment of a column, -1 for none.
    expected
        (columns,) bool, whether any of its segments is active.
    now
        (cells,) bool, working space, false between steps.
    chosen, rank
        (columns,) int64, working space; `rank` is -1 between steps.
    """

    counts: NDArray[Any]
    owner: Ints
    used: NDArray[np.bool_]
    size: Ints
    source: Shorts
    permanence: Shorts
    connected: Ints
    potential: Ints
    load: Ints
    active: NDArray[np.bool_]
    winner: Ints
    best: Ints
    expected: NDArray[np.bool_]
    now: NDArray[np.bool_]
    chosen: Ints
    rank: Ints


def new_memory(columns: int, segments: int, synapses: int) -> Memory:
    """Return the memory of nothing."""
    cells = columns * DEPTH
    return Memory(
        counts=np.zeros(1, dtype=COUNTS),
        owner=np.zeros(segments, dtype=np.int64),
        used=np.zeros(segments, dtype=np.bool_),
        size=np.zeros(segments, dtype=np.int64),
        source=np.zeros((segments, synapses), dtype=np.int16),
        permanence=np.zeros((segments, synapses), dtype=np.int16),
        connected=np.zeros(segments, dtype=np.int64),
        potential=np.zeros(segments, dtype=np.int64),
        load=np.zeros(cells, dtype=np.int64),
        active=np.zeros(cells, dtype=np.bool_),
        winner=np.zeros(columns, dtype=np.int64),
        best=np.full(columns, -1, dtype=np.int64),
        expected=np.zeros(columns, dtype=np.bool_),
        now=np.zeros(cells, dtype=np.bool_),
        chosen=np.zeros(columns, dtype=np.int64),
        rank=np.full(columns, -1, dtype=np.int64),
    )


@njit(cache=True, nogil=True, error_model="numpy")
def step(memory: Memory, columns: Ints) -> int:
    """Let columns become active, in rising order, and learn; return how many were expected."""
    n_expected = 0
    counts, active, now, load = memory.counts, memory.active, memory.now, memory.load
    for k in range(len(columns)):
        memory.rank[columns[k]] = k
    # Expected cells become active and win; the segments that expected them are confirmed.
    for s in range(counts[0]["segments"]):
        if memory.connected[s] >= ACTIVATION:
            cell = memory.owner[s]
            k = memory.rank[cell // DEPTH]
            if k >= 0:
                if not now[cell]:
                    now[cell] = True
                    memory.chosen[k] = cell
                _adapt(memory, s)
    for k in range(len(columns)):
        c = columns[k]
        memory.rank[c] = -1
        if memory.expected[c]:
            n_expected += 1
            continue
        # A burst: the best match learns, else the cell with the fewest segments a new one.
        for cell in range(c * DEPTH, (c + 1) * DEPTH):
            now[cell] = True
        s = memory.best[c]
        # Its place may have gone to a segment that is new in this step.
        if s >= 0 and memory.potential[s] >= MATCHING:
            memory.chosen[k] = memory.owner[s]
            _adapt(memory, s)
        else:
            least = c * DEPTH
            for cell in range(c * DEPTH + 1, (c + 1) * DEPTH):
                if load[cell] < load[least]:
                    least = cell
            memory.chosen[k] = least
            if counts[0]["winners"] > 0:
                s = _new_segment(memory, least)
                _grow(memory, s, len(columns))
    for cell in range(len(active)):
        active[cell] = now[cell]
        now[cell] = False
    for k in range(len(columns)):
        memory.winner[k] = memory.chosen[k]
    counts[0]["winners"] = len(columns)
    _expect(memory)
    return n_expected


@njit(cache=True, nogil=True, forceinline=True, error_model="numpy")
def _expect(memory: Memory) -> None:
    """Work out what the active cells lead to."""
    counts, active = memory.counts, memory.active
    memory.best[:] = -1
    memory.expected[:] = False
    n_expecting = 0
    for s in range(counts[0]["segments"]):
        connected, potential = 0, 0
        source, permanence = memory.source[s], memory.permanence[s]
        for i in range(memory.size[s]):
            if active[source[i]]:
                potential += 1
                connected += permanence[i] >= CONNECTED
        memory.connected[s] = connected
        memory.potential[s] = potential
        if potential >= MATCHING:
            c = memory.owner[s] // DEPTH
            best = memory.best[c]
            if best < 0 or potential > memory.potential[best]:
                memory.best[c] = s
            if connected >= ACTIVATION:
                memory.expected[c] = True
                n_expecting += 1
    counts[0]["expecting"] = n_expecting


@njit(cache=True, nogil=True, error_model="numpy")
def _adapt(memory: Memory, s: int) -> None:
    """Move a segment's synapses to the cells of the last step, and add some to its winners."""
    source, permanence, active = memory.source[s], memory.permanence[s], memory.active
    memory.used[s] = True
    i = 0
    while i < memory.size[s]:
        if active[source[i]]:
            permanence[i] = min(permanence[i] + STEP, MOST)
        else:
            permanence[i] -= STEP
        if permanence[i] <= 0:
            last = memory.size[s] - 1
            source[i], permanence[i] = source[last], permanence[last]
            memory.size[s] = last
        else:
            i += 1
    _grow(memory, s, memory.counts[0]["winners"] - memory.potential[s])


@njit(cache=True, nogil=True, error_model="numpy")
def _grow(memory: Memory, s: int, wanted: int) -> None:
    """Add up to so many synapses to the last winners; where there is no room, for the weakest."""
    source, permanence = memory.source[s], memory.permanence[s]
    n_old = memory.size[s]
    for k in range(memory.counts[0]["winners"]):
        if wanted <= 0:
            return
        cell = memory.winner[k]
        known = False
        for i in range(memory.size[s]):
            known |= source[i] == cell
        if known:
            continue
        wanted -= 1
        place = memory.size[s]
        if place < len(source):
            memory.size[s] = place + 1
        else:
            place = 0
            for i in range(1, n_old):
                if permanence[i] < permanence[place]:
                    place = i
        source[place], permanence[place] = cell, INITIAL


@njit(cache=True, nogil=True, error_model="numpy")
def _new_segment(memory: Memory, cell: int) -> int:
    """Return an empty segment of a cell."""
    counts, used, load = memory.counts, memory.used, memory.load
    s = counts[0]["segments"]
    if s < len(used):
        counts[0]["segments"] = s + 1
    else:
        s = counts[0]["hand"]
        while used[s]:
            used[s] = False
            s = (s + 1) % len(used)
        counts[0]["hand"] = (s + 1) % len(used)
        load[memory.owner[s]] -= 1
    memory.owner[s] = cell
    memory.size[s] = 0
    # New ones have the time of a round to be of use.
    used[s] = True
    memory.connected[s] = 0
    memory.potential[s] = 0
    load[cell] += 1
    return s  # type: ignore[no-any-return]
