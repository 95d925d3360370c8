"""Numbers as sets of bits: a random distributed scalar encoder whose resolution is learnt.

A number x falls into bucket round((x - origin) / resolution), and bucket b has the bits
hash(b), hash(b + 1) ... hash(b + width - 1): neighbours share width - 1 hashes, buckets that are
`width` apart share bits by chance only. Any number has a bucket, so no range has to be known [1]_.

The resolution comes from the first values: `BUCKETS` buckets in six of their standard deviations.
When values have changed so much that this would be another one by a factor of three, it is taken
anew; that is looked at once `grace` values have come after a drift.

References
----------
.. [1] Purdy, 2016, Encoding data for HTM systems, arXiv 1602.05925, section 3 (the variant without
   stored buckets that later implementations have).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from operators.kernels.compiled import njit

SCALE = np.dtype(
    [
        ("n", np.int64),  # values since it was begun
        ("mean", np.float64),
        ("square", np.float64),  # sum of squared deviations
        ("origin", np.float64),
        ("resolution", np.float64),  # 0 as long as there is none
    ]
)
BUCKETS = 64.0
_SPAN = 6.0  # standard deviations
_UNLIKE = 3.0
_BUCKET_MAX = 1e15
_POSITIVE = 1 << 60  # added to buckets before they are hashed

_MIX_0 = np.uint64(0x9E3779B97F4A7C15)
_MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2 = np.uint64(0x94D049BB133111EB)
_30, _27, _31 = np.uint64(30), np.uint64(27), np.uint64(31)

Scale = NDArray[Any]
Ints = NDArray[np.int64]


@njit(cache=True, nogil=True, forceinline=True, error_model="numpy")
def hashed(number: int, size: int) -> int:
    """Return a bit in [0, size) for a whole number: splitmix64's mixing of it."""
    z = np.uint64(number + _POSITIVE) * _MIX_0
    z = (z ^ (z >> _30)) * _MIX_1
    z = (z ^ (z >> _27)) * _MIX_2
    z ^= z >> _31
    return np.int64(z % np.uint64(size))  # type: ignore[return-value]


@njit(cache=True, nogil=True, forceinline=True, error_model="numpy")
def begin_scale(scale: Scale) -> None:
    """Measure values anew; the old resolution holds until that is done."""
    scale[0]["n"] = 0
    scale[0]["mean"] = 0.0
    scale[0]["square"] = 0.0


@njit(cache=True, nogil=True, forceinline=True, error_model="numpy")
def learn_scale(scale: Scale, x: float, grace: int) -> bool:
    """Take in a value; return whether there is a resolution."""
    s = scale[0]
    if s["n"] <= grace or s["resolution"] == 0.0:
        s["n"] += 1
        step = x - s["mean"]
        s["mean"] += step / s["n"]
        s["square"] += step * (x - s["mean"])
        # Values that have all been equal tell no scale.
        if s["n"] >= grace and s["square"] > 0.0:
            wanted = _SPAN * math.sqrt(s["square"] / s["n"]) / BUCKETS
            has = s["resolution"]
            if not wanted < math.inf:  # values too far apart to be squared
                begin_scale(scale)
                return has > 0.0  # type: ignore[no-any-return]
            if has == 0.0 or wanted > _UNLIKE * has or wanted * _UNLIKE < has:
                # Below that, x / resolution is no number.
                s["resolution"] = max(wanted, abs(s["mean"]) * 1e-12)
                s["origin"] = s["mean"]
            s["n"] = grace + 1
    return s["resolution"] > 0.0  # type: ignore[no-any-return]


@njit(cache=True, nogil=True, forceinline=True, error_model="numpy")
def bucket_of(scale: Scale, x: float) -> int:
    """Return the bucket of a value."""
    place = (x - scale[0]["origin"]) / scale[0]["resolution"]
    return math.floor(min(max(place, -_BUCKET_MAX), _BUCKET_MAX) + 0.5)  # type: ignore[no-any-return]


@njit(cache=True, nogil=True, forceinline=True, error_model="numpy")
def encode_bucket(bucket: int, width: int, size: int, bits: Ints, seen: NDArray[np.bool_]) -> int:
    """Write the bits of a bucket, each once; return how many. `seen` is false before and after."""
    n = 0
    for i in range(width):
        bit = hashed(bucket + i, size)
        if not seen[bit]:
            seen[bit] = True
            bits[n] = bit
            n += 1
    for i in range(n):
        seen[bits[i]] = False
    return n
