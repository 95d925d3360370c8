"""What every monitor of the catalogue promises: cutting, snapshots, bounds, what it finds.

That their chances are right is in test_two_sample.py and test_monitor_calibration.py.
"""

from __future__ import annotations

import doctest
import importlib
import math
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from operators.base import Feature, Space
from operators.catalog import MONITORS, create_monitor, find_monitor, parameters
from operators.monitors import edges, predictions
from operators.monitors.base import Finding, Monitor
from operators.monitors.predictions import prediction_rows, prediction_space
from operators.snapshot import State, digest

SPACE = Space(
    (Feature("a"), Feature("b"), Feature("kind", capacity=6), Feature("flat"), Feature("gone")),
    n_classes=2,
)
SPACE_OF_NUMBERS = Space(tuple(Feature(name) for name in "abcde"), n_classes=0)
OF_WINDOWS = [name for name in MONITORS if name != "betting"]
OF_FEATURES = [name for name in OF_WINDOWS if name != "mmd"]
SMALL: dict[str, Any] = {"reference_size": 1_000, "window": 200}
every_monitor = pytest.mark.parametrize("name", MONITORS)
every_feature_monitor = pytest.mark.parametrize("name", OF_FEATURES)
every_window = pytest.mark.parametrize("name", OF_WINDOWS)
every_kind = pytest.mark.parametrize(
    ("name", "reference"),
    [("betting", ""), *((name, kind) for name in OF_WINDOWS for kind in ("fixed", "rolling"))],
)


def small(name: str, reference: str = "fixed") -> dict[str, Any]:
    """Parameters with which a monitor begins after 1,000 rows."""
    return {"reference_size": 1_000} if name == "betting" else {**SMALL, "reference": reference}


def quiet(count: int, seed: int = 1) -> NDArray[np.float64]:
    """Rows of SPACE without drift: gaps, a constant, a column of which there is nothing."""
    rng = np.random.default_rng(seed)
    x = np.empty((count, 5))
    x[:, 0] = rng.normal(size=count)
    x[:, 1] = np.where(rng.random(count) < 0.4, 0.0, rng.exponential(size=count))
    x[:, 2] = rng.choice(4, count, p=[0.5, 0.3, 0.15, 0.05])
    x[:, 3] = 7.0
    x[:, 4] = np.nan
    x[rng.random(count) < 0.05, 0] = np.nan
    return x


def drifting(count: int = 6_000, seed: int = 2) -> NDArray[np.float64]:
    """Everything changes at half of the rows."""
    x, half = quiet(count, seed), count // 2
    x[half:, 0] += 1.5
    x[half:, 1] *= 4.0
    x[half:, 2] = 3.0 - x[half:, 2]
    return x


def told(findings: list[Finding], shift: int = 0) -> list[str]:
    # NaN is not equal to NaN; their texts are.
    return [
        f"{f.index + shift} {f.seen} {f.column} {f.aspect} {f.statistic!r} {f.p_value!r} "
        f"{f.before!r} {f.now!r} {f.category} {f.effect!r} {f.low!r} {f.high!r}"
        for f in findings
    ]


@every_kind
def test_one_by_one_and_in_pieces_are_the_same_to_the_bit(name: str, reference: str) -> None:
    x = drifting()
    params = small(name, reference)
    whole, *others = (create_monitor(name, SPACE, params) for _ in range(4))
    expected = told(whole.watch(x))
    assert expected
    for monitor, size in zip(others, (1, 7, 333), strict=True):
        found = []
        for start in range(0, len(x), size):
            found += told(monitor.watch(x[start : start + size]), start)
        assert found == expected
        assert digest(monitor.snapshot()) == digest(whole.snapshot())


@every_kind
@pytest.mark.parametrize("cut", [1, 777, 3_149])
def test_a_restored_monitor_goes_on_as_if_never_stopped(
    name: str, reference: str, cut: int
) -> None:
    x = drifting()
    params = small(name, reference)
    whole, first, second = (create_monitor(name, SPACE, params) for _ in range(3))
    expected = told(whole.watch(x))
    before = told(first.watch(x[:cut]))
    state = first.snapshot()
    second.watch(x[::-1])  # what was there before must be gone
    second.restore(state)
    assert digest(second.snapshot()) == digest(state)
    assert before + told(second.watch(x[cut:]), cut) == expected
    assert digest(second.snapshot()) == digest(whole.snapshot())
    assert digest(first.snapshot()) == digest(state)


@every_kind
def test_many_rows_need_no_more_memory(name: str, reference: str) -> None:
    monitor = create_monitor(name, SPACE, small(name, reference))
    size = size_of(monitor.snapshot())
    for seed in range(4):
        monitor.watch(quiet(10_000, seed))
    assert size_of(monitor.snapshot()) == size
    wide = Space(tuple(Feature(f"x{j}", capacity=100_000) for j in range(3)), n_classes=0)
    assert size_of(create_monitor(name, wide, small(name)).snapshot()) < 200_000


def size_of(state: State) -> int:
    return sum(np.asarray(value).nbytes for value in state.values())


