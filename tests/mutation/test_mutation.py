"""The list of mutants fits the code, its results and the page; none of them is run here."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from tests.mutation.catalog import MUTANTS
from tests.mutation.document import page
from tests.mutation.mutant import Mutant
from tests.mutation.results import Outcome, Result, read_results, score, write_results

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "mutations.md"
EXAMPLE = Mutant("a.py", "one too many", "< 3", "<= 3", ("tests/test_a.py",))


@pytest.mark.parametrize("file", sorted({mutant.file for mutant in MUTANTS}))
def test_every_mutant_finds_its_place(file: str) -> None:
    source = (ROOT / file).read_text()
    for mutant in MUTANTS:
        if mutant.file == file:
            assert mutant.applied(source) != source


def test_no_two_mutants_have_the_same_name_or_change() -> None:
    names = Counter((mutant.file, mutant.name) for mutant in MUTANTS)
    changes = Counter((mutant.file, mutant.old, mutant.new) for mutant in MUTANTS)
    assert [key for key, count in (names + changes).items() if count > 1] == []


def test_the_page_is_up_to_date() -> None:
    assert PAGE.read_text() == page(), "run `python -m tests.mutation.document docs/mutations.md`"


def test_equivalent_mutants_were_not_killed() -> None:
    results = read_results(MUTANTS)
    assert [
        mutant.name
        for mutant, result in zip(MUTANTS, results, strict=True)
        if mutant.equivalent and result.outcome is Outcome.KILLED
    ] == []


@pytest.mark.parametrize("source", ["if a < 4:\n", "if a < 3 or b < 3:\n"])
def test_a_mutant_that_does_not_fit_is_an_error(source: str) -> None:
    with pytest.raises(ValueError, match="must find its text once"):
        EXAMPLE.applied(source)


def test_a_mutant_that_is_no_python_is_an_error() -> None:
    with pytest.raises(SyntaxError):
        Mutant("a.py", "broken", "< 3", "< (3", ()).applied("a = 1 < 3\n")


def test_results_are_read_back_and_forgotten_with_their_mutants(tmp_path: Path) -> None:
    path = tmp_path / "results.csv"
    results = [Result("a.py", "one too many", Outcome.KILLED, "tests/test_a.py::test_three")]
    write_results([EXAMPLE], results, path)
    assert read_results([EXAMPLE], path) == results
    changed = Mutant("a.py", "one too many", "< 3", "< 4", ("tests/test_a.py",))
    (found,) = read_results([changed], path)
    assert found.outcome is Outcome.NOT_RUN


def test_the_score_leaves_out_what_no_test_can_notice() -> None:
    equivalent = Mutant("a.py", "twice", "a", "a + 0", (), "it is the same")
    survived = Result("a.py", "twice", Outcome.SURVIVED, "")
    killed = Result("a.py", "one too many", Outcome.KILLED, "t")
    assert str(score([EXAMPLE, equivalent], [killed, survived])) == "1 of 1"
    not_run = Result("a.py", "one too many", Outcome.NOT_RUN, "")
    assert str(score([EXAMPLE, EXAMPLE], [survived, not_run])) == "0 of 1, 1 not run"
