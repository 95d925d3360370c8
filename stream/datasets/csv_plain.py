"""CSV row by row, by the standard library: what DuckDB's faster parser gives up on.

A quote that is never closed would make the rest of the file one cell. So a row that does not fit
costs its first line only: the lines after it are read anew.
"""

from __future__ import annotations

import csv
import io
import itertools
import re
import zlib
from collections import deque
from collections.abc import Iterator
from typing import Any, NamedTuple

from stream.datasets.malformed import Malformed
from stream.datasets.packed import open_unpacked
from stream.datasets.tables import chunk_rows
from stream.errors import DataError

_CELL_MAX = 1 << 24
_ROW_LINES_MAX = 1000
"""Lines that one row may take."""

_SHOWN_MAX = 60
_NO_TEXT = re.compile("[\udc80-\udcff]")
"""What `surrogateescape` makes of bytes that the encoding does not have."""


class Dialect(NamedTuple):
    """How a file is written; `columns` counts them, `skip` the lines before the header."""

    delimiter: str
    quote: str
    escape: str
    skip: int
    has_header: bool
    columns: int
    encoding: str


def plain_rows(
    path: str, dialect: Dialect, limit: int | None, malformed: Malformed, seen: int
) -> Iterator[list[list[Any]]]:
    """Give rows by column, the header's line among them.

    Parameters
    ----------
    limit
        Most rows, those seen among them.
    malformed
        Is begun anew; takes the rows that do not fit.
    seen
        Rows that fit and were given already.

    Raises
    ------
    DataError
        The file cannot be read on.
    """
    malformed.clear()
    rows = itertools.islice(_fitting(path, dialect, malformed), seen, limit)
    while some := list(itertools.islice(rows, chunk_rows(dialect.columns))):
        yield [[cell or None for cell in cells] for cells in zip(*some, strict=True)]


class _Lines:
    """Lines of a file, of which the last ones can be taken back."""

    def __init__(self, file: Iterator[str]) -> None:
        self._file = file
        self._ahead: deque[str] = deque()
        self._row: list[str] = []
        self.number = 0

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        if len(self._row) == _ROW_LINES_MAX:
            raise StopIteration
        line = self._ahead.popleft() if self._ahead else next(self._file)
        self._row.append(line)
        self.number += 1
        return line

    def begin_row(self) -> None:
        """What was read before stays read."""
        self._row.clear()

    def keep_first(self) -> str:
        """Take all lines of the row but the first back; return that."""
        first, *others = self._row
        self._ahead.extendleft(reversed(others))
        self.number -= len(others)
        return first


def _fitting(path: str, dialect: Dialect, malformed: Malformed) -> Iterator[list[str]]:
    csv.field_size_limit(_CELL_MAX)
    lines = None
    try:
        with open_unpacked(path) as file:
            text = io.TextIOWrapper(
                file,
                encoding="utf-8-sig" if dialect.encoding == "utf-8" else dialect.encoding,
                errors="surrogateescape",
                newline="",
            )
            lines = _Lines(iter(text))
            for _ in itertools.islice(lines, dialect.skip):
                lines.begin_row()
            reader = csv.reader(
                lines,
                delimiter=dialect.delimiter,
                quotechar=dialect.quote,
                escapechar=None if dialect.escape == dialect.quote else dialect.escape,
                strict=True,
            )
            while True:
                lines.begin_row()
                row, why = _next_row(reader, dialect.columns)
                if row is None:
                    return
                if not why:
                    yield row
                else:
                    first = lines.keep_first()
                    if first.strip():
                        malformed.add(f"{path}:{lines.number}", f"{why}: {_shown(first)}")
    except (OSError, EOFError, UnicodeError, ImportError, zlib.error) as error:
        done = 0 if lines is None else lines.number
        raise DataError(f"{path}: must be CSV; got `{error}` after line {done}.") from None


def _next_row(reader: Iterator[list[str]], columns: int) -> tuple[list[str] | None, str]:
    """Give the next row, None at the end, and why it does not fit; empty where it does."""
    try:
        row = next(reader, None)
    except csv.Error as error:
        return [], "a quote is not closed" if "unexpected end" in str(error) else str(error)
    if row is None:
        return None, ""
    if len(row) == columns + 1 and not row[-1]:
        row.pop()  # a delimiter at the end of the line, which DuckDB takes, too
    if len(row) != columns:
        return row, f"Expected Number of Columns: {columns} Found: {len(row)}"
    text = "".join(row)
    if not text.isascii() and _NO_TEXT.search(text):
        return row, "bytes that are no text"
    return row, ""


def _shown(line: str) -> str:
    """The beginning of a line, with what is no text escaped."""
    return line.strip()[:_SHOWN_MAX].encode("utf-8", "backslashreplace").decode()
