"""Rotating hyperplane: which side of a plane that turns a little at every record [1]_.

References
----------
.. [1] Hulten, Spencer, Domingos, 2001, Mining time-changing data streams, KDD, section 4,
   DOI 10.1145/502512.502529.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from tests.bench.streams.records import Records, numeric_space


def hyperplane(
    length: int,
    seed: int,
    n_features: int = 10,
    magnitude: float = 0.001,
    turning: float = 0.1,
    noise: float = 0.05,
) -> Records:
    """Make the stream: values in [0, 1), class 1 where sum w x >= sum w / 2.

    Parameters
    ----------
    magnitude
        How much every weight changes at a record.
    turning
        Probability, for each weight at each record, that it changes its direction.
    noise
        Probability that the class is the other one.
    """
    rng = np.random.default_rng(seed)
    weight = rng.random(n_features)
    x = rng.random((length, n_features))
    turned = rng.random((length, n_features)) < turning
    y = np.empty(length)
    _split(weight, np.full(n_features, magnitude), turned, x, y)
    flipped = rng.random(length) < noise
    y[flipped] = 1.0 - y[flipped]
    return Records(x, y, numeric_space(n_features, 2))


@njit(cache=True, nogil=True, error_model="numpy")
def _split(
    weight: NDArray[Any],
    step: NDArray[Any],
    turned: NDArray[Any],
    x: NDArray[Any],
    y: NDArray[Any],
) -> None:
    """Write the classes; `weight` and `step` change from row to row."""
    for i in range(len(x)):
        side = 0.0
        half = 0.0
        for j in range(len(weight)):
            side += weight[j] * x[i, j]
            half += 0.5 * weight[j]
        y[i] = 1.0 if side >= half else 0.0
        for j in range(len(weight)):
            weight[j] += step[j]
            if turned[i, j]:
                step[j] = -step[j]
