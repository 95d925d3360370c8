"""Sine: on which side of a curve a point of the unit square lies [1]_, without noise.

References
----------
.. [1] Gama, Medas, Castillo, Rodrigues, 2004, Learning with drift detection, SBIA, section 4.1,
   DOI 10.1007/978-3-540-28645-5_29.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tests.bench.streams.drift import Changes, concepts
from tests.bench.streams.records import Records, numeric_space


def sine(length: int, seed: int, changes: Changes, functions: tuple[int, ...]) -> Records:
    """Make the stream: two values in [0, 1).

    Parameters
    ----------
    functions
        Of each concept: class 1 is 1 below sin(x), 2 above it, 3 below 0.5 + 0.3 sin(3 pi x),
        4 above that.
    """
    assert len(functions) == len(changes.positions) + 1
    rng = np.random.default_rng(seed)
    function = np.array(functions)[concepts(rng, length, changes)]
    x = rng.random((length, 2))
    y = is_positive(function, x)
    return Records(x, y.astype(np.float64), numeric_space(2, 2))


def is_positive(function: NDArray[np.int64], x: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Decide each point by the function, 1 to 4, that stands beside it."""
    wave = 0.5 + 0.3 * np.sin(3.0 * np.pi * x[:, 0])
    curve = np.where(function <= 2, np.sin(x[:, 0]), wave)
    positive: NDArray[np.bool_] = (x[:, 1] < curve) ^ (function % 2 == 0)
    return positive
