"""DriftMoE-Task: both variants step by step against torch, its dropout, and known accuracies.

What every learner promises is in test_contracts; the network's arithmetic in test_mlp.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch

from operators.base import Feature, Space
from operators.kernels.forest import HEADER
from operators.moe.drift_moe import DriftMoE
from operators.moe.drift_moe_task import DriftMoETask
from operators.tape import LEARN, PREDICT, Rows, Tape
from tests import generators
from tests.generators import Stream, accuracy, prequential
from tests.operators.test_mlp import as_torch

EAGER: dict[str, Any] = {"grace_period": 15, "delta": 0.3}


def clouds(count: int, seed: int = 1) -> Stream:
    """Three classes around two centres each; some values missing."""
    rng = np.random.default_rng(seed)
    centres = rng.normal(scale=2.0, size=(6, 3))
    chosen = rng.integers(0, 6, count)
    x = centres[chosen] + rng.normal(size=(count, 3))
    x[rng.random(x.shape) < 0.03] = np.nan
    return x, (chosen % 3).astype(np.float64), Space(tuple(map(Feature, "abc")), n_classes=3)


def run(model: DriftMoETask, data: Stream, delay: int = 0) -> Rows:
    x, y, space = data
    rows = Rows(x, y, np.zeros((len(x), space.n_outputs)), np.zeros((len(x), model.trace_width)))
    steps = [(i, PREDICT, i) for i in range(len(x))]
    steps += [(i + delay, LEARN, i) for i in range(len(x))]
    _, action, row = zip(*sorted(steps), strict=True)
    model.run(Tape(np.array(action, dtype=np.uint8), np.array(row, dtype=np.int64)), rows)
    return rows


def mask_of(key: float, size: int) -> Any:
    """Dropout as documented: splitmix64 from the key, one draw a hidden unit."""
    state, scale, full = int(key), [], (1 << 64) - 1
    for _ in range(size):
        state = (state + 0x9E3779B97F4A7C15) & full
        z = ((state ^ (state >> 30)) * 0xBF58476D1CE4E5B9) & full
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & full
        z ^= z >> 31
        scale.append(1.25 if (z >> 11) / (1 << 53) >= 0.2 else 0.0)
    return torch.tensor(scale, dtype=torch.float64)


@pytest.mark.parametrize("delay", [0, 5])
def test_paper_is_the_published_loop(delay: int) -> None:
    """Dropout when predicting too, one Adam step a record towards the class, raw inputs."""
    data = clouds(60)
    x, y, _ = data
    model = DriftMoETask(data[2], variant="paper", **EAGER)
    module = as_torch(model._router.network, torch.float64)
    assert module[0].out_features == 256
    assert module[2].out_features == 128
    optimizer = torch.optim.Adam(module.parameters(), lr=2e-3)
    rows = run(model, data, delay)
    inputs = torch.tensor(np.nan_to_num(x))
    masks = [mask_of(key, 256) for key in rows.trace[:, 0]]

    def logits(i: int) -> torch.Tensor:
        hidden = torch.relu(module[0](inputs[i])) * masks[i]
        return module[4](torch.relu(module[2](hidden)))  # type: ignore[no-any-return]

    for time in range(60 + delay):
        if time < 60:
            chances = torch.sigmoid(logits(time)).detach().numpy()
            np.testing.assert_allclose(rows.output[time], chances / chances.sum(), atol=2e-4)
        if time >= delay:
            target = torch.zeros(3, dtype=torch.float64)
            target[int(y[time - delay])] = 1.0
            optimizer.zero_grad()
            torch.nn.BCEWithLogitsLoss()(logits(time - delay), target).backward()
            optimizer.step()


def test_an_expert_answer_is_of_network_and_trees_and_teaches_the_network() -> None:
    data = clouds(200)
    _, y, _ = data
    model = DriftMoETask(data[2], hidden=(16, 8), router_batch=4, **EAGER)
    module = as_torch(model._router.network, torch.float64)
    optimizer = torch.optim.Adam(module.parameters(), lr=2e-3)
    rows = run(model, data, delay=3)
    beliefs = torch.tensor(rows.trace[:, :3])
    inputs = torch.cat([torch.tensor(rows.trace[:, 3:]), beliefs], dim=1)
    assert abs(beliefs).max() == pytest.approx(math.log(9), rel=1e-6)  # belief_min 0.1
    learnt = 0
    for i in range(200):
        # The labels known by now: every fourth makes a step.
        while learnt + 4 <= i - 3:
            part = slice(learnt, learnt + 4)
            optimizer.zero_grad()
            target = torch.tensor(y[part], dtype=torch.int64)
            torch.nn.functional.cross_entropy(
                module(inputs[part]) + beliefs[part], target
            ).backward()
            optimizer.step()
            learnt += 4
        expected = torch.softmax(module(inputs[i]) + beliefs[i], dim=0).detach().numpy()
        np.testing.assert_allclose(rows.output[i], expected, atol=2e-4)


def test_each_tree_learns_one_class_against_the_others() -> None:
    data = clouds(300)
    model = DriftMoETask(data[2], grace_period=10_000)
    run(model, data)
    forest = model._pools.forest
    for c in range(3):
        leaf = forest.leaves[forest.nodes[forest.trees[c]["root"]]["child"]]
        weights = [leaf[HEADER + side] for side in range(2)]
        assert weights == [(data[1] != c).sum(), (data[1] == c).sum()]


def test_dropout_takes_a_fifth_and_differs_by_record_by_label_and_by_seed() -> None:
    data = clouds(40)
    models = [DriftMoETask(data[2], variant="paper", seed=seed) for seed in (1, 2)]
    keys = [run(model, data).trace[:, 0] for model in models]
    assert len(set(np.concatenate(keys))) == 80
    again = run(models[0], data).trace[:, 0]  # the same records, 40 labels later
    assert not set(again) & set(keys[0])
    share = np.mean([(mask_of(key, 256) == 0).numpy().mean() for key in keys[0]])
    assert share == pytest.approx(0.2, abs=0.02)


def test_shares_are_the_classes_probabilities() -> None:
    data = clouds(100)
    model = DriftMoETask(data[2], **EAGER)
    rows = run(model, data)
    assert model.expert_names == ("class_0", "class_1", "class_2")
    np.testing.assert_array_equal(model.shares(rows), rows.output)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"variant": "own"}, "variant: must be one of expert, paper; got 'own'."),
        ({"belief_min": 0.5}, r"belief_min: must be in \(0, 0.5\); got 0.5."),
        ({"router_batch": 0}, "router_batch: must be >= 1; got 0."),
        ({"hidden": (4, 0)}, r"hidden: must be two widths >= 1; got \(4, 0\)."),
        ({"learning_rate": math.inf}, "learning_rate: must be > 0; got inf."),
        ({"delta": 1.0}, r"delta: must be in \(0, 1\); got 1.0."),
    ],
)
def test_parameters_are_checked(params: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        DriftMoETask(clouds(1)[2], **params)


def test_a_value_is_no_class() -> None:
    with pytest.raises(ValueError, match="must be >= 1 for a classifier; got 0"):
        DriftMoETask(Space((Feature("a"),), n_classes=0))


def test_a_snapshot_of_another_shape_is_refused() -> None:
    data = clouds(23)
    model = DriftMoETask(data[2], router_batch=20)
    run(model, data)
    state = model.snapshot()
    for change, message in (
        ({"variant": "paper"}, "the snapshot's variant must be 'paper'; got 'expert'"),
        ({"router_batch": 3}, "unfinished batch must be shorter than router_batch 3; got 3 rows"),
        ({"hidden": (8, 8)}, "router: `parameters` of the snapshot must be of shape"),
    ):
        with pytest.raises(ValueError, match=message):
            DriftMoETask(data[2], **{"router_batch": 20, **change}).restore(state)
    with pytest.raises(ValueError, match="DriftMoETask: snapshot version must be 1; got 9"):
        model.restore({**state, "version": 9})


@pytest.mark.slow
def test_asking_the_experts_pays_on_electricity_and_on_moving_clouds() -> None:
    for data, lead in ((generators.electricity(), 0.05), (generators.rbf(30_000, seed=1), 0.02)):
        task, published, mixture = (
            accuracy(prequential(model, data), data[1])
            for model in (
                DriftMoETask(data[2]),
                DriftMoETask(data[2], variant="paper"),
                DriftMoE(data[2]),
            )
        )
        assert task > published + lead
        assert task > mixture + 0.03
