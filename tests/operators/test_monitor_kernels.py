"""The kernels of monitors against numpy and a plain restatement, compiled and as written."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from operators.kernels import cells, mmd
from operators.monitors.edges import fine_cells, quantile_cells
from tests.reference.mmd import one_hot, sums

compiled_or_not = pytest.mark.parametrize("face", ["compiled", "py_func"])


def face_of(kernel: Any, face: str) -> Any:
    return kernel if face == "compiled" else kernel.py_func


@compiled_or_not
def test_rows_are_counted_in_their_cells(face: str) -> None:
    rng = np.random.default_rng(1)
    x = np.column_stack([rng.integers(0, 9, 400), rng.integers(0, 7, 400), rng.normal(size=400)])
    x = x.astype(np.float64)
    x[rng.random(x.shape) < 0.1] = np.nan
    edges = np.array([[2.0, 4.0, 5.0], [np.inf] * 3, [np.inf] * 3])
    cell = np.tile(np.arange(7), (3, 1))
    counts, totals = np.zeros((2, 3, 8), dtype=np.int64), np.zeros((2, 3))
    buffer, fill = np.zeros((3, 400)), np.zeros(3, dtype=np.int64)
    capacity, slot = np.array([0, 5, 0]), np.array([0, 1, cells.COLLECTING])
    n_edges = np.array([3, 0, 0])
    count = face_of(cells.count_rows, face)
    for start, stop in ((0, 150), (150, 400)):
        count(x, start, stop, capacity, edges, n_edges, cell, buffer, fill, slot, counts, totals)
    number, code = x[:, 0][~np.isnan(x[:, 0])], x[:, 1][~np.isnan(x[:, 1])]
    # Below 2, 2, between, 4, between, 5, above.
    expected = [np.isin(number, some).sum() for some in ((0, 1), 2, 3, 4, (), 5, (6, 7, 8))]
    assert counts[0, 0].tolist() == [*expected, 400 - len(number)]
    assert totals[0, 0] == number.sum()
    assert counts[1, 1, :6].tolist() == np.bincount(code.astype(int))[:6].tolist()
    assert counts[1, 1, 6] == (code >= 6).sum()
    assert counts[1, 1, 7] == 400 - len(code)
    assert np.array_equal(buffer[2], x[:, 2], equal_nan=True)
    assert fill.tolist() == [0, 0, 400]
    assert counts.sum() == 800


@compiled_or_not
def test_the_discrepancy_is_that_of_the_definition(face: str) -> None:
    rng = np.random.default_rng(2)
    capacity = np.array([0, 3, 0])
    x = np.column_stack([rng.normal(size=100), rng.integers(0, 3, 100), rng.normal(size=100)])
    x[rng.random(x.shape) < 0.1] = np.nan
    x[np.isnan(x[:, 0]), 0] = 0.0  # a gap beside a value is no distance of a scaled one
    x[np.isnan(x[:, 2]), 2] = 0.0
    scale = np.array([0.5, 1.0, 2.0])
    state = np.zeros(1, dtype=mmd.STATE)
    state["fill"], state["gamma"] = 40, 0.3
    found, last = np.zeros((2, 2)), np.zeros((2, 3))
    reference = x[:40].copy()
    count = face_of(mmd.count_rows, face)
    for start, stop in ((40, 61), (61, 100)):
        count(x, start, stop, False, state, reference, last, found, capacity, scale)
    points = one_hot(x, capacity.tolist(), scale)
    assert found[0] == pytest.approx(sums(points[:40], points[40:], 0.3), rel=1e-12)
    assert state["place"][0] == 60 % 40
    assert np.array_equal(reference, x[:40], equal_nan=True)


def test_a_value_beside_a_gap_is_as_far_as_unlike_categories() -> None:
    rows = np.array([[np.nan, 1.0], [5.0, 2.0], [np.nan, np.nan]])
    capacity, scale = np.array([0, 3]), np.ones(2)
    apart = [
        mmd.squared_distance(rows, i, rows, k, capacity, scale)
        for i, k in ((0, 1), (0, 2), (1, 2), (2, 2))
    ]
    assert apart == [4.0, 2.0, 4.0, 0.0]


@compiled_or_not
def test_a_rolling_reference_takes_each_row_in_its_partners_place(face: str) -> None:
    x = np.arange(10, dtype=np.float64).reshape(10, 1)
    state = np.zeros(1, dtype=mmd.STATE)
    reference, found, last = np.zeros((4, 1)), np.zeros((2, 2)), np.zeros((2, 1))
    capacity, scale = np.zeros(1, dtype=np.int64), np.ones(1)
    face_of(mmd.count_rows, face)(x, 0, 10, True, state, reference, last, found, capacity, scale)
    assert reference[:, 0].tolist() == [8.0, 9.0, 6.0, 7.0]


def test_cells_have_about_equal_shares() -> None:
    values = np.sort(np.random.default_rng(3).normal(size=2_000))
    divided = quantile_cells(values, 10)
    place = 2 * np.searchsorted(divided.edges, values) + np.isin(values, divided.edges)
    assert np.bincount(divided.cell[place]).tolist() == [200] * 10
    fine = fine_cells(values, 50)
    assert len(fine.edges) == 50
    assert (values < fine.edges[0]).sum() == 9


@pytest.mark.parametrize("divide", [quantile_cells, fine_cells])
def test_what_cannot_be_divided_is_one_cell_or_three(divide: Any) -> None:
    assert divide(np.empty(0), 10).cell.tolist() == [0]
    alone = divide(np.full(100, 7.0), 10)
    assert (alone.edges.tolist(), alone.cell.tolist()) == ([7.0], [0, 1, 2])
