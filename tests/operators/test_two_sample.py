"""Statistics of two samples: against scipy, against section 8's table, and their size.

That whole monitors keep their size is in test_monitor_calibration.py.
"""

from __future__ import annotations

import doctest
import math
from collections.abc import Callable
from itertools import combinations
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats
from scipy.spatial.distance import jensenshannon

from operators.monitors import two_sample
from operators.monitors.two_sample import (
    benjamini_hochberg,
    cells_of,
    chi_square,
    chi_square_critical,
    jensen_shannon,
    kolmogorov_smirnov,
    merge_sparse,
    newcomer,
    population_stability,
    rate_level,
    shares,
    spending_level,
    wasserstein,
)

P = np.array([0.05, 0.07, 0.09, 0.1, 0.11, 0.12, 0.12, 0.12, 0.11, 0.11])
Q = np.array([0.09, 0.1, 0.11, 0.11, 0.11, 0.11, 0.1, 0.1, 0.09, 0.08])


def divergence(p: NDArray[np.float64], q: NDArray[np.float64]) -> float:
    return float(((p - q) * np.log(p / q)).sum())


def drawn(p: NDArray[np.float64], n: int, count: int, seed: int) -> NDArray[np.int64]:
    return np.random.default_rng(seed).multinomial(n, p, size=count)


@pytest.mark.parametrize(("n", "m"), [(1000, 1000), (10_000, 2000)])
def test_psi_knows_its_own_error(n: int, m: int) -> None:
    found = population_stability(drawn(P, n, 4000, 1), drawn(Q, m, 4000, 2))
    true = divergence(P, Q)
    assert found.value.mean() - true == pytest.approx(found.bias.mean(), rel=0.12)
    assert found.standard_error.mean() == pytest.approx(found.value.std(), rel=0.1)
    low, high = found.interval(0.95)
    assert 0.93 < ((low <= true) & (true <= high)).mean() < 0.97
    assert abs(found.corrected.mean() - true) < 0.003


@pytest.mark.parametrize(("cells", "n", "m"), [(10, 1000, 1000), (10, 5000, 500), (20, 2000, 1000)])
@pytest.mark.parametrize("test", [population_stability, jensen_shannon, chi_square])
def test_the_size_of_tests_on_counts(test: Callable[..., Any], cells: int, n: int, m: int) -> None:
    p = np.full(cells, 1.0 / cells)
    found = test(drawn(p, n, 4000, 3), drawn(p, m, 4000, 4))
    # Four standard deviations of a share of 5 % among 4,000.
    assert abs((found.p_value < 0.05).mean() - 0.05) < 0.014


def test_critical_values_of_psi_are_those_of_section_8() -> None:
    assert chi_square_critical(0.05, 9) * (2 / 1000) == pytest.approx(0.0338, abs=1e-4)
    assert chi_square_critical(0.05, 9) * (2 / 200) == pytest.approx(0.169, abs=1e-3)


def test_chi_square_and_jensen_shannon_are_scipys() -> None:
    old, new = [30, 50, 9, 11], [21, 60, 30, 12]
    expected = stats.chi2_contingency([old, new], correction=False)
    found = chi_square(old, new)
    assert float(found.statistic) == pytest.approx(expected.statistic)
    assert float(found.p_value) == pytest.approx(expected.pvalue)
    distance = jensenshannon(np.array(old) / 100, np.array(new) / 123, base=2)
    assert float(jensen_shannon(old, new).statistic) == pytest.approx(distance)


@pytest.mark.parametrize("decimals", [1, 12])
def test_kolmogorov_smirnov_and_wasserstein_are_scipys(decimals: int) -> None:
    rng = np.random.default_rng(5)
    old, new = rng.normal(size=300).round(decimals), rng.normal(0.2, size=200).round(decimals)
    cells = cells_of(old, new)
    expected = stats.ks_2samp(old, new, method="asymp")
    found = kolmogorov_smirnov(*cells)
    assert float(found.statistic) == pytest.approx(expected.statistic)
    assert float(found.p_value) == pytest.approx(
        stats.kstwobign.sf(math.sqrt(120) * expected.statistic)
    )
    values = np.unique(np.concatenate([old, new]))
    distance = wasserstein(*cells, np.diff(values)).statistic
    assert float(distance) == pytest.approx(stats.wasserstein_distance(old, new) / old.std())


