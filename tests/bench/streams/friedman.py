"""Friedman's function of five of ten features [1]_, with the drifts of [2]_, as river has them.

References
----------
.. [1] Friedman, 1991, Multivariate adaptive regression splines, Annals of Statistics 19, section
   4.3, DOI 10.1214/aos/1176347963.
.. [2] Ikonomovska, Gama, Dzeroski, 2011, Learning model trees from evolving data streams, Data
   Mining and Knowledge Discovery 23, section 6.1, DOI 10.1007/s10618-010-0201-y.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tests.bench.streams.drift import Changes, concepts
from tests.bench.streams.records import Records, numeric_space

N_FEATURES = 10
Roles = tuple[int, int, int, int, int]
PLAIN: Roles = (0, 1, 2, 3, 4)
"""Features that are x_a, x_b (in the sine), x_c (squared), x_d and x_e (linear)."""
SWAPPED: Roles = (3, 5, 1, 0, 2)
"""Of the concept that comes and goes again."""
TURNED: tuple[Roles, Roles] = ((3, 4, 1, 0, 2), (1, 4, 3, 2, 0))
"""Of the two that follow each other in the gradual stream."""


def friedman(
    length: int, seed: int, changes: Changes, roles: tuple[Roles, ...], noise: float = 1.0
) -> Records:
    """Make a stream in which features change their roles: global drift.

    Parameters
    ----------
    roles
        Of each concept.
    noise
        Standard deviation of what is added to the target: no MAE below 0.8 times it is possible.
    """
    assert len(roles) == len(changes.positions) + 1
    rng = np.random.default_rng(seed)
    concept = concepts(rng, length, changes)
    x = rng.random((length, N_FEATURES))
    y = np.select([concept == k for k in range(len(roles))], [surface(x, r) for r in roles])
    return _noisy(rng, x, y, noise)


def friedman_local(length: int, seed: int, changes: Changes, noise: float = 1.0) -> Records:
    """Make a stream that changes in two corners of the space only, which grow at each change."""
    rng = np.random.default_rng(seed)
    concept = concepts(rng, length, changes)
    x = rng.random((length, N_FEATURES))
    return _noisy(rng, x, local_surface(x, concept), noise)


def surface(x: NDArray[np.float64], roles: Roles) -> NDArray[np.float64]:
    """Friedman's function without noise: (n,) of (n, 10)."""
    a, b, c, d, e = (x[:, j] for j in roles)
    return np.asarray(10.0 * np.sin(np.pi * a * b) + 20.0 * (c - 0.5) ** 2 + 10.0 * d + 5.0 * e)


def local_surface(x: NDArray[np.float64], concept: NDArray[np.int64]) -> NDArray[np.float64]:
    """Give the function that has other formulas in two corners; concept 0 has no corners."""
    a, b, c, d, e = (x[:, j] for j in PLAIN)
    # A corner loses its last condition with each change, and so gets larger.
    drifted, without_e, without_d = concept >= 1, concept >= 2, concept >= 3
    low = drifted & (b < 0.3) & (c < 0.3) & ((d > 0.7) | without_d) & ((e < 0.3) | without_e)
    high = drifted & (b > 0.7) & (c > 0.7) & ((d < 0.3) | without_d) & ((e > 0.7) | without_e)
    in_low = 10.0 * a * b + 20.0 * (c - 0.5) + 10.0 * d + 5.0 * e
    in_high = 10.0 * np.cos(a * b) + 20.0 * (c - 0.5) + np.exp(d) + 5.0 * e**2
    return np.select([low, high], [in_low, in_high], surface(x, PLAIN))


def _noisy(
    rng: np.random.Generator, x: NDArray[np.float64], y: NDArray[np.float64], noise: float
) -> Records:
    return Records(x, y + noise * rng.standard_normal(len(y)), numeric_space(N_FEATURES, 0))
