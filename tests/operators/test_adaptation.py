"""What a managed learner does about a drift, step by step, with diagnoses that are made up.

What every managed learner promises as a learner is in test_contracts; how much it helps with real
diagnoses is measured by tests/bench/recovery.py.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest

from operators.adaptation.base import Action, Outcome, Report, Reporting
from operators.adaptation.errors import advantage, errors_of
from operators.adaptation.managed import Managed, manage
from operators.adaptation.model import Model
from operators.adaptation.policy import Policy, Restraint
from operators.adaptation.priors import RATE, Priors
from operators.base import Feature, Learner, Mixture, Space
from operators.catalog import create_learner
from operators.diagnosis.base import ChangePoint, Diagnosis
from operators.snapshot import SnapshotUnavailableError, State
from operators.tape import LEARN, Rows, Tape
from operators.tape import test_then_train as in_order
from tests.operators import test_contracts as classes
from tests.operators.diagnosers import Scripted, diagnosis
from tests.operators.managed import create

Array = np.ndarray[Any, Any]
SPACE = Space((Feature("a"), Feature("b")), n_classes=2)
TREE = {"grace_period": 20, "delta": 0.05}
AT = 1024
"""Labels before a change in most of these streams; it is diagnosed 64 labels later."""


def tree(space: Space = SPACE) -> Learner:
    return create_learner("hoeffding_tree", space, 1, TREE)


def bayes(space: Space = SPACE) -> Learner:
    return create_learner("naive_bayes", space, 1, {})


def sides(concepts: list[int], length: int = AT, seed: int = 1) -> tuple[Array, Array]:
    """Concept 0: class 1 where a > b; concept 1 where a > -b; and so on, turned round each time."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(length * len(concepts), 2))
    turned = np.repeat(concepts, length)
    sign = np.where(turned % 2, -1.0, 1.0)
    y = (x[:, 0] > sign * x[:, 1]) != (turned >= 2)
    return x, y.astype(np.float64)


def run(learner: Learner, x: Array, y: Array) -> Array:
    """Return the errors of test-then-train."""
    n_outputs = 2
    rows = Rows(x, y, np.full((len(y), n_outputs), np.nan), np.zeros((len(y), learner.trace_width)))
    learner.run(in_order(len(y)), rows)
    return errors_of(rows.output, y, n_outputs)


def run_and_tell(learner: Managed, x: Array, y: Array) -> list[Report]:
    run(learner, x, y)
    return learner.take_reports()


def drift(at: int = AT, **said: Any) -> dict[str, Any]:
    return {"since": ChangePoint(at, at - 10, at + 10), **said}


def managed(
    script: Mapping[int, Mapping[str, Any]],
    make: Callable[[], Learner] = tree,
    shadow: bool = False,
    **policy: Any,
) -> Managed:
    return manage(SPACE, make, Scripted(script), policy=Policy(**policy), shadow=shadow)


def actions(reports: list[Report]) -> list[Action]:
    return [report for report in reports if isinstance(report, Action)]


def names(reports: list[Report]) -> list[str]:
    return [action.name for action in actions(reports)]


def test_without_a_diagnosis_it_is_the_learner_itself() -> None:
    x, y = sides([0, 1])
    learner = managed({})
    np.testing.assert_array_equal(run(learner, x, y), run(tree(), x, y))
    assert isinstance(learner, Reporting)
    assert learner.take_reports() == []


@pytest.mark.parametrize("tempo", ["abrupt", "gradual"])
def test_a_new_model_answers_after_a_real_drift(tempo: str) -> None:
    """Naive Bayes never forgets by itself: alone it is no better than chance for long."""
    x, y = sides([0, 2])
    learner = managed({AT + 64: drift(tempo=tempo)}, bayes)
    errors, alone = run(learner, x, y), run(bayes(), x, y)
    assert errors[AT + 300 :].mean() < 0.15
    assert alone[AT + 300 :].mean() > 0.4
    reports = learner.take_reports()
    assert names(reports)[0] == {"abrupt": "reset", "gradual": "warm_up"}[tempo]
    assert isinstance(reports[0], Diagnosis)
    first = reports[1]
    assert isinstance(first, Action)
    assert (first.index, first.learnt, dict(first.detail)["records"]) == (AT + 63, AT + 64, 64)


