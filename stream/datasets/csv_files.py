"""CSV of any dialect, read by DuckDB: delimiter, quotes, encoding and header are found out.

Every cell comes as text, so that what a column means is decided by one rule (`cells`), from what
stands there, and not by a guess from the first rows.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from stream.datasets.tables import CHUNK_ROWS, Chunk, Table, distinct_names
from stream.errors import DataError

_SAMPLE_ROWS = 20_480
_MEMORY = "512MB"
_LATIN, _UTF8, _UTF16 = "latin-1", "utf-8", "utf-16"
_NO_QUOTE = "(empty)"
_GLOB = re.compile(r"([*?\[])")
_SHOWN_MAX = 60
# One column, and this between words: then it parts columns.
_RARE_DELIMITERS = (" ",)


class Dialect(NamedTuple):
    """How a file is written; `columns` counts them, `skip` the lines before the header."""

    delimiter: str
    quote: str
    escape: str
    skip: int
    has_header: bool
    columns: int
    encoding: str


def open_csv(path: str) -> Table:
    """Find out how a file is written; see `open_table`."""
    dialect = _find_dialect(path)
    header = next(_rows(path, dialect, 1), None)
    if header is None or all(cells[0] is None for cells in header):
        raise DataError(f"{path}: must have a line of column names; the file is empty.")
    found = [cells[0] for cells in header] if dialect.has_header else [None] * dialect.columns
    columns, notes = distinct_names(found)
    if not dialect.has_header:
        notes = [f"the first line holds values, not names: columns are called {columns[0]}, ..."]
    if dialect.encoding != _UTF8:
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


def _chunks(
    table: Table, path: str, dialect: Dialect, skip: int, limit: int | None
) -> Iterator[Chunk]:
    table.malformed.clear()
    wanted = None if limit is None else limit + skip
    done = 0
    for columns in _rows(path, dialect, wanted, table):
        if done == 0 and skip:
            columns = [cells[skip:] for cells in columns]
        chunk = Chunk(columns, done)
        done += len(chunk)
        if len(chunk):
            yield chunk


def _rows(
    path: str, dialect: Dialect, limit: int | None, table: Table | None = None
) -> Iterator[list[list[Any]]]:
    """Rows by column, the header's line among them; rows that do not fit go to `malformed`."""
    connection = _connect(path)
    types = {f"c{number}": "VARCHAR" for number in range(dialect.columns)}
    query = (
        "SELECT * FROM read_csv($file, auto_detect=false, header=false, delim=$delimiter, "
        "quote=$quote, escape=$escape, skip=$skip, encoding=$encoding, comment='', nullstr='', "
        "columns=$types, store_rejects=true, rejects_limit=0)"
    )
    values = {
        "file": _literal(path),
        "delimiter": dialect.delimiter,
        "quote": dialect.quote,
        "escape": dialect.escape,
        "skip": dialect.skip,
        "encoding": dialect.encoding,
        "types": types,
    }
    with _in_words(path):
        relation = connection.sql(query, params=values)
        if limit is not None:
            relation = relation.limit(limit)
        reader = relation.to_arrow_reader(CHUNK_ROWS)
        for batch in reader:
            if batch.num_rows:
                yield [column.to_pylist() for column in batch.columns]
        if table is not None:
            _note_rejects(table, connection, path)


def _note_rejects(table: Table, connection: Any, path: str) -> None:
    found = connection.execute(
        "SELECT line, min(error_message), min(csv_line) FROM reject_errors GROUP BY line "
        "ORDER BY line"
    ).fetchall()
    for line, why, text in found:
        lines = (text or "").count("\n")
        more = f" ({lines} lines in all)" if lines > 1 else ""
        shown = " ".join((text or "").split())[:_SHOWN_MAX]
        table.malformed.add(f"{path}:{line}", f"{why.rstrip('.')}{more}: {shown}")


def _find_dialect(path: str) -> Dialect:
    """Let DuckDB's sniffer look at the first rows; where it finds one column, look again.

    Strictly it gives up on a dialect when one row does not fit it. Tolerantly it takes the dialect
    that most rows fit, which for a file of one column may be a wrong one. So what it finds
    tolerantly counts where that is more columns.
    """
    encoding = _encoding(path)
    strict = _sniff(path, encoding)
    found = strict
    if strict is None or strict.columns == 1:
        tolerant = _sniff(path, encoding, ignore_errors=True)
        if tolerant is not None and (strict is None or tolerant.columns > strict.columns):
            found = tolerant
    if found is not None and found.columns == 1:
        for delimiter in _RARE_DELIMITERS:
            other = _sniff(path, encoding, delim=delimiter)
            found = other if other is not None and other.columns > 1 else found
    if found is None:
        raise DataError(
            f"{path}: must be CSV: rows of cells with one delimiter; none was found. "
            "Look at its first lines."
        )
    return found


def _sniff(path: str, encoding: str, **settings: Any) -> Dialect | None:
    from duckdb import Error

    more = "".join(f", {name}=${name}" for name in settings)
    query = (
        "SELECT Delimiter, Quote, Escape, SkipRows, HasHeader, len(Columns) FROM sniff_csv("  # noqa: S608 - names of settings alone
        f"$file, encoding=$encoding, comment='', sample_size={_SAMPLE_ROWS}{more})"
    )
    values = {"file": _literal(path), "encoding": encoding, **settings}
    try:
        found = _connect(path).execute(query, values).fetchall()
    except Error:
        return None
    delimiter, quote, escape, skip, has_header, columns = found[0]
    quote = '"' if quote == _NO_QUOTE else quote
    escape = quote if escape == _NO_QUOTE else escape
    return Dialect(delimiter, quote, escape, skip, has_header, columns, encoding)


def _encoding(path: str) -> str:
    """UTF-8 where the beginning is; else UTF-16 by its mark, else Latin 1, which reads all."""
    import fsspec

    try:
        with fsspec.open(path, "rb", compression="infer") as file:
            head = file.read(1 << 20)
    except (OSError, EOFError, ValueError, ImportError) as error:
        raise DataError(f"{path}: must be a file that can be read; got `{error}`.") from None
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return _UTF16
    try:
        head[: head.rfind(b"\n") + 1].decode()
    except UnicodeDecodeError:
        return _LATIN
    return _UTF8


def _connect(path: str) -> Any:
    """Open a database in memory: one thread, so that rows come in their order."""
    import duckdb

    connection = duckdb.connect()
    connection.execute("SET threads=1")
    connection.execute(f"SET memory_limit='{_MEMORY}'")
    if "://" in path:
        import fsspec

        connection.register_filesystem(fsspec.filesystem(path.partition("://")[0]))
    return connection


def _literal(path: str) -> str:
    """Name one file and no pattern of names."""
    return path if "://" in path else _GLOB.sub(r"[\1]", str(Path(path)))


@contextmanager
def _in_words(path: str) -> Iterator[None]:
    """Turn what DuckDB raises into one line of ours."""
    from duckdb import Error

    try:
        yield
    except Error as error:
        first = str(error).strip().splitlines()[0]
        raise DataError(f"{path}: must be CSV; got `{first}`.") from None