@every_monitor
def test_steady_rows_with_gaps_and_constants_are_no_finding(name: str) -> None:
    monitor = create_monitor(name, SPACE, small(name))
    assert np.isnan(monitor.scores).all()
    assert monitor.watch(quiet(20_000, seed=3)) == []
    assert np.isfinite(monitor.scores).all()


@every_monitor
def test_a_change_is_told_once_and_again_when_it_comes_back(name: str) -> None:
    x = quiet(24_000, seed=4)
    for start in (4_000, 16_000):
        x[start : start + 4_000, 0] += 2.0
    findings = create_monitor(name, SPACE, small(name)).watch(x)
    assert {f.column for f in findings} == {-1 if name == "mmd" else 0}
    # One that compares with all rows since its last finding also tells that they are as before.
    first, second = findings[:: 2 if name == "betting" else 1]
    assert 4_000 <= first.index < 4_400
    assert 16_000 <= second.index < 16_400
    assert first.seen == first.index + 1
    assert first.test == name
    if name != "mmd":
        assert abs(first.before) < 0.15
        assert first.now > 0.25


@every_window
def test_a_rolling_reference_follows(name: str) -> None:
    x = quiet(16_000, seed=5)
    x[6_000:, 0] += 2.0
    x[12_000:, 0] -= 2.0
    found = create_monitor(name, SPACE, {**SMALL, "reference": "rolling"}).watch(x)
    fixed = create_monitor(name, SPACE, small(name)).watch(x)
    assert [f.index // 1_000 for f in found] == [6, 12]
    assert [f.index // 1_000 for f in fixed] == [6]
    if name != "mmd":
        assert found[1].before == pytest.approx(2.0, abs=0.3)


@every_monitor
def test_a_renewed_reference_is_of_the_rows_to_come(name: str) -> None:
    x = quiet(12_000, seed=6)
    x[4_000:, 0] += 2.0
    monitor = create_monitor(name, SPACE, small(name))
    assert [f.index // 1_000 for f in monitor.watch(x[:5_030])] == [4]
    monitor.renew([0] if name != "mmd" else None)
    assert monitor.watch(x[5_030:]) == []
    back = x[:4_000]
    assert len(monitor.watch(back)) == 1


@every_feature_monitor
def test_what_has_changed_is_named(name: str) -> None:
    x = quiet(8_000, seed=7)
    x[4_000:, 0][np.random.default_rng(1).random(4_000) < 0.3] = np.nan
    x[4_000:, 2][np.random.default_rng(2).random(4_000) < 0.12] = 5.0
    x[4_000:, 3] = 6.0
    x[4_000:, 4] = 1.0
    findings = create_monitor(name, SPACE, SMALL).watch(x)
    assert all(f.index >= 4_000 for f in findings)
    by = {(f.column, f.aspect): f for f in reversed(findings)}
    assert all(f.index < 4_400 for f in by.values() if (f.column, f.aspect) != (2, "values"))
    gaps, new, flat = by[0, "missing"], by[2, "category"], by[3, "values"]
    assert gaps.before == pytest.approx(0.05, abs=0.03)
    assert gaps.now == pytest.approx(0.3, abs=0.2)
    assert (new.category, new.before) == (5, 0.0)
    assert new.statistic == new.now > 0.02
    assert (flat.before, flat.p_value < 1e-6) == (7.0, True)
    assert by[4, "missing"].before == 1.0
    assert not by.keys() - {
        *((0, "missing"), (2, "category"), (2, "values"), (3, "values"), (4, "missing"))
    }


@every_feature_monitor
def test_shares_of_categories(name: str) -> None:
    x = quiet(8_000, seed=8)
    swap = np.random.default_rng(3).random(4_000) < 0.5
    x[4_000:, 2][swap & (x[4_000:, 2] == 0)] = 1.0
    [finding] = create_monitor(name, SPACE, SMALL).watch(x)
    assert (finding.column, finding.aspect, finding.category in (0, 1)) == (2, "values", True)
    assert finding.effect > 0.05


def test_psi_tells_how_large_the_change_is() -> None:
    inside = 0
    for seed in range(20):
        x = np.random.default_rng(seed).normal(size=(6_000, 1))
        x[2_500:] += 0.5
        space = Space((Feature("a"),), n_classes=0)
        [finding] = create_monitor("psi", space, {"window": 1_000}).watch(x)
        share = min((finding.seen - 2_500) / 1_000, 1.0)  # the window may begin before the shift
        assert finding.statistic > finding.effect
        inside += finding.low < moved(0.5, share) < finding.high
    assert inside >= 17


def moved(shift: float, share: float) -> float:
    """PSI of a bell against one of which a share has moved, in ten cells of equal shares."""
    edge = stats.norm.ppf(np.arange(1, 10) / 10)
    below = (1.0 - share) * stats.norm.cdf(edge) + share * stats.norm.cdf(edge - shift)
    now = np.diff(below, prepend=0.0, append=1.0)
    return float(((now - 0.1) * np.log(now / 0.1)).sum())


def test_bets_see_a_change_before_half_a_window_has_passed() -> None:
    waits = []
    for seed in range(10):
        x = np.random.default_rng(seed).normal(size=(4_000, 5))
        x[3_000:, 2] += 1.0
        [finding] = create_monitor("betting", SPACE_OF_NUMBERS, {}).watch(x)
        assert finding.column == 2
        waits.append(finding.index - 3_000)
    assert np.median(waits) < 100
    with pytest.raises(ValueError, match=r"params\.alpha: must be in \(0, 1\)"):
        create_monitor("betting", SPACE, {"alpha": 1.0})


def test_mmd_sees_what_no_single_feature_shows() -> None:
    rng = np.random.default_rng(10)
    x = rng.normal(size=(30_000, 2))
    x[10_000:, 1] = 0.95 * x[10_000:, 0] + 0.31 * x[10_000:, 1]
    space = Space((Feature("a"), Feature("b")), n_classes=0)
    assert create_monitor("psi", space, {}).watch(x) == []
    found = create_monitor("mmd", space, {}).watch(x)
    assert found
    assert found[0].index > 10_000
    assert (found[0].column, found[0].aspect) == (-1, "rows")


@every_monitor
def test_predictions_are_watched_like_features(name: str) -> None:
    rng = np.random.default_rng(11)
    chance = rng.beta(2.0, 5.0, size=8_000)
    chance[4_000:] = rng.beta(4.0, 3.0, size=4_000)
    output = np.stack([1.0 - chance, chance], axis=1)
    rows = prediction_rows(SPACE, output)
    findings = create_monitor(name, prediction_space(SPACE), small(name)).watch(rows)
    assert min(f.index for f in findings) >= 4_000
    assert name == "mmd" or {f.column for f in findings} == {0, 1, 2}
    value = Space((), n_classes=0)
    assert prediction_rows(value, output[:, :1]).shape == (8_000, 1)
    assert len(prediction_space(value).features) == 1
    gap = prediction_rows(SPACE, np.full((1, 2), np.nan))
    assert np.isnan(gap).all()


@every_window
def test_with_spending_the_level_falls(name: str) -> None:
    x = quiet(4_000)
    x[3_000:, 0] += 2.0
    monitor = create_monitor(name, SPACE, {**SMALL, "control": "spending"})
    assert len(monitor.watch(x)) == 1
    state = monitor.snapshot()["state"]
    assert int(np.asarray(state)["tests"][0]) == 29  # of 30 blocks the first makes no window


@every_window
@pytest.mark.parametrize(
    ("params", "said"),
    [
        ({"window": 10}, "window: must be >= 20; got 10."),
        ({"window": 210}, "window: must be a multiple of 4"),
        ({"reference_size": 400}, "reference_size: must be a multiple of window / 2 = "),
        ({"reference_size": 2_001}, "reference_size: must be a multiple of window / 2 = "),
        ({"alpha": 0.0}, "alpha: must be in (0, 1); got 0.0."),
        ({"reference": "both"}, "reference: must be one of fixed, rolling; got 'both'."),
        ({"control": "none"}, "control: must be one of rate, spending; got 'none'."),
    ],
)
def test_parameters_that_cannot_be_used_are_refused(
    name: str, params: dict[str, Any], said: str
) -> None:
    with pytest.raises(ValueError, match=r"^[a-z]") as caught:
        find_monitor(name)(SPACE, **params)
    assert str(caught.value).startswith(said)
    with pytest.raises(ValueError, match=r"^params\."):
        create_monitor(name, SPACE, params)


@every_monitor
def test_a_snapshot_of_other_parameters_is_refused(name: str) -> None:
    monitor = create_monitor(name, SPACE, small(name))
    state = monitor.snapshot()
    with pytest.raises(ValueError, match="snapshot version must be 1; got 2"):
        monitor.restore({**state, "version": 2})
    with pytest.raises(ValueError, match="must have the layout"):
        create_monitor(name, SPACE, {}).restore(state)


@every_monitor
def test_it_is_a_monitor_and_its_example_holds(name: str) -> None:
    factory = find_monitor(name)
    assert isinstance(create_monitor(name, SPACE, {}), Monitor)
    for parameter in parameters(factory).values():
        assert parameter.kind is parameter.KEYWORD_ONLY
        assert parameter.name in (factory.__doc__ or "").partition("Notes")[0]
    assert doctest.testmod(importlib.import_module(factory.__module__)).failed == 0


@pytest.mark.parametrize("module", [edges, predictions])
def test_examples_hold(module: Any) -> None:
    tried = doctest.testmod(module)
    assert tried.attempted > 0
    assert tried.failed == 0


@every_feature_monitor
def test_values_without_end_are_counted_at_the_ends(name: str) -> None:
    x = quiet(4_000)
    x[3_000:, 0] = math.inf
    findings = create_monitor(name, SPACE, SMALL).watch(x)
    assert {(f.column, f.aspect) for f in findings} == {(0, "values")}
