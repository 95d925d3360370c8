"""Sentences: what is said for which figures."""

from __future__ import annotations

from collections import Counter

import pytest

from stream.compare.leaderboard import Leaderboard
from stream.drift.timeline import timeline
from stream.report import sentences
from tests.stream.report.samples import (
    Page,
    alarm,
    board,
    class_figures,
    diagnosis,
    entry,
    evaluation,
    number_figures,
    origin,
    regression,
)


@pytest.mark.parametrize(
    ("accuracy", "said"),
    [
        (0.9, "That is 15.0 points better than always answering the last label known"),
        (0.6, "That is 15.0 points worse than always answering the last label known"),
        (0.75, "That is no better than always answering the last label known"),
    ],
)
def test_a_classifier_beside_its_baselines(accuracy: float, said: str) -> None:
    found = sentences.against_baselines(evaluation(class_figures(accuracy)), origin())
    assert found.startswith(said)
    assert found.endswith("always answering the majority class (50.00 %).")


def test_a_baseline_that_cannot_be_known_is_left_out() -> None:
    figures = class_figures(1.0)  # kappa is 1 whatever the baseline is
    assert sentences.against_baselines(evaluation(figures), origin()) == ""
    assert sentences.against_baselines(evaluation(number_figures(0.0)), regression()) == ""


def test_a_regressor_beside_the_mean() -> None:
    worse = sentences.against_baselines(evaluation(number_figures(4.0)), regression())
    assert "5, no less than the 4 of" in worse


@pytest.mark.parametrize(
    ("dead", "said"),
    [
        (0, ""),
        (10, "10 of 5,010 records could not be used."),
        (5000, "Look at this first: 5,000 of 10,000 records could not be used."),
    ],
)
def test_many_dead_letters_are_said_first(dead: int, said: str) -> None:
    assert sentences.losses(evaluation(class_figures(0.9), dead=Counter(empty=dead))) == said


def test_what_was_noticed() -> None:
    diagnosed = origin(drift={"diagnose": True})
    two = timeline([diagnosis(1, 1000), diagnosis(2, 2000), diagnosis(3, 3000, "none")])
    said = Page(sentences.drift(two, diagnosed)).text
    assert said == "2 drifts were diagnosed; what changed most: a ."
    assert sentences.drift(timeline([]), diagnosed) == "No drift was diagnosed."
    assert sentences.drift(timeline([alarm(5)]), origin()) == "Detectors raised 1 alarm."
    assert sentences.drift(timeline([]), origin()) == "No detector raised an alarm."


def test_the_winner_and_a_draw() -> None:
    clear = board(entry("arf", 0.9, 0.91), entry("tree", 0.8))
    assert Page(sentences.winner(clear)).text == (
        "arf is best: 90.50 % ± 0.71. Next is tree with 80.00 %."
    )
    close = board(entry("arf", 0.9, 0.91), entry("tree", 0.903))
    assert "within the spread over seeds" in sentences.winner(close)
    assert sentences.winner(board()) == "No model has a figure."


@pytest.mark.parametrize(
    ("scores", "said"),
    [
        ((0.9, 0.8), "All 2 models beat the hardest baseline, no change (75.00 %)."),
        ((0.9, 0.7), "1 of 2 models beats the hardest baseline, no change (75.00 %)."),
        ((0.7, 0.6), "None of 2 models beats the hardest baseline, no change (75.00 %)."),
        ((0.9,), "It beats the hardest baseline, no change (75.00 %)."),
        ((0.7,), "It does not beat the hardest baseline, no change (75.00 %)."),
    ],
)
def test_how_many_beat_the_baselines(scores: tuple[float, ...], said: str) -> None:
    models = [entry(f"m{number}", score) for number, score in enumerate(scores)]
    assert sentences.field(board(*models)) == said


def test_an_error_is_better_when_it_is_smaller() -> None:
    numbers = Leaderboard("mae", [], {"no change": 3.0, "mean so far": 5.0}, (1,), True)
    assert numbers.best_baseline == ("no change", 3.0)


def test_what_the_best_costs() -> None:
    models = board(entry("arf", 0.9, seconds=5.0), entry("tree", 0.8, seconds=0.1))
    said = Page(sentences.fastest(models)).text
    assert said == (
        "tree is the fastest, at 50,000 records/s, 50 times as fast as the best, with 80.00 %."
    )
    swift = board(entry("arf", 0.9, seconds=0.1), entry("tree", 0.8, seconds=5.0))
    assert "also the fastest" in sentences.fastest(swift)


def test_the_lines_of_a_chart_in_words() -> None:
    nan = float("nan")
    assert sentences.curve_words("mae", {"a": [nan, 3.0, 1.0, 2.0], "b": [nan]}) == (
        "a: from 3 to 2, between 1 and 3."
    )
