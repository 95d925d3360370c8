"""Detectors that river has not, or has otherwise: they signal as their plain restatements do.

Those that river has are in test_detectors_river.py, what all promise in test_detector_contracts.py.
"""

from __future__ import annotations

import math
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.stats import ks_2samp, multivariate_t

from operators.catalog import create_detector
from operators.kernels.kswin import critical_steps
from operators.kernels.normal_change import log_factor
from tests.operators.interpreted_detectors import runs
from tests.reference.cusum import PlainCUSUM
from tests.reference.ecdd import PlainECDD
from tests.reference.eddm import PlainEDDM
from tests.reference.glr import PlainGLR, best_split, gain_of
from tests.reference.gma import PlainGMA
from tests.reference.kswin import PlainKSWIN
from tests.reference.normal_change import PlainNormalChange, squares
from tests.reference.rddm import PlainRDDM
from tests.reference.seed import PlainSEED
from tests.reference.seq_drift2 import PlainSeqDrift2
from tests.reference.stepd import PlainSTEPD
from tests.reference.zones import alarms_of

ROOT = Path(__file__).parents[2]
DIRECTION = {"direction": ["up", "down", "both"]}
# Of each detector: its restatement, and choices for its parameters.
CASES: dict[str, tuple[Any, dict[str, list[Any]]]] = {
    "cusum": (
        PlainCUSUM,
        {"threshold": [3.3, 7.7], "tolerance": [0.005, 0.11], "grace_period": [1, 60], **DIRECTION},
    ),
    "ecdd": (
        PlainECDD,
        {"weight": [0.2, 0.05], "warning_share": [0.5, 0.8], "grace_period": [1, 30]},
    ),
    "eddm": (
        PlainEDDM,
        {"warning_level": [0.95], "drift_level": [0.9, 0.8], "grace_period": [5, 30]},
    ),
    "glr": (
        PlainGLR,
        {
            "run_length": [100.0, 2_000.0, 100_000.0],
            "scale": [0.0, 200.0],
            "grace_period": [1, 30],
            **DIRECTION,
        },
    ),
    "gma": (
        PlainGMA,
        {
            "threshold": [0.1, 0.151],
            "fading_factor": [0.9, 0.99],
            "grace_period": [30],
            **DIRECTION,
        },
    ),
    "kswin": (
        PlainKSWIN,
        {"delta": [0.005, 0.05], "window": [60, 100], "recent": [10, 30], "seed": [1, 7]},
    ),
    "normal_change": (
        PlainNormalChange,
        {"run_length": [100.0, 10_000.0], "grace_period": [3, 30], "recent": [1, 5]},
    ),
    "rddm": (
        PlainRDDM,
        {
            "grace_period": [20, 128],
            "concept_length_max": [150, 400],
            "stable_length": [100],
            "warning_length_max": [10, 90],
        },
    ),
    "seed": (
        PlainSEED,
        {
            "delta": [0.05, 0.3],
            "block_length": [5, 32],
            "likeness": [0.01, 0.1],
            "compress_every": [3, 20],
            "blocks_max": [5, 128],
        },
    ),
    "seq_drift2": (
        PlainSeqDrift2,
        {"delta": [0.01, 0.3], "block": [25, 100], "reservoir": [100, 250], "seed": [1, 7]},
    ),
    "stepd": (
        PlainSTEPD,
        {"window": [10, 30], "delta_drift": [0.003], "delta_warning": [0.05, 0.2], **DIRECTION},
    ),
}


