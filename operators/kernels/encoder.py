"""From a row of numbers, codes and gaps to the non-zero entries of a vector.

Entry 0 is always column 0 with value 1, so that every linear model has an intercept. Each number
has a column of its own; each code has one too (one-hot), or shares one of `hash_size` columns with
others under a random sign (hashing [1]_). A record thus has at most 1 + n_features entries however
many columns there are, and the models' work is in proportion to the entries.

What is known of a feature (its moments, its last value) changes when a record is learnt and at no
other time.

References
----------
.. [1] Weinberger et al., 2009, Feature hashing for large scale multitask learning, ICML,
   section 2, DOI 10.1145/1553374.1553516.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from operators.kernels.compiled import njit
from operators.kernels.outliers import winsorised

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

COUNT, MEAN, M2, INVERSE, LAST = range(5)
STATISTICS = 5
IMPUTE_MEAN, IMPUTE_ZERO, IMPUTE_LAST = range(3)

# Squares of anything within it stay finite, and so do sums of them over any stream.
VALUE_MAX = 1e100
# A number further from its mean, in standard deviations, counts as this far: one wild value must
# not turn a linear model round.
DEVIATION_MAX = 10.0
_BUCKET, _CODE = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xD1B54A32D192ED03)
_MIX_1, _MIX_2 = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
_30, _27, _31, _63 = np.uint64(30), np.uint64(27), np.uint64(31), np.uint64(63)


class Encoder(NamedTuple):
    """State, parameters and working space of an encoder, as kernels take them.

    Parameters
    ----------
    statistics
        (n_features, 5) float64: count, mean, sum of squared deviations, 1 / standard deviation (0
        as long as all values were equal) and last value learnt (NaN before the first); mutated.
    capacity
        (n_features,) int64: number of codes, 0 for a number.
    start
        (n_features,) int64: the number's column, or the first of the feature's codes.
    column, value
        (1 + n_features,) int64 and float64 working space: the entries of the record encoded last.
    """

    statistics: FloatArray
    capacity: IntArray
    start: IntArray
    column: IntArray
    value: FloatArray
    is_standardised: bool
    impute: int
    hash_size: int


@njit(cache=True, nogil=True, forceinline=True, error_model="numpy")
def bounded(value: float, bound: float) -> float:
    """Return the value, or the bound that it passes."""
    return min(max(value, -bound), bound)


@njit(cache=True, nogil=True, forceinline=True, error_model="numpy")
def hashed(feature: int, code: int) -> np.uint64:
    """Return 64 well-mixed bits of a feature's code (the finaliser of splitmix64)."""
    bits = np.uint64(feature + 1) * _BUCKET + np.uint64(code + 1) * _CODE
    bits = (bits ^ (bits >> _30)) * _MIX_1
    bits = (bits ^ (bits >> _27)) * _MIX_2
    return bits ^ (bits >> _31)


@njit(cache=True, nogil=True, forceinline=True, error_model="numpy")
def encode(encoder: Encoder, x: FloatArray) -> int:
    """Write a record's entries to `column` and `value`; return how many there are."""
    statistics, capacity, start = encoder.statistics, encoder.capacity, encoder.start
    column, value = encoder.column, encoder.value
    column[0], value[0] = 0, 1.0
    n = 1
    for j in range(len(x)):
        v = x[j]
        if v != v and encoder.impute == IMPUTE_LAST:
            v = statistics[j, LAST]
        if capacity[j] == 0:
            if v != v:
                v = 0.0 if encoder.impute == IMPUTE_ZERO else statistics[j, MEAN]
            v = bounded(v, VALUE_MAX)
            if encoder.is_standardised:
                v = (v - statistics[j, MEAN]) * statistics[j, INVERSE]
                v = bounded(v, DEVIATION_MAX)
            if v != 0.0:
                column[n], value[n] = start[j], v
                n += 1
        elif v == v:
            if encoder.hash_size > 0:
                bits = hashed(j, np.int64(v))
                column[n] = start[j] + np.int64(bits % np.uint64(encoder.hash_size))
                value[n] = 1.0 if bits >> _63 else -1.0
            else:
                column[n], value[n] = start[j] + np.int64(v), 1.0
            n += 1
    return n


@njit(cache=True, nogil=True, forceinline=True, error_model="numpy")
def learn_statistics(encoder: Encoder, x: FloatArray) -> None:
    """Learn the moments (Welford's recurrences) and last values of what the record has."""
    statistics, capacity = encoder.statistics, encoder.capacity
    for j in range(len(x)):
        if x[j] != x[j]:
            continue
        if capacity[j] == 0:
            earlier, mean, m2 = statistics[j, COUNT], statistics[j, MEAN], statistics[j, M2]
            v = winsorised(bounded(x[j], VALUE_MAX), mean, m2, earlier)
            count = earlier + 1.0
            step = v - mean
            mean += step / count
            m2 += step * (v - mean)
            statistics[j, COUNT] = count
            statistics[j, MEAN] = mean
            statistics[j, M2] = m2
            statistics[j, INVERSE] = math.sqrt(count / m2) if m2 > 0.0 else 0.0
        statistics[j, LAST] = x[j]


@njit(cache=True, nogil=True, forceinline=True, error_model="numpy")
def clear_encoder(encoder: Encoder) -> None:
    """Forget everything learnt."""
    statistics = encoder.statistics
    for j in range(len(statistics)):
        statistics[j, :LAST] = 0.0
        statistics[j, LAST] = np.nan
