"""Naive Bayes over whole records, with forgetting: predicting, learning, running a tape.

A class's score is log share + sum over features of log p(value | class): a Gaussian for a number,
a smoothed share for a code; a missing value leaves its factor out. Only classes that were learnt
take part.

Each record learnt makes all earlier ones count `decay` times. Rather than multiplying everything
down, `scale`, the weight of a record of now, grows, until it is divided out of everything
(`rescale`); what weighs `smoothing` records is smoothing * scale.

With n records of a class, of sum of squared deviations m2, and v the variance over all classes, a
class's variance is (m2 + smoothing v) / (n - 1 + smoothing), where n - 1 for weighted records is
n - sum of squared weights / n. So a class that has seen little is about as wide as all of them
together, and there are no spikes. Gaussians are computed in units of v, which no class's score
depends on, and a feature without variance says nothing. Factors are multiplied up, and a logarithm
taken only now and then: nothing has to be cached that could grow stale.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from operators.kernels.compiled import njit
from operators.kernels.encoder import VALUE_MAX, FloatArray, IntArray, bounded
from operators.kernels.outliers import winsorised

COUNT, SQUARES, MEAN, M2 = range(4)
MOMENTS = 4
SCALE_MAX = 1e100
LOG_TINY = -700.0
PRODUCT_MIN = 1e-100


class Bayes(NamedTuple):
    """State, parameters and working space of a naive Bayes model, as kernels take them.

    Parameters
    ----------
    shares
        (n_classes,) float64, weight of each class; mutated.
    moments
        (n_classes + 1, n_numeric, 4) float64: weight, sum of squared weights, mean and sum of
        squared deviations of each number in each class, and in all of them; mutated.
    counts
        (n_codes, n_classes) float64, weight of each code in each class; mutated.
    totals
        (n_nominal, n_classes) float64, weight of all codes of a feature; mutated.
    scale
        (1,) float64, weight of a record of now; mutated.
    numeric
        (n_numeric,) int64, columns of x.
    nominal
        (n_nominal, 3) int64: column of x, number of codes, first row of `counts`.
    scores, products, logs
        (n_classes,) float64 working space.
    """

    shares: FloatArray
    moments: FloatArray
    counts: FloatArray
    totals: FloatArray
    scale: FloatArray
    numeric: IntArray
    nominal: IntArray
    scores: FloatArray
    products: FloatArray
    logs: FloatArray
    decay: float
    smoothing: float


@njit(cache=True, nogil=True, forceinline=True, error_model="numpy")
def numeric_score(model: Bayes, x: FloatArray, c: int, pseudo: float) -> float:
    """Return a class's sum of log densities of the numbers, in units of the whole variance."""
    numeric, moments = model.numeric, model.moments
    overall = len(moments) - 1
    square, product, logs = 0.0, 1.0, 0.0
    for j in range(len(numeric)):
        value = x[numeric[j]]
        m2 = moments[overall, j, M2]
        if value != value or not m2 > 0.0:
            continue
        variance = m2 / moments[overall, j, COUNT]
        count, mean = moments[c, j, COUNT], moments[c, j, MEAN]
        freedom = pseudo
        if count > 0.0:
            freedom += max(count - moments[c, j, SQUARES] / count, 0.0)
        else:
            mean = moments[overall, j, MEAN]
        # Sum of squared deviations of the class, smoothed: its variance is spread / freedom.
        spread = moments[c, j, M2] + pseudo * variance
        step = bounded(value, VALUE_MAX) - mean
        square += step * step * freedom / spread
        product *= spread / (freedom * variance)
        if not PRODUCT_MIN < product < 1e100:
            logs += math.log(product)
            product = 1.0
    return -0.5 * (square + logs + math.log(product))


@njit(cache=True, nogil=True, forceinline=True, error_model="numpy")
def nominal_scores(model: Bayes, x: FloatArray, pseudo: float) -> None:
    """Write each class's sum of log probabilities of the codes to `model.logs`.

    All classes go together through the features: their divisions run in parallel lanes.
    """
    nominal, products, logs = model.nominal, model.products, model.logs
    products[:] = 1.0
    logs[:] = 0.0
    for j in range(len(nominal)):
        value = x[nominal[j, 0]]
        if value != value:
            continue
        counts = model.counts[nominal[j, 2] + np.int64(value)]
        totals, all_codes = model.totals[j], pseudo * nominal[j, 1]
        tiny = 0
        for c in range(len(products)):
            product = products[c] * ((counts[c] + pseudo) / (totals[c] + all_codes))
            products[c] = product
            tiny += product < PRODUCT_MIN
        if tiny > 0:
            take_logs(products, logs)
    for c in range(len(products)):
        if model.shares[c] > 0.0:
            logs[c] += math.log(products[c])


@njit(cache=True, nogil=True, error_model="numpy")
def take_logs(products: FloatArray, logs: FloatArray) -> None:
    """Turn products into logarithms before they get too small for a float."""
    for c in range(len(products)):
        if products[c] < PRODUCT_MIN:
            logs[c] += math.log(products[c])
            products[c] = 1.0


