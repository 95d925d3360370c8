"""Target encoding against a plain restatement, with labels that come at once, late, or never."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from operators.preprocess.target_mean import TargetMean
from operators.snapshot import digest
from operators.tape import LEARN, PREDICT, Tape
from tests.reference.rolling import PlainTargetMean

KEYS = [1.0, 2.0, 3.0, math.nan]
ROWS = st.lists(
    st.tuples(st.sampled_from(KEYS), st.sampled_from([0.0, 1.0, 0.3, -2.0])), max_size=30
)
PARAMETERS = st.fixed_dictionaries(
    {
        "smooth": st.sampled_from([0.0, 1.0, 10.0]),
        "fading_factor": st.sampled_from([1.0, 0.9]),
        "keys_max": st.integers(1, 3),
    }
)


@settings(max_examples=300, deadline=None)
@given(ROWS, PARAMETERS, st.randoms(use_true_random=False), st.integers(1, 60))
def test_answers_are_those_of_the_labels_learnt_before(
    rows: list[tuple[float, float]], parameters: dict[str, float], random: object, size: int
) -> None:
    steps = _steps(len(rows), random)
    plain = PlainTargetMean(**parameters)  # type: ignore[arg-type]
    expected = np.full(len(rows), np.nan)
    for action, row in steps:
        if action == PREDICT:
            expected[row] = plain.answer(rows[row][0])
        else:
            plain.learn(*rows[row])
    found, mean = _run(rows, parameters, steps, len(steps) or 1)
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12)
    cut, other = _run(rows, parameters, steps, size)
    assert cut.tobytes() == found.tobytes()
    assert digest(other.snapshot()) == digest(mean.snapshot())


def _steps(count: int, random: object) -> list[tuple[int, int]]:
    """A tape on which each row is learnt at some time after its prediction, or never."""
    waiting: list[int] = []
    steps = []
    for row in range(count):
        steps.append((PREDICT, row))
        waiting.append(row)
        while waiting and random.random() < 0.5:  # type: ignore[attr-defined]
            steps.append((LEARN, waiting.pop(random.randrange(len(waiting)))))  # type: ignore[attr-defined]
    return steps


def _run(
    rows: list[tuple[float, float]],
    parameters: dict[str, float],
    steps: list[tuple[int, int]],
    size: int,
) -> tuple[np.ndarray[tuple[int], np.dtype[np.float64]], TargetMean]:
    """Run a tape in pieces; each is taken by an object that was restored from the one before."""
    mean = TargetMean(1, **parameters)  # type: ignore[arg-type]
    keys = np.array([key for key, _ in rows], float)
    y = np.array([[label] for _, label in rows], float).reshape(len(rows), 1)
    out = np.full(len(rows), np.nan)
    for start in range(0, len(steps), size):
        action, row = zip(*steps[start : start + size], strict=True)
        tape = Tape(np.array(action, np.uint8), np.array(row, np.int64))
        state = mean.snapshot()
        mean = TargetMean(1, **parameters)  # type: ignore[arg-type]
        mean.restore(state)
        found = mean.run(tape, keys, y)[:, 0]
        predicted = tape.row[tape.action == PREDICT]
        out[predicted] = found[predicted]
    return out, mean


def test_a_value_beyond_the_largest_float_is_missing() -> None:
    mean = TargetMean(1, smooth=1.0, fading_factor=1.0, keys_max=1)
    y = np.full((3, 1), 1.7e308)
    tape = Tape(np.array([LEARN, LEARN, PREDICT], np.uint8), np.array([0, 1, 2]))
    assert np.isnan(mean.run(tape, np.zeros(3), y)).all()


@pytest.mark.parametrize("n_keys", [3, 50])
def test_no_more_keys_are_kept_than_the_bound(n_keys: int) -> None:
    mean = TargetMean(2, smooth=1.0, fading_factor=1.0, keys_max=3)
    rows = np.arange(200)
    mean.run(Tape(np.full(200, LEARN, np.uint8), rows), rows % float(n_keys), np.ones((200, 2)))
    assert len(mean.snapshot()["keys"]) == 3  # type: ignore[arg-type]
