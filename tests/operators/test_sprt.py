"""Wald's sequential test: as its plain restatement; sample sizes and delays as the theory has them.

What every detector promises is in test_detector_contracts.py.
"""

from __future__ import annotations

import math
from statistics import median

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from operators.drift.sprt import SPRT, bounds_of
from tests.reference.wald import PlainSPRT
from tests.reference.zones import alarms_of

P0, P1, ALPHA, BETA = 0.45, 0.50, 0.05, 0.005
TABLE = {
    "normal_rate": P0,
    "rise": (P1 - P0) / (1 - P0),
    "alpha": ALPHA,
    "beta": BETA,
    "grace_period": 0,
}


def bits(rate: float | NDArray[np.float64], length: int, seed: int) -> NDArray[np.float64]:
    return (np.random.default_rng(seed).random(length) < rate).astype(np.float64)


def sample_sizes(rate: float, seeds: int) -> tuple[float, float]:
    """Return the mean length of tests that began at a rate, and the share that signalled."""
    lengths, signals = [], 0
    for seed in range(seeds):
        plain = PlainSPRT(**TABLE)  # type: ignore[arg-type]
        ones, zeros = math.log(P1 / P0), math.log((1 - P1) / (1 - P0))
        walk = np.cumsum(np.where(bits(rate, 20_000, seed) > 0, ones, zeros))
        end = int(np.argmax((walk >= plain.high) | (walk <= plain.low)))
        lengths.append(end + 1)
        signals += bool(walk[end] >= plain.high)
    return float(np.mean(lengths)), signals / seeds


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    kind=st.sampled_from(["bits", "losses"]),
    normal_rate=st.sampled_from([0.0, 0.3]),
    rise=st.sampled_from([0.2, 0.5]),
    alpha=st.sampled_from([1e-4, 0.03]),
    grace_period=st.sampled_from([0, 30, 100]),
)
def test_it_signals_as_the_plain_restatement_does(
    seed: int, kind: str, normal_rate: float, rise: float, alpha: float, grace_period: int
) -> None:
    rng = np.random.default_rng(seed)
    level = np.repeat(rng.random(4), 150)
    values = bits(level, 600, seed) if kind == "bits" else rng.beta(1 + 4 * level, 3)
    params = {
        "normal_rate": normal_rate,
        "rise": rise,
        "alpha": alpha,
        "grace_period": grace_period,
    }
    expected = alarms_of(PlainSPRT(**params), values.tolist())  # type: ignore[arg-type]
    found = SPRT(**params).update_many(values)  # type: ignore[arg-type]
    assert [(a.index, a.kind) for a in found] == [alarm[:2] for alarm in expected]
    means = [mean for a in found for mean in (a.before, a.after)]
    assert means == pytest.approx([mean for alarm in expected for mean in alarm[2:]], abs=1e-9)


def test_sample_sizes_are_walds() -> None:
    """965 bits at p0 and 587 at p1, by his approximation: it neglects how far bounds are passed."""
    low, high = bounds_of(ALPHA, BETA)
    up, down = math.log(P1 / P0), math.log((1 - P1) / (1 - P0))
    at_p0 = (ALPHA * high + (1 - ALPHA) * low) / (P0 * up + (1 - P0) * down)
    at_p1 = ((1 - BETA) * high + BETA * low) / (P1 * up + (1 - P1) * down)
    assert (round(at_p0), round(at_p1)) == (965, 587)
    length, signals = sample_sizes(P0, 800)
    assert length == pytest.approx(965, rel=0.08)
    assert signals < ALPHA + 0.015
    length, signals = sample_sizes(P1, 800)
    assert length == pytest.approx(587, rel=0.08)
    assert signals > 1 - BETA - 0.01


def test_errors_alone_take_29_values() -> None:
    (alarm, *_) = SPRT(**TABLE).update_many(np.ones(40))  # type: ignore[arg-type]
    assert alarm.index == 28
    assert (alarm.before, alarm.after) == (P0, 1.0)


def test_quiet_times_do_not_make_it_slow() -> None:
    """A test that goes on after "no rise" sinks, and then its delay grows with the quiet time."""
    ups = math.log(P1 / P0), math.log((1 - P1) / (1 - P0))
    high = bounds_of(ALPHA, BETA)[1]
    delays: dict[int, float] = {}
    sunk: dict[int, float] = {}
    for quiet in (100, 1000, 3000):
        ours, others = [], []
        for seed in range(40):
            values = bits(np.repeat([0.1, 0.8], [quiet, 6000]), quiet + 6000, seed)
            alarms = SPRT(**TABLE).update_many(values)  # type: ignore[arg-type]
            ours.append(next(a.index for a in alarms if a.index >= quiet) + 1 - quiet)
            walk = np.cumsum(np.where(values > 0, *ups))
            others.append(int(np.argmax(walk >= high)) + 1 - quiet)
        delays[quiet], sunk[quiet] = median(ours), median(others)
    assert all(70 <= delay <= 105 for delay in delays.values())
    assert [sunk[quiet] for quiet in (100, 1000, 3000)] == pytest.approx(
        [163, 1188, 3518], rel=0.05
    )


def test_a_rate_that_is_no_rate_is_refused() -> None:
    with pytest.raises(ValueError, match=r"normal_rate: must be in \(0, 1\); got 1.0"):
        SPRT(normal_rate=1.0)


@pytest.mark.parametrize("rate", [0.02, 0.2, 0.5, 0.9])
def test_steady_errors_raise_few_alarms(rate: float) -> None:
    assert len(SPRT().update_many(bits(rate, 200_000, seed=3))) <= 3