def test_a_model_that_is_worse_is_taken_back() -> None:
    """A model that has learnt 64 records has to do with noise; the old one knows better."""
    rng = np.random.default_rng(3)
    x = rng.normal(size=(4096, 2))
    y = ((x[:, 0] > 0) != (rng.random(4096) < 0.1)).astype(np.float64)
    false_alarm = {2048: drift(1984)}
    errors, alone = run(managed(false_alarm, trial=512), x, y), run(tree(), x, y)
    np.testing.assert_array_equal(errors[:2048], alone[:2048])
    assert errors[2048:].mean() <= alone[2048:].mean() + 0.01
    gone = managed(false_alarm, trial=512, real_abrupt="warm_up", threshold=1000.0)
    np.testing.assert_array_equal(run(gone, x, y), alone)
    assert "was no better" in actions(gone.take_reports())[-1].why


class Stuck:
    """A learner that answers what its first label was, so that a late one is often wrong."""

    trace_width = 0

    def __init__(self, answer: float) -> None:
        self.answer = answer

    def run(self, tape: Tape, rows: Rows) -> None:
        rows.output[tape.row[tape.action != LEARN]] = [1.0 - self.answer, self.answer]

    def snapshot(self) -> State:
        return {"answer": self.answer}

    def restore(self, state: State) -> None:
        self.answer = float(np.asarray(state["answer"]))


def test_the_answer_changes_hands_and_back() -> None:
    """The old model says 0, the new one 1; what is true is 0, then 1 for 300 labels, then 0."""
    learner = manage(SPACE, lambda: Stuck(1.0), Scripted({544: drift(512)}), policy=Policy())
    learner._contest.champion.model.learner.answer = 0.0  # type: ignore[attr-defined]
    errors = run(learner, np.zeros((3000, 2)), np.repeat([0.0, 1.0, 0.0], [512, 300, 2188]))
    assert errors[512:544].all(), "nobody knows before the labels come"
    # Of the last 400 labels the old model has to have 2 sqrt(400) more right, seen every 32.
    assert errors[812:1056].all()
    assert not errors[1056:].any()
    told = [action.why for action in actions(learner.take_reports())]
    assert told[1:] == [
        "worse: taken back",
        "the trial is over: the new model was no better, and leaves",
    ]


def test_the_model_of_a_concept_comes_back() -> None:
    x, y = sides([0, 2, 0])
    script = {
        AT + 64: drift(AT),
        2 * AT + 64: drift(2 * AT, episode=2, recurs=1),
    }
    learner = managed(script, bayes, keep_every=128, trial=256)
    errors = run(learner, x, y)
    acted = actions(learner.take_reports())
    restored = [action for action in acted if action.name == "restore"]
    assert [(action.episode, action.learnt) for action in restored] == [
        (2, 2 * AT + 64),
        (2, 2 * AT + 64 + 256),
    ]
    detail = dict(restored[0].detail)
    assert (detail["concept"], detail["records"]) == (1, 64)
    assert detail["error_new"] < 0.2 < 0.8 < detail["error_old"]
    assert errors[2 * AT + 64 :].mean() < 0.1
    assert names(run_and_tell(managed(script, bayes, recurring="none"), x, y)).count("restore") == 0


def test_a_model_put_aside_has_seen_nothing_of_the_next_concept() -> None:
    """Restored, it is as it was at a mark before the change, but for the new records."""
    x, y = sides([0, 2, 0])
    script = {AT + 192: drift(AT), 2 * AT + 64: drift(2 * AT, episode=2, recurs=1)}
    learner = managed(script, bayes, keep_every=256)
    run(learner, x[: 2 * AT + 64], y[: 2 * AT + 64])
    twin = bayes()
    run(twin, x[:AT], y[:AT])
    run(twin, x[2 * AT : 2 * AT + 64], y[2 * AT : 2 * AT + 64])
    rest_x, rest_y = x[2 * AT + 64 : 2 * AT + 96], y[2 * AT + 64 : 2 * AT + 96]
    np.testing.assert_array_equal(run(learner, rest_x, rest_y), run(twin, rest_x, rest_y))


def test_an_unknown_concept_may_be_known_after_all() -> None:
    """The diagnosis names none; the model that was put aside proves itself."""
    x, y = sides([0, 2, 0])
    script = {AT + 64: drift(AT), 2 * AT + 64: drift(2 * AT, episode=2)}
    acted = actions(run_and_tell(managed(script, bayes, keep_every=128), x, y))
    acted = [action for action in acted if action.episode == 2]
    assert (acted[0].name, acted[0].learnt) == ("restore", 2 * AT + 64)
    assert "alike" in acted[0].why
    # Being alike is not being the same: a new model gets its chance, too.
    assert acted[2].name == "warm_up"


