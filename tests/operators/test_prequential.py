"""Prequential figures: against the plain restatement and river's metrics; late labels; cuts."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from river import metrics

from operators.prequential import (
    WATCH_WIDTH,
    PrequentialClassification,
    PrequentialRegression,
)
from operators.snapshot import digest
from operators.tape import LEARN, PREDICT, Rows, Tape
from operators.tape import test_then_train as learn_at_once  # pytest collects test_*
from tests.reference import prequential as reference

Evaluator = PrequentialClassification | PrequentialRegression


def scored_rows(seed: int, length: int, n_classes: int, skill: float = 0.7) -> Rows:
    """Rows that a model of some skill has answered; labels come in runs."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, n_classes, size=length // 3 + 1).repeat(3)[:length]
    output = rng.random((length, n_classes))
    output[np.arange(length), labels] += skill
    output /= output.sum(axis=1, keepdims=True)
    return rows_of(labels, output)


def rows_of(y: object, output: object) -> Rows:
    values = np.asarray(output, dtype=np.float64)
    empty = np.empty((len(values), 0))
    return Rows(x=empty, y=np.asarray(y, dtype=np.float64), output=values, trace=empty)


def late_labels(length: int, delay: int) -> Tape:
    """Row t is learnt after row t + delay was predicted; the last labels come at the end."""
    steps = [(t, PREDICT, t) for t in range(length)] + [
        (t + delay, LEARN, t) for t in range(length)
    ]
    _, action, row = zip(*sorted(steps), strict=True)
    return Tape(np.array(action, dtype=np.uint8), np.array(row, dtype=np.int64))


def blank_watch(rows: Rows) -> NDArray[np.float64]:
    return np.full((len(rows), WATCH_WIDTH), np.nan)


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    length=st.integers(1, 80),
    n_classes=st.integers(2, 4),
    delay=st.sampled_from([0, 1, 10]),
    fading_factor=st.sampled_from([0.5, 0.9, 0.999]),
)
def test_figures_are_those_of_the_plain_restatement(
    seed: int, length: int, n_classes: int, delay: int, fading_factor: float
) -> None:
    rows, tape = scored_rows(seed, length, n_classes), late_labels(length, delay)
    evaluator = PrequentialClassification(n_classes, fading_factor=fading_factor)
    evaluator.run(tape, rows, blank_watch(rows))
    plain = reference.PlainClassification()
    plain.run(tape, rows)
    figures = evaluator.figures()
    expected = plain.figures()
    expected |= {f"faded_{name}": v for name, v in plain.figures(fading_factor).items()}
    if n_classes > 2:
        assert "auc" not in figures
        del expected["auc"], expected["faded_auc"]
    assert figures.pop("count") == length
    assert figures.pop("unanswered") == 0
    assert figures.keys() == expected.keys()
    for name, value in expected.items():
        assert figures[name] == pytest.approx(value, rel=1e-9, abs=1e-9, nan_ok=True), name


def test_figures_are_those_of_river() -> None:
    rows = scored_rows(1, 3000, 2, skill=0.3)
    evaluator = PrequentialClassification(2)
    evaluator.run(learn_at_once(3000), rows, blank_watch(rows))
    accuracy, kappa, loss = metrics.Accuracy(), metrics.CohenKappa(), metrics.LogLoss()
    auc = metrics.ROCAUC(n_thresholds=1025)
    for y, p in zip(rows.y.astype(int).tolist(), rows.output.tolist(), strict=True):
        accuracy.update(y, int(np.argmax(p)))
        kappa.update(y, int(np.argmax(p)))
        loss.update(bool(y), {False: p[0], True: p[1]})
        auc.update(bool(y), {False: p[0], True: p[1]})
    figures = evaluator.figures()
    assert figures["accuracy"] == pytest.approx(accuracy.get(), rel=1e-12)
    assert figures["kappa"] == pytest.approx(kappa.get(), rel=1e-12)
    assert figures["log_loss"] == pytest.approx(loss.get(), rel=1e-12)
    assert figures["auc"] == pytest.approx(auc.get(), abs=1e-3)


def test_binned_auc_is_exact_where_scores_are_multiples_of_a_bin() -> None:
    y, scores = [0, 0, 1, 1, 1], [0.25, 0.5, 0.5, 0.75, 0.125]
    rows = rows_of(y, [[1 - p, p] for p in scores])
    evaluator = PrequentialClassification(2)
    evaluator.run(learn_at_once(5), rows, blank_watch(rows))
    assert evaluator.figures()["auc"] == (1.5 + 2 + 0) / 6


