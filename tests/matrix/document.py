"""The tables of docs/reliability.md out of the results: `python -m tests.matrix.document PAGE`."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.matrix.catalog import SCENARIOS
from tests.matrix.report import FOLDER, Result, load_results

_NODES = {1: "one-node", 3: "three-nodes"}


def write_page(page: Path, results: Path = FOLDER) -> str:
    """Return the page's text with its tables made anew."""
    text = page.read_text()
    found = load_results(results)
    for nodes, marker in _NODES.items():
        text = between(text, marker, sheet([r for r in found if r.nodes == nodes]))
    return text


def sheet(results: Sequence[Result]) -> str:
    """One table: a row a scenario, then what does not hold, in words."""
    if not results:
        return "Not measured yet."
    lines = ["| | fault | dose | seen | holds |", "|---|---|---|---|---|"]
    lines += [_row(result) for result in results]
    failing = [f"- {r.id}: {_shown(failure)}" for r in results for failure in r.failures()]
    if failing:
        lines += ["", "What does not hold:", "", *failing]
    return "\n".join([*lines, "", _measured(results)])


def between(text: str, marker: str, body: str) -> str:
    """Replace what stands between the two comments of a marker."""
    pattern = rf"(<!-- begin {marker} -->\n).*?(<!-- end {marker} -->)"
    replaced, count = re.subn(
        pattern, lambda match: f"{match[1]}\n{body}\n\n{match[2]}", text, flags=re.DOTALL
    )
    assert count == 1, f"the page must have the marker {marker} once"
    return replaced


def _row(result: Result) -> str:
    titles = {scenario.id: scenario.title for scenario in SCENARIOS}
    holds = sum(check.ok for check in result.checks)
    verdict = f"all {holds}" if result.passed else f"**{holds} of {len(result.checks)}**"
    cells = (
        result.id,
        titles.get(result.id, result.title),
        _pairs(result.dose),
        _pairs(result.figures),
        verdict,
    )
    return f"| {' | '.join(_shown(cell) for cell in cells)} |"


def _pairs(fields: dict[str, Any]) -> str:
    return "; ".join(f"{name} {_number(value)}" for name, value in fields.items())


def _number(value: Any) -> str:
    return f"{value:,}" if isinstance(value, int) else str(value)


def _shown(text: str) -> str:
    return " ".join(text.replace("|", "/").split())[:400]


def _measured(results: Sequence[Result]) -> str:
    said = sorted({(r.day, r.commit, r.machine) for r in results})
    runs = "; ".join(f"{day} at `{commit}` on {machine}" for day, commit, machine in said)
    short = [result.id for result in results if result.form == "short"]
    small = f" Small doses (`--short`): {', '.join(short)}." if short else ""
    minutes = sum(result.seconds for result in results) / 60
    return f"Measured {runs}; {minutes:.0f} minutes in all.{small}"


def main() -> int:
    """Write the page's tables."""
    page = Path(sys.argv[1] if len(sys.argv) > 1 else "docs/reliability.md")
    page.write_text(write_page(page))
    return 0


if __name__ == "__main__":
    sys.exit(main())
