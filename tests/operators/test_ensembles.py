"""Ensembles of trees: what they replace and when, and that nothing of a dropped tree is lost.

What every learner promises (cutting, snapshots, memory) is in test_contracts.
"""

from __future__ import annotations

import math
from collections import Counter
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from operators import tape
from operators.base import Feature, Space
from operators.catalog import create_learner
from operators.ensembles.ensemble import TreeEnsemble
from operators.kernels.ensemble import VOTE_MIN, vote_weight
from operators.kernels.forest import (
    COLUMNS,
    FREE_LEAF,
    FREE_STUMP,
    LEAVES_USED,
    N_CODES,
    N_NOMINAL,
    N_NUMERIC,
    NODES_USED,
    NOMINAL_FIELDS,
    STUMP,
    STUMPS_USED,
    VIEW,
    Forest,
)
from operators.kernels.memory import n_children
from operators.kernels.random import below, bits, poisson, poisson_table, state_of, uniform
from operators.tape import Rows
from operators.trees.forest import TreeParams, TreePools
from tests.generators import Stream, accuracy, prequential

ENSEMBLES = ("adaptive_random_forest", "leveraging_bagging", "streaming_random_patches")
EAGER: dict[str, Any] = {"trees": 4, "grace_period": 20, "delta": 0.05, "leaves_max": 12}
MIXED = Space(
    (Feature("a"), Feature("c", capacity=3), Feature("b"), Feature("d", capacity=2)), n_classes=3
)


