"""Dynamics of a drift score: the fit is the plain one, its errors hold, its answers are right."""

from __future__ import annotations

import doctest
import math
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from operators.dynamics import answers, recurrence
from operators.dynamics.recurrence import DriftDynamics
from operators.snapshot import digest
from tests.operators.interpreted_dynamics import recurrence as simulated
from tests.operators.interpreted_dynamics import run
from tests.reference.dynamics import plain_fit

ROOT = Path(__file__).parents[2]
Z = 1.959963984540054


def shares(
    phi: float, length: int, acting: int, seeds: int = 400, delta: float = 1.0
) -> dict[str, float]:
    """How often intervals hold the truth, and the mean of what was fitted."""
    dynamics = DriftDynamics()
    found: dict[str, list[float]] = {}
    for seed in range(seeds):
        dynamics.reset()
        dynamics.update_many(*simulated(phi, length, delta, acting, seed))
        state, effect = dynamics.state_of(), dynamics.did_it_work()
        for name, value in {
            "delta": effect.low <= delta <= effect.high,
            "lasting": effect.lasting_low <= delta / (1 - phi) <= effect.lasting_high,
            "equilibrium": abs(state.equilibrium) <= 2 * state.equilibrium_error,
            "remembers": state.remembers,
            "stays": state.stays,
            "phi": state.persistence,
            "slope": float(dynamics.snapshot()["state"]["slope"][0]),  # type: ignore[index, call-overload]
        }.items():
            found.setdefault(name, []).append(value)
    return {name: float(np.mean(values)) for name, values in found.items()}


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    phi=st.sampled_from([-0.3, 0.0, 0.5, 0.9]),
    forgetting=st.sampled_from([0.95, 0.99, 1.0]),
    acting=st.sampled_from([0, 10, 40]),
    scale=st.sampled_from([1e-4, 1.0, 1e5]),
    shift=st.sampled_from([0.0, 50.0]),
)
def test_the_fit_is_the_plain_one(
    seed: int, phi: float, forgetting: float, acting: int, scale: float, shift: float
) -> None:
    scores, u = simulated(phi, 120, 1.0, acting, seed)
    scores = scale * (scores + shift)
    dynamics = DriftDynamics(forgetting)
    dynamics.update_many(scores, u)
    state = dynamics.snapshot()["state"]
    expected = plain_fit(scores, u, forgetting, Z)
    found = {name: float(state[name][0]) for name in expected}  # type: ignore[index, call-overload]
    assert found == pytest.approx(expected, rel=1e-5, abs=1e-9 * scale)


@pytest.mark.parametrize("phi", [0.0, 0.3, 0.6])
@pytest.mark.parametrize(("length", "acting"), [(60, 20), (150, 30), (400, 50)])
def test_intervals_hold_what_they_promise(phi: float, length: int, acting: int) -> None:
    """Nominal 95 %; of 400 intervals that hold so often, 90 % or fewer do once in 100,000 times."""
    share = shares(phi, length, acting)
    assert share["delta"] > 0.90
    assert share["lasting"] > 0.90
    assert share["equilibrium"] > 0.90


@pytest.mark.parametrize("phi", [0.0, 0.5, 0.8])
@pytest.mark.parametrize("acting", [0, 20])
def test_persistence_of_a_short_series_is_corrected(phi: float, acting: int) -> None:
    share = shares(phi, 50, acting, seeds=600)
    assert share["phi"] == pytest.approx(phi, abs=0.025)
    assert share["slope"] < phi - 0.015  # what the correction is for


def test_noise_is_no_memory() -> None:
    share = shares(0.0, 300, 0)
    assert 0.02 < share["remembers"] < 0.08  # 5 % by construction
    dynamics = DriftDynamics()
    dynamics.update_many(0.3 + 0.02 * np.random.default_rng(7).normal(size=300))
    state, answer = dynamics.state_of(), dynamics.settles()
    # The restoring force that a naive fit would report.
    assert 1 - state.persistence == pytest.approx(1, abs=0.2)
    assert not state.remembers
    assert (answer.answer, answer.half_life) == ("yes", 0.0)
    assert state.equilibrium == pytest.approx(0.3, abs=0.005)
    assert "no memory" in answer.sentence


def test_scores_that_wander_are_rarely_said_to_settle() -> None:
    dynamics, said = DriftDynamics(), []
    for seed in range(400):
        dynamics.reset()
        dynamics.update_many(*simulated(1.0, 200, 0.0, 0, seed))
        said.append(dynamics.settles().answer)
    assert said.count("yes") < 0.09 * len(said)  # 5 % by construction
    assert said.count("no") > 0.5 * len(said)


