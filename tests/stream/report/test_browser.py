"""Pages in a real browser: nothing is fetched, nothing is cut, overlaps or leaves the screen.

Needs Chromium. What needs none: test_pages.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from stream.report.comparison_page import comparison_page
from stream.report.evaluation_page import evaluation_page
from tests.stream.report.browser import CHROMIUM, Browser
from tests.stream.report.samples import (
    alarm,
    board,
    class_figures,
    diagnosis,
    entry,
    evaluation,
    finding,
    origin,
)

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not on this machine")
LONG = "a_very_long_name_of_a_feature_that_somebody_gave_without_a_thought"
KINDS = ("real", "virtual", "label", "outliers")
# Texts of the pictures that are shown: those that overlap, are small, or leave their picture.
FAULTS = """
(() => {
  const faults = [];
  for (const svg of document.querySelectorAll("svg")) {
    if (!svg.getClientRects().length) continue;
    const frame = svg.getBoundingClientRect();
    const texts = [...svg.querySelectorAll("text")].map(
      text => [text.textContent, text.getBoundingClientRect()]);
    texts.forEach(([words, box], index) => {
      if (box.height < 10) faults.push(`${words} is too small to be read`);
      if (box.left < frame.left - 1 || box.right > frame.right + 1 || box.bottom > frame.bottom + 1)
        faults.push(`${words} is cut`);
      for (const [other, its] of texts.slice(index + 1))
        if (box.left < its.right - 1 && its.left < box.right - 1 &&
            box.top < its.bottom - 3 && its.top < box.bottom - 3)
          faults.push(`${words} overlaps ${other}`);
    });
  }
  return faults;
})()
"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with Browser() as opened:
        yield opened


def evaluated() -> str:
    story = [
        diagnosis(number, 60 * number, KINDS[number % 4], LONG if number % 2 else "b")
        for number in range(1, 80)
    ]
    story += [finding(700, LONG), *[alarm(40 * number, after=number) for number in range(1, 100)]]
    where = origin(drift={"diagnose": True}, schema={
        "event_time": "$.t", "features": [{"name": LONG, "type": "float"}]
    })  # fmt: skip
    return evaluation_page(evaluation(class_figures(0.9), story), replace(where, data=LONG))


def compared() -> str:
    models = [entry(f"{LONG}{number}", 0.9 - number / 1e4, 0.9) for number in range(9)]
    failed = entry("broken", failure=LONG * 3)
    return comparison_page(board(*models, failed), origin())


@pytest.mark.parametrize("width", [400, 800, 1300])
@pytest.mark.parametrize("make", [evaluated, compared])
def test_pages_fit_every_screen(
    browser: Browser, tmp_path: Path, make: Callable[[], str], width: int
) -> None:
    path = tmp_path / "page.html"
    path.write_text(make(), encoding="utf-8")
    browser.requests.clear()
    browser.open(path, width, "light")
    assert browser.ask("document.querySelectorAll('svg').length") >= 4
    assert browser.ask(FAULTS) == []
    assert browser.ask("document.documentElement.scrollWidth") <= width
    assert browser.requests == [path.as_uri()]


def test_a_reader_who_prefers_dark_gets_dark(browser: Browser, tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    path.write_text(evaluated(), encoding="utf-8")
    grounds = []
    for scheme in ("light", "dark"):
        browser.open(path, 800, scheme)
        grounds.append(browser.ask("getComputedStyle(document.body).backgroundColor"))
    assert grounds == ["rgb(255, 255, 255)", "rgb(20, 23, 28)"]


def test_the_policy_stops_what_would_be_fetched(browser: Browser, tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    image = '<img src="http://127.0.0.1:9/x.png">'
    path.write_text(evaluated().replace("</main>", f"{image}</main>"), encoding="utf-8")
    browser.blocked.clear()
    browser.open(path, 800, "light")
    assert browser.ask("document.images[0].naturalWidth") == 0
    assert browser.blocked == ["csp"]
