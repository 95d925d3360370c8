"""Comparisons: order, seeds, failures, interruption, baselines; real models over made records.

Pages and tables of them: tests/stream/report/, tests/stream/cli/test_compare.py.
"""

from __future__ import annotations

import inspect
import itertools
import math
import random
from collections import Counter
from collections.abc import Sequence
from typing import Any

import pytest
from river import base

from operators.catalog import find_learner
from stream.cli.compare import regression_baselines
from stream.compare.leaderboard import Entry, Leaderboard, Run
from stream.compare.run import Listener, compare, diagnose_best, finer_steps
from stream.config.pipeline import Config, Model
from stream.evaluate import Evaluation, Series, evaluate
from tests.builders import event, toy_config

COUNT = 900
DIAGNOSED = {
    "diagnose": True,
    "diagnoser": {"decide_every": 100, "blocks": 20, "grace_period": 200},
}
NUMBERS = toy_config(target={"type": "regression", "path": "$.y"})


class Breaks(base.Classifier):
    """A classifier that raises at the 700th label."""

    def __init__(self) -> None:
        self.learnt = 0

    def learn_one(self, x: dict[str, Any], y: Any) -> None:
        self.learnt += 1
        if self.learnt == 700:
            raise RuntimeError("password=hunter2 did not help\n" + 10_000 * "0.123 ")

    def predict_one(self, x: dict[str, Any], **kwargs: Any) -> Any:
        return "yes"


def labels() -> list[str]:
    """Classes that stay for a while, `yes` more often."""
    rng = random.Random(1)
    found = ["no"]
    while len(found) < COUNT:
        found.append(rng.choice(["yes", "yes", "no"]) if rng.random() < 0.3 else found[-1])
    return found