def test_a_drift_that_comes_back_settles_and_one_that_stays_does_not() -> None:
    noise = 0.01 * np.random.default_rng(3).normal(size=130)
    back, stays = DriftDynamics(), DriftDynamics()
    level, fading = 0.1, np.zeros(130)
    for t in range(1, 130):
        fading[t] = 0.8 * fading[t - 1] + noise[t] + 0.3 * (t == 80)
    back.update_many(level + fading)
    answer = back.settles(normal=0.1)
    assert answer.answer == "yes"
    assert answer.half_life == pytest.approx(math.log(0.5) / math.log(0.8), rel=0.2)
    alarms = stays.update_many(level + 0.3 * (np.arange(130) >= 80) + noise)
    answer = stays.settles(normal=0.1)
    assert answer.answer == "no"
    assert math.isinf(answer.half_life) or answer.half_life > 13
    assert [alarm.reason for alarm in alarms] == ["above", "persistent"]
    assert alarms[0].index == 82  # three in a row


def test_scores_that_are_all_a_little_higher_are_noticed() -> None:
    scores, _ = simulated(0.3, 400, 0.0, 0, seed=8)
    alarms = DriftDynamics().update_many(scores + 1.5 * (np.arange(400) >= 300))
    assert [alarm.reason for alarm in alarms] == ["risen"]
    assert 300 < alarms[0].index < 350


def test_a_drift_that_settles_too_high_is_not_said_to_be_over() -> None:
    dynamics = DriftDynamics()
    dynamics.update_many(0.3 + 0.01 * np.random.default_rng(3).normal(size=100))
    assert dynamics.settles(normal=0.31).answer == "yes"
    said = dynamics.settles(normal=0.2)
    assert said.answer == "no"
    assert "above the normal 0.2" in said.sentence


def test_what_would_have_fallen_anyway_is_no_effect_of_an_intervention() -> None:
    """Scores are acted upon when they are high: before against after would call it a success."""
    fooled = claimed = falls = 0
    for seed in range(200):
        rng = np.random.default_rng(seed)
        scores, acting, dynamics = [0.0], [0.0], DriftDynamics()
        for _ in range(300):
            acting.append(float(scores[-1] > 1.5))
            scores.append(0.7 * scores[-1] + rng.normal())
        dynamics.update_many(scores, acting)
        said = dynamics.did_it_work()
        claimed += said.answer == "yes"
        fooled += not said.low <= 0.0 <= said.high
        after = np.flatnonzero(acting)
        falls += np.array(scores)[after].mean() < np.array(scores)[after - 1].mean()
    assert falls > 190
    assert fooled < 20
    assert claimed < 12


def test_a_response_that_works_is_said_to_by_how_much() -> None:
    dynamics = DriftDynamics()
    assert dynamics.did_it_work().answer == "unsure"
    dynamics.update_many(*simulated(0.5, 200, 3.0, 40, seed=1))
    said = dynamics.did_it_work()
    assert said.answer == "yes"
    assert said.low < 3.0 < said.high
    assert said.lasting_low < 6.0 < said.lasting_high
    assert said.sentence.startswith("It worked: it lowers the next score by ")
    assert dynamics.did_it_work(worth=20.0).answer == "no"
    harmful = DriftDynamics()
    harmful.update_many(*simulated(0.5, 200, -3.0, 40, seed=1))
    assert harmful.did_it_work().answer == "no"
    useless = DriftDynamics()
    useless.update_many(*simulated(0.5, 200, 0.0, 40, seed=1))
    assert useless.did_it_work().answer == "unsure"


@pytest.mark.parametrize("phi", [0.0, 0.5, 0.9])
def test_stable_scores_raise_few_alarms(phi: float) -> None:
    scores, _ = simulated(phi, 50_000, 0.0, 0, seed=4)
    assert len(DriftDynamics().update_many(scores)) <= 8


def test_one_wild_score_is_no_loss_of_stability() -> None:
    scores, _ = simulated(0.3, 300, 0.0, 0, seed=5)
    scores[200] = 60.0
    assert DriftDynamics().update_many(scores) == []


@pytest.mark.parametrize("value", [0.0, 0.3, -1e6])
def test_scores_that_never_move_settle_where_they_are(value: float) -> None:
    dynamics = DriftDynamics()
    assert dynamics.update_many(np.full(500, value)) == []
    said = dynamics.settles(normal=value)
    assert (said.answer, said.half_life) == ("yes", 0.0)
    assert said.equilibrium == pytest.approx(value)
    assert dynamics.did_it_work().answer == "unsure"