def test_what_is_restored_has_to_prove_itself() -> None:
    """The diagnosis says that the first concept has come back, but it is a third one."""
    x, y = sides([0, 2, 1])
    script = {AT + 64: drift(AT), 2 * AT + 64: drift(2 * AT, episode=2, recurs=1)}
    learner = managed(script, bayes, keep_every=128)
    errors = run(learner, x, y)
    assert errors[2 * AT + 500 :].mean() < 0.2
    assert names(learner.take_reports())[-1] == "reset"


def test_labels_that_become_more_frequent_are_reweighted() -> None:
    rng = np.random.default_rng(5)
    y = (rng.random(6000) < np.repeat([0.1, 0.9], [4000, 2000])).astype(np.float64)
    x = np.column_stack([y + rng.normal(size=6000), rng.normal(size=6000)])
    script = {4096: drift(4000, source="label")}
    learner = managed(script, bayes)
    errors, alone = run(learner, x, y), run(bayes(), x, y)
    assert errors[4096:].mean() < 0.75 * alone[4096:].mean()
    first = actions(learner.take_reports())[0]
    assert first.name == "reweight"
    ratio = dict(first.detail)
    assert ratio["ratio_1"] > 4.0 > 1.0 > ratio["ratio_0"]


def test_reweighting_ends_when_the_model_has_caught_up() -> None:
    """Here nothing has changed, so that there is nothing to correct."""
    rng = np.random.default_rng(6)
    y = (rng.random(3000) < 0.5).astype(np.float64)
    x = np.column_stack([y + rng.normal(size=3000), rng.normal(size=3000)])
    learner = managed({1024: drift(900, source="label")}, bayes)
    errors, alone = run(learner, x, y), run(bayes(), x, y)
    assert errors.mean() <= alone.mean() + 0.01
    assert actions(learner.take_reports())[-1].why == "the model has caught up"


def test_the_ratio_is_the_one_of_the_formula() -> None:
    """Probabilities in proportion to said x ratio, the ratio moved by came - answered."""
    rng = np.random.default_rng(7)
    said = rng.dirichlet(np.ones(3), size=40)
    y = rng.integers(3, size=40).astype(np.float64)
    old, new = np.repeat([0.0, 1.0, 2.0], [60, 30, 10]), np.repeat([0.0, 1.0, 2.0], [5, 5, 20])
    priors = Priors(3)
    priors.start(old, new, 1, 100)
    before = (np.array([60, 30, 10]) + 1) / 103
    since = (np.array([5, 5, 20]) + 10 * before) / 40
    ratio = np.log(since / before)
    np.testing.assert_allclose(np.log(priors.ratio), ratio)
    rows = Rows(np.zeros((40, 1)), y, np.full((40, 3), np.nan), np.zeros((40, 0)))
    priors.run(in_order(40), rows, said)
    for i in range(40):
        weighted = said[i] * np.exp(ratio)
        answered = weighted / weighted.sum()
        np.testing.assert_allclose(rows.output[i], answered)
        ratio += RATE * ((np.arange(3) == y[i]) - answered)


def test_a_shift_of_the_inputs_is_undone() -> None:
    x, y = sides([0, 0])
    moved = x.copy()
    moved[AT:] = 10.0 * x[AT:] + [50.0, -20.0]
    script = {AT + 128: drift(AT, source="virtual")}
    learner = managed(script, bayes, virtual="standardise")
    errors, alone = run(learner, moved, y), run(bayes(), moved, y)
    after = slice(AT + 160, AT + 400)
    assert errors[after].mean() < 0.2 < alone[after].mean()
    first = actions(learner.take_reports())[0]
    assert (first.name, dict(first.detail)["answers"]) == ("standardise", 1.0)


def test_by_default_nothing_is_done_where_only_inputs_have_changed() -> None:
    x, y = sides([0, 0])
    learner = managed({AT + 64: drift(source="virtual"), AT + 96: drift(source="virtual")})
    np.testing.assert_array_equal(run(learner, x, y), run(tree(), x, y))
    assert names(learner.take_reports()) == ["none"], "said once"


def test_forgetting_is_learning_the_new_records_with_more_weight() -> None:
    x, y = sides([0, 2])
    script = {AT + 128: drift(AT)}
    learner = managed(script, bayes, real_abrupt="forget", trial=5000)
    errors, alone = run(learner, x, y), run(bayes(), x, y)
    assert names(learner.take_reports())[0] == "forget"
    assert errors[AT + 128 :].mean() < alone[AT + 128 :].mean()


def test_a_learner_that_takes_weights_gets_them() -> None:
    x, y = sides([0])
    heavy, thrice = (Model(SPACE, bayes()) for _ in range(2))
    heavy.learn_heavily(x[:50], y[:50], 3)
    rows = Rows(x[:50], y[:50], np.zeros((50, 2)), np.zeros((50, 0)))
    thrice.learner.run(in_order(50), rows, weight=np.full(50, 3.0))  # type: ignore[call-arg]
    np.testing.assert_array_equal(heavy.errors(x, y), thrice.errors(x, y))