def turning(count: int, seed: int, every: int = 1500) -> Stream:
    """Mixed columns, of which one number and one category tell the class; that turns round."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 2, count)
    is_turned = np.arange(count) // every % 2 == 1
    told = np.where(is_turned, 1 - y, y)
    x = np.column_stack(
        [
            rng.normal(3.0 * told, 1.0),
            np.where(rng.random(count) < 0.8, told, rng.integers(0, 3, count)),
            rng.normal(size=count),
            rng.integers(0, 2, count),
        ]
    ).astype(np.float64)
    x[rng.random(x.shape) < 0.02] = np.nan
    return x, y.astype(np.float64), MIXED


def make(name: str, seed: int = 1, **params: Any) -> TreeEnsemble:
    learner = create_learner(name, MIXED, seed, {**EAGER, **params})
    assert isinstance(learner, TreeEnsemble)
    return learner


def reachable(forest: Forest) -> tuple[set[int], set[int], set[int]]:
    """Nodes, leaves and stumps that belong to a tree; each is met once."""
    met: tuple[Counter[int], ...] = (Counter(), Counter(), Counter())
    waiting = [int(root) for root in forest.trees["root"]]
    while waiting:
        node = waiting.pop()
        met[0][node] += 1
        child = int(forest.nodes[node]["child"])
        if forest.nodes[node]["feature"] >= 0:
            waiting += [child + b for b in range(n_children(forest.nodes, node))]
        else:
            met[2 if forest.nodes[node]["arity"] == STUMP else 1][child] += 1
    assert all(max(counts.values(), default=1) == 1 for counts in met)
    nodes, leaves, stumps = (set(counts) for counts in met)
    return nodes, leaves, stumps


def free(forest: Forest) -> tuple[set[int], set[int], set[int]]:
    """What the free lists hold."""
    nodes: set[int] = set()
    for count, first in enumerate(forest.free_nodes.tolist()):
        while first >= 0:
            nodes |= set(range(first, first + count))
            first = int(forest.nodes[first]["heavy"])
    rows = []
    for pool, head in ((forest.leaves, FREE_LEAF), (forest.stumps, FREE_STUMP)):
        found: set[int] = set()
        row = int(forest.used[head])
        while row >= 0:
            assert row not in found
            found.add(row)
            row = int(pool[row, 0])
        rows.append(found)
    return nodes, rows[0], rows[1]


@settings(max_examples=12, deadline=None)
@given(
    name=st.sampled_from(ENSEMBLES),
    seed=st.integers(0, 1000),
    count=st.integers(0, 4000),
    nominal_split=st.sampled_from(["multiway", "binary"]),
)
def test_every_row_belongs_to_a_tree_or_is_free(
    name: str, seed: int, count: int, nominal_split: str
) -> None:
    learner = make(name, seed, nominal_split=nominal_split)
    prequential(learner, turning(count, seed, every=400))
    forest = learner.pools.forest
    used = [int(forest.used[at]) for at in (NODES_USED, LEAVES_USED, STUMPS_USED)]
    for taken, given_back, length in zip(reachable(forest), free(forest), used, strict=True):
        assert not taken & given_back
        assert taken | given_back == set(range(length))
    counted = forest.trees["leaf_count"].sum(), forest.trees["stump_count"].sum()
    assert counted == tuple(map(len, reachable(forest)[1:]))


@pytest.mark.parametrize("name", ENSEMBLES)
def test_room_of_dropped_trees_is_used_again(name: str) -> None:
    learner = make(name, delta_drift=0.05)
    x, y, space = turning(60_000, seed=1, every=3000)
    half = 30_000
    prequential(learner, (x[:half], y[:half], space))
    after_half = learner.pools.forest.used[:3].copy()
    replaced = learner.trees_replaced
    prequential(learner, (x[half:], y[half:], space))
    assert replaced > 5
    assert (learner.pools.forest.used[:3] <= 1.3 * after_half + 10).all()


@pytest.mark.parametrize("name", ENSEMBLES)
def test_it_recovers_where_a_single_tree_does_not(name: str) -> None:
    data = turning(12_000, seed=2, every=6000)
    learner = make(name, trees=5, leaves_max=100)
    output = prequential(learner, data)
    tree = create_learner("hoeffding_tree", MIXED, 1, {"grace_period": 20, "delta": 0.05})
    alone = prequential(tree, data)
    late = slice(7500, 12_000)
    assert learner.trees_replaced > 0
    assert accuracy(output[late], data[1][late]) > 0.87
    assert accuracy(alone[late], data[1][late]) < accuracy(output[late], data[1][late]) - 0.02


@pytest.mark.parametrize("name", ["adaptive_random_forest", "streaming_random_patches"])
def test_background_trees_take_over(name: str) -> None:
    learner = make(name, delta_warning=0.05, delta_drift=1e-4)
    prequential(learner, turning(9000, seed=3, every=3000))
    assert learner.backgrounds_begun > 0
    assert learner.trees_replaced > 0
    alone = make(name, delta_warning=0.0)
    prequential(alone, turning(9000, seed=3, every=3000))
    assert alone.backgrounds_begun == 0
    assert len(alone.pools.forest.trees) == EAGER["trees"]


@pytest.mark.parametrize("name", ENSEMBLES)
def test_errors_that_fall_are_no_reason_to_replace(name: str) -> None:
    """At first the label is chance, later it can be told: that is no drift to answer."""
    x, y, space = turning(8000, seed=4, every=100_000)
    y[:4000] = np.random.default_rng(5).integers(0, 2, 4000)
    learner = make(name, delta_drift=1e-5)
    output = prequential(learner, (x, y, space))
    assert accuracy(output[6000:], y[6000:]) > 0.85
    assert learner.trees_replaced == 0


def views(forest: Forest, rows: NDArray[np.int64]) -> list[tuple[int, ...]]:
    """Columns of each view, after checking that its parts lie beside each other."""
    found = []
    for row in rows:
        view = forest.views[row]
        columns = view[COLUMNS : COLUMNS + view[N_NUMERIC]].tolist()
        end = 0
        for j in range(view[N_NOMINAL]):
            column, codes, first = view[COLUMNS + forest.slots + NOMINAL_FIELDS * j :][:3]
            assert (codes, first) == (forest.capacities[column], end)
            end += codes
            columns.append(int(column))
        assert end <= forest.codes
        assert N_CODES == 1
        found.append(tuple(columns))
    return found


def test_each_leaf_of_a_forest_looks_at_features_of_its_own() -> None:
    learner = make("adaptive_random_forest", features=0.5)
    prequential(learner, turning(3000, seed=1))
    forest = learner.pools.forest
    leaves = np.array(sorted(reachable(forest)[1]))
    seen = views(forest, forest.leaves[leaves, VIEW].astype(np.int64))
    assert all(len(set(columns)) == 2 for columns in seen)
    assert len({tuple(sorted(columns)) for columns in seen}) > 3


def test_each_tree_of_patches_looks_at_features_of_its_own() -> None:
    params = TreeParams(20, 0.05, 0.05, "naive_bayes_adaptive", 12)
    counts: Counter[int] = Counter()
    for seed in range(200):
        pools = TreePools(MIXED, 3, params, view_of="tree", subspace=3, seed=seed)
        for columns in views(pools.forest, np.arange(3)):
            assert len(set(columns)) == 3
            counts.update(columns)
    # Each column is in three quarters of 600 views: 450, with a standard deviation of 11.
    assert all(400 < counts[column] < 500 for column in range(4))


def test_patches_are_dealt_so_that_each_feature_is_seen_as_often() -> None:
    params = TreeParams(20, 0.05, 0.05, "naive_bayes_adaptive", 12)
    pools = TreePools(MIXED, 10, params, view_of="tree", subspace=2, seed=1)
    dealt = views(pools.forest, np.arange(10))
    assert set(Counter(column for columns in dealt for column in columns).values()) == {5}
    assert len({tuple(sorted(columns)) for columns in dealt}) > 3


@pytest.mark.parametrize("seed", range(1, 6))
def test_the_few_patches_that_see_what_matters_are_believed(seed: int) -> None:
    """Two features of three decide; a tree that lacks one of them is right in 8 rows of 9."""
    x = np.random.default_rng(seed).integers(0, 3, (1500, 3)).astype(np.float64)
    y = ((x[:, 0] == 0) & (x[:, 1] == 0)).astype(np.float64)
    space = Space(tuple(Feature(name, capacity=3) for name in "abc"), n_classes=2)
    learner = create_learner("streaming_random_patches", space, seed, {})
    output = prequential(learner, (x, y, space))
    assert (output[1000:].argmax(axis=1) == y[1000:]).mean() > 0.99


def test_a_vote_counts_by_the_odds_of_its_being_right() -> None:
    members = make("streaming_random_patches", trees=3).members
    members.record[:] = [[98.0, 98.0], [0.0, 0.0], [20.0, 98.0]]
    weights = [vote_weight(members, k) for k in range(3)]
    # As if right once more, and once wrong for each of the two other classes.
    assert weights == pytest.approx([math.log(99.0), VOTE_MIN, VOTE_MIN])


def test_a_row_of_weight_two_counts_as_two() -> None:
    x, y, space = turning(300, seed=6)
    params = {"trees": 1, "rate": 1e-9, "grace_period": 10_000}
    # Almost all Poisson weights are 0, so nothing is learnt whatever a row counts.
    idle = create_learner("leveraging_bagging", space, 1, params)
    assert isinstance(idle, TreeEnsemble)
    rows = Rows(x, y, np.zeros((300, 3)), np.zeros((300, 0)))
    idle.run(tape.test_then_train(300), rows, np.full(300, 2.0))
    assert idle.pools.forest.leaves[0, 0] == 0.0
    once, twice = (
        create_learner("leveraging_bagging", space, 1, {"trees": 1, "grace_period": 10_000})
        for _ in range(2)
    )
    assert isinstance(once, TreeEnsemble)
    assert isinstance(twice, TreeEnsemble)
    once.run(tape.test_then_train(300), rows)
    twice.run(tape.test_then_train(300), rows, np.full(300, 2.0))
    assert twice.pools.forest.leaves[0, 0] == 2 * once.pools.forest.leaves[0, 0] > 1000


def test_random_bits_are_those_of_splitmix64() -> None:
    state = state_of(1234567)
    # The first outputs for this seed, as published with the generator.
    expected = [6457827717110365317, 3203168211198807973, 9817491932198370423]
    assert [int(bits(state)) for _ in range(3)] == expected


def test_random_numbers_are_spread_evenly() -> None:
    state = state_of(1)
    numbers = np.array([uniform(state) for _ in range(4000)])
    assert 0.0 <= numbers.min() < numbers.max() < 1.0
    assert abs(numbers.mean() - 0.5) < 0.02
    counts = np.bincount([below(state, 5) for _ in range(5000)], minlength=5)
    assert counts.min() > 880
    assert counts.sum() == 5000


@pytest.mark.parametrize("rate", [1.0, 6.0])
def test_record_weights_follow_poisson(rate: float) -> None:
    table = poisson_table(rate)
    expected = [math.exp(-rate) * rate**k / math.factorial(k) for k in range(len(table))]
    np.testing.assert_allclose(np.diff(table, prepend=0.0), expected, atol=1e-12)
    state = state_of(7)
    weights = np.array([poisson(state, table) for _ in range(20_000)])
    assert weights.mean() == pytest.approx(rate, rel=0.03)
    assert weights.var() == pytest.approx(rate, rel=0.05)


@pytest.mark.parametrize(
    ("name", "params", "message"),
    [
        ("adaptive_random_forest", {"trees": 0}, "trees: must be >= 1; got 0."),
        ("adaptive_random_forest", {"features": 0.0}, r"features: must be in \(0, 1\]; got 0.0."),
        ("leveraging_bagging", {"rate": 0.0}, r"rate: must be in \(0, 100\]; got 0.0."),
        ("streaming_random_patches", {"delta_drift": 1.0}, "delta_drift: must be in"),
        ("streaming_random_patches", {"delta_warning": -0.1}, "delta_warning: must be in"),
        ("leveraging_bagging", {"delta": 2.0}, "delta: must be in"),
    ],
)
def test_parameters_are_checked(name: str, params: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        create_learner(name, MIXED, 1, params)
