"""docs/benchmarks.md out of the CSV files: `python -m tests.bench.document PAGE`.

Tables are written between the markers, what they mean stands around them; pictures lie beside the
page.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.bench import choices, growth
from tests.bench.growth import Point
from tests.bench.plot import plot_growth, plot_scenes
from tests.bench.rows import Row, read_rows
from tests.bench.summary import Scene, by_scene
from tests.bench.tables import Sheet, figures, ratios

RESULTS = Path(__file__).parents[2] / "tests" / "bench" / "results"


def write_page(page: Path, results: Path = RESULTS) -> str:
    """Return a page's text with its tables made anew."""
    text = page.read_text()
    for name in ("learners", "regressors"):
        text = between(text, name, _learners(read_rows(results / f"{name}.csv")))
    return between(text, "growth", _growth(read_rows(results / "growth.csv")))


def draw_pictures(folder: Path, results: Path = RESULTS) -> list[Path]:
    """Draw what has been measured; return the files written.

    Of the classifiers, only the published comparison: the five streams, labels at once.
    """
    drawn = []
    learners, regressors = (
        by_scene(read_rows(results / f"{name}.csv")) for name in ("learners", "regressors")
    )
    published = {scene: found for scene, found in learners.items() if _is_published(scene)}
    for name, scenes in (("learners", published), ("regressors", regressors)):
        if scenes:
            drawn.append(folder / f"{name}.png")
            plot_scenes(scenes, drawn[-1])
    measured = _measured_points(read_rows(results / "growth.csv"))
    if measured:
        drawn.append(folder / "growth.png")
        plot_growth(measured, drawn[-1])
    return drawn


def _is_published(scene: Scene) -> bool:
    return scene.stream in choices.STREAMS and scene.length <= 100_000 and scene.label_delay == 0


def _learners(rows: Sequence[Row]) -> str:
    found: list[Sheet] = []
    for scene, summaries in by_scene(rows).items():
        found.append(figures(scene, summaries))
        against = ratios(scene, summaries)
        if against is not None:
            found.append(against)
    return _measured(rows) + "\n".join(sheet.to_markdown() for sheet in found)


def _growth(rows: Sequence[Row]) -> str:
    sheets = growth.sheets(_measured_points(rows))
    return _measured(rows) + "\n".join(sheet.to_markdown() for sheet in sheets)


def _measured_points(rows: Sequence[Row]) -> list[tuple[Point, Row]]:
    by_stream: dict[tuple[str, int], list[Row]] = {}
    for row in rows:
        by_stream.setdefault((row.stream, row.length), []).append(row)
    return [
        (point, row)
        for point in growth.POINTS
        for row in by_stream.get((point.stream, point.length), [])
    ]


def _measured(rows: Sequence[Row]) -> str:
    """Say with what and where."""
    if not rows:
        return "Not measured yet.\n"
    machines = {f"{row.cores} cores of {row.processor}, Python {row.python}" for row in rows}
    libraries: dict[str, set[str]] = {}
    for row in rows:
        library = row.candidate.partition(":")[0] if ":" in row.candidate else "driftgate"
        libraries.setdefault(library, set()).add(row.version)
    versions = "; ".join(
        f"{library} {', '.join(sorted(found))}" for library, found in sorted(libraries.items())
    )
    days = sorted(row.when[:10] for row in rows)
    places = " and ".join(sorted(machines))
    return (
        f"Measured from {days[0]} to {days[-1]} on {places}. {versions} (of MOA: the "
        "version of CapyMOA that brings it).\n\n"
    )


def between(text: str, name: str, made: str, maker: str = "tests.bench.document") -> str:
    """Put what was made between the markers of its name; `maker` is the command behind it."""
    begin, end = f"<!-- {name}: made by {maker} -->", f"<!-- {name}: end -->"
    pattern = re.compile(re.escape(begin) + ".*?" + re.escape(end), flags=re.DOTALL)
    assert pattern.search(text), f"the page has no place for {name}"
    return pattern.sub(lambda _: f"{begin}\n{made}\n{end}", text)


if __name__ == "__main__":
    path = Path(sys.argv[1])
    path.write_text(write_page(path))
    draw_pictures(path.parent)
