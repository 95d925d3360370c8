"""Tables in files: CSV (also gzipped) by the standard library, Parquet by pyarrow."""

from __future__ import annotations

import csv
import gzip
import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from stream.errors import DataError

_CHUNK_ROWS = 10_000


@dataclass(frozen=True, slots=True)
class Chunk:
    """Some consecutive rows by column.

    Parameters
    ----------
    columns
        One list of cells for each column of the table: text from CSV, typed from Parquet.
    lines
        Line of each row in a CSV file; the row's number, from 1, in Parquet.
    """

    columns: list[list[Any]]
    lines: list[int]


@dataclass(frozen=True, slots=True)
class Table:
    """An open table.

    Parameters
    ----------
    file
        Its name, for messages.
    columns
        Names of the columns.
    chunks
        The rows; can be gone through once.
    place
        What a row's number counts: "line" or "row".
    """

    file: str
    columns: list[str]
    chunks: Iterator[Chunk]
    place: str = "line"


def read_rows(path: Path | str, limit: int | None = None) -> Table:
    """Open a data file.

    Parameters
    ----------
    path
        A .csv, .csv.gz or .parquet file; CSV has its columns' names in the first line.
    limit
        Read only this many rows.

    Raises
    ------
    DataError
        The file cannot be read, is of another kind, or has rows of the wrong length.
    """
    path = Path(path)
    name = path.name.lower()
    if not path.is_file():
        raise DataError(f"{path}: must be a file; there is none.")
    if name.endswith((".csv", ".csv.gz")):
        return _read_csv(path, limit)
    if name.endswith(".parquet"):
        return _read_parquet(path, limit)
    raise DataError(f"{path}: must end in .csv, .csv.gz or .parquet; got `{path.suffix}`.")


def _read_csv(path: Path, limit: int | None) -> Table:
    rows = _csv_rows(path)
    _, columns = next(rows, (1, []))
    repeated = sorted({name for name in columns if columns.count(name) > 1})
    if not columns or repeated:
        got = f"`{repeated[0]}` twice" if repeated else "nothing"
        raise DataError(f"{path}:1: columns must have names of their own; got {got}.")
    return Table(str(path), columns, _csv_chunks(path, columns, itertools.islice(rows, limit)))


def _csv_rows(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Rows that are not blank, each with the number of its first line."""
    line = 1
    try:
        with _open_text(path) as file:
            reader = csv.reader(file)
            for row in reader:
                if row:
                    yield line, row
                line = reader.line_num + 1
    except (OSError, EOFError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path}:{line}: must be CSV in UTF-8; got `{error}`.") from None


def _open_text(path: Path) -> TextIO:
    if path.name.lower().endswith(".gz"):
        return gzip.open(path, "rt", encoding="utf-8-sig", newline="")
    return path.open(encoding="utf-8-sig", newline="")


def _csv_chunks(
    path: Path, columns: list[str], rows: Iterator[tuple[int, list[str]]]
) -> Iterator[Chunk]:
    while piece := list(itertools.islice(rows, _CHUNK_ROWS)):
        for line, row in piece:
            if len(row) != len(columns):
                raise DataError(
                    f"{path}:{line}: the row must have {len(columns)} cells; got {len(row)}."
                )
        cells = zip(*(row for _, row in piece), strict=True)
        yield Chunk([list(column) for column in cells], [line for line, _ in piece])


def _read_parquet(path: Path, limit: int | None) -> Table:
    try:
        from pyarrow import ArrowException, parquet
    except ImportError:
        raise DataError(
            f"{path}: Parquet needs pyarrow; it is not installed. Install `driftgate[demo]`."
        ) from None
    try:
        file = parquet.ParquetFile(path)
    except (ArrowException, OSError) as error:
        raise DataError(f"{path}: must be Parquet; got `{error}`.") from None
    return Table(str(path), list(file.schema_arrow.names), _parquet_chunks(file, limit), "row")


def _parquet_chunks(file: Any, limit: int | None) -> Iterator[Chunk]:
    done = 0
    for batch in file.iter_batches(batch_size=_CHUNK_ROWS):
        wanted = batch if limit is None else batch.slice(0, limit - done)
        count = wanted.num_rows
        if not count:
            return
        columns = [column.to_pylist() for column in wanted.columns]
        yield Chunk(columns, list(range(done + 1, done + count + 1)))
        done += count
