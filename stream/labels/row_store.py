"""Rows that wait for their labels, in arrays that grow by doubling up to the configured bound."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]


class RowStore:
    """Slots for rows of several matrices of fixed widths.

    Parameters
    ----------
    widths
        Number of float64 columns of each matrix.
    """

    def __init__(self, widths: tuple[int, ...]) -> None:
        self._widths = widths
        self._matrices = [np.empty((0, width)) for width in widths]
        self._free: list[int] = []

    @property
    def used(self) -> int:
        """Slots that are not free."""
        return len(self._matrices[0]) - len(self._free)

    def gather(self, slots: list[int]) -> list[Matrix]:
        """Copy the rows in these slots, one matrix for each width."""
        index = np.array(slots, dtype=np.int64)
        return [matrix[index] for matrix in self._matrices]

    def put(self, rows: list[Matrix]) -> list[int]:
        """Copy rows in; returns the slot of each."""
        count = len(rows[0])
        if len(self._free) < count:
            self._grow(count)
        slots = [self._free.pop() for _ in range(count)]
        index = np.array(slots, dtype=np.int64)
        for matrix, new in zip(self._matrices, rows, strict=True):
            matrix[index] = new
        return slots

    def release(self, slots: list[int]) -> None:
        """Make slots free; what they hold may be overwritten by the next `put`."""
        self._free.extend(slots)

    def clear(self) -> None:
        """Forget all rows."""
        self._matrices = [np.empty((0, width)) for width in self._widths]
        self._free = []

    def _grow(self, count: int) -> None:
        old = len(self._matrices[0])
        new = max(2 * old, old + count, 256)
        grown = [np.empty((new, width)) for width in self._widths]
        for target, source in zip(grown, self._matrices, strict=True):
            target[:old] = source
        self._matrices = grown
        self._free.extend(range(new - 1, old - 1, -1))
