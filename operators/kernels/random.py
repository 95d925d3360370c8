"""Random numbers whose whole state is one integer: splitmix64 [1]_.

References
----------
.. [1] Steele, Lea and Flood, 2014, Fast splittable pseudorandom number generators, OOPSLA.
   DOI 10.1145/2660193.2660195.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from operators.kernels.compiled import njit

State = NDArray[np.uint64]

_STEP = np.uint64(0x9E3779B97F4A7C15)
_MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2 = np.uint64(0x94D049BB133111EB)
_30, _27, _31, _11 = np.uint64(30), np.uint64(27), np.uint64(31), np.uint64(11)
_UNIT = 1.0 / (1 << 53)


def state_of(seed: int) -> State:
    """Return the state that a seed starts with."""
    return np.array([seed & 0xFFFFFFFFFFFFFFFF], dtype=np.uint64)


@njit(cache=True, nogil=True, forceinline=True, error_model="numpy")
def bits(state: State) -> np.uint64:
    """Return 64 random bits."""
    z = state[0] + _STEP
    state[0] = z
    z = (z ^ (z >> _30)) * _MIX_1
    z = (z ^ (z >> _27)) * _MIX_2
    return z ^ (z >> _31)  # type: ignore[no-any-return]


@njit(cache=True, nogil=True, forceinline=True, error_model="numpy")
def uniform(state: State) -> float:
    """Return a number in [0, 1)."""
    return np.float64(bits(state) >> _11) * _UNIT


@njit(cache=True, nogil=True, forceinline=True, error_model="numpy")
def below(state: State, n: int) -> int:
    """Return a whole number in [0, n)."""
    return int(uniform(state) * n)


def poisson_table(rate: float) -> NDArray[np.float64]:
    """Return the cumulative probabilities of 0, 1, 2 ... under a Poisson law, up to 1 - 1e-12."""
    table, term, total, k = [], math.exp(-rate), 0.0, 0
    while total < 1.0 - 1e-12 and k < 1000:
        total += term
        table.append(total)
        k += 1
        term *= rate / k
    return np.array(table)


@njit(cache=True, nogil=True, forceinline=True, error_model="numpy")
def poisson(state: State, table: NDArray[np.float64]) -> int:
    """Return a number that follows the law of a table."""
    u = uniform(state)
    k = 0
    while k < len(table) - 1 and u >= table[k]:
        k += 1
    return k
