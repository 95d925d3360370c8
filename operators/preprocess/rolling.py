"""Windows of event time and lags, by key: the state around `operators.kernels.rolling`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from operators.kernels import rolling as kernel
from operators.preprocess.key_slots import KeySlots
from operators.snapshot import Scalar, State

Function = Literal["count", "sum", "mean", "min", "max", "distinct", "lag"]
_FUNCTIONS: dict[str, int] = {
    "count": kernel.COUNT,
    "sum": kernel.SUM,
    "mean": kernel.MEAN,
    "min": kernel.MIN,
    "max": kernel.MAX,
    "distinct": kernel.DISTINCT,
    "lag": kernel.LAG,
}
_WITHOUT_END_MS = 2**61  # of no two times is one further from the other
_SLOTS_AT_FIRST = 64


class Rolling:
    """An aggregate over the events of a key in (t - window, t], or the value some events before.

    Of each key the `events_max` newest events by event time are kept. An event that comes late is
    answered from those of them that are not after it in time, and is kept at its place.

    Parameters
    ----------
    function
        What of the window; `lag` is the value `lag` events before, whenever that was.
    window_ms
        Length of the window; not looked at by `lag`.
    lag
        1 is the last event before.
    with_current
        Whether the event itself counts.
    events_max, keys_max
        Bounds: events kept of a key, and keys kept (`KeySlots`).

    Notes
    -----
    O(events in the window) an event, and O(events after it) for one that comes late; 16 bytes
    an event kept, for each key that has been seen.

    Examples
    --------
    >>> mean = Rolling("mean", window_ms=1000, events_max=8, keys_max=8)
    >>> keys, times = np.array([1.0, 2.0, 1.0, 1.0]), np.array([0, 0, 999, 1000])
    >>> mean.update(keys, times, np.array([4.0, 9.0, 8.0, 2.0])).tolist()
    [4.0, 9.0, 6.0, 5.0]
    """

    def __init__(
        self,
        function: Function,
        *,
        window_ms: int = _WITHOUT_END_MS,
        lag: int = 0,
        with_current: bool = True,
        events_max: int,
        keys_max: int,
    ) -> None:
        self._function = _FUNCTIONS[function]
        self._window_ms = window_ms
        self._lag = lag
        self._with_current = with_current
        self._events_max = events_max
        self._slots = KeySlots(keys_max)
        self._keys_max = keys_max
        self._kept = self._room(0)
        self._grow(1)
        size = 1 << (2 * events_max + 1).bit_length() if function == "distinct" else 1
        self._marks = kernel.Marks(*(np.zeros(n, dtype=np.int64) for n in (1, size, size)))

    def update(
        self,
        keys: NDArray[np.float64],
        times: NDArray[np.int64],
        values: NDArray[np.float64],
    ) -> NDArray[np.float64]:
        """Answer events in the order in which they were accepted, and keep them.

        Parameters
        ----------
        keys
            NaN for an event without one: it is answered by NaN, and not kept.
        times
            Event times in milliseconds.
        values
            NaN for one that is missing: it does not enter the window.
        """
        slots, is_new = self._slots.take(keys)
        self._grow(len(self._slots))
        values = values + 0.0  # of the two zeros one
        out = np.empty(len(keys))
        kernel.roll(
            slots,
            is_new,
            times,
            values,
            values.view(np.int64),
            self._kept.values.view(np.int64),
            self._kept,
            self._marks,
            self._function,
            self._window_ms,
            self._lag,
            self._with_current,
            out,
        )
        return out

    def snapshot(self) -> State:
        """Return the kept events key by key, the least recently used key first."""
        keys, slots = self._slots.in_order
        kept = self._kept
        length = kept.length[slots]
        row, place = _places(slots, kept.head, length, self._events_max)
        return {
            "keys": keys,
            "length": length,
            "times": kept.times[row, place],
            "values": kept.values[row, place],
        }

    def restore(self, state: Mapping[str, NDArray[np.generic] | Scalar]) -> None:
        """Take over a snapshot of one with equal parameters."""
        self._slots.restore(np.asarray(state["keys"], dtype=np.float64))
        self._kept = self._room(0)
        self._grow(max(1, len(self._slots)))
        length = np.asarray(state["length"], dtype=np.int64)
        self._kept.length[: len(length)] = length
        row, place = _places(np.arange(len(length)), self._kept.head, length, self._events_max)
        self._kept.times[row, place] = state["times"]
        self._kept.values[row, place] = state["values"]

    def _grow(self, slots: int) -> None:
        """Make room for so many slots."""
        old = self._kept
        if slots <= len(old.length):
            return
        new = self._room(min(self._keys_max, max(2 * len(old.length), slots, _SLOTS_AT_FIRST)))
        for target, source in zip(new, old, strict=True):
            target[: len(source)] = source
        self._kept = new

    def _room(self, slots: int) -> kernel.Kept:
        # Zeros: what is not used takes no memory.
        shape = (slots, self._events_max)
        return kernel.Kept(
            head=np.zeros(slots, dtype=np.int64),
            length=np.zeros(slots, dtype=np.int64),
            times=np.zeros(shape, dtype=np.int64),
            values=np.zeros(shape),
        )


def _places(
    slots: NDArray[np.int64],
    head: NDArray[np.int64],
    length: NDArray[np.int64],
    events_max: int,
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Row and column of each kept event, slot by slot, the oldest first."""
    row = np.repeat(slots, length)
    nth = np.arange(len(row)) - np.repeat(np.cumsum(length) - length, length)
    return row, (head[row] + nth) % events_max
