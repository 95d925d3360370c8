"""Naive Bayes against a plain restatement and river, its forgetting, and its accuracy.

What every learner promises (cutting, snapshots, memory) is in test_contracts; interpreted kernels
are in test_linear.
"""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from river import naive_bayes

from operators.base import Feature, Space
from operators.bayes.naive_bayes import NaiveBayes
from operators.kernels.gaussian_bayes import (
    M2,
    MOMENTS,
    SCALE_MAX,
    clear_bayes,
    learn_bayes,
    learn_number,
    predict_bayes,
)
from operators.snapshot import digest
from tests import generators
from tests.generators import Stream, accuracy, prequential
from tests.reference.naive_bayes import PlainNaiveBayes


def mixed(count: int, seed: int, classes: int = 3, missing: float = 0.1) -> Stream:
    """Two numbers, a category and a constant; the last class never occurs."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, classes, count).astype(np.float64)
    x = np.column_stack(
        [
            rng.normal(y, 1.0),
            np.where(rng.random(count) < 0.7, y, rng.integers(0, 4, count)) % 4,
            rng.normal(-2.0 * y, 1.0 + y),
            np.full(count, 4.5),
        ]
    )
    x[rng.random(x.shape) < missing] = np.nan
    names = (Feature("a"), Feature("c", capacity=4), Feature("b"), Feature("k"))
    return x, y, Space(names, n_classes=classes + 1)


@settings(max_examples=30, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    classes=st.integers(1, 4),
    forgetting=st.sampled_from([1.0, 0.95, 0.01]),
    smoothing=st.sampled_from([0.01, 1.0, 5.0]),
    missing=st.sampled_from([0.0, 0.1, 0.6]),
)
def test_answers_are_what_the_formulas_say(
    seed: int, classes: int, forgetting: float, smoothing: float, missing: float
) -> None:
    # Gaps of five to eight values leave, with 0.01, a spread as small as the rounding of the values
    # themselves: the kernel and the formulas then round apart.
    assume(forgetting > 0.01 or missing < 0.6)
    x, y, space = mixed(70, seed, classes, missing)
    model = NaiveBayes(space, forgetting=forgetting, smoothing=smoothing)
    plain = PlainNaiveBayes(space, forgetting, smoothing)
    output = prequential(model, (x, y, space))
    for i, record in enumerate(x.tolist()):
        np.testing.assert_allclose(output[i], plain.predict(record), rtol=1e-5, atol=1e-8)
        plain.learn(record, int(y[i]))


def test_a_number_seen_long_ago_still_counts_by_its_weight() -> None:
    moments = np.zeros((1, 1, MOMENTS))
    learn_number(moments, 0, 0, 1.0, 1e-20)
    learn_number(moments, 0, 0, 4.1, 1.0)
    # Exactly: sum of w (value - mean)^2 = w1 w2 / (w1 + w2) * (4.1 - 1)^2.
    assert moments[0, 0, M2] == pytest.approx(1e-20 * 3.1**2, rel=1e-12, abs=0)


def test_without_smoothing_it_is_rivers() -> None:
    x, y, space = mixed(600, 1, missing=0.0)
    x = np.ascontiguousarray(x[:, [0, 2]])
    space = Space((space.features[0], space.features[2]), n_classes=3)
    output = prequential(NaiveBayes(space, smoothing=1e-12), (x, y, space))
    model = naive_bayes.GaussianNB()
    for i, (a, b) in enumerate(x.tolist()):
        if i >= 20:
            shares = model.predict_proba_one({"a": a, "b": b})
            # River adds 1e-9 to every density.
            np.testing.assert_allclose(output[i], [shares[c] for c in range(3)], atol=1e-3)
        model.learn_one({"a": a, "b": b}, int(y[i]))
        for gaussian in model.gaussians[int(y[i])].values():
            gaussian._var.ddof = 1  # river divides by n, we and MOA by n - 1


def test_a_weight_counts_as_so_many_records() -> None:
    x, y, space = mixed(50, 2, missing=0.0)
    weighted, repeated = NaiveBayes(space), NaiveBayes(space)
    for record, label in zip(x, y.astype(int), strict=True):
        learn_bayes(weighted.kernel, record, label, 2.0)
        for _ in range(2):
            learn_bayes(repeated.kernel, record, label, 1.0)
    np.testing.assert_allclose(weighted.kernel.shares, repeated.kernel.shares)
    np.testing.assert_allclose(weighted.kernel.counts, repeated.kernel.counts)
    for field in (0, 2, 3):  # the sum of squared weights is what tells the two apart
        ours, theirs = (model.kernel.moments[:, :, field] for model in (weighted, repeated))
        np.testing.assert_allclose(ours, theirs, atol=1e-9)


def test_the_scale_is_divided_out_before_it_overflows() -> None:
    x, y, space = mixed(3000, 3)
    model = NaiveBayes(space, forgetting=0.8)
    output = prequential(model, (x, y, space))
    np.testing.assert_allclose(output.sum(axis=1), 1.0)
    assert 1.0 <= model.kernel.scale[0] <= SCALE_MAX
    # What counts is the sum of 0.8 ** age.
    assert model.kernel.shares.sum() / model.kernel.scale[0] == pytest.approx(5.0)


def test_forgetting_follows_what_has_turned_round() -> None:
    x, y, space = mixed(4000, 4, classes=2)
    y[2000:] = 1.0 - y[2000:]
    never, soon = (
        accuracy(prequential(NaiveBayes(space, forgetting=f), (x, y, space))[2500:], y[2500:])
        for f in (1.0, 0.99)
    )
    assert soon > 0.85 > 0.6 > never


def test_one_value_rules_out_no_other() -> None:
    """A class of which one record is known still answers for values around it."""
    space = Space((Feature("a"),), n_classes=2)
    model = NaiveBayes(space)
    for value, label in ((0.0, 0), (10.0, 1), (1.0, 0), (9.0, 0)):
        learn_bayes(model.kernel, np.array([value]), label, 1.0)
    out = np.zeros(2)
    predict_bayes(model.kernel, np.array([11.0]), out)
    assert 0.3 < out[1] < 0.9


def test_a_cleared_model_knows_nothing() -> None:
    x, y, space = mixed(100, 5)
    model = NaiveBayes(space, forgetting=0.9)
    prequential(model, (x, y, space))
    clear_bayes(model.kernel)
    assert digest(model.snapshot()) == digest(NaiveBayes(space).snapshot())


@pytest.mark.parametrize("huge", [1e200, -1.7e308])
def test_numbers_near_the_end_of_floats_do_no_harm(huge: float) -> None:
    x, y, space = mixed(300, seed=2)
    x[::7, 0] = huge
    output = prequential(NaiveBayes(space), (x, y, space))
    np.testing.assert_allclose(output.sum(axis=1), 1.0)


def test_parameters_are_checked() -> None:
    space = mixed(1, 1)[2]
    for wrong in (0.0, 1.5):
        with pytest.raises(ValueError, match=rf"forgetting: must be in \(0, 1\]; got {wrong}."):
            NaiveBayes(space, forgetting=wrong)
    with pytest.raises(ValueError, match="smoothing: must be > 0; got 0"):
        NaiveBayes(space, smoothing=0)
    with pytest.raises(ValueError, match="n_classes: must be >= 1 for a classifier; got 0"):
        NaiveBayes(Space(space.features, n_classes=0))
    state = NaiveBayes(space).snapshot()
    other = NaiveBayes(Space(space.features, n_classes=2))
    with pytest.raises(ValueError, match="naive_bayes: `shares` of the snapshot must have the lay"):
        other.restore(state)


def test_accuracies() -> None:
    """As measured; the best that any model can have on LED is 0.74 in the long run."""
    electricity, led = generators.electricity(), generators.led(30_000, seed=1)
    output = prequential(NaiveBayes(electricity[2]), electricity)
    assert accuracy(output, electricity[1]) == pytest.approx(0.736, abs=0.003)
    output = prequential(NaiveBayes(led[2]), led)
    assert accuracy(output, led[1]) == pytest.approx(0.743, abs=0.003)
