"""Rows of which nothing changes: what monitors are measured on."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy import signal

from operators.base import Feature, Space

Floats = NDArray[np.float64]
Generator = np.random.Generator

_SHARES = 1.0 / np.arange(1, 31)
SHARES = _SHARES / _SHARES.sum()
"""Of thirty categories: Zipf's law."""


def _with_gaps(rng: Generator, values: Floats) -> Floats:
    values[rng.random(len(values)) < 0.05] = np.nan
    return values


STEADY: dict[str, Callable[[Generator, int], Floats]] = {
    "normal": lambda rng, n: rng.normal(size=n),
    "uniform": lambda rng, n: rng.random(n),
    "lognormal": lambda rng, n: rng.lognormal(sigma=2.0, size=n),
    "cauchy": lambda rng, n: rng.standard_cauchy(n),
    "counts": lambda rng, n: rng.poisson(0.7, n).astype(np.float64),
    "mostly_0": lambda rng, n: np.where(rng.random(n) < 0.9, 0.0, rng.exponential(size=n)),
    "rare": lambda rng, n: (rng.random(n) < 0.01).astype(np.float64),
    "gaps": lambda rng, n: _with_gaps(rng, rng.normal(size=n)),
    "category": lambda rng, n: rng.choice(30, n, p=SHARES).astype(np.float64),
    "two_kinds": lambda rng, n: rng.choice(2, n, p=[0.7, 0.3]).astype(np.float64),
}
"""One feature each, independent from row to row."""

CAPACITY = {"category": 40, "two_kinds": 4}


def space_of(names: list[str]) -> Space:
    return Space(tuple(Feature(name, CAPACITY.get(name, 0)) for name in names), n_classes=0)


def steady(rng: Generator, n: int) -> Floats:
    """(n, 10) float64, one column for each of STEADY."""
    return np.column_stack([draw(rng, n) for draw in STEADY.values()])


def autocorrelated(rng: Generator, n: int, n_features: int, phi: float) -> Floats:
    """(n, n_features) float64 of standard deviation 1, each an AR(1)."""
    before = 1_000  # until where it began is forgotten
    noise = np.sqrt(1.0 - phi**2) * rng.normal(size=(before + n, n_features))
    return np.asarray(signal.lfilter([1.0], [1.0, -phi], noise, axis=0)[before:])


def one_factor(rng: Generator, n: int, n_features: int, rho: float) -> Floats:
    """(n, n_features) float64, standard normal, each two with correlation `rho`."""
    x = np.sqrt(1.0 - rho) * rng.normal(size=(n, n_features))
    x += np.sqrt(rho) * rng.normal(size=(n, 1))
    return np.asarray(x)