def stepping(seed: int, kind: str, length: int = 600) -> NDArray[np.float64]:
    """Errors or losses whose mean steps three times, the last part being constant."""
    rng = np.random.default_rng(seed)
    level = np.repeat(rng.random(4), length // 4)
    values = rng.random(length) < level if kind == "bits" else rng.beta(1 + 4 * level, 3)
    values = values.astype(np.float64)
    values[-length // 8 :] = round(level[-1])
    return values


@settings(max_examples=15, deadline=None)
@given(data=st.data(), seed=st.integers(0, 10**6), kind=st.sampled_from(["bits", "losses"]))
@pytest.mark.parametrize("name", CASES)
def test_it_signals_as_the_plain_restatement_does(
    name: str, data: st.DataObject, seed: int, kind: str
) -> None:
    plain, choices = CASES[name]
    params = {key: data.draw(st.sampled_from(values), key) for key, values in choices.items()}
    values = stepping(seed, kind)
    expected = alarms_of(plain(**params), values.tolist())
    found = create_detector_with_seed(name, params).update_many(values)
    assert [(a.index, a.kind) for a in found] == [alarm[:2] for alarm in expected]
    means = [mean for a in found for mean in (a.before, a.after)]
    assert means == pytest.approx([mean for alarm in expected for mean in alarm[2:]], abs=1e-9)


def create_detector_with_seed(name: str, params: dict[str, Any]) -> Any:
    """A configuration cannot choose the seed, a constructor can."""
    given = {key: value for key, value in params.items() if key != "seed"}
    detector = create_detector(name, given)
    return type(detector)(**params)


# Where the probability is 1, scipy's rounds to more than that, and it says so.
@pytest.mark.filterwarnings("ignore:ks_2samp:RuntimeWarning")
@pytest.mark.parametrize("recent", [2, 5, 30, 50])
def test_the_critical_distance_of_kswin_is_scipys(recent: int) -> None:
    below = np.zeros(recent)
    for delta in (0.2, 0.005, 1e-4):
        chances = [
            ks_2samp(below, np.arange(recent) >= recent - k, method="exact").pvalue
            for k in range(1, recent + 1)
        ]
        expected = next((k + 1 for k, p in enumerate(chances) if p <= delta), recent + 1)
        assert critical_steps(recent, delta) == expected


def test_seq_drift2_leaves_half_of_delta_to_each_sample() -> None:
    """Both exponents of Bernstein's inequality are ln(4 / delta) at the bound."""
    plain = PlainSeqDrift2(delta=0.01)
    for n in (200, 2000):
        stray = plain._stray(n, 0.16)
        exponent = n * stray**2 / (2 * (0.16 + stray / 3))
        assert exponent == pytest.approx(math.log(4 / 0.01))


@pytest.mark.parametrize(("k", "m"), [(3, 1), (30, 5), (200, 40)])
def test_the_bayes_factor_is_that_of_two_student_densities(k: int, m: int) -> None:
    rng = np.random.default_rng(k)
    left, right = 7.0 + rng.standard_normal(k), 8.0 + 2.0 * rng.standard_normal(m)
    variance, ones = left.var(ddof=1), np.ones((m, m))
    place = np.full(m, left.mean())
    changed = multivariate_t.logpdf(right, place, variance * (np.eye(m) + ones), df=2)
    same = multivariate_t.logpdf(right, place, variance * (np.eye(m) + ones / k), df=k - 1)
    found = log_factor(
        k, left.mean(), squares(left.tolist()), m, right.mean(), squares(right.tolist())
    )
    assert found == pytest.approx(changed - same, abs=1e-8)


@pytest.mark.parametrize("sign", [1, -1])
def test_the_corners_of_the_hull_hold_the_best_of_all_splits(sign: int) -> None:
    plain = PlainGLR(run_length=1e300)
    seen: list[float] = []
    for value in stepping(5, "bits", 200).tolist():
        seen.append(value)
        n, total = len(seen), sum(seen)
        gains = [
            gain_of((k, s), n, total)
            for k, s in plain.corners[sign]
            if k and sign * ((total - s) / (n - k) - s / k) > 0
        ]
        assert max(gains, default=0.0) == pytest.approx(best_split(seen, sign, 1))
        plain.update(value)


INTERPRETED = """
import sys
import numpy as np
from tests.operators.interpreted_detectors import runs
np.savez(sys.argv[1], **runs())
"""


def test_interpreted_kernels_compute_the_same(tmp_path: Path) -> None:
    path = tmp_path / "interpreted.npz"
    subprocess.run(
        # Interpreted, random numbers are products of numpy scalars that wrap round.
        [sys.executable, "-W", "ignore::RuntimeWarning", "-c", INTERPRETED, str(path)],
        cwd=ROOT,
        env={**os.environ, "NUMBA_DISABLE_JIT": "1"},
        check=True,
    )
    with np.load(path) as interpreted:
        for name, compiled in runs().items():
            np.testing.assert_allclose(interpreted[name], compiled, rtol=1e-9, atol=1e-12)
