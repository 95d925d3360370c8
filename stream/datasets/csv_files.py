"""CSV of any dialect, read by DuckDB: delimiter, quotes, encoding and header are found out.

Every cell comes as text, so that what a column means is decided by one rule (`cells`), from what
stands there, and not by a guess from the first rows.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import structlog

from stream.datasets.csv_dialect import UTF8, find_dialect
from stream.datasets.csv_plain import Dialect, plain_rows
from stream.datasets.duck import connect, literal
from stream.datasets.tables import Chunk, Table, chunk_rows, distinct_names
from stream.errors import DataError

_log = structlog.get_logger(__name__)


def open_csv(path: str) -> Table:
    """Find out how a file is written; see `open_table`."""
    dialect = find_dialect(path)
    header = _header(path, dialect)
    if header is None or all(cells[0] is None for cells in header):
        raise DataError(f"{path}: must have a line of column names; the file is empty.")
    found = [cells[0] for cells in header] if dialect.has_header else [None] * dialect.columns
    columns, notes = distinct_names(found)
    if not dialect.has_header:
        notes = [f"the first line holds values, not names: columns are called {columns[0]}, ..."]
    if dialect.encoding != UTF8:
        notes.append(f"the file is not UTF-8; it is read as {dialect.encoding}")
    skip = 1 if dialect.has_header else 0
    table = Table(
        path,
        columns,
        lambda limit: _chunks(table, path, dialect, skip, limit),
        notes,
        decimal_comma=dialect.delimiter != ",",
    )
    return table


def _header(path: str, dialect: Dialect) -> list[list[Any]] | None:
    with _in_words(path):
        return next(_all_rows(path, dialect, 1, Table(path, [], lambda _: iter(()))), None)


def _chunks(
    table: Table, path: str, dialect: Dialect, skip: int, limit: int | None
) -> Iterator[Chunk]:
    table.malformed.clear()
    wanted = None if limit is None else limit + skip
    done = -skip
    for columns in _all_rows(path, dialect, wanted, table):
        if done < 0:
            columns = [cells[skip:] for cells in columns]
            done = 0
        chunk = Chunk(columns, done)
        done += len(chunk)
        if len(chunk):
            yield chunk


def _all_rows(
    path: str, dialect: Dialect, limit: int | None, table: Table
) -> Iterator[list[list[Any]]]:
    """Read on by the plain way where DuckDB gives up: at the first row that does not fit.

    DuckDB could pass over such rows itself. But where a quote is not closed, it would pass over all
    rows up to the next quote, or to the end, and call them one.
    """
    from duckdb import Error
    from pyarrow import ArrowException

    seen = 0
    try:
        for columns in _rows(path, dialect, limit):
            yield columns
            seen += len(columns[0])
    except (Error, ArrowException, OSError):
        _log.info("reads on row by row, more slowly", file=path, after_rows=seen)
        yield from plain_rows(path, dialect, limit, table.malformed, seen)


def _rows(path: str, dialect: Dialect, limit: int | None) -> Iterator[list[list[Any]]]:
    """Rows by column, the header's line among them, up to the first that does not fit."""
    connection = connect(path)
    types = {f"c{number}": "VARCHAR" for number in range(dialect.columns)}
    query = (
        "SELECT * FROM read_csv($file, auto_detect=false, header=false, delim=$delimiter, "
        "quote=$quote, escape=$escape, skip=$skip, encoding=$encoding, comment='', nullstr='', "
        "columns=$types)"
    )
    values = {
        "file": literal(path),
        "delimiter": dialect.delimiter,
        "quote": dialect.quote,
        "escape": dialect.escape,
        "skip": dialect.skip,
        "encoding": dialect.encoding,
        "types": types,
    }
    relation = connection.sql(query, params=values)
    if limit is not None:
        relation = relation.limit(limit)
    reader = relation.to_arrow_reader(chunk_rows(dialect.columns))
    for batch in reader:
        if batch.num_rows:
            yield [column.to_pylist() for column in batch.columns]


@contextmanager
def _in_words(path: str) -> Iterator[None]:
    """Turn what DuckDB raises into one line of ours."""
    from duckdb import Error
    from pyarrow import ArrowException

    try:
        yield
    except (Error, ArrowException, OSError) as error:
        first = str(error).strip().splitlines()[0]
        raise DataError(f"{path}: must be CSV; got `{first}`.") from None
