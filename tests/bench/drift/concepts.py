"""Streams that drift in a way that is known: what changed, when, and how.

A gradual drift mixes: around its middle m, a record at n comes from the later concept with
probability 1 / (1 + exp(-4 (n - m) / width)). Its change point is the middle; it begins at the
onset, m - width / 2, and ends at m + width / 2. An abrupt drift begins, is and ends at one record.
"""

from __future__ import annotations

import itertools
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from operators.diagnosis.base import Source, Tempo
from tests.bench.drift.families import FAMILIES, Concept, Family
from tests.bench.streams.records import Records

NOISES = (0.0, 0.05, 0.1, 0.2, 0.3)
WIDTHS = (1_000, 2_000, 3_000, 5_000)
SOURCES: tuple[Source, ...] = ("real", "virtual", "label")


@dataclass(frozen=True, slots=True)
class Drift:
    """The truth of one drift.

    Parameters
    ----------
    source, tempo
        As a diagnosis names them.
    onset, at, end
        Records before it begins, before its change point, before it is over.
    recurs
        Number of the earlier concept that comes back, from 1; None for a new one.
    """

    source: Source
    tempo: Tempo
    onset: int
    at: int
    end: int
    recurs: int | None = None


@dataclass(frozen=True, slots=True)
class Case:
    """One stream, by what it is to show.

    Parameters
    ----------
    kind
        `abrupt`, `gradual`, `recurring`, `outliers` or `none`.
    source
        Of its drifts.
    family
        One of `FAMILIES`.
    noise
        Share of records whose class says nothing of x.
    imbalanced
        Whether one class is 1 in 21.
    seed
        Of everything random.
    """

    kind: str
    source: Source
    family: str
    noise: float
    imbalanced: bool
    seed: int


@dataclass(frozen=True, slots=True)
class DriftStream:
    """Records and the truth about them."""

    case: Case
    records: Records
    drifts: tuple[Drift, ...]


def cases(seed: int, quick: bool = False) -> Iterator[Case]:
    """List the streams of a seed: every kind, noise and balance, in turn from each family."""
    kinds: list[tuple[str, Source]] = [
        *itertools.product(("abrupt", "gradual"), SOURCES),
        ("recurring", "real"),
        ("recurring", "virtual"),
        ("outliers", "outliers"),
        ("none", "none"),
    ]
    noises = (0.1,) if quick else NOISES
    grid = itertools.product(kinds, enumerate(noises), (False, True))
    for turn, ((kind, source), (level, noise), imbalanced) in enumerate(grid):
        # Odd steps through three families, so that each meets each noise and balance.
        family = list(FAMILIES)[(turn // 2 + level + imbalanced + seed) % len(FAMILIES)]
        yield Case(kind, source, family, noise, imbalanced, seed)


def make(case: Case) -> DriftStream:
    """Draw a stream; equal cases give equal records."""
    rng = np.random.default_rng([case.seed, zlib.crc32(repr(case).encode())])
    family = FAMILIES[case.family](rng, case.noise, case.imbalanced)
    maker = {
        "abrupt": _once,
        "gradual": _once,
        "recurring": _recurring,
        "outliers": _burst,
        "none": _steady,
    }[case.kind]
    x, y, drifts = maker(case, family, rng)
    return DriftStream(case, Records(x, y, family.space), drifts)


Parts = tuple[NDArray[np.float64], NDArray[np.float64], tuple[Drift, ...]]


def _once(case: Case, family: Family, rng: np.random.Generator) -> Parts:
    """One drift after some thousands of records."""
    if case.kind == "abrupt":
        at, length = int(rng.integers(4_000, 7_000)), 10_000
        drift = Drift(case.source, "abrupt", at, at, at)
        second = np.arange(length) >= at
    else:
        width = int(rng.choice(WIDTHS))
        at, length = int(rng.integers(6_500, 8_000)), 14_000
        drift = Drift(case.source, "gradual", at - width // 2, at, at + width // 2)
        second = rng.random(length) < 1.0 / (1.0 + np.exp(-4.0 * (np.arange(length) - at) / width))
    x, y = _mixed(rng, [family.first, family.changed[case.source]], second.astype(int))
    return x, y, (drift,)


def _recurring(case: Case, family: Family, rng: np.random.Generator) -> Parts:
    """First, second, first, second concept, abruptly."""
    length, step = 16_000, 4_000
    ats = [step * k + int(rng.integers(-300, 300)) for k in (1, 2, 3)]
    number = np.searchsorted(ats, np.arange(length), side="right")
    x, y = _mixed(rng, [family.first, family.changed[case.source]], number % 2)
    recurs = (None, 1, 2)
    drifts = [
        Drift(case.source, "abrupt", at, at, at, r) for at, r in zip(ats, recurs, strict=True)
    ]
    return x, y, tuple(drifts)


def _burst(case: Case, family: Family, rng: np.random.Generator) -> Parts:
    """Some dozens of records like none before, with classes of other records."""
    at, length, size = int(rng.integers(4_000, 7_000)), 10_000, int(rng.integers(60, 160))
    x, y = family.first.sample(rng, length)
    x[at : at + size] = family.odd(rng, x[at : at + size])
    y[at : at + size] = rng.permutation(y[at : at + size])
    return x, y, (Drift("outliers", "abrupt", at, at, at + size),)


def _steady(case: Case, family: Family, rng: np.random.Generator) -> Parts:
    """No drift."""
    return (*family.first.sample(rng, 20_000), ())


def _mixed(
    rng: np.random.Generator, concepts: list[Concept], number: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Draw each record from the concept whose number stands at its place."""
    x, y = concepts[0].sample(rng, len(number))
    for k in range(1, len(concepts)):
        rows = number == k
        x[rows], y[rows] = concepts[k].sample(rng, int(rows.sum()))
    return x, y
