"""Predictions as rows to watch: what a model says, without knowing whether it is right."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from operators.base import Feature, Space

PREDICTED = "prediction"
"""Name of the predicted class, or of the predicted value."""


def prediction_space(space: Space) -> Space:
    """Return the space of a model's predictions: the class as a category, a number a class.

    Of a regressor it is the one value. `prediction_rows` makes its rows.

    Examples
    --------
    >>> [f.name for f in prediction_space(Space((), 2, classes=("no", "yes"))).features]
    ['prediction', 'probability 0', 'probability 1']
    """
    if not space.n_classes:
        return Space((Feature(PREDICTED),), n_classes=0)
    chances = (Feature(f"probability {c}") for c in range(space.n_classes))
    return Space((Feature(PREDICTED, capacity=space.n_classes), *chances), n_classes=0)


def prediction_rows(space: Space, output: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return a model's predictions as rows of `prediction_space`.

    Parameters
    ----------
    space
        The model's.
    output
        (n, n_outputs) float64, `Rows.output` of rows that have been predicted; what is not finite
        is missing.

    Examples
    --------
    >>> prediction_rows(Space((), 2), np.array([[0.25, 0.75]])).tolist()
    [[1.0, 0.25, 0.75]]
    """
    output = np.where(np.isfinite(output), output, np.nan)
    if not space.n_classes:
        return output
    known = ~np.isnan(output).any(axis=1)
    predicted = np.full(len(output), np.nan)
    predicted[known] = output[known].argmax(axis=1)
    return np.column_stack([predicted, output])
