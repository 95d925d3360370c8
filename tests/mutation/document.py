"""docs/mutations.md out of the list and its results: `python -m tests.mutation.document PAGE`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path

from tests.mutation.catalog import MUTANTS
from tests.mutation.mutant import Mutant
from tests.mutation.results import Outcome, Result, read_results, score

_HEAD = """\
# Mutations

Written by `python -m tests.mutation.document docs/mutations.md`; not to be edited.

A mutant is our own code with one place changed for the worse: a condition turned round, a call left
out, a bound moved by one. The tests named with it have to fail. One that survives is a hole in the
tests, or code that is not needed. The list is ours (`tests/mutation/`), so that each mutant says
what would be wrong; it stops with an error where it no longer fits the code.

    python -m tests.mutation                       # all of them, one after the other: an hour
    python -m tests.mutation --only restoration    # those in whose file or name this is found
    python -m tests.mutation --left                # those that nothing has killed yet

"""


def page(mutants: Sequence[Mutant] = MUTANTS, results: Sequence[Result] | None = None) -> str:
    """Return the text of the page."""
    results = read_results(mutants) if results is None else results
    pairs = list(zip(mutants, results, strict=True))
    lines = [_HEAD, f"Killed: **{score(mutants, results)}**", ""]
    lines += ["| file | killed | survived | equivalent | not run |", "|---|---|---|---|---|"]
    by_file = [(file, list(group)) for file, group in groupby(pairs, key=lambda pair: pair[0].file)]
    for file, group in by_file:
        counts = score([mutant for mutant, _ in group], [result for _, result in group])
        lines.append(
            f"| {file} | {counts.killed} | {counts.survived} | {counts.equivalent} "
            f"| {counts.not_run} |"
        )
    for file, group in by_file:
        lines += ["", f"## {file}", "", "| mutant | outcome |", "|---|---|"]
        lines += [f"| {mutant.name} | {_outcome(mutant, result)} |" for mutant, result in group]
    return "\n".join(lines) + "\n"


def _outcome(mutant: Mutant, result: Result) -> str:
    if mutant.equivalent:
        return f"equivalent: {mutant.equivalent}"
    if result.outcome is Outcome.KILLED:
        return f"killed by `{result.failed}`" if result.failed else "killed: it hangs"
    return f"**{result.outcome}**"


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(page())
