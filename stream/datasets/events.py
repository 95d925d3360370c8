"""Tables as events and labels: cells become the JSON records that a pipeline reads.

What cannot be read of a record is not judged here. It is written as it stands, so that the reader
of the topics refuses it with its own words, in `evaluate` as in production.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from itertools import starmap
from typing import Any, NamedTuple

import msgspec

from stream.codec.events import feature_path
from stream.codec.times import parse_time
from stream.config.paths import column_of, is_path, names_of
from stream.config.pipeline import Config
from stream.datasets.cells import (
    Convert,
    convert_all,
    feature_converter,
    label_converter,
    to_text,
    to_time,
    to_written_time,
    with_point,
)
from stream.datasets.tables import Chunk, Table
from stream.errors import DataError
from stream.evaluate import Piece, Series

# Rows without a time of their own happen one second apart, from 2000-01-01 on.
_START_MS = 946_684_800_000
_ROW_MS = 1000
_NAMED_MAX = 20
_PLAIN = re.compile(r"[\w .:;,/()%#+*-]+")
"""A name that stands in JSON as it is."""


class _Column(NamedTuple):
    """A column of the table that is read, and how."""

    path: str
    place: int
    convert: Convert


@dataclass(frozen=True, slots=True)
class _Rows:
    """Rows of a chunk, converted: values by path, and what names and dates each row."""

    cells: dict[str, list[Any]]
    labels: list[Any]
    keys: list[bytes | None]
    times: list[int]


def to_pieces(
    config: Config, table: Table, *, inline: bool, limit: int | None = None
) -> Iterator[Piece]:
    """Turn rows into the records of the input topics.

    A column belongs to a path if it has the path's name without `$.`; columns that no path names
    are left out. Rows without an id get their number as their key; rows without an event time
    happen one second apart.

    Parameters
    ----------
    inline
        Whether labels go into the events; pieces have no labels then.
    limit
        Read only this many rows.

    Raises
    ------
    DataError
        A column is missing, or the file cannot be read on.

    Yields
    ------
    Piece
        In the order of the rows. Timestamps are event times. A row without a label has no record
        in `labels`.
    """
    columns = _event_columns(config, table)
    label = _Column(
        config.target.path, _place(table, config.target.path), label_converter(config.target)
    )
    for chunk in table.read(limit):
        rows = _rows(config, table, chunk, columns, label)
        cells = {**rows.cells, label.path: rows.labels} if inline else rows.cells
        events = Series(rows.keys, _write(cells), rows.times, cells)
        yield Piece(events, None if inline else _label_records(config, rows))


def all_of(pieces: Iterator[Piece]) -> Piece:
    """Join pieces: for what needs all of a file at once."""
    events, labels = _Lists(), _Lists()
    has_labels = False
    for piece in pieces:
        events.extend(piece.events)
        if piece.labels is not None:
            has_labels = True
            labels.extend(piece.labels)
    return Piece(events.series(), labels.series() if has_labels else None)


class _Lists:
    """A series that is being filled."""

    def __init__(self) -> None:
        self._keys: list[bytes | None] = []
        self._values: list[bytes | None] = []
        self._timestamps: list[int] = []

    def extend(self, series: Series) -> None:
        self._keys += series.keys
        self._values += series.values
        self._timestamps += series.timestamps

    def series(self) -> Series:
        return Series(self._keys, self._values, self._timestamps)


def _event_columns(config: Config, table: Table) -> list[_Column]:
    """Columns of an event without its label; the first use of a path types its cells."""
    schema = config.record
    wanted: dict[str, Convert] = {}
    for feature in schema.features:
        wanted.setdefault(feature_path(feature), feature_converter(feature))
    if is_path(schema.id):
        wanted.setdefault(schema.id, to_text)
    if is_path(schema.event_time):
        written = schema.event_time_format is not None
        wanted.setdefault(schema.event_time, to_written_time if written else to_time)
    return [_Column(path, _place(table, path), convert) for path, convert in wanted.items()]


def _place(table: Table, path: str) -> int:
    name = column_of(path)
    if name in table.columns:
        return table.columns.index(name)
    near = difflib.get_close_matches(name, table.columns, 1)
    listed = ", ".join(table.columns[:_NAMED_MAX])
    more = f" and {len(table.columns) - _NAMED_MAX} more" if len(table.columns) > _NAMED_MAX else ""
    raise DataError(
        f"{table.file}: column `{name}` must exist, as {path} is read; the columns are "
        f"{listed}{more}." + (f" Did you mean `{near[0]}`?" if near else "")
    )


def _rows(
    config: Config, table: Table, chunk: Chunk, columns: Sequence[_Column], label: _Column
) -> _Rows:
    def converted(column: _Column) -> list[Any]:
        cells = chunk.columns[column.place]
        if table.decimal_comma and column.convert is not to_text:
            cells = list(map(with_point, cells))
        return convert_all(column.convert, cells)

    cells = {column.path: converted(column) for column in columns}
    numbers = range(chunk.first, chunk.first + len(chunk))
    return _Rows(
        cells, converted(label), _keys(config, cells, numbers), _times(config, cells, numbers)
    )


def _times(config: Config, cells: dict[str, list[Any]], numbers: range) -> list[int]:
    """Event times; a row that lacks its own is stamped as its number says, and refused later."""
    stamps = [_START_MS + _ROW_MS * number for number in numbers]
    own = cells.get(config.record.event_time)
    if own is None:
        return stamps
    parse = partial(parse_time, form=config.record.event_time_format)
    try:
        # A record's timestamp cannot lie before 1970.
        return [time if time > 0 else 0 for time in map(parse, own)]
    except (TypeError, ValueError):
        return [_time_or(parse, value, stamp) for value, stamp in zip(own, stamps, strict=True)]


def _time_or(parse: Callable[[Any], int], value: Any, stamp: int) -> int:
    try:
        return max(parse(value), 0)
    except (TypeError, ValueError):
        return stamp


def _keys(config: Config, cells: dict[str, list[Any]], numbers: range) -> list[bytes | None]:
    own = cells.get(config.record.id)
    if own is None:
        return [b"%d" % number for number in numbers]
    return [None if name is None else str(name).encode() for name in own]


def _write(cells: dict[str, list[Any]]) -> list[bytes | None]:
    paths = [names_of(path) for path in cells]
    rows = zip(*cells.values(), strict=True)
    if all(len(names) == 1 and _PLAIN.fullmatch(names[0]) for names in paths):
        flat = tuple(names[0] for names in paths)
        make, whole = _flat_record(flat), list(rows)
        try:
            return list(map(msgspec.json.encode, starmap(make, whole)))
        except OverflowError:
            return [_encode_flat(make, flat, row) for row in whole]
    return [_encode(_nest(paths, row)) for row in rows]


@lru_cache(maxsize=16)
def _flat_record(names: tuple[str, ...]) -> Callable[..., msgspec.Struct]:
    """Make a record without inner objects; it is written faster than a dict."""
    fields = [
        (f"field_{number}", Any, msgspec.field(name=name)) for number, name in enumerate(names)
    ]
    return msgspec.defstruct("Row", fields, gc=False)


def _encode_flat(
    make: Callable[..., msgspec.Struct], names: Sequence[str], row: Sequence[Any]
) -> bytes:
    try:
        return msgspec.json.encode(make(*row))
    except OverflowError:  # a whole number of more than 64 bits, which JSON itself may hold
        return _encode(dict(zip(names, row, strict=True)))


def _encode(record: dict[str, Any]) -> bytes:
    try:
        return msgspec.json.encode(record)
    except OverflowError:
        return json.dumps(record).encode()


def _nest(paths: Sequence[tuple[str, ...]], row: Sequence[Any]) -> dict[str, Any]:
    record: dict[str, Any] = {}
    for (*parents, leaf), value in zip(paths, row, strict=True):
        place = record
        for parent in parents:
            place = place.setdefault(parent, {})
        place[leaf] = value
    return record


def _label_records(config: Config, rows: _Rows) -> Series:
    settings = config.labels
    make: list[tuple[str, Callable[[int], Any]]] = [
        (config.target.path, lambda row: rows.labels[row])
    ]
    if is_path(settings.id):
        make.append((settings.id, lambda row: (rows.keys[row] or b"").decode()))
    if is_path(settings.event_time):
        make.append((settings.event_time, lambda row: rows.times[row]))
    paths = [names_of(path) for path, _ in make]
    known = [row for row, value in enumerate(rows.labels) if value is not None]
    values = [_encode(_nest(paths, [take(row) for _, take in make])) for row in known]
    return Series([rows.keys[row] for row in known], values, [rows.times[row] for row in known])
