"""AdaptiveMoE as a whole: it is its experts and gates put together, and what that is good for.

Each expert and the gates are restated in their own test modules; what every learner promises
(cutting, snapshots, memory) is in test_contracts, interpreted kernels in test_drift_moe.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from operators import tape as tapes
from operators.base import Feature, Space
from operators.moe.adaptive_moe import MEMORY, ROUTER_BATCH, ROUTER_HIDDEN, AdaptiveMoE
from operators.moe.turns import LABELS
from operators.routers.compiled import CompiledMLPRouter
from operators.snapshot import digest
from operators.tape import LEARN, PREDICT, Rows, Tape
from tests import generators
from tests.generators import Stream, accuracy, prequential
from tests.reference.dense import PlainDense
from tests.reference.gates import PlainGates, class_weights, right_ones

FOREST, NEIGHBOURS, LAST_LABEL = 0, 5, 6


def mixed(count: int, seed: int) -> Stream:
    """Two numbers and a category that tell something of the class, with gaps."""
    rng = np.random.default_rng(seed)
    y = rng.choice(3, count, p=[0.6, 0.3, 0.1]).astype(np.float64)
    x = np.column_stack([rng.normal(y), rng.integers(0, 3, count), rng.normal(-2 * y, 1 + y)])
    x[rng.random(x.shape) < 0.1] = np.nan
    return x, y, Space((Feature("a"), Feature("c", capacity=3), Feature("b")), n_classes=3)


def sea(count: int, seed: int) -> Stream:
    """Two of three numbers add up to more than a bound, which moves twice; 5 % noise."""
    rng = np.random.default_rng(seed)
    x = rng.uniform(0, 10, (count, 3))
    bound = np.array([8.0, 9.5, 7.0])[3 * np.arange(count) // count]
    y = (x[:, 0] + x[:, 1] > bound) ^ (rng.random(count) < 0.05)
    return x, y.astype(np.float64), Space(tuple(Feature(n) for n in "abc"), n_classes=2)


def late(count: int, delay: int) -> Tape:
    """Labels come some rows late."""
    steps = sorted(
        [(t, PREDICT, t) for t in range(count)] + [(t + delay, LEARN, t) for t in range(count)]
    )
    _, action, row = zip(*steps, strict=True)
    return Tape(np.array(action, dtype=np.uint8), np.array(row, dtype=np.int64))


def run(model: Any, data: Stream, tape: Tape, weight: NDArray[np.float64] | None = None) -> Rows:
    x, y, space = data
    rows = Rows(x, y, np.zeros((len(x), space.n_outputs)), np.zeros((len(x), model.trace_width)))
    model.run(tape, rows) if weight is None else model.run(tape, rows, weight)
    return rows


@pytest.mark.parametrize(("delay", "balance"), [(0, 0.0), (40, 1.0)])
def test_it_is_its_experts_and_its_gates(delay: int, balance: float) -> None:
    """Experts run alone, their answers combined by plain gates and a router trained beside."""
    count = 700
    data = mixed(count, 1)
    x, y, space = data
    tape = late(count, delay)
    model = AdaptiveMoE(space, seed=3, trees=2, window=50, balance=balance)
    rows = run(model, data, tape)
    shares = model.shares(rows)
    learnt = tape.row[tape.action == LEARN]
    weight = np.ones(count)
    weight[learnt] = class_weights(y[learnt].astype(int).tolist(), 3, balance)
    experts = AdaptiveMoE(space, seed=3, trees=2, window=50)._experts
    said = np.array([run(expert, data, tape, weight).output for expert in experts.values()])
    dense, gates = PlainDense(space, 1000.0), PlainGates(8, MEMORY, 0.003)
    router = CompiledMLPRouter(5, 8, hidden=ROUTER_HIDDEN, batch=ROUTER_BATCH, seed=3)
    logits = np.zeros(8, dtype=np.float32)
    told, inputs, masks = {}, [], []
    for action, i in zip(tape.action, tape.row, strict=True):
        vector = dense.encode(x[i])[1:].astype(np.float32)
        if action == PREDICT:
            router.logits(vector, logits)
            told[i] = gates.answer(said[:, i], logits.astype(np.float64))
            chosen = told[i].chosen
            np.testing.assert_allclose(rows.output[i], told[i].answers[chosen], atol=1e-4)
            np.testing.assert_allclose(shares[i], told[i].shares[chosen], atol=1e-4)
            continue
        gates.learn(told[i], int(y[i]), weight[i])
        inputs.append(vector)
        masks.append(right_ones(told[i], int(y[i])).astype(np.float32))
        dense.learn(x[i])
        if len(inputs) == ROUTER_BATCH:
            router.learn(np.array(inputs), np.array(masks))
            inputs, masks = [], []
    assert len({said.chosen for said in told.values()}) > 1
    trained = router.network.parameters
    np.testing.assert_allclose(model._router.network.parameters, trained, atol=1e-3)
    assert model._router.training.step[0] == len(learnt) // ROUTER_BATCH > 0


def streams() -> dict[str, Stream]:
    electricity = generators.electricity()
    return {
        "electricity": (electricity[0][:12_000], electricity[1][:12_000], electricity[2]),
        "led": generators.led(8000, seed=1),
        "sea": sea(12_000, seed=1),
        "rbf": generators.rbf(8000, seed=1, speed=1e-3),
    }


@pytest.mark.parametrize("name", ["electricity", "led", "sea", "rbf"])
def test_it_is_no_worse_than_its_best_expert(name: str) -> None:
    """Of which another one is best on each stream."""
    data = streams()[name]
    model = AdaptiveMoE(data[2])
    tape = tapes.test_then_train(len(data[1]))
    ours = accuracy(run(model, data, tape).output, data[1])
    for expert, learner in AdaptiveMoE(data[2])._experts.items():
        alone = accuracy(run(learner, data, tape).output, data[1])
        assert ours > alone - 0.005, expert


def test_shares_are_of_the_gate_that_answered() -> None:
    data = mixed(1500, 2)
    model = AdaptiveMoE(data[2], trees=2)
    assert model.expert_names == (
        "forest",
        "bayes_fast",
        "bayes_slow",
        "linear_fast",
        "linear_slow",
        "neighbours",
        "last_label",
        "curved",
    )
    rows = run(model, data, tapes.test_then_train(1500))
    shares = model.shares(rows)
    assert shares.shape == (1500, len(model.expert_names))
    assert (shares >= 0.0).all()
    np.testing.assert_allclose(shares.sum(axis=1), 1.0)
    np.testing.assert_allclose(shares[0], 1 / 8)  # the pool, of equal powers
    shares[:] = 0.0
    assert model.shares(rows).any(), "the shares are not the caller's own"


@pytest.mark.parametrize(("count", "is_curved"), [(23, True), (24, False)])
def test_wide_records_have_no_curved_expert(count: int, is_curved: bool) -> None:
    space = Space(tuple(Feature(f"x{j}") for j in range(count)), n_classes=2)
    assert ("curved" in AdaptiveMoE(space).expert_names) == is_curved


def test_records_of_categories_alone_have_no_curved_expert_and_fewer_neighbours() -> None:
    codes = Space((Feature("a", capacity=3), Feature("b", capacity=3)), n_classes=2)
    model = AdaptiveMoE(codes, window=50)
    assert "curved" not in model.expert_names
    assert len(np.asarray(model.snapshot()["neighbours/label"])) == 10


def test_balance_finds_a_rare_class() -> None:
    rng = np.random.default_rng(4)
    y = (rng.random(12_000) < 0.02).astype(np.float64)
    x = rng.normal(size=(12_000, 4)) + 1.2 * y[:, None]
    data = x, y, Space(tuple(Feature(n) for n in "abcd"), n_classes=2)
    recalls, false_alarms = [], []
    for balance in (0.0, 0.5, 1.0):
        output = prequential(AdaptiveMoE(data[2], balance=balance), data)
        answer = output.argmax(axis=1)[2000:]
        recalls.append((answer[y[2000:] == 1] == 1).mean())
        false_alarms.append((answer[y[2000:] == 0] == 1).mean())
    assert recalls[0] < 0.45
    assert recalls[0] + 0.1 < recalls[1] < recalls[2]
    assert recalls[2] > recalls[0] + 0.3
    assert false_alarms[0] < false_alarms[1] < false_alarms[2] < 0.15


def test_late_labels_take_the_last_label_its_share() -> None:
    data = streams()["electricity"]
    shares, hits = {}, {}
    for delay in (0, 500):
        model = AdaptiveMoE(data[2])
        rows = run(model, data, late(len(data[1]), delay))
        shares[delay] = model.shares(rows)[3000:, LAST_LABEL].mean()
        hits[delay] = accuracy(rows.output[3000:], data[1][3000:])
    assert shares[500] < 0.5 * shares[0]
    assert hits[0] > hits[500] > 0.65


def test_late_labels_cost_little_where_records_do_not_depend_on_each_other() -> None:
    data = generators.led(8000, seed=3)
    hits = [
        accuracy(run(AdaptiveMoE(data[2]), data, late(8000, delay)).output[1500:], data[1][1500:])
        for delay in (0, 500)
    ]
    assert abs(hits[0] - hits[1]) < 0.03


def test_a_drift_makes_the_forest_replace_trees() -> None:
    data = sea(12_000, seed=5)
    steady = AdaptiveMoE(data[2])
    prequential(steady, (data[0][:4000], data[1][:4000], data[2]))
    data[1][6000:] = 1.0 - data[1][6000:]
    model = AdaptiveMoE(data[2])
    output = prequential(model, data)
    forest, quiet = model._experts["forest"], steady._experts["forest"]
    assert forest.trees_replaced >= quiet.trees_replaced + 4  # type: ignore[attr-defined]
    assert accuracy(output[6500:8000], data[1][6500:8000]) > 0.9


def learners(model: AdaptiveMoE) -> set[str]:
    arrays = model._turns.arrays
    return {
        name for name, learns in zip(model.expert_names, arrays["learns"], strict=True) if learns
    }


def test_with_top_k_those_learn_that_count_and_one_more_in_turn() -> None:
    data = mixed(LABELS * 7, 3)
    x, y, space = data
    model = AdaptiveMoE(space, trees=2, top_k=2)
    rows = Rows(x, y, np.zeros((len(x), 3)), np.zeros((len(x), model.trace_width)))
    assert learners(model) == set(model.expert_names)
    seen = []
    for block in range(7):
        steps = tapes.test_then_train(LABELS)
        model.run(Tape(steps.action, steps.row + LABELS * block), rows)
        counted = model.shares(rows)[LABELS * block : LABELS * (block + 1)].sum(axis=0)
        counted[LAST_LABEL] = 0.0
        top = {model.expert_names[k] for k in np.argsort(-counted, kind="stable")[:2]}
        assert top < learners(model)
        assert len(learners(model)) == 4
        assert "last_label" in learners(model)
        seen.append(learners(model) - top - {"last_label"})
    assert len(set.union(*seen)) >= 4, "not every expert gets its turn"


def test_an_expert_that_does_not_learn_still_answers_and_stays_as_it_is() -> None:
    data = mixed(LABELS + 300, 3)
    model = AdaptiveMoE(data[2], trees=2, top_k=1)
    run(model, (data[0][:LABELS], data[1][:LABELS], data[2]), tapes.test_then_train(LABELS))
    idle = [name for name in model.expert_names if name not in learners(model)]
    before = {name: digest(model._experts[name].snapshot()) for name in model.expert_names}
    rows = run(model, (data[0][LABELS:], data[1][LABELS:], data[2]), tapes.test_then_train(300))
    same = [n for n in model.expert_names if digest(model._experts[n].snapshot()) == before[n]]
    assert same == idle
    assert len(idle) == 5
    assert np.isfinite(rows.output).all()
    assert (model.shares(rows)[:, [model.expert_names.index(n) for n in idle]] > 0).any()


def test_top_k_does_not_depend_on_how_tapes_are_cut() -> None:
    data = mixed(2500, 4)
    x, y, space = data
    tape = late(2500, 40)
    whole = AdaptiveMoE(space, trees=2, top_k=2)
    expected = run(whole, data, tape).output
    for length in (7, 1024, 1701):
        model = AdaptiveMoE(space, trees=2, top_k=2)
        rows = Rows(x, y, np.zeros((2500, 3)), np.zeros((2500, model.trace_width)))
        for start in range(0, len(tape), length):
            stop = start + length
            model.run(Tape(tape.action[start:stop], tape.row[start:stop]), rows)
        assert (rows.output == expected).all()
        assert digest(model.snapshot()) == digest(whole.snapshot())


def test_top_k_is_in_the_snapshot() -> None:
    data = mixed(3000, 5)
    x, y, space = data
    one = AdaptiveMoE(space, trees=2, top_k=2)
    run(one, (x[:1500], y[:1500], space), tapes.test_then_train(1500))
    two = AdaptiveMoE(space, trees=2, top_k=2)
    two.restore(one.snapshot())
    rest = x[1500:], y[1500:], space
    outputs = [run(model, rest, tapes.test_then_train(1500)).output for model in (one, two)]
    assert (outputs[0] == outputs[1]).all()
    assert digest(one.snapshot()) == digest(two.snapshot())


def test_with_top_k_most_experts_are_given_few_labels() -> None:
    """What is saved, counted in steps: seconds depend on what else the machine does."""
    data = generators.led(8 * LABELS, seed=1)
    model = AdaptiveMoE(data[2], top_k=1)
    given = dict.fromkeys(model.expert_names, 0)
    for name, expert in model._experts.items():

        def counting(tape: Tape, *others: Any, name: str = name, inner: Any = expert.run) -> None:
            given[name] += int((tape.action == LEARN).sum())
            inner(tape, *others)

        expert.run = counting  # type: ignore[method-assign]
    output = prequential(model, data)
    assert given["last_label"] == len(output)
    total = sum(given.values()) - len(output)
    assert total == 6 * LABELS + 2 * 7 * LABELS  # all learn the first labels, then two at a time
    whole = prequential(AdaptiveMoE(data[2]), data)
    assert accuracy(output, data[1]) > accuracy(whole, data[1]) - 0.015


@pytest.mark.parametrize("top_k", [-1, 7])
def test_top_k_is_checked(top_k: int) -> None:
    with pytest.raises(ValueError, match=rf"top_k: must be in 0 .. 6; got {top_k}"):
        AdaptiveMoE(mixed(1, 1)[2], top_k=top_k)


@pytest.mark.parametrize("balance", [-0.1, 1.1, float("nan")])
def test_parameters_are_checked(balance: float) -> None:
    space = mixed(1, 1)[2]
    with pytest.raises(ValueError, match=r"balance: must be in \[0, 1\]"):
        AdaptiveMoE(space, balance=balance)
    with pytest.raises(ValueError, match="trees: must be >= 1; got 0"):
        AdaptiveMoE(space, trees=0)
    with pytest.raises(ValueError, match="window: must be >= 1; got 0"):
        AdaptiveMoE(space, window=0)
    with pytest.raises(ValueError, match="n_classes: must be >= 1 for a classifier; got 0"):
        AdaptiveMoE(Space(space.features, n_classes=0))
