"""LED: digits on a seven-segment display whose segments fail, among attributes that say nothing.

Drift swaps segments with irrelevant attributes: what was a segment is noise and the other way
round. With noise 0.1 the best possible accuracy is 74 % [1]_.

References
----------
.. [1] Breiman, Friedman, Olshen, Stone, 1984, Classification and Regression Trees, section 2.6.1.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from operators.base import Feature, Space
from tests.bench.streams.drift import Changes, concepts
from tests.bench.streams.records import Records

N_SEGMENTS = 7
N_IRRELEVANT = 17
# Top, upper left, upper right, middle, lower left, lower right, bottom: lit or not, by digit.
_DIGITS = "1110111 0010010 1011101 1011011 0111010 1101011 1101111 1010010 1111111 1111011"
LIT = np.array([[int(segment) for segment in digit] for digit in _DIGITS.split()])
"""(10, 7) int64, the segments of each digit."""


def led(
    length: int,
    seed: int,
    changes: Changes,
    n_swapped: tuple[int, ...] = (1, 3, 5, 7),
    noise: float = 0.1,
) -> Records:
    """Make the stream; all features are categories of two codes.

    Parameters
    ----------
    n_swapped
        How many segments have changed places in each concept. Each concept swaps the ones that
        the concept before it swapped, and more of them.
    noise
        Probability that a segment shows the opposite.
    """
    assert len(n_swapped) == len(changes.positions) + 1
    rng = np.random.default_rng(seed)
    first = int(rng.integers(N_SEGMENTS))
    offset = int(rng.integers(N_IRRELEVANT))
    concept = concepts(rng, length, changes)
    y = rng.integers(0, len(LIT), length)
    shown = np.hstack(
        [
            LIT[y] ^ (rng.random((length, N_SEGMENTS)) < noise),
            rng.integers(0, 2, (length, N_IRRELEVANT)),
        ]
    )
    x = np.empty(shown.shape)
    for index, count in enumerate(n_swapped):
        rows = concept == index
        # Swapping is its own inverse: column j shows what stands in places[j].
        x[rows] = shown[rows][:, places(count, first, offset)]
    width = N_SEGMENTS + N_IRRELEVANT
    features = tuple(Feature(f"att{j + 1}", capacity=2) for j in range(width))
    return Records(x, y.astype(np.float64), Space(features, n_classes=10))


def places(n_swapped: int, first: int, offset: int) -> NDArray[np.int64]:
    """Which of segments (0-6) and irrelevant attributes (7-23) stands in each column.

    Examples
    --------
    >>> places(2, first=6, offset=16)[[0, 6, 7, 23]].tolist()
    [7, 23, 0, 6]
    """
    order = np.arange(N_SEGMENTS + N_IRRELEVANT)
    for i in range(n_swapped):
        segment = (first + i) % N_SEGMENTS
        other = N_SEGMENTS + (offset + i) % N_IRRELEVANT
        order[[segment, other]] = order[[other, segment]]
    return order