def test_an_unsure_diagnosis_is_not_acted_on() -> None:
    x, y = sides([0, 2])
    script = {
        AT + 64: drift(confidence=0.5),
        AT + 96: drift(confidence=0.55, revision=1),
        AT + 128: drift(confidence=0.7, revision=2),
        AT + 160: drift(confidence=0.99, revision=3),
    }
    learner = managed(script, bayes)
    run(learner, x[: AT + 200], y[: AT + 200])
    acted = actions(learner.take_reports())
    assert [(a.name, a.learnt) for a in acted[:2]] == [("none", AT + 64), ("reset", AT + 128)]
    assert acted[0].why == "no reset: the diagnosis is not 0.6 sure"
    assert [a.why for a in acted if a.learnt >= AT + 160 and a.name == "none"] == []


def test_a_second_kind_of_action_has_to_be_surer() -> None:
    restraint = Restraint(Policy(confidence=0.6, confidence_again=0.8))
    said = diagnosis(100, confidence=0.7)
    assert restraint.holds_back(said, "reweight", 100) is None
    restraint.note(1, "reweight", 100)
    assert restraint.holds_back(said, "reset", 132) == "the diagnosis is not 0.8 sure"
    assert restraint.holds_back(diagnosis(132, confidence=0.9), "reset", 132) is None
    restraint.note(1, "reset", 132)
    for name in ("reset", "warm_up", "forget", "restore"):
        assert "has been done" in str(restraint.holds_back(said, name, 164))  # type: ignore[arg-type]


