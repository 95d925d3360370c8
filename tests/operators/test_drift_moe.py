"""DriftMoE: its router against torch, its recipe step by step, determinism, and known accuracies.

What every learner promises is in test_contracts; its trees are in test_hoeffding.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from operators.base import Feature, Space
from operators.kernels.mixture import forward
from operators.moe.drift_moe import DriftMoE
from operators.routers.mlp import MLPRouter
from operators.snapshot import digest
from operators.tape import LEARN, PREDICT, Rows, Tape
from tests import generators
from tests.generators import Stream, accuracy, prequential

SMALL: dict[str, Any] = {
    "experts": 4,
    "top_k": 2,
    "grace_period": 15,
    "delta": 0.3,
    "hidden": (16, 8),
    "router_batch": 32,
}


def regions(count: int, seed: int = 1) -> Stream:
    """Three numbers, some missing; which of two tells the class depends on the third's sign."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((count, 3))
    y = (np.where(x[:, 2] > 0, x[:, 0], -x[:, 1]) > 0).astype(np.float64)
    x[rng.random(x.shape) < 0.03] = np.nan
    return x, y, Space((Feature("a"), Feature("b"), Feature("c")), n_classes=2)


def run(model: DriftMoE, tape: Tape, data: Stream) -> Rows:
    x, y, space = data
    rows = Rows(x, y, np.zeros((len(x), space.n_outputs)), np.zeros((len(x), model.trace_width)))
    model.run(tape, rows)
    return rows


def delayed(count: int, delay: int) -> Tape:
    """Predict every row; learn it when `delay` further rows have been predicted."""
    steps = [(i, PREDICT, i) for i in range(count)]
    steps += [(i + delay, LEARN, i) for i in range(count)]
    # At one time the prediction comes first, as PREDICT < LEARN.
    _, action, row = zip(*sorted(steps), strict=True)
    return Tape(np.array(action, dtype=np.uint8), np.array(row, dtype=np.int64))


@pytest.mark.parametrize("widths", [(6, 12, (256, 128)), (24, 3, (5, 7)), (1, 1, (1, 1))])
def test_the_kernel_computes_the_logits_that_torch_computes(widths: Any) -> None:
    n_features, n_experts, hidden = widths
    router = MLPRouter(n_features, n_experts, hidden=hidden, seed=3)
    rng = np.random.default_rng(1)
    inputs = rng.standard_normal((64, n_features)).astype(np.float32)
    masks = rng.integers(0, 2, (64, n_experts)).astype(np.float32)
    for _ in range(3):
        router.learn(inputs, masks)
    logits = np.zeros((64, n_experts), dtype=np.float32)
    for row, out in zip(inputs, logits, strict=True):
        forward(router.network, row, out)
    with torch.no_grad():
        expected = router(torch.tensor(inputs)).numpy()
    np.testing.assert_allclose(logits, expected, rtol=1e-5, atol=1e-5)


def test_a_router_learns_who_is_right() -> None:
    router = MLPRouter(2, 2, hidden=(16, 8), learning_rate=0.01)
    rng = np.random.default_rng(1)
    inputs = rng.standard_normal((256, 2)).astype(np.float32)
    masks = np.stack([inputs[:, 0] > 0, inputs[:, 0] <= 0], axis=1).astype(np.float32)
    for _ in range(200):
        router.learn(inputs, masks)
    with torch.no_grad():
        chosen = router(torch.tensor(inputs)).argmax(dim=1).numpy()
    assert (masks[np.arange(256), chosen] == 1).mean() > 0.97


def test_weights_come_from_the_seed_and_leave_the_global_generator_alone() -> None:
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    first, again, other = (MLPRouter(3, 2, seed=seed) for seed in (1, 1, 2))
    assert torch.equal(torch.rand(3), expected)
    assert digest(first.snapshot()) == digest(again.snapshot())
    assert digest(first.snapshot()) != digest(other.snapshot())
    bound = np.sqrt(6 / (3 + 256))
    weights = first.network.weight_1
    assert abs(weights).max() <= bound
    assert abs(weights).max() > 0.9 * bound
    assert not first.network.bias_1.any()