@njit(cache=True, nogil=True, forceinline=True, error_model="numpy")
def predict_bayes(model: Bayes, x: FloatArray, out: FloatArray) -> None:
    """Write the class probabilities of a record: all alike before anything was learnt."""
    shares, scores = model.shares, model.scores
    pseudo = model.smoothing * model.scale[0]
    n_numeric, n_nominal = len(model.numeric), len(model.nominal)
    if n_nominal > 0:
        nominal_scores(model, x, pseudo)
    top, total = -np.inf, 0.0
    for c in range(len(out)):
        scores[c] = -np.inf
        total += shares[c]
        if shares[c] > 0.0:
            score = math.log(shares[c])
            if n_numeric > 0:
                score += numeric_score(model, x, c, pseudo)
            if n_nominal > 0:
                score += model.logs[c]
            # Values near the end of float64 can make inf - inf; such a class is ruled out.
            scores[c] = score if score == score else -np.inf
            top = max(top, scores[c])
    if top == -np.inf:
        for c in range(len(out)):
            out[c] = shares[c] / total if total > 0.0 else 1.0 / len(out)
        return
    total = 0.0
    for c in range(len(out)):
        # Below about -708 exp gives subnormal numbers, which cost hundreds of cycles.
        step = scores[c] - top
        out[c] = math.exp(step) if step > LOG_TINY else 0.0
        total += out[c]
    for c in range(len(out)):
        out[c] /= total


@njit(cache=True, nogil=True, forceinline=True, error_model="numpy")
def learn_number(moments: FloatArray, c: int, j: int, value: float, weight: float) -> None:
    """Update weighted moments by West's recurrences (1979, doi:10.1145/359146.359153).

    `earlier * share` rather than value - new mean: when all earlier weights are a rounding error
    of this one (quick forgetting, many values missing), that difference is nothing but rounding.
    """
    earlier = moments[c, j, COUNT]
    count = earlier + weight
    share = weight / count
    step = value - moments[c, j, MEAN]
    moments[c, j, COUNT] = count
    moments[c, j, SQUARES] += weight * weight
    moments[c, j, MEAN] += step * share
    moments[c, j, M2] += earlier * share * step * step


@njit(cache=True, nogil=True, forceinline=True, error_model="numpy")
def learn_bayes(model: Bayes, x: FloatArray, y: int, weight: float) -> None:
    """Learn a record of class `y` that counts `weight` (> 0) times; all earlier ones fade."""
    moments, numeric, nominal = model.moments, model.numeric, model.nominal
    counts, totals, scale = model.counts, model.totals, model.scale
    overall = len(moments) - 1
    if model.decay < 1.0:
        scale[0] /= model.decay
        if scale[0] > SCALE_MAX:
            rescale(model)
    weight *= scale[0]
    model.shares[y] += weight
    for j in range(len(numeric)):
        value = x[numeric[j]]
        if value == value:
            value = bounded(value, VALUE_MAX)
            count, m2 = moments[overall, j, COUNT] / scale[0], moments[overall, j, M2] / scale[0]
            value = winsorised(value, moments[overall, j, MEAN], m2, count)
            learn_number(moments, y, j, value, weight)
            learn_number(moments, overall, j, value, weight)
    for j in range(len(nominal)):
        value = x[nominal[j, 0]]
        if value == value:
            counts[nominal[j, 2] + np.int64(value), y] += weight
            totals[j, y] += weight


@njit(cache=True, nogil=True, error_model="numpy")
def rescale(model: Bayes) -> None:
    """Divide the scale out of everything that is a weight."""
    factor = 1.0 / model.scale[0]
    moments, shares, counts, totals = model.moments, model.shares, model.counts, model.totals
    model.scale[0] = 1.0
    shares *= factor
    counts *= factor
    totals *= factor
    for c in range(moments.shape[0]):
        for j in range(moments.shape[1]):
            moments[c, j, COUNT] *= factor
            moments[c, j, SQUARES] *= factor * factor
            moments[c, j, M2] *= factor


@njit(cache=True, nogil=True, forceinline=True, error_model="numpy")
def clear_bayes(model: Bayes) -> None:
    """Forget everything learnt."""
    model.shares[:] = 0.0
    model.moments[:] = 0.0
    model.counts[:] = 0.0
    model.totals[:] = 0.0
    model.scale[0] = 1.0


@njit(cache=True, nogil=True, error_model="numpy")
def run_bayes(
    action: NDArray[np.uint8],
    row: IntArray,
    x: FloatArray,
    y: FloatArray,
    weight: FloatArray,
    output: FloatArray,
    model: Bayes,
) -> None:
    """Run a tape."""
    for step in range(len(row)):
        i = row[step]
        if action[step] == 0:
            predict_bayes(model, x[i], output[i])
        else:
            learn_bayes(model, x[i], np.int64(y[i]), weight[i])
