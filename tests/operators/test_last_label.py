"""The last label known, against a plain restatement, with labels in time and late."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from operators.base import Feature, Space
from operators.moe.last_label import LastLabel
from operators.tape import LEARN, PREDICT, Rows, Tape
from tests import generators
from tests.generators import accuracy, prequential
from tests.reference.last_label import PlainLastLabel

SPACE = Space((Feature("a"),), n_classes=3)


@settings(max_examples=30, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    delay=st.sampled_from([0, 1, 7]),
    decay=st.sampled_from([0.5, 0.999, 1.0]),
)
def test_it_is_what_counting_says(seed: int, delay: int, decay: float) -> None:
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 3, 80).astype(np.float64)
    weight = rng.choice([0.5, 1.0, 4.0], 80)
    steps = [(t, PREDICT, t) for t in range(80)]
    steps += [(t + delay, LEARN, t) for t in range(80) if t % 5]
    steps.sort()
    tape = Tape(
        np.array([action for _, action, _ in steps], dtype=np.uint8),
        np.array([row for _, _, row in steps], dtype=np.int64),
    )
    rows = Rows(np.zeros((80, 1)), y, np.zeros((80, 3)), np.zeros((80, 1)))
    LastLabel(SPACE, decay=decay).run(tape, rows, weight)
    plain = PlainLastLabel(3, decay)
    known: dict[int, int | None] = {}
    for _, action, row in steps:
        if action == PREDICT:
            known[row] = plain.last
            np.testing.assert_allclose(rows.output[row], plain.predict(), rtol=1e-9)
        else:
            plain.learn(known[row], int(y[row]), weight[row])


def test_it_learns_what_follows_what() -> None:
    y = np.tile([0.0, 1.0, 1.0, 2.0], 500)
    output = prequential(LastLabel(SPACE), (np.zeros((2000, 1)), y, SPACE))
    after = {0: 1, 2: 0}
    for i in range(100, 2000):
        if y[i - 1] in after:
            assert output[i].argmax() == after[int(y[i - 1])]


def test_electricity_has_a_memory() -> None:
    """Half hours resemble the one before: 85.3 % of the labels are the last one again."""
    data = generators.electricity()
    output = prequential(LastLabel(data[2]), data)
    assert accuracy(output, data[1]) == pytest.approx(0.853, abs=0.002)


@pytest.mark.parametrize("decay", [0.0, 1.1, float("nan")])
def test_parameters_are_checked(decay: float) -> None:
    with pytest.raises(ValueError, match=r"decay: must be in \(0, 1\]"):
        LastLabel(SPACE, decay=decay)
