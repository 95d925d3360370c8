"""Encoding rows against a plain restatement, and what a record may change.

What every learner promises (cutting, snapshots, memory) is in test_contracts.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from operators import tape
from operators.base import Feature, Space
from operators.kernels.encoder import encode, learn_statistics
from operators.linear.softmax import SoftmaxRegression
from operators.preprocess.row_encoder import RowEncoder
from operators.snapshot import digest
from operators.tape import Rows
from tests.reference.encoder import PlainEncoder

SPACE = Space(
    (Feature("a"), Feature("c", capacity=5), Feature("b"), Feature("d", capacity=2)), n_classes=2
)


def rows(count: int, seed: int, missing: float) -> np.ndarray[Any, np.dtype[np.float64]]:
    rng = np.random.default_rng(seed)
    x = np.column_stack(
        [
            rng.normal(1e3, 5.0, count),
            rng.integers(0, 5, count),
            rng.choice([-1.0, 0.0, 40.0], count, p=[0.2, 0.79, 0.01]),
            rng.integers(0, 2, count),
        ]
    )
    x[rng.random(x.shape) < missing] = np.nan
    return x


def vector(encoder: RowEncoder, x: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    n = encode(encoder.kernel, x)
    written = np.zeros(encoder.n_columns)
    np.add.at(written, encoder.kernel.column[:n], encoder.kernel.value[:n])
    assert n <= 1 + len(x)
    return written


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    encoding=st.sampled_from(["one_hot", "hash"]),
    hash_size=st.sampled_from([1, 3, 64]),
    impute=st.sampled_from(["mean", "zero", "last"]),
    standardise=st.booleans(),
    missing=st.sampled_from([0.0, 0.3, 0.9]),
)
def test_a_row_becomes_the_vector_that_the_definition_says(
    seed: int, encoding: Any, hash_size: int, impute: Any, standardise: bool, missing: float
) -> None:
    encoder = RowEncoder(
        SPACE, encode=encoding, hash_size=hash_size, impute=impute, standardise=standardise
    )
    plain = PlainEncoder(SPACE, encoding, hash_size, impute, standardise)
    assert encoder.n_columns == plain.n_columns
    for x in rows(40, seed, missing):
        np.testing.assert_allclose(vector(encoder, x), plain.encode(x.tolist()), atol=1e-9)
        learn_statistics(encoder.kernel, x)
        plain.learn(x.tolist())


def test_hashed_codes_spread_evenly_with_both_signs() -> None:
    space = Space((Feature("c", capacity=10_000),), n_classes=2)
    encoder = RowEncoder(space, encode="hash", hash_size=16, impute="mean", standardise=True)
    sums, counts = np.zeros(16), np.zeros(16)
    for code in range(10_000):
        written = vector(encoder, np.array([float(code)]))[1:]
        sums += written
        counts += np.abs(written)
    assert counts.sum() == 10_000
    assert abs(counts - 625).max() < 5 * math.sqrt(625)
    assert abs(sums).max() < 5 * math.sqrt(625)


@pytest.mark.parametrize("optimizer", ["sgd", "adagrad", "ftrl"])
def test_a_record_changes_the_weights_of_what_it_has_and_no_others(optimizer: Any) -> None:
    """So the work on a record cannot depend on how many categories there are."""
    space = Space((Feature("c", capacity=50_000), Feature("a")), n_classes=3)
    model = SoftmaxRegression(space, optimizer=optimizer, l1=1e-6, l2=1e-3, standardise=False)
    model._weights.kernel.weights[:] = 0.5
    model._weights.kernel.sums[:] = -1.0
    x = np.array([[777.0, 2.0]])
    data = Rows(x, np.zeros(1), np.zeros((1, 3)), np.zeros((1, 0)))
    model.run(tape.test_then_train(1), data)
    changed = (model._weights.kernel.weights != 0.5).any(axis=1)
    assert np.flatnonzero(changed).tolist() == [0, 1 + 777, 1 + 50_000]


def test_a_snapshot_of_other_features_is_refused_and_changes_nothing() -> None:
    params: dict[str, Any] = {"hash_size": 4, "impute": "mean", "standardise": True}
    encoder = RowEncoder(SPACE, encode="hash", **params)
    other = RowEncoder(Space(SPACE.features[:2], n_classes=2), encode="hash", **params)
    before = digest(other.snapshot())
    with pytest.raises(ValueError, match="encoder: `statistics` of the snapshot must have the lay"):
        other.restore(encoder.snapshot())
    with pytest.raises(ValueError, match="encoder: snapshot version must be 1; got 2"):
        other.restore({**other.snapshot(), "version": 2})
    assert digest(other.snapshot()) == before


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"encode": "target"}, "encode: must be one of one_hot, hash; got 'target'."),
        ({"impute": "median"}, "impute: must be one of mean, zero, last; got 'median'."),
        ({"hash_size": 0}, "hash_size: must be >= 1; got 0."),
    ],
)
def test_parameters_are_checked(params: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        SoftmaxRegression(SPACE, **params)
