"""Recursive least squares with forgetting, on the factors of its covariance.

The weights minimise sum of forgetting^age (y - w x)^2 plus a ridge. The covariance P = U D U', U
unit upper triangular and D diagonal, is never formed: its factors are updated by Bierman's
recurrences [1]_, so P stays symmetric and without negative variances whatever rounding does.

Where inputs carry nothing on a direction, forgetting would let its variance grow without end (wind
up) and the first input to come would throw the weights about. So no entry of D may pass the value
that it started with: the ridge never fades where nothing has taken its place.

References
----------
.. [1] Bierman, 1977, Factorization methods for discrete sequential estimation, chapter V, with
   the noise `forgetting` and a division by it afterwards, as in Ljung and Soderstrom, 1983, Theory
   and practice of recursive identification, section 6.2.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from operators.kernels.compiled import njit
from operators.kernels.encoder import (
    VALUE_MAX,
    Encoder,
    FloatArray,
    IntArray,
    bounded,
    encode,
    learn_statistics,
)


class RLS(NamedTuple):
    """State, parameters and working space of recursive least squares.

    Parameters
    ----------
    encoder
        Of the records.
    weights
        (n,) float64; mutated.
    factor
        (n, n) float64, U transposed: only what is left of the diagonal is used; mutated.
    variance
        (n,) float64, D; mutated.
    variance_max
        (n,) float64, D at the start.
    projection, gain
        (n,) float64 working space.
    """

    encoder: Encoder
    weights: FloatArray
    factor: FloatArray
    variance: FloatArray
    variance_max: FloatArray
    projection: FloatArray
    gain: FloatArray
    forgetting: float


@njit(cache=True, nogil=True, forceinline=True, error_model="numpy")
def weighted_sum(model: RLS, n: int) -> float:
    """Return the prediction for the record whose `n` entries the encoder holds."""
    column, value, weights = model.encoder.column, model.encoder.value, model.weights
    total = 0.0
    for k in range(n):
        total += weights[column[k]] * value[k]
    return total


@njit(cache=True, nogil=True, forceinline=True, error_model="numpy")
def project(model: RLS, n: int) -> None:
    """Write U' x to `projection`, x being the record whose `n` entries the encoder holds."""
    column, value, factor = model.encoder.column, model.encoder.value, model.factor
    projection = model.projection
    projection[:] = 0.0
    for k in range(n):
        i, v = column[k], value[k]
        projection[i] += v
        for j in range(i + 1, len(projection)):
            projection[j] += factor[j, i] * v


@njit(cache=True, nogil=True, forceinline=True, error_model="numpy")
def update_factors(model: RLS, noise: float) -> None:
    """Update U and D by a record's projection and write the gain of each weight."""
    factor, variance, variance_max = model.factor, model.variance, model.variance_max
    projection, gain, forgetting = model.projection, model.gain, model.forgetting
    alpha = noise
    for j in range(len(gain)):
        f = projection[j]
        v = variance[j] * f
        before, alpha = alpha, alpha + f * v
        variance[j] = min(variance[j] * (before / alpha) / forgetting, variance_max[j])
        gain[j] = v
        if f != 0.0:
            p = -f / before
            for i in range(j):
                u = factor[j, i]
                factor[j, i] = u + gain[i] * p
                gain[i] += u * v
    for j in range(len(gain)):
        gain[j] /= alpha


@njit(cache=True, nogil=True, forceinline=True, error_model="numpy")
def predict_rls(model: RLS, x: FloatArray) -> float:
    """Return the value predicted for a record."""
    return bounded(weighted_sum(model, encode(model.encoder, x)), VALUE_MAX)  # type: ignore[no-any-return]


@njit(cache=True, nogil=True, forceinline=True, error_model="numpy")
def learn_rls(model: RLS, x: FloatArray, y: float, weight: float) -> None:
    """Learn a record that counts `weight` (> 0) times."""
    learn_statistics(model.encoder, x)
    n = encode(model.encoder, x)
    project(model, n)
    update_factors(model, model.forgetting / weight)
    weights, gain = model.weights, model.gain
    error = bounded(y, VALUE_MAX) - weighted_sum(model, n)
    for j in range(len(weights)):
        weights[j] += gain[j] * error


@njit(cache=True, nogil=True, error_model="numpy")
def run_rls(
    action: NDArray[np.uint8],
    row: IntArray,
    x: FloatArray,
    y: FloatArray,
    output: FloatArray,
    model: RLS,
) -> None:
    """Run a tape."""
    for step in range(len(row)):
        i = row[step]
        if action[step] == 0:
            output[i, 0] = predict_rls(model, x[i])
        else:
            learn_rls(model, x[i], y[i], 1.0)
