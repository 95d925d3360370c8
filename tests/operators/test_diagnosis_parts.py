"""The parts of a diagnosis: counts and alarms, contrasts, timing, verdicts.

The diagnoser that puts them together is in test_diagnosis.py.
"""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import chi2, chi2_contingency, norm

from operators.base import Feature, Space
from operators.diagnosis.alarms import BEFORE_MIN, least_likely
from operators.diagnosis.contrast import Deviations, Records, contrast
from operators.diagnosis.memory import Memory
from operators.diagnosis.significance import chi_square, deviation
from operators.diagnosis.timing import _distances, _left, time_change
from operators.diagnosis.verdict import judge
from operators.kernels.diagnosis import MISSING, empty_sums
from operators.tape import Rows
from operators.tape import test_then_train as turns

Floats = NDArray[np.float64]
EVERY = 50


def test_counts_are_compared_as_scipy_does() -> None:
    rng = np.random.default_rng(1)
    for n_cells in (2, 7, 12):
        before, after = rng.integers(20, 200, (2, n_cells))
        statistic, freedom = chi_square(before, after)
        plain = chi2_contingency(np.stack([before, after]), correction=False)
        assert statistic == pytest.approx(plain.statistic)
        assert freedom == plain.dof


def test_cells_that_expect_few_are_taken_together() -> None:
    before, after = np.array([100, 3, 2, 4, 0]), np.array([90, 2, 5, 3, 0])
    together = np.array([[100, 9], [90, 10]])
    statistic, freedom = chi_square(before, after)
    assert statistic == pytest.approx(chi2_contingency(together, correction=False).statistic)
    assert freedom == 1
    assert chi_square(np.array([5, 5]), np.array([0, 0])) == (0.0, 0)


def test_deviations_have_the_tail_of_the_statistic() -> None:
    for freedom in (1, 4, 30):
        for tail in (0.05, 1e-3):
            z = deviation(float(chi2.isf(tail, freedom)), freedom)
            assert norm.sf(z) == pytest.approx(tail, rel=0.2)


def filled(x: Floats, y: Floats, space: Space, blocks: int = 20) -> Memory:
    memory = Memory(space, blocks, EVERY, columns_max=10)
    rows = Rows(x, y, np.zeros((len(y), space.n_outputs)), np.empty((len(y), 0)))
    step, tape = 0, turns(len(y))
    while step < len(tape):
        step = memory.take(step, tape, rows, counting=False)
    memory.cut_cells(0)
    return memory


def test_a_ring_counts_what_it_holds() -> None:
    rng = np.random.default_rng(2)
    space = Space((Feature("a"), Feature("b", capacity=30)), n_classes=3)
    x = np.column_stack([rng.normal(size=1_500), rng.integers(0, 30, 1_500)])
    x[::10, 0] = np.nan
    y = rng.integers(0, 3, 1_500).astype(np.float64)
    memory = filled(x, y, space)
    labels = memory.labels_since(0)
    assert labels.tolist() == list(range(500, 1_500))
    cells, group = memory.cells_of(labels), memory.records(labels).group
    for j in range(2):
        expected = np.zeros((3, MISSING + 1), np.int64)
        np.add.at(expected, (group, cells[:, j]), 1)
        assert memory.counts.x[:, j].sum(axis=0)[:3].tolist() == expected.tolist()
    # Numbers fill their cells evenly; high codes share the last but one.
    assert np.ptp(np.bincount(cells[:, 0])[:10]) <= 2
    assert (cells[:, 1] == np.minimum(x[labels, 1], MISSING - 1)).all()
    memory.leave_out(600, 700, 0)
    assert memory.counts.y.sum() == 900
    assert len(memory.labels_since(0)) == 900


def test_the_end_that_differs_is_found() -> None:
    rng = np.random.default_rng(3)
    space = Space((Feature("a"),), n_classes=2)
    x, y = rng.normal(size=(1_000, 1)), rng.integers(0, 2, 1_000).astype(np.float64)
    order = np.arange(20)

    def worst(x: Floats) -> tuple[int, float]:
        memory = filled(x, y, space)
        found = least_likely(order, memory.n_groups, memory.counts, empty_sums(1))
        assert found is not None
        return found.blocks, found.z

    assert worst(x)[1] < 4.0
    x[-150:] += 1.0
    blocks, z = worst(x)
    assert blocks == 3
    assert z > 7.0
    memory = filled(x, y, space)
    few = order[:BEFORE_MIN]
    assert least_likely(few, memory.n_groups, memory.counts, empty_sums(1)) is None


