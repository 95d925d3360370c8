"""What a column of a data file seems to hold, from its first rows."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Literal

from stream.codec.classes import INTEGER_MAX, class_key
from stream.codec.times import parse_time
from stream.datasets.cells import (
    NULLS,
    Cell,
    is_null,
    number_of,
    to_label,
    to_text,
    with_point,
)
from stream.datasets.tables import Table

Kind = Literal["empty", "boolean", "integer", "float", "timestamp", "category", "list"]
Order = Literal["rises", "falls", ""]

# A vocabulary is settled if nothing new came in the last nine tenths of at least this many rows.
_SETTLED_ROWS = 1000
_SETTLED_DISTINCT_MAX = 20
_UNIQUE_SHARE = 0.5
_UNIQUE_ROWS_MIN = 100
_VALUES_KEPT = 2000
_INDEX_ROWS_MIN = 10
_ODD_SHARE_MAX = 0.1
"""Share of the cells that may be something else than their column; they make dead letters."""
_ODD_KEPT = 100
_DATE_FORMATS = (
    "%Y/%m/%d",
    "%m/%d/%Y",
    "%d/%m/%Y",
    "%d.%m.%Y",
    "%m-%d-%Y",
    "%d-%m-%Y",
    "%m/%d/%y",
    "%d/%m/%y",
    "%d-%b-%Y",
    "%d-%b-%y",
    "%d %b %Y",
    "%b %d %Y",
    "%b %d, %Y",
    "%d %B %Y",
    "%B %d, %Y",
)
_CLOCKS = ("", " %H:%M:%S", " %H:%M", " %I:%M:%S %p", " %I:%M %p", "T%H:%M:%S")
_COMPACT = "%Y%m%d"
_COMPACT_FROM, _COMPACT_TO = 1800_01_01, 2200_12_31
_LOOKS_DATED = re.compile(r".*\d.*[/.\- ].*\d.*", re.DOTALL)
_CODE = re.compile(r"[+-]?0\d+")


@dataclass(slots=True)
class ColumnFacts:
    """What is known of a column.

    Parameters
    ----------
    rows, count
        Rows looked at; those with a value.
    distinct
        Number of different values.
    values
        The first of them in the order of their appearance, as text, with how often each came.
    last_new_row
        Row (from 0) that brought the last new value.
    odd
        Cells that are not of the column's kind, as text, with how often each came.
    odd_row
        The first row that has one.
    missing_as
        Texts that stand for no value.
    order
        Of times: whether each is at least, or at most, the one before.
    format
        Of times that are not ISO 8601.
    is_whole
        Whether all numbers are whole.
    is_beyond
        Whether numbers have more than 53 bits.
    """

    name: str
    kind: Kind
    rows: int
    count: int
    distinct: int = 0
    values: dict[str, int] = field(default_factory=dict)
    last_new_row: int = 0
    odd: Counter[str] = field(default_factory=Counter)
    odd_row: int = -1
    missing_as: tuple[str, ...] = ()
    order: Order = ""
    format: str | None = None
    is_whole: bool = False
    is_beyond: bool = False

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
        return self.count >= _UNIQUE_ROWS_MIN and self.distinct > self.count * _UNIQUE_SHARE

    @property
    def is_settled(self) -> bool:
        """Whether it looks as if all values have been seen."""
        return (
            self.rows >= _SETTLED_ROWS
            and self.distinct <= _SETTLED_DISTINCT_MAX
            and self.last_new_row < self.rows / 10
        )

    @property
    def counts_rows(self) -> bool:
        """Whether it holds 0, 1, 2, ... or 1, 2, 3, ..., as an index does."""
        if self.kind != "integer" or not self.is_unique or self.rows < _INDEX_ROWS_MIN:
            return False
        first = next(iter(self.values))
        kept = len(self.values)
        return first in ("0", "1") and list(self.values) == [
            str(int(first) + number) for number in range(kept)
        ]


def look_at(
    table: Table, limit: int | None
) -> tuple[dict[str, ColumnFacts], dict[str, list[Cell]]]:
    """Look at the first rows of a table, column by column; return the cells, too."""
    columns: dict[str, list[Cell]] = {name: [] for name in table.columns}
    for chunk in table.read(limit):
        for cells, found in zip(columns.values(), chunk.columns, strict=True):
            cells.extend(map(with_point, found) if table.decimal_comma else found)
    return {
        name: column_facts(name, cells, is_list=name in table.lists)
        for name, cells in columns.items()
    }, columns


def column_facts(name: str, cells: Sequence[Cell], *, is_list: bool = False) -> ColumnFacts:
    """Find the narrowest kind that nearly every cell fits.

    Examples
    --------
    >>> column_facts("n", ["1", "", "3"]).kind
    'integer'
    >>> facts = column_facts("t", ["31/01/2024", "29/02/2024"])
    >>> facts.kind, facts.format
    ('timestamp', '%d/%m/%Y')
    """
    found = [cell for cell in cells if not is_null(cell)]
    if is_list:
        return ColumnFacts(name, "list", len(cells), len(found))
    facts = ColumnFacts(name, "empty", len(cells), len(found))
    if not found:
        return facts
    numbers = [number_of(cell) for cell in found]
    facts.kind, facts.format = _kind(found, numbers)
    if facts.kind == "category":
        filled = [(row, cell) for row, cell in enumerate(cells) if to_text(cell) is not None]
    else:
        filled = [(row, cell) for row, cell in enumerate(cells) if not is_null(cell)]
        said = {cell.strip() for cell in cells if isinstance(cell, str) and cell.strip() in NULLS}
        facts.missing_as = tuple(sorted(said - {""}))
        _note_odd(facts, filled)
    facts.count = len(filled)
    _note_values(facts, filled)
    if facts.kind in ("integer", "float"):
        real = [number for number in numbers if number is not None]
        facts.is_whole = all(number == int(number) for number in real)
        facts.is_beyond = any(abs(number) > INTEGER_MAX for number in real) and facts.is_whole
    if facts.kind == "timestamp" and not facts.odd:
        facts.order = _order([parse_time(_written(cell), form=facts.format) for _, cell in filled])
    return facts


def _note_odd(facts: ColumnFacts, filled: list[tuple[int, Cell]]) -> None:
    fits = _fits(facts.kind, facts.format)
    for row, cell in filled:
        if not fits(cell):
            facts.odd_row = row if facts.odd_row < 0 else facts.odd_row
            text = str(to_text(cell))
            if text in facts.odd or len(facts.odd) < _ODD_KEPT:
                facts.odd[text] += 1


def _note_values(facts: ColumnFacts, filled: list[tuple[int, Cell]]) -> None:
    first_rows: dict[str, int] = {}
    counts: Counter[str] = Counter()
    is_text = facts.kind in ("category", "timestamp")
    for row, cell in filled:
        value = to_text(cell) if is_text else to_label(cell)
        text = (
            value
            if isinstance(value, str)
            else str(value)
            if isinstance(value, float)
            else (class_key(value) if value is not None else "")
        )
        first_rows.setdefault(text, row)
        counts[text] += 1
    facts.distinct = len(first_rows)
    facts.last_new_row = max(first_rows.values(), default=0)
    facts.values = {value: counts[value] for value in list(first_rows)[:_VALUES_KEPT]}


def _kind(found: Sequence[Cell], numbers: Sequence[int | float | None]) -> tuple[Kind, str | None]:
    if all(_is_boolean(cell) for cell in found):
        return "boolean", None
    real = [number for number in numbers if number is not None]
    enough = (1.0 - _ODD_SHARE_MAX) * len(found)
    if len(real) >= enough and not any(map(_is_code, found)):
        if all(isinstance(number, int) for number in real):
            is_day = all(_is_compact_day(number) for number in real)
            return ("timestamp", _COMPACT) if is_day else ("integer", None)
        return "float", None
    if sum(map(_fits("timestamp", None), found)) >= enough:
        return "timestamp", None
    form = _date_format(found, enough)
    return ("timestamp", form) if form else ("category", None)


def _fits(kind: Kind, form: str | None) -> Callable[[Cell], bool]:
    """Whether a cell is of a kind."""
    if kind == "timestamp":
        return lambda cell: _is_time(cell, form)
    if kind == "integer":
        return lambda cell: isinstance(number_of(cell), int)
    if kind == "float":
        return lambda cell: number_of(cell) is not None
    return lambda cell: True


def _is_boolean(cell: Cell) -> bool:
    return isinstance(cell, bool) or (
        isinstance(cell, str) and cell.strip().lower() in ("true", "false")
    )


def _is_code(cell: Cell) -> bool:
    """Digits with a zero in front are a code, not a number."""
    return isinstance(cell, str) and _CODE.fullmatch(cell) is not None


def _is_compact_day(number: float) -> bool:
    return _COMPACT_FROM <= number <= _COMPACT_TO and _is_time(number, _COMPACT)


def _is_time(cell: Cell, form: str | None) -> bool:
    try:
        parse_time(_written(cell), form=form)
    except (TypeError, ValueError, OverflowError):
        return False
    return True


def _written(cell: Cell) -> str:
    if isinstance(cell, float) and cell.is_integer():
        cell = int(cell)
    return str(to_text(cell))


def _date_format(found: Sequence[Cell], enough: float) -> str | None:
    """Find how dates are written that are not ISO 8601; all of them say which is the month."""
    texts = [cell for cell in found if isinstance(cell, str)]
    few = texts[:20]
    if len(texts) < enough or not all(map(_LOOKS_DATED.fullmatch, few)):
        return None
    for form in (f"{date}{clock}" for date in _DATE_FORMATS for clock in _CLOCKS):
        if sum(_is_time(text, form) for text in few) >= 0.9 * len(few) and (
            sum(_is_time(text, form) for text in texts) >= enough
        ):
            return form
    return None


def _order(times: Sequence[int]) -> Order:
    if all(before <= after for before, after in pairwise(times)):
        return "rises"
    return "falls" if all(before >= after for before, after in pairwise(times)) else ""
