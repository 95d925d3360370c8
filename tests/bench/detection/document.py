"""docs/drift-benchmarks.md out of the CSV files: `python -m tests.bench.detection.document PAGE`.

Tables are written between the markers, what they mean stands around them; the picture lies beside
the page.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

from tests.bench.detection import sheets
from tests.bench.detection.operating import TARGETS
from tests.bench.detection.plot import plot_delays
from tests.bench.detection.results import Key, Row, read_rows
from tests.bench.detection.speed import read as read_speeds
from tests.bench.detection.streams import CLASSES
from tests.bench.document import RESULTS, between
from tests.bench.tables import Sheet


def write_page(page: Path, results: Path = RESULTS) -> str:
    """Return a page's text with its tables made anew."""
    rows = current(read_rows(results / "drift.csv"))
    text = page.read_text()
    found = sheets.verdicts(rows)
    families = dict.fromkeys(CLASSES[name].family for name in CLASSES)
    text = between(
        text,
        "verdicts",
        _with(rows) + _joined(sheets.verdict_sheet(found, target) for target in TARGETS),
        "tests.bench.detection.document",
    )
    delays = [sheets.delay_sheet(rows, f, target) for f in families for target in TARGETS]
    text = between(text, "delays", _joined(delays), "tests.bench.detection.document")
    defaults = [sheets.default_sheet(rows, family) for family in families]
    text = between(text, "defaults", _joined(defaults), "tests.bench.detection.document")
    speeds = read_speeds(results / "drift_speed.csv")
    made = sheets.speed_sheet(speeds).to_markdown() if speeds else "Not measured yet.\n"
    return between(text, "speeds", made, "tests.bench.detection.document")


def current(rows: Mapping[Key, Row]) -> dict[Key, Row]:
    """Keep of each stream the longest series, and of each of these the one measured last.

    So a quick run stands in no table, nor do errors of a learner that has been changed since.
    """
    sizes: dict[str, int] = {}
    for key in rows:
        sizes[key.stream] = max(key.size, sizes.get(key.stream, 0))
    last: dict[tuple[str, int], tuple[str, str]] = {}
    for key, row in rows.items():
        if key.size == sizes[key.stream]:
            place = (key.stream, key.seed)
            if row.when >= last.get(place, ("", ""))[0]:
                last[place] = (row.when, key.series)
    return {
        key: row
        for key, row in rows.items()
        if key.size == sizes[key.stream] and key.series == last[key.stream, key.seed][1]
    }


def _joined(made: Iterable[Sheet]) -> str:
    return "\n".join(sheet.to_markdown() for sheet in made)


def _with(rows: Mapping[Key, Row]) -> str:
    """Say with what and when."""
    versions: dict[str, set[str]] = {}
    for row in rows.values():
        library = row.detector.partition(":")[0] if ":" in row.detector else "driftgate"
        versions.setdefault(library, set()).add(row.version)
    told = "; ".join(f"{name} {', '.join(sorted(v))}" for name, v in sorted(versions.items()))
    days = sorted(row.when[:10] for row in rows.values())
    seeds = len({row.seed for row in rows.values()})
    return f"Measured from {days[0]} to {days[-1]}, up to {seeds} seeds. {told}.\n\n"


if __name__ == "__main__":
    path = Path(sys.argv[1])
    path.write_text(write_page(path))
    plot_delays(current(read_rows(RESULTS / "drift.csv")), path.parent / "drift-benchmarks.png")
