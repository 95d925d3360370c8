"""What a diagnoser keeps of each label: the record in a ring, and counts of its cells in a block.

A block is as many labels as lie between two decisions. A cell of a feature is its bin (numbers),
its code (categories; high codes share one) or that it is missing; a group is a class, some classes,
or a range of a numeric target. Cells are counted for each group, so P(x), P(y) and P(x|y) of any
stretch of blocks are sums.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from operators.kernels.compiled import njit
from operators.kernels.two_samples import chi_square, deviation
from operators.tape import LEARN

N_CELLS = 12
MISSING = N_CELLS - 1
N_BINS = 10
"""Of a number; of a category, all codes from `MISSING` - 1 on share a cell."""
N_GROUPS = 8
N_LOSSES = 8
"""Ranges of an absolute error; a wrong class is 1, a right one 0."""

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]
Integers = NDArray[np.int64]


class Ring(NamedTuple):
    """The last labels' records; label n lies at n modulo the length. All mutated.

    Parameters
    ----------
    learnt
        (1,) int64, labels so far.
    x
        (length, n_columns) float32, the watched columns.
    y, loss
        (length,) float64; the loss is NaN where the model gave no answer.
    live
        (length,) bool, False for records that count for nothing any more.
    """

    learnt: Integers
    x: Singles
    y: Floats
    loss: Floats
    live: NDArray[np.bool_]


class Cells(NamedTuple):
    """Where values are cut.

    Parameters
    ----------
    columns, capacity
        (n_columns,) int64, the columns of `Rows.x` that are watched, and their capacity: 0 for a
        number.
    edges
        (n_columns, N_BINS - 1) float64, of numbers; the last may be infinite, as in the others.
    group_of
        (n_classes,) int64; empty where the target is a number.
    y_edges, loss_edges
        (N_GROUPS - 1,) and (N_LOSSES - 1,) float64, where the target is a number.
    """

    columns: Integers
    capacity: Integers
    edges: Floats
    group_of: Integers
    y_edges: Floats
    loss_edges: Floats


class Counts(NamedTuple):
    """Records by block and cell; block n lies at n modulo their number. All mutated.

    Parameters
    ----------
    x
        (n_blocks, n_columns, N_GROUPS, N_CELLS) uint16.
    y, loss
        (n_blocks, N_GROUPS) and (n_blocks, N_LOSSES) int64.
    """

    x: NDArray[np.uint16]
    y: Integers
    loss: Integers


@njit(cache=True, nogil=True, forceinline=True)
def _below(edges: Floats, value: float) -> int:
    """Count the edges below a value; unused edges are infinite."""
    n = 0
    while n < len(edges) and edges[n] < value:
        n += 1
    return n


@njit(cache=True, nogil=True, forceinline=True)
def _loss(output: Floats, y: float, n_classes: int) -> float:
    """Whether the class was wrong, or by how much the value was; NaN without an answer."""
    if n_classes == 0:
        return float(abs(output[0] - y))
    best, answer = -math.inf, -1
    for k in range(n_classes):
        if output[k] > best:
            best, answer = output[k], k
    return math.nan if answer < 0 else 0.0 if answer == int(y) else 1.0


@njit(cache=True, nogil=True)
def _count(label: int, every: int, ring: Ring, cells: Cells, counts: Counts) -> None:
    """Count a label of the ring."""
    i, block = label % len(ring.y), label // every % len(counts.y)
    y, loss = ring.y[i], ring.loss[i]
    by_class = len(cells.group_of) > 0
    group = cells.group_of[int(y)] if by_class else _below(cells.y_edges, y)
    counts.y[block, group] += 1
    if not math.isnan(loss):
        counts.loss[block, int(loss) if by_class else _below(cells.loss_edges, loss)] += 1
    for j in range(ring.x.shape[1]):
        value = float(ring.x[i, j])
        cell = MISSING
        if not math.isnan(value):
            nominal = cells.capacity[j] > 0
            cell = min(int(value), MISSING - 1) if nominal else _below(cells.edges[j], value)
        counts.x[block, j, group, cell] += 1


@njit(cache=True, nogil=True)
def _clear(block: int, counts: Counts) -> None:
    counts.x[block] = 0
    counts.y[block] = 0
    counts.loss[block] = 0


@njit(cache=True, nogil=True)
def count_anew(first: int, every: int, ring: Ring, cells: Cells, counts: Counts) -> None:
    """Count the ring's labels from `first` on, after cells have moved or records were left out."""
    for block in range(len(counts.y)):
        _clear(block, counts)
    for label in range(first, ring.learnt[0]):
        if ring.live[label % len(ring.y)]:
            _count(label, every, ring, cells, counts)


