"""Which concept each record comes from, in a stream whose concept changes several times.

Every change is a logistic ramp, as in MOA's ConceptDriftStream [1]_: around its position p, a
record at n comes from the later concept with probability 1 / (1 + exp(-4 (n - p) / width)). So
most of the change lies within `width` records; a width of 50 is called abrupt.

References
----------
.. [1] Bifet, Holmes, Pfahringer, Kirkby, Gavalda, 2009, New ensemble methods for evolving data
   streams, KDD, section 2, DOI 10.1145/1557019.1557041.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Changes:
    """Where a stream changes, for a stream of any length.

    Parameters
    ----------
    positions
        Centre of each change, as a share of the stream's length, rising.
    width
        Records that a change takes when at least 1; below 1, a share of the length.
    """

    positions: tuple[float, ...]
    width: float


ABRUPT = Changes((0.25, 0.5, 0.75), width=50)
GRADUAL = Changes((0.225, 0.475, 0.725), width=0.05)
"""The published gradual streams have their centres a half width before the abrupt ones."""


def evenly(n_concepts: int) -> Changes:
    """Abrupt changes between equal parts of a stream.

    Examples
    --------
    >>> evenly(4).positions
    (0.25, 0.5, 0.75)
    """
    return Changes(tuple(k / n_concepts for k in range(1, n_concepts)), width=50)


def concepts(rng: np.random.Generator, length: int, changes: Changes) -> NDArray[np.int64]:
    """Draw the concept of each record: (length,) int64, 0 before the first change.

    Two changes that overlap are drawn from the last to the first, as nested streams do it.
    """
    width = changes.width if changes.width >= 1 else changes.width * length
    at = np.arange(length)
    concept = np.zeros(length, dtype=np.int64)
    for index, position in enumerate(changes.positions, start=1):
        # Beyond 700 exp would leave the range of float64; the probability is 0 long before.
        ramp = 1.0 / (1.0 + np.exp(np.minimum(-4.0 * (at - position * length) / width, 700.0)))
        concept[rng.random(length) < ramp] = index
    return concept
