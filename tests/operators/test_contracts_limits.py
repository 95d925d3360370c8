"""Promises of every learner of the catalogue about what it refuses, copies and keeps.

Classifiers and regressors alike. A million records each: tests/bench/memory.py.
"""

from __future__ import annotations

import copy
import pickle
import tracemalloc
from typing import Any

import numpy as np
import pytest

from operators.base import Learner
from operators.catalog import LEARNERS, create_learner
from operators.rehearsal import is_classifier
from operators.snapshot import digest
from operators.tape import Rows
from stream.checkpoint.format import Checkpoint, decode, encode
from tests.operators import test_contracts as classes
from tests.operators import test_contracts_regression as values
from tests.operators.managed import MANAGED
from tests.operators.regressors import REGRESSORS

RECORDS = 210_000
CHUNK = 3000
# Bytes of those that are still growing: its tree may have 1,000 leaves, whatever is configured.
GROWING = {"bayesian_mixture": 2_000_000}
# What river allocates is its own affair; managed learners are in test_adaptation.
OURS = {
    variant: made
    for variant, made in {**classes.VARIANTS, **values.VARIANTS}.items()
    if not variant.startswith("river:") and not made[0].startswith(MANAGED)
}
X = {"load": 1.0, "price": 2.0, "colour": "red", "constant": 1.0}


def kind(name: str) -> Any:
    """The module that has rows for a learner, and checks for its answers."""
    return classes if is_classifier(name) else values


def made(name: str) -> Learner:
    params = {**classes.PARAMS, **REGRESSORS}.get(name, {})
    return create_learner(name, kind(name).SPACE, 1, params)


def rows_for(name: str, learner: Learner, count: int, seed: int = 1) -> Rows:
    rows: Rows = kind(name).stream(count, learner.trace_width, seed=seed)
    return rows


def target(name: str, number: int) -> Any:
    return classes.CLASSES[number % 2] if is_classifier(name) else float(number)


@pytest.fixture(params=sorted(LEARNERS))
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.mark.parametrize("infinity", [np.inf, -np.inf])
def test_infinity_is_refused_and_nothing_is_learnt(name: str, infinity: float) -> None:
    learner = made(name)
    before = digest(learner.snapshot())
    with pytest.raises(ValueError, match=r"x\['price'\]: must be finite, or None or NaN"):
        learner.learn_one({**X, "price": infinity}, target(name, 0))  # type: ignore[attr-defined]
    with pytest.raises(ValueError, match=r"x\['price'\]: must be finite"):
        learner.predict_one({**X, "price": infinity})  # type: ignore[attr-defined]
    rows = rows_for(name, learner, 10)
    rows.x[3, 1] = infinity
    with pytest.raises(AssertionError, match=r"x\[3, 1\] must be finite, or NaN"):
        learner.run(classes.late_labels(10), rows)
    assert digest(learner.snapshot()) == before


@pytest.mark.parametrize("label", [float("nan"), None, float("inf")])
def test_a_label_that_is_none_is_refused(name: str, label: Any) -> None:
    learner = made(name)
    if is_classifier(name) and label == float("inf"):
        return  # a class may be called what it likes
    before = digest(learner.snapshot())
    with pytest.raises(ValueError, match=r"^y: must be a "):
        learner.learn_one(X, label)  # type: ignore[attr-defined]
    rows = rows_for(name, learner, 10)
    rows.y[3] = np.nan if label is None else label
    with pytest.raises(AssertionError):
        learner.run(classes.late_labels(10), rows)
    assert digest(learner.snapshot()) == before


@pytest.mark.parametrize("way", ["deepcopy", "pickle"])
def test_a_copy_goes_on_by_itself(name: str, way: str) -> None:
    learner = made(name)
    for number in range(300):
        learner.learn_one({**X, "load": number % 7}, target(name, number))  # type: ignore[attr-defined]
    twin = copy.deepcopy(learner) if way == "deepcopy" else pickle.loads(pickle.dumps(learner))
    first = digest(learner.snapshot())
    for number in range(300):
        twin.learn_one({**X, "load": number % 5}, target(name, number))
    assert digest(learner.snapshot()) == first, "the copy shares memory"
    for number in range(300):
        learner.learn_one({**X, "load": number % 5}, target(name, number))  # type: ignore[attr-defined]
    assert digest(learner.snapshot()) == digest(twin.snapshot())
    assert learner.predict_one(X) == twin.predict_one(X)  # type: ignore[attr-defined]


def test_what_a_checkpoint_gives_back_can_be_continued(name: str) -> None:
    """Its arrays must not be written to; a learner that kept one of them could not learn."""
    learner, heir = made(name), made(name)
    tape = classes.late_labels(600)
    rows = rows_for(name, learner, 600)
    learner.run(tape, rows)
    written = encode(Checkpoint("app", 0, "f", 1, {}, 0, learner.snapshot()))
    heir.restore(decode(written, "here").state)
    more, again = (rows_for(name, learner, 600, seed=2) for _ in range(2))
    learner.run(tape, more)
    heir.run(tape, again)
    assert digest(heir.snapshot()) == digest(learner.snapshot())
    assert classes.bytes_of(more) == classes.bytes_of(again)


@pytest.mark.parametrize("variant", sorted(OURS))
def test_memory_stays_within_bounds(variant: str) -> None:
    """The concept turns round every 1,500 records; what was needed for the first half is enough.

    Both what a snapshot holds, and all that Python and NumPy have allocated.
    """
    name, params = OURS[variant]
    if "leaves_max" in params:
        params = {**params, "leaves_max": 8}  # reached long before the middle
    learner = create_learner(name, kind(name).SPACE, 1, params)
    tape, sizes, held = classes.late_labels(CHUNK), [], []
    tracemalloc.start()
    try:
        for turn in range(RECORDS // CHUNK):
            rows = rows_for(name, learner, CHUNK, seed=turn)
            learner.run(tape, rows)
            sizes.append(classes.size(learner.snapshot()))
            del rows
            held.append(tracemalloc.get_traced_memory()[0])
    finally:
        tracemalloc.stop()
    half = len(sizes) // 2
    assert max(sizes[half:]) <= max(1.25 * max(sizes[:half]), GROWING.get(name, 0))
    # Pools grow by doubling, so twice as much may be held.
    assert max(held[half:]) <= max(1.25 * max(held[:half]) + 200_000, 2 * GROWING.get(name, 0))
