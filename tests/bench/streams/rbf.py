"""RBF: clouds around centres that move through the unit cube and turn at its faces.

As MOA's RandomRBFGeneratorDrift: a centre has a class, a weight and a deviation, all uniform; a
record lies at a normal distance from its centre, in the direction of a point of the cube
[-1, 1)^d; every centre moves at every record, by `speed`, each axis turning at 0 and 1.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from tests.bench.streams.records import Records, numeric_space


def rbf(
    length: int,
    seed: int,
    speed: float,
    n_centres: int = 50,
    n_features: int = 10,
    n_classes: int = 2,
) -> Records:
    """Make the stream.

    Parameters
    ----------
    speed
        Distance that every centre moves at a record; the cube's sides are 1 long.
    """
    rng = np.random.default_rng(seed)
    centre = rng.random((n_centres, n_features))
    step = rng.random((n_centres, n_features))
    step *= speed / np.linalg.norm(step, axis=1, keepdims=True)
    label = rng.integers(0, n_classes, n_centres)
    deviation = rng.random(n_centres)
    weight = rng.random(n_centres)
    chosen = rng.choice(n_centres, length, p=weight / weight.sum())
    x = 2.0 * rng.random((length, n_features)) - 1.0
    distance = rng.standard_normal(length) * deviation[chosen]
    x *= (distance / np.linalg.norm(x, axis=1))[:, None]
    _add_moving_centres(centre, step, chosen, x)
    return Records(x, label[chosen].astype(np.float64), numeric_space(n_features, n_classes))


@njit(cache=True, nogil=True, error_model="numpy")
def _add_moving_centres(
    centre: NDArray[Any], step: NDArray[Any], chosen: NDArray[Any], x: NDArray[Any]
) -> None:
    """Move all centres once a row, then add the chosen one; `centre` and `step` are used up."""
    for i in range(len(x)):
        for k in range(centre.shape[0]):
            for j in range(centre.shape[1]):
                moved = centre[k, j] + step[k, j]
                if moved > 1.0 or moved < 0.0:
                    moved = 1.0 if moved > 1.0 else 0.0
                    step[k, j] = -step[k, j]
                centre[k, j] = moved
        for j in range(x.shape[1]):
            x[i, j] += centre[chosen[i], j]
