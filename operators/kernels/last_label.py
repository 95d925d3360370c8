"""What label comes after the last one known: the baseline of every stream that has a memory."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from operators.kernels.compiled import njit

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


class Follows(NamedTuple):
    """State and parameters.

    Parameters
    ----------
    counts
        (n_classes, n_classes) float64, recent number of labels by the last one known before;
        mutated.
    last
        (1,) int64, last label learnt, -1 before any; mutated.
    decay
        What earlier labels after the same one count when one more is learnt.
    """

    counts: FloatArray
    last: IntArray
    decay: float


@njit(cache=True, nogil=True, error_model="numpy")
def run_follows(
    action: NDArray[np.uint8],
    row: IntArray,
    y: FloatArray,
    weight: FloatArray,
    output: FloatArray,
    trace: FloatArray,
    follows: Follows,
) -> None:
    """Run a tape; the trace holds the last label that was known at prediction."""
    counts = follows.counts
    for step in range(len(row)):
        i = row[step]
        if action[step] == 0:
            last = follows.last[0]
            trace[i, 0] = last
            answer_after(counts, last, output[i])
            continue
        code = np.int64(y[i])
        last = np.int64(trace[i, 0])
        if last >= 0:
            for c in range(len(counts)):
                counts[last, c] *= follows.decay
            counts[last, code] += weight[i]
        follows.last[0] = code


@njit(cache=True, nogil=True, error_model="numpy")
def answer_after(counts: FloatArray, last: int, out: FloatArray) -> None:
    """Write how often each label has come after `last`, with one more vote shared by all."""
    total = 1.0
    for c in range(len(out)):
        out[c] = 1.0 / len(out)
        if last >= 0:
            out[c] += counts[last, c]
            total += counts[last, c]
    for c in range(len(out)):
        out[c] /= total
