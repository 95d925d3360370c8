"""CSV row by row, by the standard library: what DuckDB's faster parser gives up on."""

from __future__ import annotations

import csv
import itertools
from collections.abc import Iterator
from typing import Any, NamedTuple

from stream.datasets.malformed import Malformed
from stream.datasets.tables import CHUNK_ROWS
from stream.errors import DataError

_CELL_MAX = 1 << 24
_SHOWN_MAX = 60


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
    while some := list(itertools.islice(rows, CHUNK_ROWS)):
        yield [[cell or None for cell in cells] for cells in zip(*some, strict=True)]


def _fitting(path: str, dialect: Dialect, malformed: Malformed) -> Iterator[list[str]]:
    import fsspec

    csv.field_size_limit(_CELL_MAX)
    line = 0
    try:
        with fsspec.open(
            path, "rt", compression="infer", encoding=dialect.encoding, errors="replace", newline=""
        ) as file:
            for _ in range(dialect.skip):
                file.readline()
            for row in csv.reader(
                file,
                delimiter=dialect.delimiter,
                quotechar=dialect.quote,
                escapechar=None if dialect.escape == dialect.quote else dialect.escape,
            ):
                line += 1
                if len(row) == dialect.columns:
                    yield row
                elif row:
                    shown = dialect.delimiter.join(row)[:_SHOWN_MAX]
                    malformed.add(
                        f"{path}, row {line}",
                        f"Expected Number of Columns: {dialect.columns} Found: {len(row)}: {shown}",
                    )
    except (OSError, EOFError, csv.Error, UnicodeError) as error:
        raise DataError(f"{path}: must be CSV; got `{error}` after row {line}.") from None
