"""DriftMoE: its routers, its recipe step by step, determinism, and known accuracies.

What every learner promises is in test_contracts; its trees are in test_hoeffding, the compiled
network's arithmetic in test_mlp.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from operators.base import Feature, Space
from operators.kernels.mlp import Network
from operators.moe.drift_moe import DriftMoE
from operators.routers.module import TorchRouter, linear_layers, torch_mlp
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


def test_both_routers_learn_the_same() -> None:
    """Same first weights, same batches: as much the same as float32 lets two summations be."""
    data = regions(1500)
    compiled, module = (DriftMoE(data[2], router=kind, **SMALL) for kind in ("compiled", "torch"))
    copy_weights(compiled._router.network, module._router)
    outputs = [prequential(model, data) for model in (compiled, module)]
    assert (outputs[0].argmax(axis=1) == outputs[1].argmax(axis=1)).mean() > 0.995
    np.testing.assert_allclose(
        compiled._router.network.parameters, module._router.network.parameters, atol=2e-3
    )


def copy_weights(network: Network, router: TorchRouter) -> None:
    """Give a torch router a network's weights."""
    weights = (network.weight_1, network.weight_2, network.weight_3)
    with torch.no_grad():
        for layer, weight in zip(linear_layers(router.module), weights, strict=True):
            layer.weight.copy_(torch.tensor(weight.T.copy()))
    router._refresh()


def test_a_module_of_ones_own_is_asked_record_by_record() -> None:
    """With weights that kernels could read, but do not, it computes what they would."""
    data = regions(400)
    own, read = (DriftMoE(data[2], router="torch", standardise=True, **SMALL) for _ in range(2))
    mlp = torch_mlp(3, 4, hidden=(16, 8), seed=1)
    own.use(TorchRouter(mlp.module))
    outputs = [run(model, delayed(400, 30), data).output for model in (own, read)]
    np.testing.assert_allclose(outputs[0], outputs[1], atol=1e-4)
    assert own._router.network is None


@pytest.mark.parametrize("cut", [1, 7, 256])
def test_a_module_of_ones_own_does_not_see_where_tapes_are_cut(cut: int) -> None:
    data = regions(300)
    tape = delayed(300, 20)
    results = set()
    for length in (cut, 5000):
        torch.manual_seed(3)
        module = torch.nn.Sequential(torch.nn.BatchNorm1d(3), torch.nn.Linear(3, 4))
        model = DriftMoE(data[2], **SMALL)
        model.use(TorchRouter(module))
        x, y, _ = data
        rows = Rows(x, y, np.zeros((300, 2)), np.zeros((300, model.trace_width)))
        for start in range(0, len(tape), length):
            part = slice(start, start + length)
            model.run(Tape(tape.action[part], tape.row[part]), rows)
        other = DriftMoE(data[2], **SMALL)
        other.use(TorchRouter(torch.nn.Sequential(torch.nn.BatchNorm1d(3), torch.nn.Linear(3, 4))))
        other.restore(model.snapshot())
        assert digest(other.snapshot()) == digest(model.snapshot())
        results.add(digest({**model.snapshot(), "out": rows.output, "trace": rows.trace}))
    assert len(results) == 1


def test_a_snapshot_fits_only_its_kind_of_router() -> None:
    data = regions(100)
    models = [DriftMoE(data[2], router=kind, **SMALL) for kind in ("compiled", "torch")]
    for model, other in (models, models[::-1]):
        prequential(model, data)
        kind = other._router.kind
        with pytest.raises(ValueError, match=f"router: the snapshot must be of kind '{kind}'"):
            other.restore(model.snapshot())


def test_shares_say_who_answered() -> None:
    data = regions(300)
    for combine in ("top1", "soft"):
        model = DriftMoE(data[2], combine=combine, **SMALL)
        rows = run(model, delayed(300, 0), data)
        shares = model.shares(rows)
        assert shares.shape == (300, len(model.expert_names))
        np.testing.assert_allclose(shares.sum(axis=1), 1.0)
        assert (shares.argmax(axis=1) == rows.trace[:, 6:10].argmax(axis=1)).all()
    assert shares.max() < 1.0


@pytest.mark.parametrize("kind", ["compiled", "torch"])
def test_inputs_beyond_float32_leave_the_router_finite(kind: str) -> None:
    x, y, space = regions(300)
    x[::3, 0], x[1::3, 1] = 1e300, -1e300
    for standardise in (False, True):
        model = DriftMoE(space, router=kind, standardise=standardise, **SMALL)
        output = prequential(model, (x, y, space))
        assert np.isfinite(output).all()
        assert np.isfinite(model._router.network.parameters).all()


@pytest.mark.parametrize("standardise", [False, True])
@pytest.mark.parametrize("combine", ["top1", "soft"])
@pytest.mark.parametrize("delay", [0, 40])
@pytest.mark.parametrize("router", ["compiled", "torch"])
def test_cutting_a_tape_changes_no_bit(
    router: str, standardise: bool, combine: str, delay: int
) -> None:
    data = regions(600)
    tape = delayed(600, delay)
    results = set()
    for length in (1, 7, 256, 5000):
        model = DriftMoE(data[2], router=router, standardise=standardise, combine=combine, **SMALL)
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
        ({"router": "jax"}, "router: must be one of compiled, torch; got 'jax'."),
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
        ({"hidden": (16, 9)}, "router: `parameters` of the snapshot must be of shape"),
        ({"hidden": (8, 16), "experts": 4}, "router: `parameters` of the snapshot must be"),
        ({"router_batch": 8}, "unfinished batch must be shorter than router_batch 8; got 20 rows"),
        ({"experts": 5}, "trees: `trees` of the snapshot must have the layout"),
    ):
        with pytest.raises(ValueError, match=message):
            DriftMoE(data[2], **{**SMALL, **change}).restore(state)
    with pytest.raises(ValueError, match="DriftMoE: snapshot version must be 2; got 9"):
        model.restore({**state, "version": 9})


@pytest.mark.slow
@pytest.mark.parametrize("router", ["compiled", "torch"])
def test_accuracy_on_electricity_over_seeds(router: str) -> None:
    data = generators.electricity()
    scores = []
    for seed in range(1, 6):
        model = DriftMoE(data[2], seed=seed, router=router)
        scores.append(accuracy(prequential(model, data), data[1]))
    assert np.mean(scores) == pytest.approx(0.782, abs=0.01)


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
    assert scaled > routed + 0.01