@njit(cache=True, nogil=True)
def take(
    step: int,
    action: NDArray[np.uint8],
    row: Integers,
    x: Floats,
    y: Floats,
    output: Floats,
    n_classes: int,
    every: int,
    counting: bool,
    ring: Ring,
    cells: Cells,
    counts: Counts,
) -> int:
    """Take in the LEARN steps from `step` on, up to the next decision; return the next step.

    `counting` is false as long as no cells have been cut.
    """
    for s in range(step, len(row)):
        if action[s] != LEARN:
            continue
        r, label = row[s], ring.learnt[0]
        i = label % len(ring.y)
        if label % every == 0:
            _clear(label // every % len(counts.y), counts)
        for j in range(len(cells.columns)):
            ring.x[i, j] = x[r, cells.columns[j]]
        ring.y[i] = y[r]
        ring.loss[i] = _loss(output[r], y[r], n_classes)
        ring.live[i] = True
        if counting:
            _count(label, every, ring, cells, counts)
        ring.learnt[0] = label + 1
        if (label + 1) % every == 0:
            return s + 1
    return len(row)


class Sums(NamedTuple):
    """Room for the sums of blocks; what it holds between calls means nothing.

    Parameters
    ----------
    x, y, loss
        As of `Counts`, of all blocks (0) and of those at the end (1).
    cells
        (2, N_CELLS) int64, of all groups.
    """

    x: Integers
    y: Integers
    loss: Integers
    cells: Integers


@njit(cache=True, nogil=True)
def judge_ends(
    order: Integers, lengths: Integers, n_groups: int, counts: Counts, sums: Sums, worst: Floats
) -> None:
    """Write how unlike the blocks before each end is, by the channel in which it differs most.

    Parameters
    ----------
    order
        Places of the blocks, oldest first.
    lengths
        (n_ends,) of the ends, in blocks, rising.
    worst
        (n_ends,), mutated: standard deviations.
    """
    sums.x[:] = 0
    sums.y[:] = 0
    sums.loss[:] = 0
    for block in order:
        _add(block, 0, n_groups, counts, sums)
    n_added = 0
    for e in range(len(lengths)):
        while n_added < lengths[e]:
            n_added += 1
            _add(order[len(order) - n_added], 1, n_groups, counts, sums)
        worst[e] = deviation(*chi_square(sums.y[0], sums.y[1]))
        if _level(sums.loss[1]) > _level(sums.loss[0]):
            worst[e] = max(worst[e], deviation(*chi_square(sums.loss[0], sums.loss[1])))
        for j in range(sums.x.shape[1]):
            worst[e] = max(worst[e], _judge_column(j, n_groups, sums))


@njit(cache=True, nogil=True)
def _add(block: int, side: int, n_groups: int, counts: Counts, sums: Sums) -> None:
    for j in range(sums.x.shape[1]):
        for group in range(n_groups):
            for cell in range(N_CELLS):
                sums.x[side, j, group, cell] += counts.x[block, j, group, cell]
    for group in range(n_groups):
        sums.y[side, group] += counts.y[block, group]
    for loss in range(N_LOSSES):
        sums.loss[side, loss] += counts.loss[block, loss]


@njit(cache=True, nogil=True)
def _level(losses: Integers) -> float:
    """Average range of losses."""
    n, total = 0, 0
    for k in range(len(losses)):
        n += losses[k]
        total += k * losses[k]
    return total / n if n else 0.0


@njit(cache=True, nogil=True)
def _judge_column(j: int, n_groups: int, sums: Sums) -> float:
    """Judge a feature, alone, within all groups, and within each: a rare one may say it all."""
    sums.cells[:] = 0
    within, freedom, clearest = 0.0, 0, -math.inf
    for group in range(n_groups):
        for side in range(2):
            for cell in range(N_CELLS):
                sums.cells[side, cell] += sums.x[side, j, group, cell]
        statistic, free = chi_square(sums.x[0, j, group], sums.x[1, j, group])
        within += statistic
        freedom += free
        clearest = max(clearest, deviation(statistic, free))
    alone = deviation(*chi_square(sums.cells[0], sums.cells[1]))
    return float(max(alone, deviation(within, freedom), clearest))


def empty_counts(n_blocks: int, n_columns: int) -> Counts:
    """Make counts of nothing."""
    return Counts(
        np.zeros((n_blocks, n_columns, N_GROUPS, N_CELLS), np.uint16),
        np.zeros((n_blocks, N_GROUPS), np.int64),
        np.zeros((n_blocks, N_LOSSES), np.int64),
    )


def empty_sums(n_columns: int) -> Sums:
    """Make room for sums."""
    return Sums(
        np.zeros((2, n_columns, N_GROUPS, N_CELLS), np.int64),
        np.zeros((2, N_GROUPS), np.int64),
        np.zeros((2, N_LOSSES), np.int64),
        np.zeros((2, N_CELLS), np.int64),
    )
