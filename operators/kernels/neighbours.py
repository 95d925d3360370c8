"""The nearest of the last records, by brute force over a window that fits in the cache.

The window is stored feature by feature, so that the distances of all its records grow together:
each is a sum in the order of the features, and vectorising over records changes no bit.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from operators.kernels.compiled import njit
from operators.kernels.dense import Dense, encode, learn_dense

FloatArray = NDArray[np.float64]
Float32Array = NDArray[np.float32]
IntArray = NDArray[np.int64]

PRIOR = 0.1  # votes that all classes share before any neighbour has voted
LANES = 64  # records i, i + LANES, i + 2 LANES, ... are looked through together


class Neighbours(NamedTuple):
    """State and working space.

    Parameters
    ----------
    window
        (n_entries, length) float32, records as `operators.kernels.dense` writes them, without the
        first entry; mutated.
    label
        (length,) int64; mutated.
    weight
        (length,) float64, votes of each record; mutated.
    learnt
        (1,) int64, records learnt so far; mutated.
    distance
        (length,) float32 working space.
    least
        (LANES,) float32 working space: the least distance in each lane.
    lanes, close
        (LANES,) and (length,) int64 working space: lanes and records that are near enough.
    near
        (k,) int64 working space: the nearest records.
    """

    window: Float32Array
    label: IntArray
    weight: FloatArray
    learnt: IntArray
    distance: Float32Array
    least: Float32Array
    lanes: IntArray
    close: IntArray
    near: IntArray


def make_neighbours(entries: int, length: int, k: int) -> Neighbours:
    """Make an empty window."""
    return Neighbours(
        window=np.zeros((entries, length), dtype=np.float32),
        label=np.zeros(length, dtype=np.int64),
        weight=np.zeros(length),
        learnt=np.zeros(1, dtype=np.int64),
        distance=np.zeros(length, dtype=np.float32),
        least=np.zeros(LANES, dtype=np.float32),
        lanes=np.zeros(LANES, dtype=np.int64),
        close=np.zeros(length, dtype=np.int64),
        near=np.zeros(k, dtype=np.int64),
    )


@njit(cache=True, nogil=True, error_model="numpy")
def measure(neighbours: Neighbours, vector: FloatArray, filled: int) -> None:
    """Write the squared distance of a record from each one of the window."""
    distance, window = neighbours.distance, neighbours.window
    distance[:filled] = np.float32(0.0)
    j = 0
    # Four entries at a time read and write the distances once instead of four times; each still
    # gets its terms one after the other.
    while j + 4 <= len(window):
        row0, row1, row2, row3 = window[j], window[j + 1], window[j + 2], window[j + 3]
        value0, value1 = np.float32(vector[j + 1]), np.float32(vector[j + 2])
        value2, value3 = np.float32(vector[j + 3]), np.float32(vector[j + 4])
        for i in range(filled):
            step0, step1 = row0[i] - value0, row1[i] - value1
            step2, step3 = row2[i] - value2, row3[i] - value3
            total = distance[i] + step0 * step0
            total += step1 * step1
            total += step2 * step2
            distance[i] = total + step3 * step3
        j += 4
    while j < len(window):
        row, value = window[j], np.float32(vector[j + 1])
        for i in range(filled):
            step = row[i] - value
            distance[i] += step * step
        j += 1


@njit(cache=True, nogil=True, error_model="numpy")
def reach(neighbours: Neighbours, filled: int) -> np.float32:
    """Return a distance that as many records as are asked for are within, or infinity.

    Every k-th lane together has a least distance, and the largest of these k has k records within
    it. That takes no branch that could be mispredicted, and what is beyond need not be looked at.
    """
    distance, least, k = neighbours.distance, neighbours.least, len(neighbours.near)
    least[:] = np.float32(np.inf)
    start = 0
    while start + LANES <= filled:
        lanes = distance[start : start + LANES]
        for lane in range(LANES):
            least[lane] = lanes[lane] if lanes[lane] < least[lane] else least[lane]
        start += LANES
    for i in range(start, filled):
        least[i - start] = min(least[i - start], distance[i])
    bound = np.float32(0.0)
    for first in range(k):
        nearest = np.float32(np.inf)
        for lane in range(first, LANES, k):
            nearest = min(nearest, least[lane])
        bound = max(bound, nearest)
    return bound


@njit(cache=True, nogil=True, error_model="numpy")
def place_among(neighbours: Neighbours, i: int, found: int) -> int:
    """Insert a record among the nearest found so far; of equal ones the first is nearer."""
    distance, near = neighbours.distance, neighbours.near
    place = found
    while place > 0:
        other = near[place - 1]
        if distance[other] < distance[i] or (distance[other] == distance[i] and other < i):
            break
        if place < len(near):
            near[place] = other
        place -= 1
    if place < len(near):
        near[place] = i
    return min(found + 1, len(near))


@njit(cache=True, nogil=True, error_model="numpy")
def gather(neighbours: Neighbours, filled: int) -> int:
    """Write the records within `reach` to `close`, lane by lane; return how many there are.

    Without a branch on a distance: those that are in would all be mispredicted.
    """
    distance, least = neighbours.distance, neighbours.least
    lanes, close = neighbours.lanes, neighbours.close
    bound = reach(neighbours, filled)
    n_lanes, count = 0, 0
    for lane in range(LANES):
        lanes[n_lanes] = lane
        n_lanes += least[lane] <= bound
    for place in range(n_lanes):
        for i in range(lanes[place], filled, LANES):
            close[count] = i
            count += distance[i] <= bound
    return count


@njit(cache=True, nogil=True, error_model="numpy")
def select(neighbours: Neighbours, filled: int) -> int:
    """Write the nearest records to `near`, the nearest first; return how many there are."""
    found = 0
    for place in range(gather(neighbours, filled)):
        found = place_among(neighbours, neighbours.close[place], found)
    return found


@njit(cache=True, nogil=True, error_model="numpy")
def predict_neighbours(neighbours: Neighbours, vector: FloatArray, out: FloatArray) -> None:
    """Write each class's share of the neighbours' votes."""
    filled = min(neighbours.learnt[0], len(neighbours.label))
    measure(neighbours, vector, filled)
    out[:] = PRIOR / len(out)
    total = PRIOR
    for place in range(select(neighbours, filled)):
        i = neighbours.near[place]
        out[neighbours.label[i]] += neighbours.weight[i]
        total += neighbours.weight[i]
    for c in range(len(out)):
        out[c] /= total


@njit(cache=True, nogil=True, error_model="numpy")
def learn_neighbours(neighbours: Neighbours, vector: FloatArray, y: int, weight: float) -> None:
    """Put a record in the place of the oldest."""
    i = neighbours.learnt[0] % len(neighbours.label)
    for j in range(len(neighbours.window)):
        neighbours.window[j, i] = np.float32(vector[j + 1])
    neighbours.label[i] = y
    neighbours.weight[i] = weight
    neighbours.learnt[0] += 1


@njit(cache=True, nogil=True, error_model="numpy")
def run_neighbours(
    action: NDArray[np.uint8],
    row: IntArray,
    x: FloatArray,
    y: FloatArray,
    weight: FloatArray,
    output: FloatArray,
    dense: Dense,
    neighbours: Neighbours,
) -> None:
    """Run a tape."""
    encoded = -1  # the row that `dense.vector` holds as it would be written now, -1 if none
    for step in range(len(row)):
        i = row[step]
        if encoded != i:
            encode(dense, x[i])
            encoded = i
        if action[step] == 0:
            predict_neighbours(neighbours, dense.vector, output[i])
        else:
            learn_neighbours(neighbours, dense.vector, np.int64(y[i]), weight[i])
            learn_dense(dense, x[i])
            encoded = -1
