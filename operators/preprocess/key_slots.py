"""Rows of arrays for the keys seen last: a bound on the keys that are kept."""

from __future__ import annotations

from collections import OrderedDict

import numpy as np
from numpy.typing import NDArray

NO_SLOT = -1


class KeySlots:
    """Gives each key a slot; beyond `keys_max` the least recently used key gives its own up.

    Parameters
    ----------
    keys_max
        Number of slots.

    Notes
    -----
    O(1) a key. Which slot a key has depends on when the object was made or restored; the order of
    use, by which snapshots are written, does not.

    Examples
    --------
    >>> slots = KeySlots(keys_max=2)
    >>> keys = np.array([7.0, 8.0, 7.0, 9.0, np.nan])
    >>> [found.tolist() for found in slots.take(keys)]
    [[0, 1, 0, 1, -1], [True, True, False, True, False]]
    """

    def __init__(self, keys_max: int) -> None:
        self._keys_max = keys_max
        self._slots: OrderedDict[float, int] = OrderedDict()

    def __len__(self) -> int:
        return len(self._slots)

    def take(self, keys: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """Use keys, one after the other.

        Returns
        -------
        slots, is_new
            (n,) int64, -1 where the key is NaN; and whether the key was not kept until then, so
            that what the slot holds is another's.
        """
        slots, is_new = np.full(len(keys), NO_SLOT), np.zeros(len(keys), dtype=bool)
        known, move = self._slots.get, self._slots.move_to_end
        for i, key in enumerate(keys.tolist()):
            slot = known(key)
            if slot is not None:
                move(key)
                slots[i] = slot
            elif key == key:  # not NaN
                slots[i], is_new[i] = self._take_up(key), True
        return slots, is_new

    def _take_up(self, key: float) -> int:
        slot = len(self._slots)
        if slot == self._keys_max:
            _, slot = self._slots.popitem(last=False)
        self._slots[key] = slot
        return slot

    @property
    def in_order(self) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """All keys, the least recently used one first, and their slots."""
        keys = np.array(list(self._slots), dtype=np.float64)
        return keys, np.array(list(self._slots.values()), dtype=np.int64)

    def restore(self, keys: NDArray[np.float64]) -> None:
        """Take over keys in their order of use; they get the slots from 0 on."""
        self._slots.clear()
        self._slots.update((key, slot) for slot, key in enumerate(keys.tolist()))
