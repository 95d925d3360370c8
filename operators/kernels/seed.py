"""SEED: a window of blocks, cut where two parts differ [1]_.

Values are gathered into blocks. Whenever one is full, every edge between two blocks is tried as a
cut by ADWIN's bound; now and then neighbours that are alike are merged, which leaves fewer edges.

Symbols: n0 and n1 lengths of the parts before and after an edge, u0 and u1 their sums, n both
together, s2 the variance of the window.

References
----------
.. [1] Huang, Koh, Dobbie and Pears, 2014, Detecting volatility shift in data streams, ICDM,
   section III. DOI 10.1109/ICDM.2014.50.
"""

from __future__ import annotations

import math

import numpy as np

from operators.kernels.alarms import DRIFT, QUIET, Floats, State, layout, speak
from operators.kernels.compiled import njit

STATE = layout(
    ("blocks", np.int64),  # in use; the last one is being filled
    ("tick", np.int64),  # blocks filled since neighbours were last merged
)
BLOCK = np.dtype(
    [
        ("n", np.int64),
        ("total", np.float64),
        ("m2", np.float64),  # sum of squared deviations from the block's mean
    ]
)


@njit(cache=True, nogil=True, forceinline=True, error_model="numpy")
def _add(blocks: State, k: int, x: float) -> None:
    n = blocks[k]["n"]
    if n > 0:
        gap = x - blocks[k]["total"] / n
        blocks[k]["m2"] += gap * gap * n / (n + 1)
    blocks[k]["n"] = n + 1
    blocks[k]["total"] += x


@njit(cache=True, nogil=True, forceinline=True, error_model="numpy")
def _merge(blocks: State, into: int, other: int) -> None:
    """Add a block to another; its own entry stays as it is."""
    n, m = blocks[into]["n"], blocks[other]["n"]
    gap = blocks[into]["total"] / n - blocks[other]["total"] / m
    blocks[into]["m2"] += blocks[other]["m2"] + gap * gap * n * m / (n + m)
    blocks[into]["n"] = n + m
    blocks[into]["total"] += blocks[other]["total"]


@njit(cache=True, nogil=True, forceinline=True)
def _copy(blocks: State, to: int, source: int) -> None:
    blocks[to]["n"] = blocks[source]["n"]
    blocks[to]["total"] = blocks[source]["total"]
    blocks[to]["m2"] = blocks[source]["m2"]


@njit(cache=True, nogil=True, forceinline=True)
def _open_block(state: State, blocks: State) -> None:
    k = state[0]["blocks"]
    blocks[k]["n"] = 0
    blocks[k]["total"] = 0.0
    blocks[k]["m2"] = 0.0
    state[0]["blocks"] = k + 1


@njit(cache=True, nogil=True)
def _drop(state: State, blocks: State, count: int) -> None:
    """Forget the oldest blocks."""
    for k in range(count, state[0]["blocks"]):
        _copy(blocks, k - count, k)
    state[0]["blocks"] -= count


@njit(cache=True, nogil=True, forceinline=True, error_model="numpy")
def _gap(blocks: State, k: int) -> float:
    """Return by how much the means of block k and the next one differ."""
    older = blocks[k]["total"] / blocks[k]["n"]
    return abs(older - blocks[k + 1]["total"] / blocks[k + 1]["n"])  # type: ignore[no-any-return]


@njit(cache=True, nogil=True)
def _merge_at(state: State, blocks: State, k: int) -> None:
    """Merge block k and the next one."""
    _merge(blocks, k, k + 1)
    for j in range(k + 1, state[0]["blocks"] - 1):
        _copy(blocks, j, j + 1)
    state[0]["blocks"] -= 1


@njit(cache=True, nogil=True)
def _compress(state: State, blocks: State, likeness: float, growth: float) -> None:
    """Merge neighbours that are alike, from the newest to the oldest, more readily with age."""
    newest = state[0]["blocks"] - 2
    for k in range(newest, -1, -1):
        if _gap(blocks, k) < likeness * (1.0 + growth * (newest - k)):
            _merge_at(state, blocks, k)


@njit(cache=True, nogil=True)
def _merge_most_alike(state: State, blocks: State) -> None:
    """Merge the two neighbours whose means are closest; the oldest such if there are several."""
    best, gap = 0, math.inf
    for k in range(state[0]["blocks"] - 1):
        if _gap(blocks, k) < gap:
            best, gap = k, _gap(blocks, k)
    _merge_at(state, blocks, best)


@njit(cache=True, nogil=True, error_model="numpy")
def _sums(state: State, blocks: State) -> tuple[int, float, float]:
    """Return length, sum and variance of the window."""
    n, total, m2 = blocks[0]["n"], blocks[0]["total"], blocks[0]["m2"]
    for k in range(1, state[0]["blocks"]):
        m, u = blocks[k]["n"], blocks[k]["total"]
        gap = total / n - u / m
        m2 += blocks[k]["m2"] + gap * gap * n * m / (n + m)
        n += m
        total += u
    return n, total, m2 / n


@njit(cache=True, nogil=True, error_model="numpy")
def _find_cut(state: State, blocks: State, delta: float) -> tuple[int, float, float]:
    """Return how many blocks come before the strongest cut, 0 if none passes, and both means."""
    n, total, variance = _sums(state, blocks)
    confidence = math.log(2.0 * math.log(n) / delta)
    cut, before, after, ratio_max = 0, math.nan, math.nan, 1.0
    n0, u0 = 0, 0.0
    for k in range(state[0]["blocks"] - 1):
        n0 += blocks[k]["n"]
        u0 += blocks[k]["total"]
        n1, u1 = n - n0, total - u0
        m = n / (float(n0) * n1)
        difference = abs(u0 / n0 - u1 / n1)
        # The bound is at least its first term, and most edges do not even reach that.
        if difference * difference <= 2.0 * m * variance * confidence:
            continue
        bound = math.sqrt(2.0 * m * variance * confidence) + 2.0 / 3.0 * confidence * m
        if difference > ratio_max * bound:
            cut, before, after, ratio_max = k + 1, u0 / n0, u1 / n1, difference / bound
    return cut, before, after


@njit(cache=True, nogil=True)
def update_many(
    values: Floats,
    log: State,
    state: State,
    blocks: State,
    delta: float,
    block_length: int,
    likeness: float,
    growth: float,
    compress_every: int,
) -> int:
    """Feed values; return how many alarms are in `log` now.

    `blocks` (blocks_max,) is full at most up to its last entry when a block is opened.
    """
    n_alarms = 0
    for i in range(len(values)):
        state[0]["zone"] = QUIET
        if state[0]["blocks"] == 0 or blocks[state[0]["blocks"] - 1]["n"] >= block_length:
            _open_block(state, blocks)
        newest = state[0]["blocks"] - 1
        _add(blocks, newest, values[i])
        if blocks[newest]["n"] < block_length:
            continue
        cut, before, after = _find_cut(state, blocks, delta)
        if cut > 0:
            n_alarms = speak(state, DRIFT, log, n_alarms, i, before, after)
            state[0]["zone"] = DRIFT
            _drop(state, blocks, cut)
        state[0]["tick"] += 1
        if state[0]["tick"] >= compress_every:
            state[0]["tick"] = 0
            _compress(state, blocks, likeness, growth)
        if state[0]["blocks"] == len(blocks):
            _merge_most_alike(state, blocks)
    return n_alarms