def test_baselines_answer_with_what_was_known_at_prediction() -> None:
    """Labels 1 1 0 come two rows late: at rows 0 to 2 no label, or only the first, was known."""
    rows = rows_of([1, 1, 0, 0], np.tile([0.2, 0.8], (4, 1)))
    watch = blank_watch(rows)
    evaluator = PrequentialClassification(2)
    evaluator.run(late_labels(4, 2), rows, watch)
    nan = math.nan
    np.testing.assert_array_equal(watch, [[nan, nan], [nan, nan], [nan, nan], [1, 1]])
    figures = evaluator.figures()
    assert figures["accuracy"] == 0.5
    assert figures["kappa_t"] == figures["kappa_m"] == 0.5  # no baseline was ever right


def test_waiting_rows_bring_their_watch_to_a_later_tape() -> None:
    rows, tape = scored_rows(3, 40, 3), late_labels(40, 5)
    whole, parts = PrequentialClassification(3), PrequentialClassification(3)
    whole.run(tape, rows, blank_watch(rows))
    watch = blank_watch(rows)
    for step in range(len(tape)):
        # Each step has rows of its own, as in a task: the row's watch travels with it.
        row = tape.row[step]
        one = Rows(rows.x[[row]], rows.y[[row]], rows.output[[row]], rows.trace[[row]])
        piece = watch[[row]]
        parts.run(Tape(tape.action[[step]], np.zeros(1, dtype=np.int64)), one, piece)
        watch[row] = piece
    assert digest(parts.snapshot()) == digest(whole.snapshot())


@pytest.mark.parametrize("size", [1, 7, 256])
@pytest.mark.parametrize("n_classes", [0, 2, 5])
def test_cutting_the_tape_changes_no_bit(size: int, n_classes: int) -> None:
    length = 1000
    rows = scored_rows(4, length, n_classes or 1)
    tape = late_labels(length, 13)
    whole, parts, resumed = (make(n_classes) for _ in range(3))
    expected = whole.run(tape, rows, blank_watch(rows))
    watch, errors, error_rows = blank_watch(rows), [], []
    for start in range(0, len(tape), size):
        piece = Tape(tape.action[start : start + size], tape.row[start : start + size])
        resumed.restore(parts.snapshot())
        parts = resumed if start % 2 else parts
        result = parts.run(piece, rows, watch)
        errors.extend(result.errors.tolist())
        error_rows.extend(result.rows.tolist())
    assert errors == expected.errors.tolist()
    assert error_rows == expected.rows.tolist() == tape.row[tape.action == LEARN].tolist()
    assert digest(parts.snapshot()) == digest(whole.snapshot())
    assert str(parts.figures()) == str(whole.figures())


def make(n_classes: int) -> Evaluator:
    if n_classes:
        return PrequentialClassification(n_classes, fading_factor=0.9)
    return PrequentialRegression(fading_factor=0.9)


def test_predictions_alone_change_nothing() -> None:
    rows = scored_rows(5, 30, 2)
    tape = Tape(np.zeros(30, dtype=np.uint8), np.arange(30))
    for evaluator in (make(0), make(2)):
        before = digest(evaluator.snapshot())
        assert len(evaluator.run(tape, rows, blank_watch(rows)).errors) == 0
        assert digest(evaluator.snapshot()) == before


def test_without_labels_all_figures_are_undefined() -> None:
    for evaluator in (make(0), make(2)):
        figures = evaluator.figures()
        assert figures.pop("count") == figures.pop("unanswered") == 0
        assert len(figures) >= 6
        assert all(math.isnan(value) for value in figures.values())


def test_one_class_only_leaves_kappas_undefined() -> None:
    rows = rows_of([1, 1, 1], np.tile([0.1, 0.9], (3, 1)))
    evaluator = PrequentialClassification(2, fading_factor=0.5)
    evaluator.run(learn_at_once(3), rows, blank_watch(rows))
    figures = evaluator.figures()
    assert figures["accuracy"] == figures["faded_accuracy"] == 1.0
    assert math.isnan(figures["kappa"])
    assert math.isnan(figures["auc"])
    assert figures["kappa_m"] == 1.0  # the first row found the baselines without a label


def test_answers_that_are_not_numbers_are_wrong_and_counted() -> None:
    nan = math.nan
    rows = rows_of([0, 1, 0], [[nan, nan], [nan, 0.4], [0.5, 0.5]])
    evaluator = PrequentialClassification(2)
    errors = evaluator.run(learn_at_once(3), rows, blank_watch(rows)).errors
    figures = evaluator.figures()
    assert errors.tolist() == [1.0, 0.0, 0.0]
    assert figures["unanswered"] == 1
    expected = (-math.log(1e-15) - math.log(0.4) - math.log(0.5)) / 3
    assert figures["log_loss"] == pytest.approx(expected, rel=1e-12)


