"""Streams with known drifts: that they change what they say, and nothing else.

How well a diagnoser names them is measured by `tests.bench.drift.diagnose`; here one stream of
each kind of answer is followed.
"""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from tests.bench.drift.calibrate import SOURCES, fit
from tests.bench.drift.concepts import NOISES, WIDTHS, Case, cases, make
from tests.bench.drift.diagnose import follow, reliability, summarise, text
from tests.bench.drift.families import FAMILIES, RARE

every_family = pytest.mark.parametrize("family", FAMILIES)
N = 40_000


@every_family
@pytest.mark.parametrize("imbalanced", [False, True])
def test_concepts_differ_in_what_they_say_and_in_nothing_else(
    family: str, imbalanced: bool
) -> None:
    rng = np.random.default_rng(3)
    made = FAMILIES[family](rng, 0.1, imbalanced)
    x, y = made.first.sample(rng, N)
    shares = np.bincount(y.astype(int)) / N
    if imbalanced:
        # The cells of a table of codes have sizes of their own.
        assert shares.min() == pytest.approx(RARE, abs=0.02)

    real_x, real_y = made.changed["real"].sample(rng, N)
    assert np.nanmean(real_x, axis=0) == pytest.approx(np.nanmean(x, axis=0), abs=0.06)
    changed = made.changed["real"].posterior(x) - made.first.posterior(x)
    assert np.abs(changed).max(axis=1).mean() > (0.02 if imbalanced else 0.2)
    assert len(real_y) == N

    virtual = made.changed["virtual"]
    assert virtual.posterior is made.first.posterior
    moved = np.nanmean(virtual.sample(rng, N)[0], axis=0) - np.nanmean(x, axis=0)
    assert np.abs(moved / np.nanstd(x, axis=0)).max() > 0.1

    label_x, label_y = made.changed["label"].sample(rng, N)
    assert np.abs(np.bincount(label_y.astype(int)) / N - shares).max() > 0.08
    for code in range(made.space.n_classes):
        before, after = x[y == code], label_x[label_y == code]
        gap = np.nanmean(after, axis=0) - np.nanmean(before, axis=0)
        allowed = 5.0 * np.nanstd(before, axis=0) / np.sqrt(min(len(before), len(after)))
        assert (np.abs(gap) < allowed).all()


def test_a_seed_has_every_kind_noise_and_balance() -> None:
    listed = list(cases(0))
    assert len(listed) == len(set(listed)) == 100
    assert Counter(case.noise for case in listed) == dict.fromkeys(NOISES, 20)
    assert Counter(case.imbalanced for case in listed) == {False: 50, True: 50}
    assert {case.family for case in listed} == set(FAMILIES)
    assert len(list(cases(0, quick=True))) == 20


def test_equal_cases_are_equal_streams() -> None:
    case = Case("gradual", "real", "clouds", 0.1, True, 5)
    first, second = make(case), make(case)
    assert first.records.x.tobytes() == second.records.x.tobytes()
    assert first.drifts == second.drifts
    (drift,) = first.drifts
    assert drift.end - drift.onset in WIDTHS
    assert drift.at == (drift.onset + drift.end) // 2


def test_what_is_said_is_set_against_the_truth() -> None:
    named = Case("abrupt", "real", "half_spaces", 0.0, False, 1_001)
    steady = Case("none", "none", "half_spaces", 0.0, False, 1_001)
    followed = [follow(case, learner="last_label") for case in (named, steady)]
    (line,) = summarise(followed)
    assert (line.right, line.covered, line.episodes) == (1.0, 1.0, 1.0)
    assert line.named == {"real": 1}
    assert 0 < line.delay <= 1_000
    assert followed[1].answers == followed[1].false_episodes == ()
    assert sum(n for _, _, n in reliability(followed)) == len(followed[0].answers[0].in_time)
    assert "| abrupt | real | 1 | 100.0% |" in text(followed)
    assert len(fit(followed)) == len(SOURCES) + 3
