"""JSON lines, or one array of objects; inner objects become columns (`outer.inner`)."""

from __future__ import annotations

import itertools
import zlib
from collections.abc import Iterator
from typing import Any

import msgspec

from stream.datasets.packed import open_unpacked
from stream.datasets.tables import Chunk, Table, chunk_rows, distinct_names, said
from stream.errors import DataError

_LOOKED_AT = 10_000
"""Rows whose fields are the columns; a field that comes later is no column."""

_SHOWN_MAX = 60
_NO_JSON = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
_BEFORE = b"\xef\xbb\xbf \t\r\n"


def open_json(path: str) -> Table:
    """Open a file of JSON objects; see `tables.open_table`."""
    rows = [_flat(record) for record in itertools.islice(_records(path, None), _LOOKED_AT)]
    fields = list(dict.fromkeys(names for row in rows for names in row))
    if not fields:
        raise DataError(f"{path}: must hold JSON objects, one a line; there is none.")
    columns, notes = distinct_names([".".join(names) for names in fields])
    lists = frozenset(
        column
        for column, names in zip(columns, fields, strict=True)
        if any(isinstance(row.get(names), list) for row in rows)
    )

    def read(limit: int | None) -> Iterator[Chunk]:
        table.malformed.clear()
        records = itertools.islice(_records(path, table), limit)
        done = 0
        while some := [
            _flat(record) for record in itertools.islice(records, chunk_rows(len(fields)))
        ]:
            yield Chunk([[row.get(names) for row in some] for names in fields], done)
            done += len(some)

    table = Table(path, columns, read, notes, lists=lists)
    return table


def _records(path: str, table: Table | None) -> Iterator[dict[str, Any]]:
    try:
        with open_unpacked(path) as file:
            is_array = file.read(64).lstrip(_BEFORE).startswith(b"[")
        with open_unpacked(path) as file:  # anew: what is unpacked cannot go back
            if is_array:
                yield from _array(path, file.read())
            else:
                yield from _lines(path, file, table)
    except (OSError, EOFError, ImportError, zlib.error) as error:
        raise DataError(f"{path}: must be a file that can be read; got `{said(error)}`.") from None


def _lines(path: str, file: Any, table: Table | None) -> Iterator[dict[str, Any]]:
    decode = msgspec.json.Decoder().decode
    for number, line in enumerate(file, start=1):
        text = line.lstrip(b"\xef\xbb\xbf").strip()
        if not text:
            continue
        try:
            record = decode(text)
        except _NO_JSON as error:
            record = error
        if isinstance(record, dict):
            yield record
        elif table is not None:
            what = str(record) if isinstance(record, Exception) else "not an object"
            shown = text[:_SHOWN_MAX].decode("utf-8", "backslashreplace")
            table.malformed.add(f"{path}:{number}", f"{what}: {shown}")


def _array(path: str, text: bytes) -> Iterator[dict[str, Any]]:
    try:
        found = msgspec.json.decode(text.lstrip(_BEFORE))
    except _NO_JSON as error:
        raise DataError(f"{path}: must be JSON; got `{error}`.") from None
    if not all(isinstance(record, dict) for record in found):
        raise DataError(f"{path}: must be an array of objects; got other values in it.")
    yield from found


def _flat(record: dict[str, Any], above: tuple[str, ...] = ()) -> dict[tuple[str, ...], Any]:
    """Take inner objects apart; a name with a dot stays another one than a path to the same.

    Examples
    --------
    >>> _flat({"a": 1, "b": {"c": 2}, "b.c": 3})
    {('a',): 1, ('b', 'c'): 2, ('b.c',): 3}
    """
    flat: dict[tuple[str, ...], Any] = {}
    for name, value in record.items():
        if isinstance(value, dict) and value:
            flat |= _flat(value, (*above, name))
        else:
            flat[*above, name] = value
    return flat
