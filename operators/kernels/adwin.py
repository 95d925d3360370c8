"""ADWIN's exponential histogram in flat arrays [1]_.

Level r of the histogram holds buckets of 2**r values each, oldest first; a level that overflows
merges its two oldest buckets into one of the next level. The window is therefore the levels from
the highest (oldest values) to level 0 (newest).

Symbols: W width of the window, n0 and n1 lengths of its older and newer part, u0 and u1 their
sums, eps the bound on the difference of their means under "no change".

References
----------
.. [1] Bifet and Gavalda, 2007, Learning from time-changing data with adaptive windowing, SDM,
   section 3 (the cut) and figure 3 (the histogram). DOI 10.1137/1.9781611972771.42.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from operators.kernels.compiled import njit

HEADER = np.dtype(
    [
        ("width", np.int64),  # values in the window
        ("tick", np.int64),  # values since the last reset
        ("levels", np.int64),  # levels in use
        ("detections", np.int64),  # alarms since the detector was made
        ("total", np.float64),  # sum of the window
        ("variance", np.float64),  # sum of squared deviations of the window
        ("before", np.float64),  # mean of the older part at the last alarm
        ("after", np.float64),  # mean of the newer part at the last alarm
        ("drift", np.int64),  # 1 right after an update that signals
    ]
)
TOTAL, VARIANCE = 0, 1  # of one bucket
FIRST, COUNT = 0, 1  # of one level: where its ring of buckets begins, and how many it holds

Header = NDArray[np.void]
Floats = NDArray[np.float64]
Counts = NDArray[np.int64]


@njit(cache=True, nogil=True)
def reset(header: Header, rings: Counts) -> None:
    """Empty the window; the number of alarms and the means of the last one stay."""
    header[0]["width"] = 0
    header[0]["tick"] = 0
    header[0]["levels"] = 1
    header[0]["total"] = 0.0
    header[0]["variance"] = 0.0
    header[0]["drift"] = 0
    rings[:] = 0


@njit(cache=True, nogil=True)
def _drop_oldest_bucket(header: Header, buckets: Floats, rings: Counts) -> None:
    level = header[0]["levels"] - 1
    n = float(1 << level)
    first = rings[level, FIRST]
    total = buckets[level, first, TOTAL]
    variance = buckets[level, first, VARIANCE]
    header[0]["width"] -= 1 << level
    header[0]["total"] -= total
    width = header[0]["width"]
    if width > 0:
        gap = total / n - header[0]["total"] / width
        variance += n * width * gap * gap / (n + width)
    header[0]["variance"] -= variance
    rings[level, FIRST] = (first + 1) & (buckets.shape[1] - 1)
    rings[level, COUNT] -= 1
    while header[0]["levels"] > 1 and rings[header[0]["levels"] - 1, COUNT] == 0:
        header[0]["levels"] -= 1


@njit(cache=True, nogil=True)
def _merge(header: Header, buckets: Floats, rings: Counts, max_buckets: int) -> bool:
    """Merge the two oldest buckets of each level that overflows, from level 0 upwards.

    Tells whether there was room: the highest level has none above it to merge into.
    """
    mask = buckets.shape[1] - 1
    level = 0
    while rings[level, COUNT] > max_buckets:
        above = level + 1
        if above == rings.shape[0]:
            return False
        first = rings[level, FIRST]
        second = (first + 1) & mask
        place = (rings[above, FIRST] + rings[above, COUNT]) & mask
        n = float(1 << level)
        older, newer = buckets[level, first, TOTAL], buckets[level, second, TOTAL]
        gap = (older - newer) * (1.0 / n)
        variance = buckets[level, first, VARIANCE] + buckets[level, second, VARIANCE]
        buckets[above, place, TOTAL] = older + newer
        # n n gap^2 / (n + n): scaling by powers of two rounds nothing.
        buckets[above, place, VARIANCE] = variance + 0.5 * n * (gap * gap)
        rings[level, FIRST] = (first + 2) & mask
        rings[level, COUNT] -= 2
        rings[above, COUNT] += 1
        if above == header[0]["levels"]:
            header[0]["levels"] = above + 1
        level = above
    return True


@njit(cache=True, nogil=True)
def _insert(
    header: Header, buckets: Floats, rings: Counts, values: Floats, max_buckets: int
) -> None:
    """Append values, each as a bucket of level 0.

    The three sums live in registers meanwhile: in memory they cost half of the time.
    """
    mask = buckets.shape[1] - 1
    width = float(header[0]["width"])
    total, variance = header[0]["total"], header[0]["variance"]
    for i in range(len(values)):
        value = values[i]
        if width > 0.0:
            gap = value - total / width
            variance += width * gap * gap / (width + 1.0)
        width += 1.0
        total += value
        place = (rings[0, FIRST] + rings[0, COUNT]) & mask
        buckets[0, place, TOTAL] = value
        buckets[0, place, VARIANCE] = 0.0
        rings[0, COUNT] += 1
        if rings[0, COUNT] <= max_buckets or _merge(header, buckets, rings, max_buckets):
            continue
        # The histogram is full: forgetting the oldest bucket keeps its size bounded.
        header[0]["width"], header[0]["total"], header[0]["variance"] = int(width), total, variance
        _drop_oldest_bucket(header, buckets, rings)
        width, total = float(header[0]["width"]), header[0]["total"]
        variance = header[0]["variance"]
    header[0]["width"], header[0]["total"], header[0]["variance"] = int(width), total, variance


@njit(cache=True, nogil=True)
def _surely_no_cut(n0: int, n1: int, u0: float, u1: float, length_min: int, spread: float) -> bool:
    """Tell, without a division or a root, that |u0/n0 - u1/n1|^2 < spread m.

    Nearly all places in a steady window fail even this weaker condition, and most of the time of
    a test went into the divisions. The slack of 1e-12 of both means outweighs all rounding, so
    whatever the exact test would accept gets through; so does what over- or underflows here.
    """
    a, b = u0 * n1, u1 * n0
    difference = abs(a - b) + 1e-12 * (abs(a) + abs(b))
    k0, k1 = float(n0 - length_min + 1), float(n1 - length_min + 1)
    n = float(n0) * n1
    right = spread * (k0 + k1) * n * n
    return right > 1e-290 and difference * difference * (k0 * k1) < right * (1.0 - 1e-9)


@njit(cache=True, nogil=True)
def _find_cut(
    header: Header, buckets: Floats, rings: Counts, delta: float, length_min: int, strongest: bool
) -> tuple[bool, float, float]:
    """Look for a cut between two buckets, from the oldest on: (found, mean before, mean after).

    The first one that passes the test ends the search; with `strongest`, all are tried and the
    one whose difference of means is the greatest multiple of its bound is given.
    """
    width = header[0]["width"]
    confidence = math.log(2.0 * math.log(width) / delta)
    spread = 2.0 * (header[0]["variance"] / width) * confidence
    n0, n1 = 0, width
    u0, u1 = 0.0, header[0]["total"]
    found, before, after, ratio_max = False, math.nan, math.nan, 0.0
    mask = buckets.shape[1] - 1
    for level in range(header[0]["levels"] - 1, -1, -1):
        n = 1 << level
        for k in range(rings[level, COUNT]):
            place = (rings[level, FIRST] + k) & mask
            n0 += n
            n1 -= n
            u0 += buckets[level, place, TOTAL]
            u1 -= buckets[level, place, TOTAL]
            if n1 < length_min or n1 == 0:
                return found, before, after
            if n0 < length_min or _surely_no_cut(n0, n1, u0, u1, length_min, spread):
                continue
            m = 1.0 / (n0 - length_min + 1) + 1.0 / (n1 - length_min + 1)
            bound = math.sqrt(spread * m) + 2.0 / 3.0 * confidence * m
            difference = abs(u0 / n0 - u1 / n1)
            if difference > bound and difference > ratio_max * bound:
                found, before, after = True, u0 / n0, u1 / n1
                if not strongest:
                    return found, before, after
                ratio_max = difference / bound
    return found, before, after


@njit(cache=True, nogil=True)
def _detect(header: Header, buckets: Floats, rings: Counts, delta: float, length_min: int) -> None:
    """Drop the oldest buckets for as long as a cut is found; note the means at the strongest."""
    found = _find_cut(header, buckets, rings, delta, length_min, False)[0]
    if not found:
        return
    cut = _find_cut(header, buckets, rings, delta, length_min, True)
    header[0]["before"] = cut[1]
    header[0]["after"] = cut[2]
    header[0]["drift"] = 1
    header[0]["detections"] += 1
    while found:
        _drop_oldest_bucket(header, buckets, rings)
        found = (
            header[0]["width"] > 1
            and _find_cut(header, buckets, rings, delta, length_min, False)[0]
        )


@njit(cache=True, nogil=True)
def update_many(
    header: Header,
    buckets: Floats,
    rings: Counts,
    values: Floats,
    max_buckets: int,
    delta: float,
    clock: int,
    length_min: int,
    grace_period: int,
    alarm_index: Counts,
    alarm_means: Floats,
) -> int:
    """Feed values; write index and (before, after) of each alarm; return how many there were.

    `buckets` is (levels_max, a power of two > max_buckets, 2), `rings` (levels_max, 2).
    `alarm_index` needs len(values) // clock + 1 places: a test is made every `clock` values.
    """
    n_alarms = 0
    i = 0
    while i < len(values):
        if header[0]["drift"] == 1:
            reset(header, rings)
        # Nothing but insertion happens up to the next test.
        n = min(clock - header[0]["tick"] % clock, len(values) - i)
        _insert(header, buckets, rings, values[i : i + n], max_buckets)
        header[0]["tick"] += n
        i += n
        if header[0]["tick"] % clock == 0 and header[0]["width"] > grace_period:
            _detect(header, buckets, rings, delta, length_min)
            if header[0]["drift"] == 1:
                alarm_index[n_alarms] = i - 1
                alarm_means[n_alarms, 0] = header[0]["before"]
                alarm_means[n_alarms, 1] = header[0]["after"]
                n_alarms += 1
    return n_alarms
