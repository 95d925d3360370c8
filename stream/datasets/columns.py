"""What a column of a data file seems to hold, from its first rows."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise
from typing import Literal

from stream.codec.times import parse_time
from stream.datasets.cells import (
    Cell,
    Convert,
    guess_label,
    is_null,
    to_float,
    to_integer,
    to_text,
    to_time,
)
from stream.datasets.tables import Table

Kind = Literal["empty", "boolean", "integer", "float", "timestamp", "category"]

# A vocabulary is settled if nothing new came in the last nine tenths of at least this many rows.
_SETTLED_ROWS = 1000
_SETTLED_DISTINCT_MAX = 20
_UNIQUE_SHARE = 0.5
_VALUES_KEPT = 2000


@dataclass(slots=True)
class ColumnFacts:
    """What is known of a column.

    Parameters
    ----------
    rows, count, nulls
        Rows looked at; those with a value; those without.
    distinct
        Number of different values.
    values
        The first of them in the order of their appearance, as text.
    last_new_row
        Row (from 0) that brought the last new value.
    never_falls
        Whether each time is at least the one before.
    """

    name: str
    kind: Kind
    rows: int
    count: int
    distinct: int
    values: list[str] = field(default_factory=list)
    last_new_row: int = 0
    never_falls: bool = False

    @property
    def nulls(self) -> int:
        """Rows without a value."""
        return self.rows - self.count

    @property
    def is_unique(self) -> bool:
        """Whether every row has a value of its own."""
        return self.count == self.rows == self.distinct

    @property
    def is_mostly_unique(self) -> bool:
        """Whether values are too seldom repeated to be categories."""
        return self.count >= 100 and self.distinct > self.count * _UNIQUE_SHARE

    @property
    def is_settled(self) -> bool:
        """Whether it looks as if all values have been seen."""
        return (
            self.rows >= _SETTLED_ROWS
            and self.distinct <= _SETTLED_DISTINCT_MAX
            and self.last_new_row < self.rows / 10
        )


def look_at(table: Table) -> dict[str, ColumnFacts]:
    """Look at all rows of a table, column by column."""
    columns: list[list[Cell]] = [[] for _ in table.columns]
    for chunk in table.chunks:
        for column, cells in zip(columns, chunk.columns, strict=True):
            column.extend(cells)
    return {
        name: column_facts(name, cells) for name, cells in zip(table.columns, columns, strict=True)
    }


def column_facts(name: str, cells: list[Cell]) -> ColumnFacts:
    """Find the narrowest kind that every cell fits.

    Examples
    --------
    >>> column_facts("n", ["1", "", "3"]).kind
    'integer'
    >>> column_facts("t", ["2016-07-01", "2016-07-02"]).kind
    'timestamp'
    """
    kind = _kind(cells)
    empty = _no_text if kind in ("category", "empty") else is_null
    found = [(row, cell) for row, cell in enumerate(cells) if not empty(cell)]
    first_rows: dict[str | None, int] = {}
    for row, cell in found:
        label = guess_label(cell) if kind in ("boolean", "integer") else cell
        first_rows.setdefault(to_text(label), row)
    return ColumnFacts(
        name,
        kind,
        rows=len(cells),
        count=len(found),
        distinct=len(first_rows),
        values=[value for value in first_rows if value is not None][:_VALUES_KEPT],
        last_new_row=max(first_rows.values(), default=0),
        never_falls=kind == "timestamp" and _never_falls([cell for _, cell in found]),
    )


def _kind(cells: list[Cell]) -> Kind:
    found = [cell for cell in cells if not is_null(cell)]
    if not found:
        return "empty"
    if all(isinstance(guess, bool) for guess in map(_guess, found)):
        return "boolean"
    if all(_fits(_plain_integer, cell) for cell in found):
        return "integer"
    if all(_fits(to_float, cell) for cell in found):
        return "float"
    if all(_fits(to_time, cell) for cell in found):
        return "timestamp"
    return "category"


def _plain_integer(cell: Cell) -> int | None:
    """Take whole numbers only where they are written as such: 3.0 says that 3.5 may come."""
    if isinstance(cell, float) or (isinstance(cell, str) and not _is_digits(cell)):
        raise ValueError("not written as an integer")
    return to_integer(cell)


def _is_digits(text: str) -> bool:
    return text.strip().lstrip("+-").isdecimal()


def _guess(cell: Cell) -> object:
    try:
        return guess_label(cell)
    except (TypeError, ValueError):
        return None


def _fits(convert: Convert, cell: Cell) -> bool:
    try:
        convert(cell)
    except (TypeError, ValueError, OverflowError):
        return False
    return True


def _no_text(cell: Cell) -> bool:
    return to_text(cell) is None


def _never_falls(cells: list[Cell]) -> bool:
    times = [parse_time(value) for value in map(to_time, cells) if value is not None]
    return all(before <= after for before, after in pairwise(times))
