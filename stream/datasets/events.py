"""Tables as events and labels: cells become the JSON records that a pipeline reads."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import msgspec

from stream.codec.events import feature_path
from stream.codec.rejects import show
from stream.codec.times import parse_time
from stream.config.pipeline import Config
from stream.datasets.cells import (
    Convert,
    feature_converter,
    label_converter,
    to_text,
    to_time,
)
from stream.datasets.tables import Chunk, Table
from stream.errors import DataError
from stream.evaluate import Series

# Rows without a time of their own happen one second apart, from 2000-01-01 on.
_START_MS = 946_684_800_000
_ROW_MS = 1000


class _Column(NamedTuple):
    path: str
    convert: Convert
    rule: str


@dataclass(slots=True)
class _Lists:
    """A series that is being filled."""

    keys: list[bytes | None] = field(default_factory=list)
    values: list[bytes | None] = field(default_factory=list)
    timestamps: list[int] = field(default_factory=list)

    def series(self) -> Series:
        return Series(self.keys, self.values, self.timestamps)


def to_events(config: Config, table: Table, *, inline: bool) -> tuple[Series, Series]:
    """Turn rows into the records of the input topics.

    A column belongs to a path if it has the path's name without `$.`; columns that no path names
    are left out. Rows without an id get their number as their key; rows without an event time
    happen one second apart.

    Parameters
    ----------
    inline
        Whether labels go into the events; the second series is empty then.

    Raises
    ------
    DataError
        With file and line: a column is missing, or a cell is not what the schema says.

    Returns
    -------
    events, labels
        In the order of the rows. Timestamps are event times. A row without a label has no
        record in `labels`.
    """
    columns = _event_columns(config)
    label = _Column(config.target.path, *label_converter(config.target))
    index = _locate(table, [*columns, label.path])
    events, labels = _Lists(), _Lists()
    for chunk in table.chunks:
        cells = {
            path: _convert(table, chunk, index[path], column) for path, column in columns.items()
        }
        found = _convert(table, chunk, index[label.path], label)
        times = _times(config, cells, len(events.values), len(chunk.lines))
        names = _names(config, cells, len(events.values), len(chunk.lines))
        events.values += _write({**cells, label.path: found} if inline else cells)
        events.keys += names
        events.timestamps += times
        if not inline:
            _add_labels(config, labels, names, times, found)
    return events.series(), labels.series()


def _event_columns(config: Config) -> dict[str, _Column]:
    """Columns of an event without its label, by path; the first use of a path types its cells."""
    schema = config.record
    columns = [
        _Column(feature_path(feature), *feature_converter(feature)) for feature in schema.features
    ]
    if schema.id.startswith("$."):
        columns.append(_Column(schema.id, to_text, "text"))
    if schema.event_time.startswith("$."):
        columns.append(_Column(schema.event_time, to_time, "an ISO 8601 time or a number"))
    by_path: dict[str, _Column] = {}
    for column in columns:
        by_path.setdefault(column.path, column)
    return by_path


def _locate(table: Table, paths: Sequence[str]) -> dict[str, int]:
    numbers = {name: number for number, name in enumerate(table.columns)}
    for path in paths:
        if path.removeprefix("$.") not in numbers:
            raise DataError(
                f"{table.file}:1: column `{path.removeprefix('$.')}` must exist, as {path} is "
                f"read; the columns are {', '.join(table.columns)}."
            )
    return {path: numbers[path.removeprefix("$.")] for path in paths}


def _convert(table: Table, chunk: Chunk, number: int, column: _Column) -> list[Any]:
    cells = chunk.columns[number]
    try:
        return list(map(column.convert, cells))
    except (TypeError, ValueError, OverflowError):
        pass
    for line, cell in zip(chunk.lines, cells, strict=True):
        try:
            column.convert(cell)
        except (TypeError, ValueError, OverflowError):
            got = show(cell if isinstance(cell, bool | int | float | str) else str(cell))
            place = f"{table.file}:{line}" if table.place == "line" else f"{table.file}, row {line}"
            raise DataError(
                f"{place}: column `{table.columns[number]}` must be {column.rule}; got {got}."
            ) from None
    raise AssertionError("a column failed that none of its cells fails in")


def _times(config: Config, cells: dict[str, list[Any]], first: int, count: int) -> list[int]:
    """Event times; a row that lacks its own is stamped as its number says, and refused later."""
    numbered = [_START_MS + _ROW_MS * number for number in range(first, first + count)]
    own = cells.get(config.record.event_time)
    if own is None:
        return numbered
    return [
        stamp if value is None else parse_time(value)
        for value, stamp in zip(own, numbered, strict=True)
    ]


def _names(
    config: Config, cells: dict[str, list[Any]], first: int, count: int
) -> list[bytes | None]:
    own = cells.get(config.record.id)
    if own is None:
        return [b"%d" % number for number in range(first, first + count)]
    return [None if name is None else str(name).encode() for name in own]


def _write(cells: dict[str, list[Any]]) -> list[bytes]:
    encode = msgspec.json.encode
    names = [path.removeprefix("$.") for path in cells]
    rows = zip(*cells.values(), strict=True)
    if not any("." in name for name in names):
        return [encode(dict(zip(names, row, strict=True))) for row in rows]
    return [encode(_nest(names, row)) for row in rows]


def _nest(names: Sequence[str], row: Sequence[Any]) -> dict[str, Any]:
    record: dict[str, Any] = {}
    for name, value in zip(names, row, strict=True):
        *parents, leaf = name.split(".")
        place = record
        for parent in parents:
            place = place.setdefault(parent, {})
        place[leaf] = value
    return record


def _add_labels(
    config: Config,
    labels: _Lists,
    names: Sequence[bytes | None],
    times: Sequence[int],
    found: Sequence[Any],
) -> None:
    settings = config.labels
    make: list[tuple[str, Callable[[int], Any]]] = [(config.target.path, lambda row: found[row])]
    if settings.id.startswith("$."):
        make.append((settings.id, lambda row: (names[row] or b"").decode()))
    if settings.event_time.startswith("$."):
        make.append((settings.event_time, lambda row: times[row]))
    paths = [path.removeprefix("$.") for path, _ in make]
    for row, value in enumerate(found):
        if value is not None:
            record = _nest(paths, [take(row) for _, take in make])
            labels.values.append(msgspec.json.encode(record))
            labels.keys.append(names[row])
            labels.timestamps.append(times[row])
