"""How a CSV file is written: delimiter, quotes, header, encoding, found by DuckDB's sniffer."""

from __future__ import annotations

import tempfile
import zlib
from typing import Any

from stream.datasets.csv_plain import Dialect
from stream.datasets.duck import connect, literal
from stream.datasets.packed import open_unpacked
from stream.datasets.tables import said
from stream.errors import DataError

UTF8 = "utf-8"
_LATIN, _UTF16 = "latin-1", "utf-16"
_SAMPLE_ROWS = 20_480
_SAMPLE_BYTES = 1 << 20
_NO_QUOTE = "(empty)"
_OTHER_KINDS = {
    b"PAR1": "Parquet (.parquet)",
    b"ARROW1": "Arrow (.arrow)",
    b"\x1f\x8b": "a file packed by gzip (.gz)",
    b"\x28\xb5\x2f\xfd": "a file packed by zstd (.zst)",
    b"PK\x03\x04": "a ZIP archive or an Excel workbook",
    b"SQLite format 3\0": "an SQLite database",
    b"<!doctype": "a web page",
    b"<html": "a web page",
}
# One column, and this between words: then it parts columns.
_RARE_DELIMITERS = (" ",)


def find_dialect(path: str) -> Dialect:
    """Find how a file is written.

    Raises
    ------
    DataError
        It cannot be read, or is no CSV.
    """
    head, encoding = _head(path)
    found = _best(path, encoding)
    if found is None:  # its line ends are mixed, or it is long rows alone: look at a copy
        with tempfile.NamedTemporaryFile("w", suffix=".csv", encoding=UTF8) as copy:
            text = head.decode(encoding, "replace").replace("\r\n", "\n").replace("\r", "\n")
            copy.write(text[: text.rfind("\n") + 1] or text)
            copy.flush()
            found = _best(copy.name, UTF8)
    if found is None:
        raise DataError(
            f"{path}: must be CSV: rows of cells with one delimiter; none was found. "
            "Look at its first lines."
        )
    return found._replace(encoding=encoding)


def _best(path: str, encoding: str) -> Dialect | None:
    """Let the sniffer look at the first rows; where it finds one column, look again.

    Strictly it gives up on a dialect when one row does not fit it. Tolerantly it takes the dialect
    that most rows fit, which for a file of one column may be a wrong one. So what it finds
    tolerantly counts where that is more columns.
    """
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
    return found


def _sniff(path: str, encoding: str, **settings: Any) -> Dialect | None:
    from duckdb import Error

    more = "".join(f", {name}=${name}" for name in settings)
    query = (
        "SELECT Delimiter, Quote, Escape, SkipRows, HasHeader, len(Columns) FROM sniff_csv("  # noqa: S608 - names of settings alone
        f"$file, encoding=$encoding, comment='', sample_size={_SAMPLE_ROWS}{more})"
    )
    values = {"file": literal(path), "encoding": encoding, **settings}
    try:
        found = connect(path).execute(query, values).fetchall()
    except Error:
        return None
    delimiter, quote, escape, skip, has_header, columns = found[0]
    quote = '"' if quote == _NO_QUOTE else quote
    escape = quote if escape == _NO_QUOTE else escape
    return Dialect(delimiter, quote, escape, skip, has_header, columns, encoding)


def _head(path: str) -> tuple[bytes, str]:
    """Read the beginning; say its encoding.

    That is UTF-8 where it can be; else UTF-16 by its mark, else Latin 1, which reads all.
    """
    try:
        with open_unpacked(path) as file:
            head = file.read(_SAMPLE_BYTES)
    except (OSError, EOFError, ValueError, ImportError, zlib.error) as error:
        raise DataError(f"{path}: must be a file that can be read; got `{said(error)}`.") from None
    for begins, what in _OTHER_KINDS.items():
        if head.lstrip()[: len(begins)].lower() == begins.lower():
            raise DataError(f"{path}: must be CSV; it begins as {what} does.")
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return head, _UTF16
    try:
        head[: head.rfind(b"\n") + 1].decode()
    except UnicodeDecodeError:
        return head, _LATIN
    return head, UTF8
