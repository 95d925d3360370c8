"""Concepts that have been, each as a sample of its records, to know them again."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from operators.diagnosis.contrast import Records, contrast
from operators.kernels.diagnosis import Ring

_SAMPLE = 600
_ALIKE = 3.2
"""Deviations up to which records may be of a stored concept: five tests each."""
_SINCE_MIN = 150


class ConceptStore:
    """At most so many samples; the one that was longest not in force makes room.

    Parameters
    ----------
    capacity
        Concepts that are remembered.
    n_columns
        Of their records.
    """

    def __init__(self, capacity: int, n_columns: int) -> None:
        self.number = np.zeros(capacity, np.int64)  # 0: free
        self._size = np.zeros(capacity, np.int64)
        self._ended = np.zeros(capacity, np.int64)
        self._x = np.zeros((capacity, _SAMPLE, n_columns), np.float32)
        self._y = np.zeros((capacity, _SAMPLE))

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Name everything."""
        return {
            "store/number": self.number,
            "store/size": self._size,
            "store/ended": self._ended,
            "store/x": self._x,
            "store/y": self._y,
        }

    def keep(self, number: int, ring: Ring, labels: NDArray[np.int64]) -> None:
        """Store a sample of some labels' records as a concept, in place of an older one of it."""
        if len(labels) == 0:
            return
        same = np.flatnonzero(self.number == number)
        slot = int(same[0]) if len(same) else int(np.argmin(self._ended))
        size = min(len(labels), _SAMPLE)
        chosen = labels[np.arange(size) * len(labels) // size] % len(ring.y)
        self._x[slot, :size], self._y[slot, :size] = ring.x[chosen], ring.y[chosen]
        self.number[slot], self._size[slot], self._ended[slot] = number, size, labels[-1] + 1

    def sample(self, slot: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the records of a slot."""
        size = self._size[slot]
        return self._x[slot, :size].astype(np.float64), self._y[slot, :size]


def likeness(stored: Records, since: Records) -> float:
    """Return the greatest deviation between stored records and those since a change."""
    both = Records(
        np.vstack([stored.x, since.x]),
        np.concatenate([stored.group, since.group]),
        since.capacity,
        since.n_groups,
    )
    is_since = np.arange(len(both.group)) >= len(stored.group)
    found = contrast(both, ~is_since, is_since).tests
    return max(found.concept, found.classes, found.features, found.labels)


def is_alike(deviation: float, n_since: int) -> bool:
    """Whether records may be of the stored concept, there being enough to tell."""
    return n_since >= _SINCE_MIN and deviation < _ALIKE