def test_an_old_intervention_is_forgotten_and_the_fit_stays_sound() -> None:
    scores, _ = simulated(0.5, 4000, 0.0, 0, seed=6)
    dynamics = DriftDynamics()
    dynamics.update_many(scores, (np.arange(4000) < 20).astype(np.float64))
    assert math.isnan(dynamics.state_of().effect)
    assert dynamics.state_of().persistence == pytest.approx(0.5, abs=0.2)


def test_one_by_one_and_in_pieces_are_the_same_to_the_bit() -> None:
    scores, u = simulated(0.9, 400, 1.0, 100, seed=2)
    whole, single, pieces = DriftDynamics(), DriftDynamics(), DriftDynamics()
    expected = whole.update_many(scores * 3, u)
    for score, acting in zip((scores * 3).tolist(), u.tolist(), strict=True):
        single.update(score, acting)
    found = [
        (start + alarm.index, alarm.reason, alarm.value, alarm.limit)
        for start in range(0, 400, 7)
        for alarm in pieces.update_many(scores[start : start + 7] * 3, u[start : start + 7])
    ]
    assert found == [(a.index, a.reason, a.value, a.limit) for a in expected]
    assert digest(single.snapshot()) == digest(pieces.snapshot()) == digest(whole.snapshot())


@pytest.mark.parametrize("cut", [0, 1, 4, 200, 390])
def test_a_restored_one_goes_on_as_if_never_stopped(cut: int) -> None:
    scores, u = simulated(0.9, 400, 1.0, 100, seed=2)
    whole, first, second = DriftDynamics(), DriftDynamics(), DriftDynamics()
    whole.update_many(scores, u)
    first.update_many(scores[:cut], u[:cut])
    second.update_many(scores[::-1])
    state = first.snapshot()
    second.restore(state)
    second.update_many(scores[cut:], u[cut:])
    assert digest(second.snapshot()) == digest(whole.snapshot())
    assert digest(first.snapshot()) == digest(state)
    second.reset()
    assert digest(second.snapshot()) == digest(DriftDynamics().snapshot())


def test_what_cannot_be_used_is_refused() -> None:
    dynamics = DriftDynamics()
    before = digest(dynamics.snapshot())
    with pytest.raises(ValueError, match="scores: must be finite"):
        dynamics.update_many([0.0, math.nan])
    with pytest.raises(ValueError, match="interventions: must be finite"):
        dynamics.update_many([0.0], [math.inf])
    with pytest.raises(ValueError, match="interventions: must be as many as scores = 2; got 1"):
        dynamics.update_many([0.0, 1.0], [0.0])
    with pytest.raises(ValueError, match="scores: must be a row of numbers; got an array of 2 ax"):
        dynamics.update_many(np.zeros((2, 2)))
    with pytest.raises(ValueError, match=r"forgetting: must be in \(0, 1\]; got 1.5"):
        DriftDynamics(forgetting=1.5)
    with pytest.raises(ValueError, match="grace_period: must be >= 10; got 5"):
        DriftDynamics(grace_period=5)
    assert digest(dynamics.snapshot()) == before
    assert dynamics.update_many([]) == []


def test_the_quantile_is_students() -> None:
    """Tables: 97.5 % with 10 and 60 degrees of freedom."""
    assert answers.quantile(0.95, 13.0) == pytest.approx(2.228, abs=0.002)
    assert answers.quantile(0.95, 63.0) == pytest.approx(2.0003, abs=1e-4)


@pytest.mark.parametrize("module", [recurrence, answers])
def test_examples_hold(module: object) -> None:
    tried = doctest.testmod(module, globs={**vars(module), "np": np})  # type: ignore[arg-type]
    assert tried.attempted > 0
    assert tried.failed == 0


INTERPRETED = """
import sys
import numpy as np
from tests.operators.interpreted_dynamics import run
np.savez(sys.argv[1], **run())
"""


def test_interpreted_kernels_compute_the_same(tmp_path: Path) -> None:
    path = tmp_path / "interpreted.npz"
    subprocess.run(
        # Interpreted, a division by 0 says so; that its result is NaN is meant.
        [sys.executable, "-W", "ignore::RuntimeWarning", "-c", INTERPRETED, str(path)],
        cwd=ROOT,
        env={**os.environ, "NUMBA_DISABLE_JIT": "1"},
        check=True,
    )
    with np.load(path) as interpreted:
        compiled = run()
        assert len(compiled["alarms"]) >= 2
        for name, values in compiled.items():
            np.testing.assert_allclose(interpreted[name], values, rtol=1e-9, atol=1e-12)
