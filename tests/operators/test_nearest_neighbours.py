"""Nearest neighbours against a plain restatement, ties and the ring included, and accuracy.

How records are encoded is in test_dense; what every learner promises in test_contracts.
"""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from operators import tape
from operators.base import Feature, Space
from operators.kernels.neighbours import make_neighbours, select
from operators.neighbours.nearest import NearestNeighbours
from operators.tape import Rows
from tests import generators
from tests.generators import accuracy, prequential
from tests.reference.neighbours import PlainNeighbours

SPACE = Space((Feature("a"), Feature("c", capacity=3), Feature("b")), n_classes=3)


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    k=st.sampled_from([1, 3, 20]),
    window=st.sampled_from([1, 5, 16, 100]),
    ties=st.booleans(),
)
def test_it_is_what_sorting_says(seed: int, k: int, window: int, ties: bool) -> None:
    rng = np.random.default_rng(seed)
    x = np.column_stack([rng.normal(size=60), rng.integers(0, 3, 60), rng.normal(size=60)])
    if ties:
        x = np.column_stack([rng.integers(0, 2, 60), rng.integers(0, 3, 60), np.zeros(60)])
    x[rng.random(x.shape) < 0.1] = np.nan
    y = rng.integers(0, 3, 60).astype(np.float64)
    weight = rng.choice([0.5, 1.0, 4.0], 60)
    model = NearestNeighbours(SPACE, neighbours=k, window=window)
    rows = Rows(x, y, np.zeros((60, 3)), np.zeros((60, 0)))
    model.run(tape.test_then_train(60), rows, weight)
    plain = PlainNeighbours(SPACE, k, window)
    for i in range(60):
        np.testing.assert_allclose(rows.output[i], plain.predict(x[i]), rtol=1e-9)
        plain.learn(x[i], int(y[i]), weight[i])


@settings(max_examples=100, deadline=None)
@given(
    distances=st.lists(st.integers(0, 6), min_size=1, max_size=200),
    k=st.one_of(st.integers(1, 12), st.just(90)),
    scale=st.sampled_from([1.0, 0.0]),
)
def test_the_nearest_come_first_and_the_earlier_of_equals(
    distances: list[int], k: int, scale: float
) -> None:
    neighbours = make_neighbours(1, 200, k)
    neighbours.distance[: len(distances)] = scale * np.array(distances)
    found = select(neighbours, len(distances))
    kept = neighbours.distance[: len(distances)]
    expected = np.argsort(kept, kind="stable")[:k]
    np.testing.assert_array_equal(neighbours.near[:found], expected)


def test_wide_records_shrink_the_window() -> None:
    for width, window, expected in ((10, 1000, 1000), (300, 1000, 109), (5000, 1000, 100)):
        space = Space(tuple(Feature(f"x{j}") for j in range(width)), n_classes=2)
        assert len(NearestNeighbours(space, window=window)._kernel.label) == expected
    assert len(NearestNeighbours(space, window=20)._kernel.label) == 20


def test_parameters_are_checked() -> None:
    with pytest.raises(ValueError, match="window: must be >= 1; got 0"):
        NearestNeighbours(SPACE, window=0)
    for neighbours in (0, 101):
        with pytest.raises(ValueError, match=r"neighbours: must be in \[1, 100\]"):
            NearestNeighbours(SPACE, neighbours=neighbours)


def test_clouds_that_move() -> None:
    data = generators.rbf(6000, seed=1, speed=1e-3)
    output = prequential(NearestNeighbours(data[2]), data)
    assert accuracy(output[1000:], data[1][1000:]) > 0.85