@pytest.mark.parametrize("standardise", [False, True])
@pytest.mark.parametrize("combine", ["top1", "soft"])
@pytest.mark.parametrize("delay", [0, 40])
def test_cutting_a_tape_changes_no_bit(standardise: bool, combine: str, delay: int) -> None:
    data = regions(600)
    tape = delayed(600, delay)
    results = set()
    for length in (1, 7, 256, 5000):
        model = DriftMoE(data[2], standardise=standardise, combine=combine, **SMALL)
        x, y, _ = data
        rows = Rows(x, y, np.zeros((600, 2)), np.zeros((600, model.trace_width)))
        for start in range(0, len(tape), length):
            part = slice(start, start + length)
            model.run(Tape(tape.action[part], tape.row[part]), rows)
        results.add(digest({**model.snapshot(), "out": rows.output, "trace": rows.trace}))
    assert len(results) == 1


def test_a_restored_model_goes_on_to_the_same_bytes() -> None:
    x, y, space = regions(700)
    model, other = (DriftMoE(space, standardise=True, seed=seed, **SMALL) for seed in (1, 2))
    prequential(model, (x[:333], y[:333], space))  # in the middle of a router batch
    other.restore(model.snapshot())
    assert digest(other.snapshot()) == digest(model.snapshot())
    outputs = [prequential(each, (x[333:], y[333:], space)) for each in (model, other)]
    assert outputs[0].tobytes() == outputs[1].tobytes()
    assert digest(other.snapshot()) == digest(model.snapshot())


def test_a_snapshot_shares_no_memory_with_the_model() -> None:
    data = regions(500)
    model = DriftMoE(data[2], **SMALL)
    prequential(model, (data[0][:250], data[1][:250], data[2]))
    state = model.snapshot()
    before = digest(state)
    prequential(model, data)
    assert digest(state) == before


def test_the_expert_with_the_largest_logit_answers_and_the_top_k_learn() -> None:
    data = regions(300)
    model = DriftMoE(data[2], **SMALL)
    prequential(model, data)
    forest = model._pools.forest
    x = np.array([[0.3, -0.2, 1.0]])
    before = weights(forest)
    rows = run(
        model, Tape(np.array([PREDICT], np.uint8), np.zeros(1, np.int64)), (x, np.ones(1), data[2])
    )
    votes, logits = rows.trace[0, :4], rows.trace[0, 6:10]
    assert rows.output[0].argmax() == votes[logits.argmax()]
    assert weights(forest).tolist() == before.tolist()

    model.run(Tape(np.array([LEARN], np.uint8), np.zeros(1, np.int64)), rows)
    learnt = weights(model._pools.forest) - before
    assert sorted(np.flatnonzero(learnt > 0.5)) == sorted(np.argsort(-logits)[:2])


def weights(forest: Any) -> Any:
    """Weight of each tree's leaves together."""
    totals = []
    for tree in forest.trees:
        stack, total = [int(tree["root"])], 0.0
        while stack:
            node = forest.nodes[stack.pop()]
            if node["feature"] < 0:
                total += forest.leaves[node["child"], 0]
            else:
                stack += [int(node["child"]), int(node["child"]) + 1]
        totals.append(total)
    return np.array(totals)


def test_the_mask_is_of_the_votes_at_prediction_or_else_of_the_strongest_belief() -> None:
    data = regions(400)
    model = DriftMoE(data[2], **{**SMALL, "router_batch": 4096})
    rows = run(model, delayed(400, 30), data)
    _, y, _ = data
    mixture = model._mixture
    assert mixture.filled[0] == 400
    nobody = 0
    for i in range(400):
        mask = rows.trace[i, :4] == y[i]
        if not mask.any():
            nobody += 1
            mask[int(rows.trace[i, 4 + int(y[i])])] = True
        assert mixture.masks[i].tolist() == mask.tolist()
        assert mixture.inputs[i].tolist() == np.nan_to_num(data[0][i]).astype(np.float32).tolist()
    assert nobody > 0


