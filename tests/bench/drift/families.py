"""Concepts to draw records from: half spaces, clouds, tables of codes, and how each can change.

A concept is P(x) and P(y|x). A family makes a first concept and three others from it:

- `real` has the same P(x) and another P(y|x);
- `virtual` another P(x) and the same P(y|x);
- `label` another P(y) and the same P(x|y): its records are drawn class first.

Label noise is the share of records whose class is drawn from P(y) whatever x is. So it leaves P(y)
alone, and a class that is 1 in 21 without noise is that with it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from operators.base import Feature, Space
from tests.bench.streams.records import numeric_space

Floats = NDArray[np.float64]
RARE = 1.0 / 21.0
"""Share of the rare class in imbalanced streams: 1 to 20."""
_SAMPLE = 20_000  # draws from which quantiles and shares of classes are taken


@dataclass(frozen=True, slots=True)
class Concept:
    """What records are drawn from.

    Parameters
    ----------
    draw
        (rng, n) -> (n, n_features), by P(x).
    posterior
        x -> (n, n_classes), P(y|x).
    prior
        (n_classes,) of a concept whose classes are drawn first; P(x|y) is then what `draw` and
        `posterior` say.
    """

    draw: Callable[[np.random.Generator, int], Floats]
    posterior: Callable[[Floats], Floats]
    prior: Floats | None = None

    def sample(self, rng: np.random.Generator, n: int) -> tuple[Floats, Floats]:
        """Draw records: (n, n_features) and (n,) class codes."""
        if self.prior is None:
            return self._both(rng, n)
        y = _choose(rng, np.tile(self.prior, (n, 1)))
        x = np.empty((n, self.draw(rng, 1).shape[1]))
        open_rows = np.ones(n, dtype=bool)
        while open_rows.any():
            more, labels = self._both(rng, 2 * n)
            for label in range(len(self.prior)):
                wanted = np.flatnonzero(open_rows & (y == label))
                found = np.flatnonzero(labels == label)[: len(wanted)]
                x[wanted[: len(found)]] = more[found]
                open_rows[wanted[: len(found)]] = False
        return x, y

    def _both(self, rng: np.random.Generator, n: int) -> tuple[Floats, Floats]:
        x = self.draw(rng, n)
        return x, _choose(rng, self.posterior(x))


@dataclass(frozen=True, slots=True)
class Family:
    """A first concept and what it can become.

    Parameters
    ----------
    space
        Of all its records.
    first
        The concept before any drift.
    changed
        The concept after a drift, by its source.
    odd
        (rng, x) -> records like none before, made from some of the first concept.
    """

    space: Space
    first: Concept
    changed: dict[str, Concept]
    odd: Callable[[np.random.Generator, Floats], Floats]


def half_spaces(rng: np.random.Generator, noise: float, imbalanced: bool) -> Family:
    """Six uniform numbers; the class is whether a weighted sum of four is above a threshold.

    The sixth is missing in one record of ten, and says nothing.
    """
    weight = np.zeros(6)
    weight[:4] = rng.choice([-1.0, 1.0], 4) * rng.uniform(0.5, 1.5, 4)
    turned = np.zeros(6)
    turned[1:5] = -weight[1:5] + rng.choice([-1.0, 1.0], 4) * rng.uniform(0.2, 0.8, 4)
    share = RARE if imbalanced else 0.5
    power = np.where(rng.random(6) < 0.5, 1.0, rng.choice([0.4, 2.5], 6))
    power[rng.integers(0, 4)] = rng.choice([0.4, 2.5])

    def draw(rng: np.random.Generator, n: int, power: Floats | float = 1.0) -> Floats:
        x = rng.random((n, 6)) ** power
        x[rng.random(n) < 0.1, 5] = np.nan
        return x

    def above(weight: Floats) -> Callable[[Floats], Floats]:
        score = draw(rng, _SAMPLE)[:, :5] @ weight[:5]
        threshold = np.quantile(score, 1.0 - share)
        return lambda x: _two(x[:, :5] @ weight[:5] > threshold)

    first = _noisy(Concept(draw, above(weight)), noise, rng)
    return Family(
        numeric_space(6, 2),
        first,
        {
            "real": _noisy(Concept(draw, above(turned)), noise, rng),
            "virtual": replace(first, draw=lambda rng, n: draw(rng, n, power)),
            "label": replace(first, prior=_other_prior(rng, _shares(first, rng))),
        },
        lambda rng, x: x + rng.choice([-1.0, 1.0], 6) * rng.uniform(1.0, 3.0, x.shape),
    )


def clouds(rng: np.random.Generator, noise: float, imbalanced: bool) -> Family:
    """Five numbers around one of eight centres; P(y|x) is what the centres' classes make it.

    Three classes. A real drift deals the classes to other centres; where one class is rare its
    one cloud changes places with another small one.
    """
    centre = rng.normal(0.0, 2.0, (8, 5))
    label = np.array([0, 0, 0, 1, 1, 1, 2, 2])
    weight = np.ones(8) / 8.0
    turned = np.roll(label, 2)
    if imbalanced:
        label = np.array([0, 0, 0, 0, 1, 1, 1, 2])
        weight = np.array([RARE, *((1.0 - 2.0 * RARE) / 6.0,) * 6, RARE])
        turned = np.array([2, 0, 0, 1, 0, 1, 1, 0])
    moved = centre + rng.normal(0.0, 0.7, centre.shape)
    heavier = weight * rng.uniform(0.3, 3.0, 8)

    def cloud(centre: Floats, weight: Floats) -> Callable[[np.random.Generator, int], Floats]:
        shares = weight / weight.sum()

        def draw(rng: np.random.Generator, n: int) -> Floats:
            chosen = rng.choice(8, n, p=shares)
            return centre[chosen] + rng.standard_normal((n, 5))

        return draw

    def classes(label: NDArray[np.int64]) -> Callable[[Floats], Floats]:
        one_hot = np.eye(3)[label]

        def posterior(x: Floats) -> Floats:
            distance = ((x[:, None, :] - centre[None]) ** 2).sum(axis=2)
            near = weight * np.exp(-0.5 * (distance - distance.min(axis=1, keepdims=True)))
            mass = near @ one_hot
            return np.asarray(mass / mass.sum(axis=1, keepdims=True))

        return posterior

    draw = cloud(centre, weight)
    first = _noisy(Concept(draw, classes(label)), noise, rng)
    return Family(
        numeric_space(5, 3),
        first,
        {
            "real": _noisy(Concept(draw, classes(turned)), noise, rng),
            "virtual": replace(first, draw=cloud(moved, heavier)),
            "label": replace(first, prior=_other_prior(rng, _shares(first, rng))),
        },
        lambda rng, x: x + rng.choice([-1.0, 1.0], 5) * rng.uniform(4.0, 8.0, x.shape),
    )


def code_tables(rng: np.random.Generator, noise: float, imbalanced: bool) -> Family:
    """Six categories of four codes; the class is whether a table of three of them says so.

    A real drift has a table of three others.
    """
    shares = rng.dirichlet(np.full(4, 6.0), 6)
    others = rng.dirichlet(np.full(4, 1.5), 6)
    others[3:] = shares[3:]
    share = RARE if imbalanced else 0.5

    def draws(shares: Floats) -> Callable[[np.random.Generator, int], Floats]:
        edges = np.cumsum(shares, axis=1)[:, :3]
        return lambda rng, n: (rng.random((n, 6))[:, :, None] > edges).sum(axis=2).astype(float)

    draw = draws(shares)

    def table(columns: tuple[int, int, int]) -> Callable[[Floats], Floats]:
        worth = rng.standard_normal((4, 4, 4)) + 1.5 * rng.standard_normal((4, 1, 1))

        def score(x: Floats) -> Floats:
            a, b, c = x[:, columns].astype(int).T
            return np.asarray(worth[a, b, c])

        threshold = np.quantile(score(draw(rng, _SAMPLE)), 1.0 - share)
        return lambda x: _two(score(x) >= threshold)

    first = _noisy(Concept(draw, table((0, 1, 2))), noise, rng)
    # A new code that stands for something never seen: the last of five.
    features = tuple(Feature(f"c{j}", capacity=5) for j in range(6))
    return Family(
        Space(features, n_classes=2),
        first,
        {
            "real": _noisy(Concept(draw, table((2, 3, 4))), noise, rng),
            "virtual": replace(first, draw=draws(others)),
            "label": replace(first, prior=_other_prior(rng, _shares(first, rng))),
        },
        lambda rng, x: np.where(rng.random(x.shape) < 0.6, 4.0, x),
    )


FAMILIES = {"half_spaces": half_spaces, "clouds": clouds, "code_tables": code_tables}


def _two(above: NDArray[np.bool_]) -> Floats:
    return np.column_stack([~above, above]).astype(np.float64)


def _shares(concept: Concept, rng: np.random.Generator) -> Floats:
    return np.asarray(concept.posterior(concept.draw(rng, _SAMPLE)).mean(axis=0))


def _noisy(concept: Concept, noise: float, rng: np.random.Generator) -> Concept:
    shares, clean = _shares(concept, rng), concept.posterior
    return replace(concept, posterior=lambda x: (1.0 - noise) * clean(x) + noise * shares)


def _other_prior(rng: np.random.Generator, prior: Floats) -> Floats:
    """Make one class two to four times as likely, in odds; a rare one four to eight times."""
    chosen = int(np.argmin(prior)) if prior.min() < 0.1 else int(rng.integers(len(prior)))
    factor = rng.uniform(4.0, 8.0) if prior.min() < 0.1 else rng.uniform(2.0, 4.0)
    other = prior.copy()
    other[chosen] *= factor
    return np.asarray(other / other.sum())


def _choose(rng: np.random.Generator, shares: Floats) -> Floats:
    """Draw one class a row: (n,) float64."""
    edges = np.cumsum(shares, axis=1)[:, :-1]
    return np.asarray((rng.random(len(shares))[:, None] > edges).sum(axis=1), dtype=np.float64)
