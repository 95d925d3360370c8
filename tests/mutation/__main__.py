"""Run our mutants: `python -m tests.mutation [--only NAME] [--json FILE]`.

Each changes one place of the code in a copy of the tree; the tests named with it have to fail.
Results stand in tests/mutation/results.csv, from which `python -m tests.mutation.document` writes
docs/mutations.md. Ends with 1 if one survives that a test could notice, with 2 if the list does not
fit the code.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

from tests.mutation.catalog import MUTANTS
from tests.mutation.mutant import Mutant
from tests.mutation.results import Outcome, Result, read_results, score, write_results
from tests.mutation.run import ROOT, check_tests, copied_tree, run_mutant


def main() -> int:
    parser = argparse.ArgumentParser(description="Run mutants of our own code.")
    parser.add_argument("--only", default="", help="regular expression, found in file and name")
    parser.add_argument("--json", type=Path, help="write the results there, too")
    parser.add_argument("--left", action="store_true", help="only those that nothing has killed")
    arguments = parser.parse_args()
    before = read_results(MUTANTS)
    chosen = [
        mutant
        for mutant, result in zip(MUTANTS, before, strict=True)
        if re.search(arguments.only, f"{mutant.file} {mutant.name}")
        and not (arguments.left and result.outcome is Outcome.KILLED)
    ]
    try:
        for mutant in MUTANTS:
            mutant.applied((ROOT / mutant.file).read_text())
        ran = {}
        for result in run(chosen):
            ran[result.file, result.name] = result
            results = [ran.get((old.file, old.name), old) for old in before]
            write_results(MUTANTS, results)  # at once: all of them take an hour
    except (ValueError, SyntaxError, RuntimeError) as error:
        print(error, file=sys.stderr)
        return 2
    if arguments.json:
        rows = [asdict(result) for result in ran.values()]
        arguments.json.write_text(json.dumps(rows, indent=1))
    print(f"killed: {score(chosen, list(ran.values()))}; of the whole list: ", end="")
    print(score(MUTANTS, read_results(MUTANTS)))
    return 1 if wrong(chosen, list(ran.values())) else 0


def run(mutants: Sequence[Mutant]) -> Iterator[Result]:
    with copied_tree() as tree:
        check_tests(tree, mutants)
        for mutant in mutants:
            result = run_mutant(tree, mutant)
            print(f"{result.outcome:8}  {mutant.file}: {mutant.name}  {result.failed}", flush=True)
            yield result


def wrong(mutants: Sequence[Mutant], results: Sequence[Result]) -> list[str]:
    """Names of those that survive, and of those said to be equivalent that do not."""
    return [
        result.name
        for mutant, result in zip(mutants, results, strict=True)
        if (result.outcome is Outcome.SURVIVED) != bool(mutant.equivalent)
    ]


if __name__ == "__main__":
    sys.exit(main())
