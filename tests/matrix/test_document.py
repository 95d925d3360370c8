"""docs/reliability.md shows the results that are stored, and every scenario has a name of its own.

The results themselves: `python -m tests.matrix`.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.matrix.catalog import SCENARIOS, chosen
from tests.matrix.document import between, sheet, write_page
from tests.matrix.report import Result, load_results

PAGE = Path(__file__).parents[2] / "docs" / "reliability.md"


def result(**fields: object) -> Result:
    made = Result("T1", "kills", dose={"records": 100_000}, figures={"longest gap s": 7.5})
    made.check("no duplicate", ok=True)
    for name, value in fields.items():
        setattr(made, name, value)
    return made


def test_the_page_shows_the_results() -> None:
    assert PAGE.read_text() == write_page(PAGE)


def test_a_row_says_dose_and_figures() -> None:
    row = sheet([result()]).splitlines()[2]
    assert "records 100,000" in row
    assert "longest gap s 7.5" in row
    assert row.endswith("| all 1 |")


def test_small_doses_are_said_to_be_small() -> None:
    assert "Small doses (`--short`): T1." in sheet([result(form="short")])
    assert "--short" not in sheet([result()])


def test_what_does_not_hold_is_said_in_words() -> None:
    failing = result()
    failing.check("in order", False, "3 out of order")
    text = sheet([failing])
    assert "**1 of 2**" in text
    assert "- T1: in order: 3 out of order" in text


def test_results_are_read_as_they_were_written(tmp_path: Path) -> None:
    written = result().finish(3, 61.25, "short")
    written.save(tmp_path)
    assert load_results(tmp_path) == [written]


def test_a_result_without_checks_has_not_passed() -> None:
    assert not Result("T1", "kills").passed


def test_a_missing_marker_is_an_error() -> None:
    with pytest.raises(AssertionError, match="one-node"):
        between("no marker", "one-node", "body")


def test_scenarios_are_chosen_by_id() -> None:
    assert [scenario.id for scenario in chosen("T3,T1", 1)] == ["T3", "T1"]
    assert len({scenario.id for scenario in SCENARIOS}) == len(SCENARIOS)
    with pytest.raises(SystemExit, match="T99"):
        chosen("T99", 1)