def test_the_chance_of_wassersteins_distance_is_never_too_small() -> None:
    rng = np.random.default_rng(6)
    for draw in (rng.standard_normal, rng.standard_exponential, lambda n: rng.integers(0, 2, n)):
        same, moved = [], []
        for _ in range(300):
            old, new = draw(400).astype(float), draw(200).astype(float)
            same.append(chance_of_wasserstein(old, new))
            moved.append(chance_of_wasserstein(old, new + 0.5 * old.std()))
        assert np.mean(np.array(same) < 0.05) < 0.05
        assert np.mean(np.array(moved) < 0.05) > 0.99  # careful, not blind


def chance_of_wasserstein(old: NDArray[np.float64], new: NDArray[np.float64]) -> float:
    values = np.unique(np.concatenate([old, new]))
    return float(wasserstein(*cells_of(old, new), np.diff(values)).p_value)


def test_the_chance_of_a_newcomer_is_that_of_all_arrangements() -> None:
    # Of five values two are present; a cell with two values: both present in 1 of 10 ways.
    ways = list(combinations(range(5), 2))
    share = sum(set(way) == {3, 4} for way in ways) / len(ways)
    cell, chance = newcomer([3, 0], [0, 2])
    assert int(cell) == 1
    assert float(chance) == pytest.approx(2 * share)
    assert newcomer([3, 1], [2, 2])[0] == -1
    identifiers = np.eye(40)
    assert float(newcomer(identifiers[:20].sum(axis=0), identifiers[20:].sum(axis=0))[1]) == 1.0


@pytest.mark.parametrize(
    ("old", "new"), [((90, 10), (35, 15)), ((50, 0), (18, 2)), ((9, 1), (9, 1))]
)
def test_the_chance_of_two_shares_is_fishers(old: tuple[int, int], new: tuple[int, int]) -> None:
    found = shares(np.array(old), np.array(new))
    sides = [stats.fisher_exact([old, new], alternative=side)[1] for side in ("less", "greater")]
    assert float(found.p_value) == pytest.approx(min(2 * min(sides), 1.0))
    assert float(found.statistic) == pytest.approx(new[1] / sum(new) - old[1] / sum(old))
    assert float(shares([5, 0], [7, 0]).p_value) == 1.0
    assert float(shares([0, 0], [0, 7]).p_value) == 1.0


def test_sparse_cells_are_merged_until_they_can_be_tested() -> None:
    rng = np.random.default_rng(7)
    old, new = rng.poisson(3, (50, 30)), rng.poisson(1, (50, 30))
    merged_old, merged_new = merge_sparse(old, new)
    assert (merged_old.sum(axis=1) == old.sum(axis=1)).all()
    assert (merged_new.sum(axis=1) == new.sum(axis=1)).all()
    both = merged_old + merged_new
    share = new.sum(axis=1) / (old + new).sum(axis=1)
    assert (both * share[:, None])[both > 0].min() >= 5.0
    assert (merge_sparse([0, 1, 0], [1, 1, 0])[0] == [0, 0, 1]).all()
    assert float(chi_square(*merge_sparse([0, 1, 0], [1, 1, 0])).p_value) == 1.0


def test_nothing_to_compare_is_no_change() -> None:
    nothing, some = [0, 0, 0], [4, 5, 6]
    for test in (population_stability, jensen_shannon, chi_square, kolmogorov_smirnov):
        for pair in ((nothing, some), (some, nothing), (nothing, nothing), ([7, 0, 0], [9, 0, 0])):
            assert float(test(*pair).p_value) == 1.0
    assert float(wasserstein([7, 0], [9, 0], [1.0]).p_value) == 1.0
    assert float(wasserstein([7, 0], [9, 0], [1.0]).statistic) == 0.0


def test_false_discoveries_are_adjusted_as_scipy_does() -> None:
    p_values = np.random.default_rng(8).random(50) ** 3
    expected = stats.false_discovery_control(p_values)
    assert benjamini_hochberg(p_values) == pytest.approx(expected)
    assert len(benjamini_hochberg([])) == 0


def test_levels_sum_to_what_may_be_spent() -> None:
    assert sum(spending_level(k, 0.05) for k in range(1, 100_000)) == pytest.approx(0.05, rel=1e-4)
    assert rate_level(250, 0.05) * 400 == pytest.approx(0.05)


def test_examples_hold() -> None:
    tried = doctest.testmod(two_sample)
    assert tried.attempted > 10
    assert tried.failed == 0
