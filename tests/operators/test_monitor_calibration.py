"""How often monitors are wrong when nothing has changed: reduced from tests/bench."""

from __future__ import annotations

import numpy as np
import pytest

from operators.catalog import MONITORS, create_monitor
from operators.rehearsal import rehearse_monitor
from tests.bench.monitor_calibration import discovered, first_test, numbers, size_of
from tests.bench.null_streams import STEADY, autocorrelated, space_of, steady

SPACE = space_of(list(STEADY))
SETTING = {"reference_size": 1_000, "window": 400}


def test_psi_keeps_its_size_over_2000_steady_windows() -> None:
    assert 0.04 <= size_of("psi", "normal", SETTING) <= 0.06


@pytest.mark.parametrize("name", ["jensen_shannon", "chi_square", "ks", "wasserstein", "mmd"])
def test_no_test_is_wrong_more_often_than_it_says(name: str) -> None:
    # Three standard deviations of a share of 5 % among 400.
    assert size_of(name, "normal", SETTING, count=400) <= 0.083


@pytest.mark.parametrize("name", ["psi", "betting"])
def test_at_most_one_false_alarm_in_100000_rows(name: str) -> None:
    for seed in range(3):
        x = steady(np.random.default_rng(seed), 100_000)
        monitor = create_monitor(name, SPACE, {})
        assert len(monitor.watch(x)) <= 1


def test_bets_pay_no_more_than_they_may() -> None:
    # At alpha 0.9, 0.9 false alarms in 100,000 rows may be expected at the most.
    x = [steady(np.random.default_rng(seed), 50_000) for seed in range(20)]
    found = [create_monitor("betting", SPACE, {"alpha": 0.9}).watch(rows) for rows in x]
    assert sum(map(len, found)) <= 9 + 2 * 3


def test_false_discoveries_among_200_features_are_held() -> None:
    false, true = np.mean([discovered("psi", 100, 0.0, seed) for seed in range(10)], axis=0)
    assert false <= 0.05
    assert true > 0.5
    none = [discovered("psi", 0, 0.5, seed)[0] for seed in range(10)]
    assert np.mean(none) <= 0.2  # 5 %, and two standard deviations of 10 runs


def test_rows_that_hang_together_are_no_longer_when_thinned() -> None:
    x = autocorrelated(np.random.default_rng(1), 60_000, 3, 0.9)
    assert len(create_monitor("psi", numbers(3), {}).watch(x)) > 10
    thinned = {"every": 50, "reference_size": 400, "window": 200}
    assert create_monitor("psi", numbers(3), thinned).watch(x) == []


def test_thinned_rows_do_not_depend_on_how_they_are_cut() -> None:
    x = np.random.default_rng(2).normal(size=(4_000, 2))
    x[2_500:, 1] += 2.0
    params = {"every": 3, "reference_size": 400, "window": 200}
    [whole] = create_monitor("ks", numbers(2), params).watch(x)
    cut = create_monitor("ks", numbers(2), params)
    found = [
        (start + f.index, f.seen)
        for start in range(0, len(x), 7)
        for f in cut.watch(x[start : start + 7])
    ]
    assert found == [(whole.index, whole.seen)]
    assert whole.index % 3 == 0
    assert whole.seen == whole.index + 1


def test_the_first_test_is_one_decision() -> None:
    x = np.random.default_rng(3).normal(size=(1_400, 1))
    x[1_000:] += 3.0
    assert len(first_test("psi", x, numbers(1), SETTING)) == 1


@pytest.mark.parametrize("name", MONITORS)
def test_a_monitor_can_be_rehearsed(name: str) -> None:
    rehearse_monitor(name, {})
