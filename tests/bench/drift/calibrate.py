"""Choose the constants of a diagnosis' confidence, on seeds that no figure is reported for.

    python -m tests.bench.drift.calibrate --seeds 3

A diagnosis is right or not; a logistic regression says how likely that is, given its grounds. The
printed numbers go into `operators.diagnosis.verdict`.
"""

from __future__ import annotations

import argparse

import numpy as np
from numpy.typing import NDArray

from operators.diagnosis.base import Diagnosis
from operators.diagnosis.contrast import Deviations
from operators.diagnosis.verdict import grounds, judge
from stream.cli.kernel_cache import drop_stale
from tests.bench.drift.diagnose import TUNING_SEED_FIRST, Followed, follow_all

Floats = NDArray[np.float64]
SOURCES = ("real", "virtual", "label", "outliers", "none")
_STEPS = 50
_PENALTY = 0.5  # on squared distances from the start, so that what hardly occurs stays there
_START = np.array([1.0, 1.0, 1.0, 1.0, 0.0, 1.0, 0.5, 0.3])


def fit(followed: list[Followed]) -> Floats:
    """Return intercepts of all sources, then slopes, by Newton's method."""
    pairs = [
        (_described(diagnosis), diagnosis.source == answer.drift.source)
        for stream in followed
        for answer in stream.answers
        for diagnosis in answer.in_time
        # Where there is a drift, `none` is never right; how often it is elsewhere is not known.
        if diagnosis.source != "none"
    ]
    terms = np.array([term for term, _ in pairs])
    right = np.array([is_right for _, is_right in pairs], dtype=np.float64)
    weight = _START.copy()
    for _ in range(_STEPS):
        chance = 1.0 / (1.0 + np.exp(-terms @ weight))
        slope = terms.T @ (right - chance) - _PENALTY * (weight - _START)
        bend = (terms * (chance * (1.0 - chance))[:, None]).T @ terms
        weight = weight + np.linalg.solve(bend + _PENALTY * np.eye(len(weight)), slope)
    return weight


def _described(diagnosis: Diagnosis) -> Floats:
    """Return indicators of the source, then the grounds, as the diagnoser has them."""
    tests = Deviations(
        **{e.channel: e.statistic for e in diagnosis.evidence if e.channel != "error"}
    )
    _, margin = judge(tests)
    since = diagnosis.learnt - diagnosis.since.at
    return np.array([*(diagnosis.source == s for s in SOURCES), *grounds(tests, margin, since)])


def main() -> None:
    """Fit and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=3)
    given = parser.parse_args()
    drop_stale()
    seeds = range(TUNING_SEED_FIRST, TUNING_SEED_FIRST + given.seeds)
    weight = fit(list(follow_all(seeds)))
    for name, value in zip((*SOURCES, "margin", "strength", "records"), weight, strict=True):
        print(f"{name:10} {value:.2f}")


if __name__ == "__main__":
    main()
