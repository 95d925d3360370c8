"""Pages: well-formed, accessible, fetched from nowhere, small, and true to the figures.

How they look was seen in a browser; sentences: test_sentences.py.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise

import pytest

from stream.report.comparison_page import comparison_page
from stream.report.evaluation_page import evaluation_page
from stream.report.style import style_sheet
from tests.builders import toy_config
from tests.stream.report.samples import (
    Page,
    alarm,
    board,
    class_figures,
    diagnosis,
    entry,
    evaluation,
    finding,
    number_figures,
    origin,
    regression,
)

EVIL = "<script>alert('x')</script>&amp;\"'><img src=http://e.example/x.png>"
DIAGNOSED = {"diagnose": True}
STORY = [diagnosis(1, 1000), diagnosis(2, 3000, "virtual", "c"), alarm(1100), finding(2000)]


def classified() -> str:
    dead = Counter(not_finite=5, unknown_class=20)
    result = evaluation(class_figures(0.9), STORY, dead=dead)
    return evaluation_page(result, origin(drift=DIAGNOSED))


def regressed() -> str:
    return evaluation_page(evaluation(number_figures(2.0)), regression())


def unlabelled() -> str:
    figures = dict.fromkeys(class_figures(0.9), math.nan)
    return evaluation_page(evaluation(figures, learnt=0, points=0), origin())


def constant() -> str:
    """There is one class: the baselines cannot be beaten, and skills have no value."""
    nothing = dict.fromkeys(("kappa", "kappa_m", "kappa_t"), math.nan)
    return evaluation_page(evaluation(class_figures(1.0, **nothing), points=2), origin())


def empty() -> str:
    return evaluation_page(evaluation({}, records=0, learnt=0, points=0), origin())


def compared() -> str:
    failed = entry("drift_moe", failure="torch: must be installed; it is not.")
    models = [entry("arf", 0.9, 0.91, 0.92), entry("tree", 0.7), failed]
    return comparison_page(board(*models), origin())


def nothing_compared() -> str:
    return comparison_page(board(entry("tree", failure="no"), baselines={}), origin())


def evil() -> str:
    """Every name that comes from outside is markup."""
    where = origin(
        drift=DIAGNOSED,
        schema={"features": [{"name": EVIL, "path": "$.a", "type": "float"}]},
        target={"type": "classification", "path": "$.y", "classes": [EVIL, "no"]},
    )
    where = replace(where, data=EVIL, command=f"driftgate {EVIL}")
    story = [diagnosis(1, 1000, feature=EVIL), finding(2000, EVIL)]
    return evaluation_page(evaluation(class_figures(0.9), story, dead=Counter({EVIL: 3})), where)


def evil_comparison() -> str:
    models = [entry(EVIL, 0.9), entry(f"{EVIL}2", failure=EVIL)]
    return comparison_page(board(*models, baselines={EVIL: 0.8}), origin())


PAGES = [
    classified,
    regressed,
    unlabelled,
    constant,
    empty,
    compared,
    nothing_compared,
    evil,
    evil_comparison,
]
Make = Callable[[], str]


@pytest.mark.parametrize("make", PAGES)
def test_every_page_is_well_formed(make: Make) -> None:
    page = Page(make())
    assert page.faults == []
    ids = page.values("id")
    assert len(ids) == len(set(ids))
    assert {link.removeprefix("#") for link in page.values("href")} <= set(ids)
    assert (page.tags["h1"], page.tags["main"], page.tags["title"]) == (1, 1, 1)


@pytest.mark.parametrize("make", PAGES)
def test_nothing_is_fetched_and_nothing_runs(make: Make) -> None:
    page = Page(make())
    assert all(link.startswith("#") for link in page.values("href"))
    assert not {"script", "img", "link", "iframe", "object", "use", "image"} & page.tags.keys()
    attributes = {name for _, values in page.attributes for name in values}
    assert not {name for name in attributes if name.startswith("on") or name in ("src", "style")}
    policy = [v["content"] for _, v in page.attributes if "http-equiv" in v]
    assert policy == ["default-src 'none'; style-src 'unsafe-inline'"]
    assert style_sheet() in page.source


@pytest.mark.parametrize("make", PAGES)
def test_pictures_and_tables_can_be_heard(make: Make) -> None:
    page = Page(make())
    pictures = [values for _, values in page.attributes if values.get("class") == "picture"]
    assert len(pictures) == page.tags["figure"] * 2
    assert all(values["role"] == "img" and values["aria-label"] for values in pictures)
    assert page.tags["caption"] == page.tags["table"]
    scopes = [values.get("scope") for tag, values in page.attributes if tag == "th"]
    assert set(scopes) <= {"row", "col"}
    levels = [int(tag[1]) for tag, _ in page.attributes if re.fullmatch(r"h[1-6]", tag)]
    assert levels[0] == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))


def test_names_from_outside_are_read_as_they_are() -> None:
    for page in (Page(evil()), Page(evil_comparison())):
        assert page.text.count(EVIL) >= 3
        assert "<script" not in page.source.lower()
        assert "<img" not in page.source.lower()


def test_the_figures_of_an_evaluation() -> None:
    text = Page(classified()).text
    assert "was right in 90.00 % of 5,000 records" in text
    assert "15.0 points better than always answering the last label known" in text
    assert "No change 75.00 %" in text
    assert "Dead letters 25" in text
    assert "unknown_class 20 0.40 % 8 $.unknown_class must be good; got <bad>." in text
    assert "Drift 1: since label 1000 a has changed." in text
    assert "a 1 60 % 1,000 1,000 0" in text  # of the table of features
    assert "driftgate evaluate toy.yaml --data toy.csv" in text


def test_the_figures_of_a_regression() -> None:
    text = Page(regressed()).text
    assert "was wrong by 2 on average" in text
    assert "2.5, less than the 4 of always answering the mean of all labels" in text
    assert "accuracy" not in text.lower()


def test_a_leaderboard_has_models_and_baselines_in_order_and_what_failed() -> None:
    text = Page(compared()).text
    table = text[text.index("model accuracy") : text.index("over time")]
    names = ["arf", "no change (baseline)", "tree", "majority class (baseline)", "drift_moe"]
    places = [table.index(name) for name in names]
    assert places == sorted(places)
    assert "arf 91.00 % ± 1.00" in table
    assert "torch: must be installed; it is not." in table


def test_that_no_model_is_of_use_is_said_first() -> None:
    page = comparison_page(board(entry("arf", 0.7), entry("tree", 0.6)), origin())
    lead, others = page[page.index('class="lead"') :].split("</p>", 1)
    assert "None of 2 models beats" in lead
    assert "is best" in others


def test_a_start_that_is_far_off_leaves_the_picture_and_that_is_said() -> None:
    result = evaluation(number_figures(2.0))
    note = "The first labels, before which little was learnt, leave the picture."
    assert note not in evaluation_page(result, regression())
    result.curve[1].figures.update(number_figures(50.0))
    assert note in evaluation_page(result, regression())


def test_a_model_without_a_figure_is_a_line_with_its_reason() -> None:
    models = [entry("tree", 0.8), entry("silent", math.nan), entry("late")]
    text = Page(comparison_page(board(*models, is_complete=False), origin())).text
    assert "silent no label was learnt" in text
    assert "late was not run to the end" in text
    assert "The comparison was interrupted before 1 model had a figure." in text


@pytest.mark.parametrize(
    ("event_time", "delay", "is_own"),
    [("$.t", 0, True), ("$.t", 9, True), ("$timestamp", 9, False)],
)
def test_times_are_shown_where_they_are_the_datas_own(
    event_time: str, delay: int, is_own: bool
) -> None:
    features = [{"name": "a", "type": "float"}]
    where = origin(drift=DIAGNOSED, schema={"event_time": event_time, "features": features})
    result = evaluation(class_figures(0.9), STORY)
    text = Page(evaluation_page(result, replace(where, label_delay=delay))).text
    assert ("1 Jan 20:00" in text) == is_own  # half of the labels came within ten hours
    assert ("Rows count as one second apart" in text) != is_own
    assert ("labels learnt" in text.split("Features that changed")[0]) != is_own


def test_one_run_has_no_spread() -> None:
    text = Page(compared()).text
    table = text[text.index("model accuracy") : text.index("over time")]
    assert "±" not in table[table.index("tree") : table.index("majority")]


def test_each_drift_that_is_drawn_leads_to_its_sentence() -> None:
    page = Page(classified())
    assert set(page.values("href")) == {"#drift-1", "#drift-2"}


def test_a_long_stream_with_many_drifts_stays_small() -> None:
    story = [diagnosis(number, 1 + number, feature=f"f{number}") for number in range(1, 2000)]
    story += [alarm(number) for number in range(1, 3000)]
    result = evaluation(class_figures(0.9), story, points=20_000)
    page = evaluation_page(result, origin(drift=DIAGNOSED))
    assert len(page.encode()) < 1_000_000
    assert Page(page).tags["li"] < 300
    assert Page(page).faults == []


def test_long_settings_are_cut() -> None:
    words = [f"category-{number}" for number in range(60_000)]
    features = [{"name": "c", "type": "category", "vocabulary": words}]
    page = evaluation_page(evaluation(class_figures(0.9)), origin(schema={"features": features}))
    assert len(page.encode()) < 100_000
    assert "characters in all)" in page


def test_secrets_are_masked() -> None:
    config = toy_config(checkpoint={"store": "s3://key:hunter2@bucket"})
    where = replace(origin(), config=config, command="driftgate evaluate --password=hunter2")
    page = evaluation_page(evaluation(class_figures(0.9)), where)
    assert "**********" in page
    assert "hunter2" not in page