def test_standardised_inputs_are_of_the_moment_of_prediction() -> None:
    data = regions(200)
    model = DriftMoE(data[2], standardise=True, **{**SMALL, "router_batch": 4096})
    rows = run(model, delayed(200, 0), data)
    x = data[0]
    for i in (0, 1, 50, 199):
        past = x[:i]
        for j in range(3):
            seen = past[~np.isnan(past[:, j]), j]
            expected = 0.0
            if len(seen) > 1 and not np.isnan(x[i, j]):
                expected = (x[i, j] - seen.mean()) / seen.std(ddof=1)
            assert rows.trace[i, 10 + j] == pytest.approx(expected, rel=1e-5, abs=1e-6)
    assert (model._mixture.inputs[:200] == rows.trace[:, 10:]).all()


def test_a_soft_answer_is_the_weighted_mean_of_the_experts() -> None:
    data = regions(300)
    model = DriftMoE(data[2], combine="soft", temperature=0.5, **SMALL)
    prequential(model, data)
    one = (np.array([[0.3, -0.2, 1.0]]), np.ones(1), data[2])
    rows = run(model, Tape(np.array([PREDICT], np.uint8), np.zeros(1, np.int64)), one)
    share = np.exp(rows.trace[0, 6:10] / 0.5)
    expected = share / share.sum() @ model._mixture.probabilities
    np.testing.assert_allclose(rows.output[0], expected, rtol=1e-12)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"experts": 0}, "experts: must be >= 1; got 0."),
        ({"top_k": 13}, r"top_k: must be in \[1, experts=12\]; got 13."),
        ({"hidden": (4,)}, r"hidden: must be two widths >= 1; got \(4,\)."),
        ({"learning_rate": 0.0}, "learning_rate: must be > 0; got 0.0."),
        ({"router_batch": 0}, "router_batch: must be >= 1; got 0."),
        ({"combine": "all"}, "combine: must be one of top1, soft; got 'all'."),
        ({"temperature": -1.0}, "temperature: must be > 0; got -1.0."),
        ({"grace_period": 0}, "grace_period: must be >= 1; got 0."),
    ],
)
def test_parameters_are_checked(params: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        DriftMoE(regions(1)[2], **params)


def test_a_snapshot_of_another_shape_is_refused() -> None:
    data = regions(20)
    model = DriftMoE(data[2], **SMALL)
    prequential(model, data)
    state = model.snapshot()
    for change, message in (
        ({"hidden": (16, 9)}, "router: `layers.1.weight` of the snapshot must have shape"),
        ({"router_batch": 8}, "unfinished batch must be shorter than router_batch 8; got 20 rows"),
        ({"experts": 5}, "trees: `trees` of the snapshot must have the layout"),
    ):
        with pytest.raises(ValueError, match=message):
            DriftMoE(data[2], **{**SMALL, **change}).restore(state)
    with pytest.raises(ValueError, match="DriftMoE: snapshot version must be 1; got 9"):
        model.restore({**state, "version": 9})


@pytest.mark.slow
def test_accuracy_on_electricity_over_seeds() -> None:
    data = generators.electricity()
    scores = [accuracy(prequential(DriftMoE(data[2], seed=s), data), data[1]) for s in range(1, 5)]
    assert np.mean(scores) == pytest.approx(0.787, abs=0.015)


@pytest.mark.slow
def test_accuracy_on_led_is_honest() -> None:
    data = generators.led(100_000, seed=1)
    output = prequential(DriftMoE(data[2]), data)
    assert 0.735 <= accuracy(output, data[1]) <= 0.740
    # More than this is not possible without having seen the label.
    assert accuracy(output[50_000:], data[1][50_000:]) < 0.743


@pytest.mark.slow
def test_routing_helps_where_regions_differ() -> None:
    data = generators.rbf(100_000, seed=1)
    one = DriftMoE(data[2], experts=1, top_k=1)  # a single tree with the same parameters
    alone = accuracy(prequential(one, data), data[1])
    routed = accuracy(prequential(DriftMoE(data[2]), data), data[1])
    scaled = accuracy(prequential(DriftMoE(data[2], standardise=True), data), data[1])
    assert routed > alone + 0.02
    assert scaled > routed + 0.02