def records(ys: Sequence[str | float]) -> Series:
    """Toy events that carry their labels, a second apart; `a` says something of them.

    In the middle `b` moves.
    """
    rng = random.Random(2)
    values = []
    for number, y in enumerate(ys):
        b = rng.random() + 5 * (number > COUNT // 2)
        hint = float(y == "yes") if isinstance(y, str) else y
        values.append(event(a=hint + rng.gauss(0, 0.5), b=b, c=rng.choice("pq"), y=y))
    numbers = range(len(values))
    return Series([b"%d" % n for n in numbers], values, [1000 * n for n in numbers])


def entry(name: str, **params: Any) -> Entry:
    return Entry(name, Model(name=name, params=params))


def run(
    *entries: Entry, seeds: Sequence[int] = (1, 2, 3), listener: Listener | None = None
) -> Leaderboard:
    return compare(toy_config(), records(labels()), None, entries, seeds, listener)


def test_the_best_comes_first_with_the_figures_of_a_plain_evaluation() -> None:
    board = run(entry("last_label"), entry("naive_bayes"), entry("hoeffding_tree"))
    scores = [one.mean("accuracy") for one in board.ranked]
    assert scores == sorted(scores, reverse=True)
    assert board.is_complete
    for one in board.entries:
        config = toy_config(model={"name": one.label})
        plain = evaluate(config, records(labels()), None)
        (only,) = one.runs
        assert only.result.predictions_digest == plain.predictions_digest
        assert only.result.snapshot_digest == plain.snapshot_digest
        assert only.result.figures == pytest.approx(plain.figures, nan_ok=True)
        assert (one.state_bytes or 0) > 0
        assert one.records_per_s > 0


@pytest.mark.parametrize(
    "name",
    [
        "adaptive_random_forest",
        "hoeffding_tree",
        "last_label",
        "logistic_regression",
        "naive_bayes",
        "nearest_neighbours",
        "passive_aggressive",
    ],
)
def test_a_model_that_makes_no_use_of_its_seed_runs_once(name: str) -> None:
    documented = "Not used" not in (inspect.getdoc(find_learner(name)) or "")
    one = entry(name)
    run(one, seeds=(4, 5, 6))
    assert one.uses_seed == documented
    assert [each.seed for each in one.runs] == ([4, 5, 6] if documented else [4])
    assert math.isnan(one.spread("accuracy")) != documented


def test_a_model_without_a_snapshot_is_told_by_its_answers() -> None:
    forest = entry("river:forest.ARFClassifier", n_models=2)
    tree = entry("river:tree.HoeffdingTreeClassifier")
    run(forest, tree, seeds=(1, 2))
    assert (forest.uses_seed, len(forest.runs), forest.state_bytes) == (True, 2, None)
    assert (tree.uses_seed, len(tree.runs)) == (False, 1)


def test_a_model_that_fails_keeps_its_reason_and_the_others_go_on() -> None:
    refused = Entry("no_such", None, failure="--model: must be one of these.")
    breaks = entry("river:tests.stream.compare.test_run.Breaks")
    ended: list[str] = []

    class Ends(Listener):
        def ends(self, entry: Entry) -> None:
            ended.append(entry.label)

    board = run(refused, breaks, entry("last_label"), listener=Ends())
    assert board.is_complete
    assert [one.label for one in board.ranked] == ["last_label"]
    assert next(one.label for one in board.entries) == "last_label"
    assert "RuntimeError: password=********** did not help" in breaks.failure
    assert len(breaks.failure) <= 500
    assert refused.failure == "--model: must be one of these."
    assert ended == ["no_such", breaks.label, "last_label"]


def test_drift_is_diagnosed_with_the_best_model_alone() -> None:
    config = toy_config(drift=DIAGNOSED, model={"name": "last_label"})
    models = [entry("naive_bayes"), entry("last_label")]
    board = compare(config, records(labels()), None, models, (1,))
    assert board.ranked[0].label == "last_label"
    assert {event.event for one in models for event in one.runs[0].result.drift} <= {"alarm"}
    before = [one.runs[0].result.predictions_digest for one in models]
    others = list(models[0].runs[0].result.drift)
    diagnose_best(config, records(labels()), None, board)
    plain = evaluate(config, records(labels()), None)
    assert "diagnosis" in {event.event for event in plain.drift}
    assert models[1].runs[0].result.drift == plain.drift
    assert models[0].runs[0].result.drift == others
    assert [one.runs[0].result.predictions_digest for one in models] == before


def test_a_pipeline_that_acts_on_drift_is_run_as_it_is() -> None:
    config = toy_config(drift={**DIAGNOSED, "respond": True}, model={"name": "naive_bayes"})
    one = entry("naive_bayes")
    board = compare(config, records(labels()), None, [one], (1,))
    plain = evaluate(config, records(labels()), None)
    assert {event.event for event in plain.drift} > {"diagnosis"}
    assert one.runs[0].result.predictions_digest == plain.predictions_digest
    assert one.runs[0].result.drift == plain.drift
    diagnose_best(config, records([]), None, board)  # would find nothing in no records
    assert one.runs[0].result.drift == plain.drift


def test_an_interruption_leaves_what_has_ended() -> None:
    class Interrupts(Listener):
        def evaluates(self, entry: Entry, seed: int, so_far: Evaluation) -> None:
            if entry.label == "naive_bayes" and so_far.records > 300:
                raise KeyboardInterrupt

    board = run(
        entry("last_label"), entry("naive_bayes"), entry("hoeffding_tree"), listener=Interrupts()
    )
    assert not board.is_complete
    assert [one.label for one in board.ranked] == ["last_label"]
    assert len(board.entries) == 3


def test_baselines_of_classes() -> None:
    ys = labels()
    board = run(entry("naive_bayes"))
    no_change = sum(now == before for before, now in itertools.pairwise(ys))
    seen: Counter[str] = Counter()
    majority = 0
    for y in ys:
        majority += bool(seen) and seen.most_common(1)[0][0] == y
        seen[y] += 1
    assert board.baselines["no change"] == pytest.approx(no_change / COUNT)
    assert board.baselines["majority class"] == pytest.approx(majority / COUNT, abs=2 / COUNT)
    assert board.best_baseline == ("no change", board.baselines["no change"])


def test_baselines_of_numbers() -> None:
    rng = random.Random(3)
    ys = [0.0]
    while len(ys) < COUNT:
        ys.append(0.9 * ys[-1] + rng.gauss(0, 1))
    names = ["linear_regression", "hoeffding_tree_regressor"]  # here, the worse one first
    models = [*map(entry, names), *regression_baselines()]
    board = compare(NUMBERS, records(ys), None, models, (1,))
    no_change = [abs(now - before) for before, now in zip([0.0, *ys], ys, strict=False)]
    means = [0.0] + [sum(ys[:n]) / n for n in range(1, COUNT)]
    mean_so_far = [abs(y - mean) for y, mean in zip(ys, means, strict=True)]
    assert board.main == "mae"
    assert board.baselines == pytest.approx(
        {"no change": sum(no_change) / COUNT, "mean so far": sum(mean_so_far) / COUNT}
    )
    assert [one.label for one in board.entries] == names[::-1]
    first, second = (one.mean("mae") for one in board.entries)
    assert first < second


def test_a_model_without_a_figure_comes_last() -> None:
    silent = Entry("silent", None, runs=[Run(1, Evaluation(figures={"accuracy": math.nan}))])
    board = compare(toy_config(), records([]), None, [], (1,))
    assert (board.ranked, board.baselines, board.best_baseline) == ([], {}, None)
    assert math.isnan(silent.mean("accuracy"))
    assert math.isnan(silent.records_per_s)
    assert silent.state_bytes is None


@pytest.mark.parametrize(("count", "steps"), [(10, 25), (12_000, 100), (10_000_000, 4000)])
def test_steps_make_a_curve_of_any_file(count: int, steps: int) -> None:
    assert finer_steps(toy_config(), count).steps.records_max == steps
    small: Config = toy_config(steps={"records_max": 7})
    assert finer_steps(small, count).steps.records_max == 7
