"""SEA: whether the sum of two of three values is above a threshold that changes [1]_.

References
----------
.. [1] Street and Kim, 2001, A streaming ensemble algorithm (SEA) for large-scale classification,
   KDD, section 4.2, DOI 10.1145/502512.502568.
"""

from __future__ import annotations

import numpy as np

from tests.bench.streams.drift import Changes, concepts
from tests.bench.streams.records import Records, numeric_space

THRESHOLDS = np.array([8.0, 9.0, 7.0, 9.5])
"""Of functions 1 to 4."""


def sea(
    length: int,
    seed: int,
    changes: Changes,
    functions: tuple[int, ...] = (1, 2, 4, 1),
    noise: float = 0.1,
) -> Records:
    """Make the stream: three values in [0, 10), of which the last is irrelevant.

    Parameters
    ----------
    functions
        Of each concept, 1 to 4.
    noise
        Probability that the class is the other one: no accuracy above 1 - noise is possible.
    """
    assert len(functions) == len(changes.positions) + 1
    rng = np.random.default_rng(seed)
    concept = concepts(rng, length, changes)
    x = 10.0 * rng.random((length, 3))
    threshold = THRESHOLDS[np.array(functions) - 1][concept]
    y = (x[:, 0] + x[:, 1] > threshold) ^ (rng.random(length) < noise)
    return Records(x, y.astype(np.float64), numeric_space(3, 2))
