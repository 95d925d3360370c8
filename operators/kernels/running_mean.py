"""A mean that grows with its series, and what has come since it was last looked at."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from operators.kernels.compiled import njit

State = NDArray[np.void]


@njit(cache=True, nogil=True, forceinline=True, error_model="numpy")
def learn(state: State, x: float) -> None:
    """Take a value into the fields `n` and `mean`."""
    state[0]["n"] += 1
    # Not (x - mean) / n: the bits are to be those of river's running mean.
    state[0]["mean"] += (1.0 / state[0]["n"]) * (x - state[0]["mean"])


@njit(cache=True, nogil=True, forceinline=True, error_model="numpy")
def mean_since(n: int, mean: float, n_then: int, mean_then: float) -> float:
    """Return the mean of the values that came after the first `n_then`; all if none did."""
    if n == n_then:
        return mean
    return (n * mean - n_then * mean_then) / (n - n_then)
