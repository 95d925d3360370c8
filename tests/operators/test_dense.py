"""Dense records against a plain restatement; encoding with hashing is in test_encoder."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from operators.base import Feature, Space
from operators.kernels.dense import encode, learn_dense, make_dense
from tests.reference.dense import PlainDense

SPACE = Space(
    (
        Feature("a"),
        Feature("two", capacity=2),
        Feature("one", capacity=1),
        Feature("many", capacity=4),
        Feature("b"),
    ),
    n_classes=2,
)


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    size=st.sampled_from([1e-12, 1.0, 1e9]),
    memory=st.sampled_from([5.0, 1000.0]),
    missing=st.sampled_from([0.0, 0.3]),
)
def test_it_is_what_the_formulas_say(seed: int, size: float, memory: float, missing: float) -> None:
    rng = np.random.default_rng(seed)
    x = np.column_stack(
        [
            size * rng.standard_t(2, 40),
            rng.integers(0, 2, 40),
            np.zeros(40),
            rng.integers(0, 4, 40),
            size * rng.integers(0, 2, 40),
        ]
    )
    x[rng.random(x.shape) < missing] = np.nan
    dense, plain = make_dense(SPACE, memory), PlainDense(SPACE, memory)
    assert len(dense.vector) == 1 + 1 + 1 + 1 + 4 + 1
    for record in x:
        encode(dense, record)
        np.testing.assert_allclose(dense.vector, plain.encode(record), rtol=1e-7, atol=1e-9)
        learn_dense(dense, record)
        plain.learn(record)


def test_every_kind_of_value() -> None:
    dense = make_dense(SPACE, 1000.0)
    for value in (1.0, 3.0):
        learn_dense(dense, np.array([value, 0.0, 0.0, 0.0, 7.0]))
    for record, expected in (
        ([4.0, 0.0, 0.0, 2.0, 9.0], [1, 2, -1, 1, 0, 0, 1, 0, 0]),
        ([np.nan, 1.0, np.nan, np.nan, np.nan], [1, 0, 1, 0, 0, 0, 0, 0, 0]),
        ([1e308, np.nan, 0.0, 3.0, 7.0], [1, 10, 0, 1, 0, 0, 0, 1, 0]),
        ([-1e308, 1.0, 0.0, 0.0, 7.0], [1, -10, 1, 1, 1, 0, 0, 0, 0]),
    ):
        encode(dense, np.array(record))
        np.testing.assert_allclose(dense.vector, expected)


@pytest.mark.parametrize("value", [1e308, -1e308, 1e100, 5e-324])
def test_no_value_makes_the_statistics_infinite(value: float) -> None:
    dense = make_dense(SPACE, 1000.0)
    rng = np.random.default_rng(1)
    for t in range(3000):
        x = np.array([value if t % 7 == 0 else rng.normal(), 0.0, 0.0, 1.0, value])
        encode(dense, x)
        assert np.isfinite(dense.vector).all()
        learn_dense(dense, x)
    assert np.isfinite(dense.statistics).all()
    assert (dense.statistics[:, 2] >= 0.0).all()


def test_it_follows_a_number_that_moves() -> None:
    dense = make_dense(SPACE, 100.0)
    rng = np.random.default_rng(2)
    for centre, spread in ((0.0, 1.0), (50.0, 3.0)):
        for _ in range(2000):
            learn_dense(dense, np.array([rng.normal(centre, spread), 0.0, 0.0, 0.0, 0.0]))
        assert dense.statistics[0, 1] == pytest.approx(centre, abs=spread)
        assert dense.statistics[0, 2] == pytest.approx(spread**2, rel=0.5)
