"""What became of each mutant, kept in results.csv beside the list."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from tests.mutation.mutant import Mutant

RESULTS = Path(__file__).with_name("results.csv")
_COLUMNS = ("file", "name", "old", "new", "outcome", "failed")


class Outcome(StrEnum):
    """Whether a test has noticed a mutant."""

    KILLED = "killed"
    SURVIVED = "survived"
    NOT_RUN = "not run"


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one mutant; `failed` is the test that noticed it."""

    file: str
    name: str
    outcome: Outcome
    failed: str


@dataclass(frozen=True, slots=True)
class Score:
    """How many of those that a test can notice were noticed."""

    killed: int
    survived: int
    equivalent: int
    not_run: int

    def __str__(self) -> str:
        counted = self.killed + self.survived
        return f"{self.killed} of {counted}" + f", {self.not_run} not run" * (self.not_run > 0)


def read_results(mutants: Iterable[Mutant], path: Path = RESULTS) -> list[Result]:
    """Return what is known of each mutant; one that has changed since counts as not run."""
    known = {}
    if path.exists():
        with path.open(newline="") as file:
            for row in csv.DictReader(file):
                key = (row["file"], row["name"], row["old"], row["new"])
                known[key] = (Outcome(row["outcome"]), row["failed"])
    never = (Outcome.NOT_RUN, "")
    return [Result(m.file, m.name, *known.get(_key(m), never)) for m in mutants]


def write_results(
    mutants: Iterable[Mutant], results: Iterable[Result], path: Path = RESULTS
) -> None:
    """Write one row a mutant, in the order of the list."""
    with path.open("w", newline="") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(_COLUMNS)
        for mutant, result in zip(mutants, results, strict=True):
            rows.writerow((*_key(mutant), result.outcome.value, result.failed))


def score(mutants: Iterable[Mutant], results: Iterable[Result]) -> Score:
    """Count; a mutant that no test can notice does not count."""
    equivalent = 0
    counts = dict.fromkeys(Outcome, 0)
    for mutant, result in zip(mutants, results, strict=True):
        if mutant.equivalent:
            equivalent += 1
        else:
            counts[result.outcome] += 1
    return Score(
        counts[Outcome.KILLED], counts[Outcome.SURVIVED], equivalent, counts[Outcome.NOT_RUN]
    )


def _key(mutant: Mutant) -> tuple[str, str, str, str]:
    return mutant.file, mutant.name, mutant.old, mutant.new
