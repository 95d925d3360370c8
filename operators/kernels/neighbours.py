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
    near
        (k,) int64 working space: the nearest records.
    """

    window: Float32Array
    label: IntArray
    weight: FloatArray
    learnt: IntArray
    distance: Float32Array
    near: IntArray


def make_neighbours(entries: int, length: int, k: int) -> Neighbours:
    """Make an empty window."""
    return Neighbours(
        window=np.zeros((entries, length), dtype=np.float32),
        label=np.zeros(length, dtype=np.int64),
        weight=np.zeros(length),
        learnt=np.zeros(1, dtype=np.int64),
        distance=np.zeros(length, dtype=np.float32),
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
def select(neighbours: Neighbours, filled: int) -> int:
    """Write the nearest records to `near`, the nearest first; return how many there are."""
    distance, near = neighbours.distance, neighbours.near
    found = 0
    bound = np.float32(np.inf)
    for i in range(filled):
        if found == len(near) and distance[i] >= bound:
            continue
        place = min(found, len(near) - 1)
        while place > 0 and distance[near[place - 1]] > distance[i]:
            near[place] = near[place - 1]
            place -= 1
        near[place] = i
        found = min(found + 1, len(near))
        bound = distance[near[found - 1]]
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
