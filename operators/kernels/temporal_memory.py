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


class Synapses(NamedTuple):
    """The synapses of all segments.

    Parameters
    ----------
    size
        (segments,) int64, synapses that a segment has.
    source
        (segments, synapses) int16, the cells that they come from.
    permanence
        (segments, synapses) int16.
    """

    size: Ints
    source: Shorts
    permanence: Shorts


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
    synapses
        Of the segments.
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
    synapses: Synapses
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
        synapses=Synapses(
            size=np.zeros(segments, dtype=np.int64),
            source=np.zeros((segments, synapses), dtype=np.int16),
            permanence=np.zeros((segments, synapses), dtype=np.int16),
        ),
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
    for k in range(len(columns)):
        memory.rank[columns[k]] = k
        memory.chosen[k] = -1
    _confirm(memory, columns)
    n_expected = 0
    for k in range(len(columns)):
        memory.rank[columns[k]] = -1
        if memory.expected[columns[k]]:
            n_expected += 1
        else:
            _burst(memory, k, columns[k])
    for cell in range(len(memory.active)):
        memory.active[cell] = memory.now[cell]
        memory.now[cell] = False
    for k in range(len(columns)):
        memory.winner[k] = memory.chosen[k]
    memory.counts[0]["winners"] = len(columns)
    _expect(memory)
    return n_expected


@njit(cache=True, nogil=True, forceinline=True, error_model="numpy")
def _confirm(memory: Memory, columns: Ints) -> None:
    """Activate the expected cells of active columns; the segments that expected them learn."""
    winner = memory.winner[: memory.counts[0]["winners"]]
    for s in range(memory.counts[0]["segments"]):
        if memory.connected[s] < ACTIVATION:
            continue
        cell = memory.owner[s]
        k = memory.rank[cell // DEPTH]
        if k < 0:
            continue
        memory.now[cell] = True
        if memory.chosen[k] < 0:
            memory.chosen[k] = cell
        memory.used[s] = True
        wanted = len(winner) - memory.potential[s]
        _adapt(memory.synapses, s, memory.active, winner, wanted)


@njit(cache=True, nogil=True, forceinline=True, error_model="numpy")
def _burst(memory: Memory, k: int, c: int) -> None:
    """Activate all cells of a column; the best match learns, else a new segment does.

    The new one goes to the cell with the fewest.
    """
    winner = memory.winner[: memory.counts[0]["winners"]]
    least = c * DEPTH
    for cell in range(c * DEPTH, (c + 1) * DEPTH):
        memory.now[cell] = True
        if memory.load[cell] < memory.load[least]:
            least = cell
    s = memory.best[c]
    # Its place may have gone to a segment that is new in this step.
    if s >= 0 and memory.potential[s] >= MATCHING:
        memory.chosen[k] = memory.owner[s]
    else:
        memory.chosen[k] = least
        if len(winner) == 0:
            return
        s = _new_segment(memory, least)
    memory.used[s] = True
    wanted = len(winner) - memory.potential[s]
    _adapt(memory.synapses, s, memory.active, winner, wanted)


@njit(cache=True, nogil=True, forceinline=True, error_model="numpy")
def _expect(memory: Memory) -> None:
    """Work out what the active cells lead to."""
    counts, active = memory.counts, memory.active
    memory.best[:] = -1
    memory.expected[:] = False
    n_expecting = 0
    for s in range(counts[0]["segments"]):
        connected, potential = 0, 0
        source, permanence = memory.synapses.source[s], memory.synapses.permanence[s]
        for i in range(memory.synapses.size[s]):
            on = active[source[i]]
            potential += on
            connected += on & (permanence[i] >= CONNECTED)
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
def _adapt(
    synapses: Synapses, s: int, active: NDArray[np.bool_], winner: Ints, wanted: int
) -> None:
    """Move a segment's synapses to the cells of the last step, and add some to its winners."""
    source, permanence = synapses.source[s], synapses.permanence[s]
    size, i = synapses.size[s], 0
    while i < size:
        moved = permanence[i] + STEP if active[source[i]] else permanence[i] - STEP
        permanence[i] = min(moved, MOST)
        if moved <= 0:
            size -= 1
            source[i], permanence[i] = source[size], permanence[size]
        else:
            i += 1
    for k in range(len(winner)):
        if wanted <= 0:
            break
        cell = winner[k]
        known = False
        place = -1
        for i in range(size):
            known |= source[i] == cell
            # Where there is no room: the weakest of those that say nothing about the last step.
            if not active[source[i]] and (place < 0 or permanence[i] < permanence[place]):
                place = i
        if size < len(source):
            place = size
        if known or place < 0:
            continue
        source[place], permanence[place] = cell, INITIAL
        size = max(size, place + 1)
        wanted -= 1
    synapses.size[s] = size


@njit(cache=True, nogil=True, forceinline=True, error_model="numpy")
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
    memory.synapses.size[s] = 0
    memory.connected[s] = 0
    memory.potential[s] = 0
    load[cell] += 1
    return s  # type: ignore[no-any-return]
