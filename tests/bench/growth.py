"""How records/s and memory grow: with the records, the features and the classes.

All on clouds that move slowly (`rbf_slow`), one size changed at a time.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from tests.bench.rows import Row
from tests.bench.tables import Sheet


class Point(NamedTuple):
    """One size along one axis."""

    axis: str
    size: int
    stream: str
    length: int


# As many centres as give every one of a hundred classes some, whatever the number of classes;
# fewer records where rows are wide, so that the widest stream takes 160 MB and not gigabytes.
POINTS = (
    *(Point("records", n, "rbf_slow", n) for n in (10_000, 100_000, 1_000_000)),
    *(Point("features", n, f"rbf_slow{{n_features={n}}}", 20_000) for n in (10, 100, 1000)),
    *(
        Point("classes", n, f"rbf_slow{{n_centres=100, n_classes={n}}}", 20_000)
        for n in (2, 10, 100)
    ),
)
AXES = tuple(dict.fromkeys(point.axis for point in POINTS))


def points(axes: Sequence[str], records_max: int | None) -> list[Point]:
    """Take the points of some axes; those with more records are cut or, of `records`, left out."""
    chosen = [point for point in POINTS if point.axis in axes]
    if records_max is None:
        return chosen
    return [
        point._replace(length=min(point.length, records_max))
        for point in chosen
        if point.axis != "records" or point.size <= records_max
    ]


def sheets(measured: Sequence[tuple[Point, Row]]) -> list[Sheet]:
    """Make a table for each axis: a line a model, records/s and memory at each size."""
    made = []
    for axis in dict.fromkeys(point.axis for point, _ in measured):
        here = [(point, row) for point, row in measured if point.axis == axis]
        sizes = sorted({point.size for point, _ in here})
        by_model: dict[str, dict[int, Row]] = {}
        for point, row in here:
            by_model.setdefault(row.candidate, {})[point.size] = row
        columns = ["model", *(f"{size:,}" for size in sizes)]
        rows = [
            [model, *(_cell(found.get(size)) for size in sizes)]
            for model, found in by_model.items()
        ]
        made.append(Sheet(f"{axis}: records/s, MB of memory, accuracy in %", columns, rows))
    return made


def _cell(row: Row | None) -> str:
    if row is None:
        return "-"
    cut = "" if row.records == row.length else f" (first {row.records:,})"
    accuracy = 100 * row.scores["accuracy"]
    return f"{row.records_per_s:,.0f}, {row.memory_bytes / 1e6:,.1f}, {accuracy:.1f}{cut}"
