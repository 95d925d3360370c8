"""Histograms of a leaf: their counts divide as the records will, whatever came in what order."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from operators.base import Feature, Space
from operators.kernels.forest import BY_NUMBER
from operators.kernels.histogram import (
    BINS,
    bins_of,
    branch_bins,
    count_value,
    edge_value,
    scale_of,
)
from operators.trees.forest import TreeParams, TreePools
from operators.trees.hoeffding import HoeffdingTreeClassifier
from tests.generators import accuracy, prequential

PARAMS = TreeParams(200, 1e-3, 0.05, "naive_bayes_adaptive", 100, numeric_observer="histogram")
SPACE = Space((Feature("a"), Feature("b")), n_classes=2)

values = st.floats(-1e6, 1e6).map(lambda value: round(value, 3))


@settings(max_examples=60, deadline=None)
@given(records=st.lists(st.tuples(values, st.integers(0, 1)), min_size=1, max_size=60))
def test_each_edge_divides_the_counts_as_it_divides_the_values(
    records: list[tuple[float, int]],
) -> None:
    forest = TreePools(SPACE, 1, PARAMS).forest
    leaf = forest.leaves[0]
    for value, y in records:
        count_value(forest, leaf, 1, value, y, 1.0)
    total = sum(leaf[bins_of(forest, 1, c) : bins_of(forest, 1, c) + BINS].sum() for c in (0, 1))
    assert total == len(records)
    assert leaf[bins_of(forest, 0, 0) : bins_of(forest, 0, 0) + BINS].sum() == 0
    if len({value for value, _ in records}) < 2:
        return
    for edge in range(BINS - 1):
        threshold = edge_value(forest, leaf, 1, edge)
        # A value within rounding of the edge may be counted on either side of it.
        if any(abs(value - threshold) < 1e-9 * max(1.0, abs(value)) for value, _ in records):
            continue
        branch_bins(forest, leaf, 1, edge)
        for c in (0, 1):
            below = sum(y == c and value <= threshold for value, y in records)
            assert forest.branches[0, c] == below
            assert forest.branches[1, c] == sum(y == c for _, y in records) - below


def test_huge_values_do_not_break_the_scale() -> None:
    forest = TreePools(SPACE, 1, PARAMS).forest
    leaf = forest.leaves[0]
    for value in (0.0, 1e-300, 1e308, -1e308, 5.0):
        count_value(forest, leaf, 0, value, 0, 1.0)
    counts = leaf[bins_of(forest, 0, 0) : bins_of(forest, 0, 0) + BINS]
    assert counts.sum() == 5
    assert np.isfinite(leaf[scale_of(forest, 0) :]).all()


def test_a_class_between_two_others_is_found_at_once() -> None:
    """Both halves of class 1 lie around class 0: a bell for it has its top where it never is."""
    rng = np.random.default_rng(1)
    y = rng.integers(0, 2, 4000).astype(float)
    x = rng.uniform(-1, 1, (4000, 1))
    x[y == 1] = np.sign(x[y == 1]) * (2.0 + np.abs(x[y == 1]))
    space = Space((Feature("a"),), n_classes=2)
    tree = HoeffdingTreeClassifier(
        space, leaf_prediction="majority", numeric_observer="histogram", grace_period=100
    )
    output = prequential(tree, (x, y, space))
    assert accuracy(output[1000:], y[1000:]) > 0.99
    nodes = tree.snapshot()["nodes"]
    assert isinstance(nodes, np.ndarray)
    splits = nodes[nodes["feature"] >= 0]
    assert len(splits) >= 2
    assert (splits["arity"] == BY_NUMBER).all()
    assert (np.abs(splits["threshold"]) > 0.9).all()
    assert (np.abs(splits["threshold"]) < 2.1).all()