def test_faded_figures_forget() -> None:
    y = np.repeat([0, 1], 5000)
    rows = rows_of(y, np.tile([0.9, 0.1], (10_000, 1)))
    evaluator = PrequentialClassification(2, fading_factor=0.99)
    evaluator.run(learn_at_once(10_000), rows, blank_watch(rows))
    figures = evaluator.figures()
    assert figures["accuracy"] == 0.5
    assert figures["faded_accuracy"] < 1e-9


@settings(max_examples=40, deadline=None)
@given(
    pairs=st.lists(st.tuples(st.floats(-100, 100), st.floats(-100, 100)), min_size=1, max_size=50),
    fading_factor=st.sampled_from([0.5, 0.99]),
)
def test_regression_figures_are_those_of_the_plain_restatement(
    pairs: list[tuple[float, float]], fading_factor: float
) -> None:
    # Whole numbers: figures of nearly equal labels differ by rounding alone.
    y, predictions = (np.round(column) for column in np.array(pairs).T)
    rows = rows_of(y, predictions[:, None])
    evaluator = PrequentialRegression(fading_factor=fading_factor)
    errors = evaluator.run(learn_at_once(len(y)), rows, blank_watch(rows)).errors
    np.testing.assert_array_equal(errors, abs(y - predictions))
    figures = evaluator.figures()
    expected = reference.regression(y.tolist(), predictions.tolist())
    faded = reference.regression(y.tolist(), predictions.tolist(), fading_factor)
    for name in ("mae", "rmse"):
        assert figures[name] == pytest.approx(expected[name], rel=1e-9, abs=1e-9)
        assert figures[f"faded_{name}"] == pytest.approx(faded[name], rel=1e-9, abs=1e-9)
    if len(set(y.tolist())) > 1:
        assert figures["r2"] == pytest.approx(expected["r2"], rel=1e-6)
        assert math.isnan(faded["r2"]) or figures["faded_r2"] == pytest.approx(
            faded["r2"], rel=1e-3, abs=1e-6
        )


def test_regression_figures_are_those_of_river() -> None:
    rng = np.random.default_rng(6)
    y = rng.normal(1e6, 2.0, size=2000)
    rows = rows_of(y, (y + rng.normal(size=2000))[:, None])
    evaluator = PrequentialRegression()
    evaluator.run(learn_at_once(2000), rows, blank_watch(rows))
    theirs = {"mae": metrics.MAE(), "rmse": metrics.RMSE(), "r2": metrics.R2()}
    for metric in theirs.values():
        for truth, prediction in zip(y.tolist(), rows.output[:, 0].tolist(), strict=True):
            metric.update(truth, prediction)
    for name, metric in theirs.items():
        assert evaluator.figures()[name] == pytest.approx(metric.get(), rel=1e-9)


def test_a_prediction_that_is_no_number_is_scored_as_the_mean_so_far() -> None:
    rows = rows_of([2.0, 4.0, 5.0], [[2.0], [math.nan], [math.inf]])
    evaluator = PrequentialRegression()
    errors = evaluator.run(learn_at_once(3), rows, blank_watch(rows)).errors
    assert errors.tolist() == [0.0, 2.0, 2.0]
    assert evaluator.figures()["unanswered"] == 2


def test_an_absurd_prediction_leaves_the_figures_finite() -> None:
    rows = rows_of([0.0, 1.0], [[1e300], [1.0]])
    evaluator = PrequentialRegression()
    evaluator.run(learn_at_once(2), rows, blank_watch(rows))
    assert all(math.isfinite(value) for value in evaluator.figures().values())


@pytest.mark.parametrize("factor", [0.0, 1.0, -0.5, math.nan])
def test_a_fading_factor_out_of_range_is_refused(factor: float) -> None:
    with pytest.raises(ValueError, match=r"fading_factor: must be in \(0, 1\); got"):
        PrequentialClassification(2, fading_factor=factor)
    with pytest.raises(ValueError, match=r"fading_factor: must be in \(0, 1\); got"):
        PrequentialRegression(fading_factor=factor)


def test_a_label_that_is_no_class_code_stops_the_program() -> None:
    for label in (2.0, -1.0, math.nan):
        rows = rows_of([label], [[0.5, 0.5]])
        with pytest.raises(AssertionError):
            PrequentialClassification(2).run(learn_at_once(1), rows, blank_watch(rows))
