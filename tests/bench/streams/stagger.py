"""STAGGER: three concepts about objects of a size, a colour and a shape [1]_, without noise.

References
----------
.. [1] Schlimmer and Granger, 1986, Incremental learning from noisy data, Machine Learning 1,
   section 4, DOI 10.1007/BF00116895.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from operators.base import Feature, Space
from tests.bench.streams.drift import Changes, concepts
from tests.bench.streams.records import Records

SIZES = ("small", "medium", "large")
COLOURS = ("red", "blue", "green")
SHAPES = ("circle", "square", "triangle")


def stagger(length: int, seed: int, changes: Changes, functions: tuple[int, ...]) -> Records:
    """Make the stream.

    Parameters
    ----------
    functions
        Of each concept: 1 small and red, 2 green or a circle, 3 medium or large.
    """
    assert len(functions) == len(changes.positions) + 1
    rng = np.random.default_rng(seed)
    concept = concepts(rng, length, changes)
    size, colour, shape = rng.integers(0, 3, (3, length))
    x = np.column_stack([size, colour, shape]).astype(np.float64)
    y = is_positive(np.array(functions)[concept], x)
    features = tuple(
        Feature(name, capacity=3, categories=values)
        for name, values in (("size", SIZES), ("colour", COLOURS), ("shape", SHAPES))
    )
    return Records(x, y.astype(np.float64), Space(features, n_classes=2))


def is_positive(function: NDArray[np.int64], x: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Decide each row by the function, 1 to 3, that stands beside it."""
    size, colour, shape = x.T
    small_and_red = (size == 0) & (colour == 0)
    green_or_circle = (colour == 2) | (shape == 0)
    return np.choose(function - 1, [small_and_red, green_or_circle, size >= 1])
