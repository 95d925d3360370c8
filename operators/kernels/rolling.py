"""Aggregates over the events of a key in a window of event time, and lags.

The events of each key are kept in one row of a few arrays: a ring, sorted by event time, and by
order of acceptance among equal times. Every answer is worked out from the events of its window, in
that order, and from nothing else: there are no running sums whose last digits would depend on
what has left.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from operators.kernels.compiled import njit

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

COUNT, SUM, MEAN, MIN, MAX, DISTINCT, LAG = range(7)


class Kept(NamedTuple):
    """Events of all keys.

    Parameters
    ----------
    head, length
        (n_slots,) int64, where a slot's oldest event is, and how many it has; mutated.
    times
        (n_slots, events_max) int64, event times in milliseconds; mutated.
    values
        (n_slots, events_max) float64, never NaN; mutated.
    """

    head: IntArray
    length: IntArray
    times: IntArray
    values: FloatArray


class Marks(NamedTuple):
    """Working memory of `DISTINCT`: a hash set that is emptied by counting on.

    Parameters
    ----------
    round
        (1,) int64, number of the set in use; mutated.
    used
        (size,) int64, number of the set for which a place was last used; mutated.
    bits
        (size,) int64, the value there; mutated. The size is a power of two, at least twice
        `events_max` + 1.
    """

    round: IntArray
    used: IntArray
    bits: IntArray


@njit(cache=True, nogil=True, error_model="numpy")
def roll(
    slot: IntArray,
    is_new: NDArray[np.bool_],
    time: IntArray,
    value: FloatArray,
    value_bits: IntArray,
    kept_bits: IntArray,
    kept: Kept,
    marks: Marks,
    function: int,
    window_ms: int,
    lag: int,
    with_current: bool,
    out: FloatArray,
) -> None:
    """Answer each event from the kept ones before it, then keep it.

    Parameters
    ----------
    slot, is_new
        (n,) as `KeySlots.take` gives them.
    time, value
        (n,) of the events; those whose value is NaN are answered and not kept.
    value_bits, kept_bits
        `value` and `kept.values` looked at as int64.
    function
        One of the constants of this module.
    window_ms
        The window of an event at time t is (t - window_ms, t].
    lag
        For `LAG`: 1 is the last event before.
    with_current
        Whether the event itself counts.
    out
        (n,) written.
    """
    events_max = kept.times.shape[1]
    for i in range(len(slot)):
        s = slot[i]
        if s < 0:
            out[i] = np.nan
            continue
        if is_new[i]:
            kept.head[s] = 0
            kept.length[s] = 0
        t, v = time[i], value[i]
        head, n = kept.head[s], kept.length[s]
        after = n  # the first event of a later time
        while after > 0 and kept.times[s, _at(head, after - 1, events_max)] > t:
            after -= 1
        first = _first_after(s, head, after, t - window_ms, kept)
        is_counted = with_current and not math.isnan(v)
        if function == LAG:
            out[i] = np.nan
            if after >= lag:
                out[i] = kept.values[s, _at(head, after - lag, events_max)]
        elif function == COUNT:
            out[i] = after - first + is_counted
        elif function == DISTINCT:
            out[i] = _distinct(
                s, head, first, after, events_max, kept_bits, value_bits[i], is_counted, marks
            )
        else:
            out[i] = _aggregate(s, head, first, after, kept, v, is_counted, function)
        if math.isnan(v):
            continue
        if n == events_max:
            if after == 0:
                continue  # older than all that are kept: it would be the first to leave
            head = _at(head, 1, events_max)
            kept.head[s] = head
            after -= 1
            n -= 1
        for j in range(n, after, -1):
            to, origin = _at(head, j, events_max), _at(head, j - 1, events_max)
            kept.times[s, to] = kept.times[s, origin]
            kept.values[s, to] = kept.values[s, origin]
        at = _at(head, after, events_max)
        kept.times[s, at] = t
        kept.values[s, at] = v
        kept.length[s] = n + 1


@njit(cache=True, nogil=True, forceinline=True, error_model="numpy")
def _at(head: int, j: int, events_max: int) -> int:
    """Place in the ring of the event that is the j-th oldest."""
    place = head + j
    return place - events_max if place >= events_max else place


@njit(cache=True, nogil=True, error_model="numpy")
def _first_after(s: int, head: int, after: int, time: int, kept: Kept) -> int:
    """Find the first of the events 0 .. after - 1 that is later than a time; `after` if none is."""
    events_max = kept.times.shape[1]
    low, high = 0, after
    while low < high:
        middle = (low + high) // 2
        if kept.times[s, _at(head, middle, events_max)] > time:
            high = middle
        else:
            low = middle + 1
    return low


@njit(cache=True, nogil=True, error_model="numpy")
def _aggregate(
    s: int,
    head: int,
    first: int,
    after: int,
    kept: Kept,
    value: float,
    is_counted: bool,
    function: int,
) -> float:
    """Sum, mean, least or greatest value of the events first .. after - 1 and the event itself."""
    events_max = kept.times.shape[1]
    n = after - first + is_counted
    if n == 0:
        return 0.0 if function == SUM else np.nan
    total, least, greatest = 0.0, np.inf, -np.inf
    for j in range(first, after):
        x = kept.values[s, _at(head, j, events_max)]
        total += x
        least = min(least, x)
        greatest = max(greatest, x)
    if is_counted:
        total += value
        least = min(least, value)
        greatest = max(greatest, value)
    if function == MIN:
        return least
    if function == MAX:
        return greatest
    if not math.isfinite(total):
        return np.nan
    return total / n if function == MEAN else total


@njit(cache=True, nogil=True, error_model="numpy")
def _distinct(
    s: int,
    head: int,
    first: int,
    after: int,
    events_max: int,
    kept_bits: IntArray,
    bits: int,
    is_counted: bool,
    marks: Marks,
) -> int:
    """Count the different values of the events first .. after - 1 and of the event itself."""
    marks.round[0] += 1
    found = 0
    for j in range(first, after):
        found += _mark(kept_bits[s, _at(head, j, events_max)], marks)
    if is_counted:
        found += _mark(bits, marks)
    return found


@njit(cache=True, nogil=True, forceinline=True, error_model="numpy")
def _mark(bits: int, marks: Marks) -> int:
    """Put a value into the set; 1 if it was not there."""
    size = len(marks.used)
    mixed = bits ^ (bits >> 32)
    mixed ^= mixed >> 15
    mixed ^= mixed >> 7
    place = mixed & (size - 1)
    while marks.used[place] == marks.round[0]:
        if marks.bits[place] == bits:
            return 0
        place = (place + 1) & (size - 1)
    marks.used[place] = marks.round[0]
    marks.bits[place] = bits
    return 1