def test_actions_rest_and_have_a_budget() -> None:
    restraint = Restraint(Policy(rest=500, budget=2))
    restraint.note(1, "reset", 1000)
    second, third = diagnosis(1400, episode=2), diagnosis(1500, episode=3)
    assert "500 labels ago" in str(restraint.holds_back(second, "reset", 1499))
    assert restraint.holds_back(second, "reset", 1500) is None
    restraint.note(2, "reset", 1500)
    assert "2 actions in 10,000 labels" in str(restraint.holds_back(third, "reset", 10_999))
    assert restraint.holds_back(third, "reset", 11_000) is None


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"real_abrupt": "restore"}, "real_abrupt: must be one of"),
        ({"confidence": 1.5}, "confidence: must be in"),
        ({"confidence": 0.9, "confidence_again": 0.8}, "confidence_again: must be in"),
        ({"budget": 101}, "budget: must be in 0 .. 100"),
        ({"window": 0}, "window: must be > 0"),
        ({"rest": -1}, "rest: must be >= 0"),
    ],
)
def test_wrong_settings_are_refused(change: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Policy(**change)


def test_a_window_below_a_decision_is_refused() -> None:
    with pytest.raises(ValueError, match="window: must be >= decide_every = 32"):
        managed({}, window=31)


def outcomes(reports: list[Report]) -> list[Outcome]:
    return [report for report in reports if isinstance(report, Outcome)]


def test_the_judge_counts_labels_until_recovery() -> None:
    """Right for 1,024 labels, wrong for the next 150, then right."""
    learner = manage(SPACE, lambda: Stuck(0.0), Scripted({AT + 64: drift()}))
    y = np.repeat([0.0, 1.0, 0.0], [AT, 150, 3000])
    errors = run(learner, np.zeros((len(y), 2)), y)
    assert errors.sum() == 150
    (outcome,) = outcomes(learner.take_reports())
    # The first stretch of 200 labels that has at most 5 % of errors begins with the last ten.
    assert outcome.recovered_after == 140
    assert (outcome.before, outcome.after) == (0.0, 0.0)
    assert outcome.during == 1.0
    assert math.isnan(outcome.shadow_after)


def test_an_episode_ends_even_if_nothing_helps() -> None:
    learner = manage(SPACE, lambda: Stuck(0.0), Scripted({AT + 64: drift()}))
    y = np.repeat([0.0, 1.0], [AT, 5000])
    run(learner, np.zeros((len(y), 2)), y)
    (outcome,) = outcomes(learner.take_reports())
    assert outcome.recovered_after is None
    assert outcome.after == outcome.during == 1.0
    assert not outcome.settles


def test_the_next_episode_ends_the_one_before() -> None:
    learner = managed({AT + 64: drift(), AT + 128: drift(AT + 100, episode=2)})
    x, y = sides([0, 1])
    run(learner, x, y)
    reports = learner.take_reports()
    kinds = [(type(report).__name__, report.episode) for report in reports]
    assert kinds.index(("Outcome", 1)) < kinds.index(("Diagnosis", 2))


def test_the_shadow_does_nothing() -> None:
    x, y = sides([0, 2])
    learner = managed({AT + 64: drift()}, bayes, shadow=True, trial=256)
    run(learner, x, y)
    (outcome,) = outcomes(learner.take_reports())
    alone = run(bayes(), x, y)[: outcome.learnt]
    assert outcome.shadow_after == alone[-200:].mean()
    assert outcome.after < 0.15 < 0.5 < outcome.shadow_after
    errors = run(managed({AT + 64: drift()}, bayes, trial=256), x, y)
    assert outcome.after == errors[: outcome.learnt][-200:].mean()


def test_reports_are_the_same_however_the_tape_is_cut() -> None:
    x, y = sides([0, 2, 0])
    script = {AT + 64: drift(AT), 2 * AT + 64: drift(2 * AT, episode=2, recurs=1)}
    told = []
    for cut in (len(y), 1000, 37):
        learner, found = managed(script, bayes, shadow=True), []
        for start in range(0, len(y), cut):
            run(learner, x[start : start + cut], y[start : start + cut])
            found += [(report, start + report.index) for report in learner.take_reports()]
        assert [at for report, at in found if report.learnt - 1 != at] == []
        told.append([repr(report).partition("index")[2].partition(",")[2] for report, _ in found])
    assert told[0] == told[1] == told[2]


class Secret(Stuck):
    """A learner that gives no snapshot, as a river model without a key."""

    def snapshot(self) -> State:
        raise SnapshotUnavailableError


def test_a_learner_without_snapshots_is_managed_as_far_as_it_goes() -> None:
    learner = manage(
        SPACE,
        lambda: Secret(0.0),
        Scripted({AT + 64: drift()}),
        policy=Policy(real_abrupt="forget", keep_every=64),
    )
    run(learner, np.zeros((2 * AT, 2)), np.zeros(2 * AT))
    acted = actions(learner.take_reports())
    assert [action.name for action in acted] == ["none"]
    assert acted[0].why == "no forget: the model cannot be copied"


def test_what_is_kept_has_a_bound() -> None:
    """An endless row of drifts: challengers, marks and concepts come and go."""
    learner = create("managed:hoeffding_tree", classes.SPACE, 1, {**TREE, "leaves_max": 8})
    tree_size = classes.size(create_learner("hoeffding_tree", classes.SPACE, 1, TREE).snapshot())
    sizes = []
    for turn in range(30):
        rows = classes.stream(1000, learner.trace_width, seed=turn)
        learner.run(classes.late_labels(1000), rows)
        sizes.append(classes.size(learner.snapshot()))
    assert max(sizes[15:]) <= 1.25 * max(sizes[:15])
    assert max(sizes) > sizes[0] + tree_size, "models are put aside"


def test_only_what_is_made_of_experts_has_their_face() -> None:
    def mixture() -> Learner:
        return create_learner(
            "bayesian_mixture", SPACE, 1, {"experts": ["hoeffding_tree", "naive_bayes"]}
        )

    assert not isinstance(managed({}), Mixture)
    learner = manage(SPACE, mixture, Scripted({256: drift(192)}))
    assert isinstance(learner, Mixture)
    assert learner.expert_names == ("hoeffding_tree", "naive_bayes")
    x, y = sides([0])
    rows = Rows(x, y, np.full((AT, 2), np.nan), np.zeros((AT, learner.trace_width)))
    learner.run(in_order(AT), rows)
    shares = learner.shares(rows)
    assert shares.shape == (AT, 2)
    np.testing.assert_allclose(shares.sum(axis=1), 1.0)
    alone = mixture()
    own = Rows(x, y, np.full((AT, 2), np.nan), np.zeros((AT, alone.trace_width)))
    alone.run(in_order(AT), own)
    assert isinstance(alone, Mixture)
    np.testing.assert_array_equal(shares[:256], alone.shares(own)[:256])


def test_the_advantage_is_mcnemars() -> None:
    rng = np.random.default_rng(1)
    before, after = (rng.random((2, 200)) < [[0.3], [0.2]]).astype(np.float64)
    mended, broken = ((before == 1) & (after == 0)).sum(), ((before == 0) & (after == 1)).sum()
    assert advantage(before, after) == pytest.approx((mended - broken) / math.sqrt(mended + broken))
    assert advantage(before, before) == 0.0
    before[:50] = np.nan
    assert advantage(before, after) == advantage(before[50:], after[50:])
