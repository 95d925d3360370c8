"""Results on disk: one CSV line for a detector at one setting on the series of one seed."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import NamedTuple

from tests.bench.detection.series import Count


class Key(NamedTuple):
    """What makes two measurements the same; a later one replaces an earlier one.

    `stream` is a class, or a quiet series; `size` is its number of series, or its length.
    `series` is a checksum of the values: errors of a learner are others once it learns otherwise.
    """

    stream: str
    size: int
    seed: int
    detector: str
    sides: str
    value: float
    series: str


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the file: what was run, what came of it (`Count`), with what and when."""

    stream: str
    size: int
    seed: int
    detector: str
    sides: str
    value: float
    series: str
    values: int
    drifts: int
    found: int
    delay: int
    false_alarms: int
    version: str
    when: str

    @property
    def key(self) -> Key:
        """See `Key`."""
        return Key(*(getattr(self, name) for name in Key._fields))


def to_row(key: Key, count: Count, version: str, when: str) -> Row:
    """Put together what belongs to a line."""
    return Row(**key._asdict(), **asdict(count), version=version, when=when)


def append_rows(path: Path, rows: Iterable[Row]) -> None:
    """Add lines; the file gets its header first."""
    path.parent.mkdir(parents=True, exist_ok=True)
    is_new = not path.exists() or path.stat().st_size == 0
    with path.open("a", newline="") as file:
        writer = csv.DictWriter(file, [f.name for f in fields(Row)], lineterminator="\n")
        if is_new:
            writer.writeheader()
        writer.writerows(asdict(row) for row in rows)


def read_rows(path: Path) -> dict[Key, Row]:
    """Read all lines, the latest of each key."""
    if not path.exists():
        return {}
    kinds = {"int": int, "float": float, "str": str}
    with path.open(newline="") as file:
        rows = [
            Row(**{f.name: kinds[str(f.type)](line[f.name]) for f in fields(Row)})
            for line in csv.DictReader(file)
        ]
    return {row.key: row for row in rows}
