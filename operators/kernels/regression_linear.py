"""The linear model of a leaf: recursive least squares that forgets only where it learns [1]_.

A model is one contiguous stretch of a leaf's row: D weights, of which the first is the bias,
followed by the D x D matrix P (or only its diagonal, where D is large).

Symbols: z the standardised inputs with z0 = 1, P the inverse of the information so far, g = P z,
r = z'P z, lambda the forgetting factor. Ordinary exponential forgetting lets P grow without
bound in directions that the inputs never take (a constant feature). Here a record changes P only
along g: afterwards z'P z = r / (lambda (1 + r)), which has the same fixed point.

References
----------
.. [1] Kulhavy, 1987, Restricted exponential forgetting in real-time identification, Automatica
   23(5). DOI 10.1016/0005-1098(87)90054-9.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from operators.kernels.compiled import njit

FloatArray = NDArray[np.float64]

PRIOR = 1.0  # P at the beginning: worth one record in each direction


@njit(cache=True, nogil=True, error_model="numpy")
def clear_model(row: FloatArray, at: int, width: int, is_dense: bool) -> None:
    """Write a model that predicts zero and knows nothing."""
    stop = at + width + (width * width if is_dense else width)
    row[at:stop] = 0.0
    for j in range(width):
        row[at + width + (j * (width + 1) if is_dense else j)] = PRIOR


@njit(cache=True, nogil=True, error_model="numpy")
def predict_model(row: FloatArray, at: int, z: FloatArray) -> float:
    """Return the weights' product with z, added up in order."""
    total = 0.0
    for j in range(len(z)):
        total += row[at + j] * z[j]
    return total


@njit(cache=True, nogil=True, error_model="numpy")
def learn_model(
    row: FloatArray,
    at: int,
    z: FloatArray,
    is_dense: bool,
    weight: float,
    residual: float,
    fading: float,
    g: FloatArray,
) -> None:
    """Learn a record whose target lies `residual` above the prediction; `g` is working space."""
    width = len(z)
    p = at + width
    r = 0.0
    for i in range(width):
        if is_dense:
            total = 0.0
            for j in range(width):
                total += row[p + i * width + j] * z[j]
            g[i] = total
        else:
            g[i] = row[p + i] * z[i]
        r += g[i] * z[i]
    if not 1e-200 < r < 1e200:
        # Rounding has eaten P; what the weights say may still be right.
        reset_information(row, at, width, is_dense)
        return
    step = weight * residual / (1.0 + weight * r)
    change = (1.0 / (fading * (1.0 + weight * r)) - 1.0) / r
    for i in range(width):
        row[at + i] += step * g[i]
        if is_dense:
            for j in range(width):
                # In this order the matrix stays symmetric to the bit.
                row[p + i * width + j] += change * (g[i] * g[j])
        else:
            row[p + i] += change * (g[i] * g[i])


@njit(cache=True, nogil=True, error_model="numpy", _nrt=True)
def reset_information(row: FloatArray, at: int, width: int, is_dense: bool) -> None:
    """Forget how much is known, and the weights too where they are no numbers."""
    finite = True
    for j in range(width):
        finite = finite and abs(row[at + j]) < np.inf
    weights = row[at : at + width].copy()
    clear_model(row, at, width, is_dense)
    if finite:
        row[at : at + width] = weights


@njit(cache=True, nogil=True, error_model="numpy", _nrt=True)
def inherit_model(
    row: FloatArray, at: int, width: int, is_dense: bool, parent: FloatArray, doubt: float
) -> None:
    """Take over a parent's model, its information divided by `doubt`.

    It comes to know no less than a model does at the beginning.
    """
    stop = at + width + (width * width if is_dense else width)
    row[at:stop] = parent[at:stop]
    largest = 0.0
    for j in range(width):
        largest = max(largest, row[at + width + (j * (width + 1) if is_dense else j)])
    if largest > 0.0:
        row[at + width : stop] *= max(1.0, min(doubt, PRIOR / largest))
