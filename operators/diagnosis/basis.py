"""What linear models of a record are made of: ranks, codes, gaps, and cosines of them all."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
N_COSINES = 96
_RANKS = np.linspace(0.0, 1.0, 33)
_CODES_MAX = 16  # codes of a category with an indicator of their own, the most frequent ones
_PENALTY_PLAIN = 1.0
_PENALTY_COSINE = 20.0


def basis(
    x: Floats, capacity: NDArray[np.int64], reference: NDArray[np.bool_]
) -> tuple[Floats, Floats]:
    """Describe records: (n, n_terms), the first term 1, and the penalty of each term.

    Ranks and frequencies are those of the records in `reference`; terms have a spread of about 1.
    """
    plain: list[Floats] = []
    for j, codes in enumerate(capacity):
        plain += (_indicators if codes else _ranks)(x[:, j], reference)
    ones = np.ones((len(x), 1))
    if not plain:
        return ones, np.full(1, 1e-3)
    terms = np.column_stack(plain)
    cosines = _cosines(terms)
    penalty = np.concatenate(
        [[1e-3], np.full(len(plain), _PENALTY_PLAIN), np.full(N_COSINES, _PENALTY_COSINE)]
    )
    return np.hstack([ones, terms, cosines]), penalty


def _ranks(values: Floats, reference: NDArray[np.bool_]) -> list[Floats]:
    missing = np.isnan(values)
    known = values[reference & ~missing]
    if len(known) == 0:
        return []
    quantiles = np.quantile(known, _RANKS)
    # A run of equal quantiles has one rank, its middle.
    edges, first = np.unique(quantiles, return_index=True)
    last = np.append(first[1:], len(quantiles)) - 1
    ranks = 0.5 * (_RANKS[first] + _RANKS[last])
    # A uniform rank has the deviation 1 / sqrt(12).
    rank = (np.interp(values, edges, ranks) - 0.5) * np.sqrt(12.0)
    terms = [np.where(missing, 0.0, rank)]
    return [*terms, _spread(missing, reference)] if missing.any() else terms


def _indicators(values: Floats, reference: NDArray[np.bool_]) -> list[Floats]:
    codes = np.where(np.isnan(values), -1, values).astype(np.int64)
    seen, counts = np.unique(codes[reference], return_counts=True)
    common = seen[np.argsort(-counts, kind="stable")][:_CODES_MAX]
    weight = np.sqrt(2.0 / max(len(common), 2))
    return [weight * _spread(codes == code, reference) for code in np.sort(common)]


def _spread(marks: NDArray[np.bool_], reference: NDArray[np.bool_]) -> Floats:
    """Centre marks and let them have a deviation of 1, unless they are very rare."""
    share = marks[reference].mean()
    return np.asarray((marks - share) / max(np.sqrt(share * (1.0 - share)), 0.1))


def _cosines(terms: Floats) -> Floats:
    """Random features of a Gaussian kernel as wide as records lie apart; always the same draw."""
    rng = np.random.default_rng(0)
    n_terms = terms.shape[1]
    direction = rng.standard_normal((n_terms, N_COSINES)) / np.sqrt(n_terms)
    phase = rng.uniform(0.0, 2.0 * np.pi, N_COSINES)
    # Single precision takes a fifth of the time, and the features are random anyway.
    angle = (terms @ direction + phase).astype(np.float32)
    cosines = np.sqrt(2.0) * np.cos(angle).astype(np.float64)
    return np.asarray(cosines - cosines.mean(axis=0))
