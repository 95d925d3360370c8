"""Agrawal: who gets a loan, by one of ten rules over nine facts about a person [1]_.

References
----------
.. [1] Agrawal, Imielinski, Swami, 1993, Database mining: a performance perspective, IEEE
   Transactions on Knowledge and Data Engineering 5, appendix, DOI 10.1109/69.250074.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from operators.base import Feature, Space
from tests.bench.streams.drift import Changes, concepts
from tests.bench.streams.records import Records

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

_FEATURES = (
    Feature("salary"),
    Feature("commission"),
    Feature("age"),
    Feature("elevel", capacity=5),
    Feature("car", capacity=20),
    Feature("zipcode", capacity=9),
    Feature("hvalue"),
    Feature("hyears"),
    Feature("loan"),
)


@dataclass(frozen=True, slots=True)
class People:
    """The facts, one array each, in the order of the features."""

    salary: Floats
    commission: Floats
    age: Floats
    elevel: Floats
    car: Floats
    zipcode: Floats
    hvalue: Floats
    hyears: Floats
    loan: Floats


def agrawal(
    length: int,
    seed: int,
    changes: Changes,
    functions: tuple[int, ...],
    perturbation: float = 0.05,
) -> Records:
    """Make the stream; class 0 is the paper's group A.

    Parameters
    ----------
    functions
        Of each concept, 1 to 10.
    perturbation
        Numbers are moved by up to this share of their range, either way and within it, after
        the class was decided: the noise of the stream.
    """
    assert len(functions) == len(changes.positions) + 1
    rng = np.random.default_rng(seed)
    concept = concepts(rng, length, changes)
    people = _people(rng, length)
    y = np.empty(length)
    for index, function in enumerate(functions):
        rows = concept == index
        y[rows] = ~in_group_a(function, people)[rows]
    x = np.column_stack(
        [
            _moved(rng, people.salary, 20e3, 150e3, 130e3, perturbation),
            np.where(
                people.commission > 0,
                _moved(rng, people.commission, 10e3, 75e3, 65e3, perturbation),
                0.0,
            ),
            np.round(_moved(rng, people.age, 20, 80, 60, perturbation)),
            people.elevel,
            people.car,
            people.zipcode,
            _moved(rng, people.hvalue, 0, 1350e3, (9.0 - people.zipcode) * 100e3, perturbation),
            np.round(_moved(rng, people.hyears, 1, 30, 29, perturbation)),
            _moved(rng, people.loan, 0, 500e3, 500e3, perturbation),
        ]
    )
    return Records(x, y, Space(_FEATURES, n_classes=2))


def in_group_a(function: int, people: People) -> Flags:
    """Decide by a rule, 1 to 10, whether each of the people is in group A."""
    return _RULES[function - 1](people)


def _people(rng: np.random.Generator, count: int) -> People:
    salary = 20e3 + 130e3 * rng.random(count)
    commission = np.where(salary >= 75e3, 0.0, 10e3 + 65e3 * rng.random(count))
    zipcode = rng.integers(0, 9, count).astype(np.float64)
    return People(
        salary=salary,
        commission=commission,
        age=rng.integers(20, 81, count).astype(np.float64),
        elevel=rng.integers(0, 5, count).astype(np.float64),
        car=rng.integers(0, 20, count).astype(np.float64),
        zipcode=zipcode,
        hvalue=(9.0 - zipcode) * 100e3 * (0.5 + rng.random(count)),
        hyears=rng.integers(1, 31, count).astype(np.float64),
        loan=500e3 * rng.random(count),
    )


def _moved(
    rng: np.random.Generator,
    values: Floats,
    low: float,
    high: float,
    span: float | Floats,
    share: float,
) -> Floats:
    moved = values + span * share * (2.0 * rng.random(len(values)) - 1.0)
    return np.clip(moved, low, high)


def _between(low: float, values: Floats, high: float) -> Flags:
    return (low <= values) & (values <= high)


def _by_age(people: People, young: Flags, middle: Flags, old: Flags) -> Flags:
    """Choose by age: below 40, below 60, and above."""
    return np.where(people.age < 40, young, np.where(people.age < 60, middle, old))


def _rule_1(p: People) -> Flags:
    return (p.age < 40) | (p.age >= 60)


def _rule_2(p: People) -> Flags:
    return _income_bands(p, p.salary)


def _rule_3(p: People) -> Flags:
    return _by_age(p, p.elevel <= 1, _between(1, p.elevel, 3), p.elevel >= 2)


def _rule_4(p: People) -> Flags:
    low, middle, high = (_between(b, p.salary, b + 50e3) for b in (25e3, 50e3, 75e3))
    return _by_age(
        p,
        np.where(p.elevel <= 1, low, middle),
        np.where(_between(1, p.elevel, 3), middle, high),
        np.where(p.elevel >= 2, middle, low),
    )


def _rule_5(p: People) -> Flags:
    low, middle, high = (_between(b, p.salary, b + 50e3) for b in (25e3, 50e3, 75e3))
    small, medium, large = (_between(b, p.loan, b + 200e3) for b in (100e3, 200e3, 300e3))
    return _by_age(
        p,
        np.where(middle, small, medium),
        np.where(high, medium, large),
        np.where(low, large, small),
    )


def _rule_6(p: People) -> Flags:
    return _income_bands(p, p.salary + p.commission)


def _rule_7(p: People) -> Flags:
    return _two_thirds(p) - p.loan / 5.0 - 20e3 > 0


def _rule_8(p: People) -> Flags:
    return _two_thirds(p) - 5e3 * p.elevel - 20e3 > 0


def _rule_9(p: People) -> Flags:
    return _two_thirds(p) - 5e3 * p.elevel - p.loan / 5.0 - 10e3 > 0


def _rule_10(p: People) -> Flags:
    equity = np.where(p.hyears >= 20, p.hvalue * (p.hyears - 20.0) / 10.0, 0.0)
    return _two_thirds(p) - 5e3 * p.elevel + equity / 5.0 - 10e3 > 0


def _income_bands(p: People, income: Floats) -> Flags:
    return _by_age(
        p,
        _between(50e3, income, 100e3),
        _between(75e3, income, 125e3),
        _between(25e3, income, 75e3),
    )


def _two_thirds(p: People) -> Floats:
    return 2.0 * (p.salary + p.commission) / 3.0


_RULES: tuple[Callable[[People], Flags], ...] = (
    _rule_1,
    _rule_2,
    _rule_3,
    _rule_4,
    _rule_5,
    _rule_6,
    _rule_7,
    _rule_8,
    _rule_9,
    _rule_10,
)