def compared(source: str, seed: int = 4, n: int = 1_200) -> Deviations:
    rng = np.random.default_rng(seed)
    since = np.arange(n) >= n // 2
    x = rng.normal(size=(n, 3))
    if source == "virtual":
        x[since, 0] += 0.8
    group = ((x[:, 0] > 0.0) ^ (rng.random(n) < 0.2)).astype(np.int64)
    if source == "real":
        group[since] = 1 - group[since]
    if source == "label":
        kept = ~since | (group == 1) | (rng.random(n) < 0.3)
        x, group, since = x[kept], group[kept], since[kept]
    return contrast(Records(x, group, np.zeros(3, np.int64), 2), ~since, since).tests


def test_each_source_leaves_its_own_tests_alone() -> None:
    none, real, virtual, label = (compared(s) for s in ("none", "real", "virtual", "label"))
    assert max(none.concept, none.classes, none.features, none.labels) < 3.0
    assert min(real.concept, real.classes) > 8.0
    assert max(real.features, real.labels) < 3.0
    assert min(virtual.classes, virtual.features) > 8.0
    assert virtual.concept < 3.0
    assert min(label.concept, label.labels) > 3.0
    assert label.classes < 3.0
    verdicts = [judge(found)[0] for found in (none, real, virtual, label)]
    assert verdicts == ["none", "real", "virtual", "label"]


def test_contrasts_are_standard_normal_without_a_change() -> None:
    found = [compared("none", seed, n=400) for seed in range(40)]
    for name in ("concept", "classes", "features"):
        values = np.array([getattr(contrast, name) for contrast in found])
        assert abs(values.mean()) < 0.7
        assert (values > 1.645).mean() < 0.2


def ratios(weight: Floats, seed: int = 5) -> Floats:
    """Logarithms of records that are new with some probability, one deviation from the old."""
    rng = np.random.default_rng(seed)
    new = rng.random(len(weight)) < weight
    return np.where(new, 0.5, -0.5) + rng.normal(size=len(weight))


@pytest.mark.parametrize("seed", range(5))
def test_a_step_is_found(seed: int) -> None:
    timing = time_change(ratios(np.arange(3_000) >= 2_000, seed), 200)
    assert timing.width == 0
    assert timing.low <= 2_000 <= timing.high
    assert timing.high - timing.low < 100
    assert timing.end == 3_000


@pytest.mark.parametrize("first", [0, 17])
def test_what_a_ramp_leaves_is_what_fitting_it_at_each_middle_leaves(first: int) -> None:
    means = np.random.default_rng(1).normal(size=14)
    centre, middles = 50.0 * np.arange(14) + 27.0, np.arange(float(first), 1_000.0, 20.0)

    def ramp(after: Floats) -> Floats:
        return 1.0 / (1.0 + np.exp(4.0 * after / 600.0))

    found = _left(ramp(_distances(middles, centre)), means)
    for middle, left in zip(middles, found, strict=True):
        terms = np.column_stack([np.ones(14), ramp(middle - centre)])
        levels = np.linalg.lstsq(terms, means, rcond=None)[0]
        if levels[1] <= 0.0:  # a falling one explains nothing
            levels = np.array([means.mean(), 0.0])
        assert left == pytest.approx(((means - terms @ levels) ** 2).sum(), rel=1e-6)


@pytest.mark.parametrize("seed", range(5))
def test_a_ramp_is_found(seed: int) -> None:
    at = np.arange(6_000)
    timing = time_change(ratios(1.0 / (1.0 + np.exp(-4.0 * (at - 3_500) / 2_000)), seed), 200)
    assert timing.width >= 1_000
    assert timing.low <= 3_500 <= timing.high
    assert timing.high - timing.low < 1_000


def test_a_burst_is_found_once_it_has_passed() -> None:
    at = np.arange(3_000)
    inside = (at >= 2_000) & (at < 2_100)
    passed = time_change(ratios(inside), 200)
    assert passed.low <= 2_000 <= passed.high
    assert abs(passed.end - 2_100) < 30
    lasting = time_change(ratios(inside[:2_110]), 200)
    assert lasting.end == 2_110


@pytest.mark.parametrize(
    ("concept", "classes", "features", "labels", "source"),
    [
        (1.0, 2.0, 1.0, 0.5, "none"),
        (9.0, 9.0, 0.0, 0.0, "real"),
        (9.0, 9.0, 20.0, 0.0, "real"),  # the records have changed too, but not only they
        (3.0, 18.0, 20.0, 5.0, "virtual"),
        (8.0, 1.0, 9.0, 12.0, "label"),
        (1.0, 0.0, 10.0, 9.0, "label"),  # either would do, and labels changed nearly as clearly
        (1.0, 2.0, 10.0, 6.0, "virtual"),
    ],
)
def test_verdicts(
    concept: float, classes: float, features: float, labels: float, source: str
) -> None:
    found = Deviations(concept=concept, classes=classes, features=features, labels=labels)
    named, margin = judge(found)
    assert named == source
    assert margin >= 0.0
