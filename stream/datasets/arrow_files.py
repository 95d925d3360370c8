"""Parquet and Arrow files, read by pyarrow; structs become columns of their own (`outer.inner`)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from stream.datasets.tables import Chunk, Table, chunk_rows, distinct_names, said
from stream.errors import DataError

if TYPE_CHECKING:
    import pyarrow as pa

_YEARS = ("0001-01-01", "9999-12-31")

_Batches = Callable[[], Iterator["pa.RecordBatch"]]


def open_parquet(path: str) -> Table:
    """Open a Parquet file; see `tables.open_table`."""
    import pyarrow.parquet as parquet

    with _in_words(path, "Parquet"):
        file = parquet.ParquetFile(_open(path))
        schema, rows = file.schema_arrow, file.metadata.num_rows

    def batches() -> Iterator[pa.RecordBatch]:
        file = parquet.ParquetFile(_open(path))
        size = chunk_rows(len(schema))
        # One group at a time: asked for all, pyarrow keeps the bytes of all in memory.
        for group in range(file.num_row_groups):
            yield from file.iter_batches(size, row_groups=[group])

    return _table(path, "Parquet", schema, rows, batches)


def open_arrow(path: str) -> Table:
    """Open an Arrow file or stream (Feather, too); see `tables.open_table`."""
    import pyarrow as pa

    def open_any() -> Any:
        try:
            return pa.ipc.open_file(_open(path))
        except pa.ArrowInvalid:
            return pa.ipc.open_stream(_open(path))

    def batches() -> Iterator[pa.RecordBatch]:
        reader = open_any()
        if hasattr(reader, "num_record_batches"):
            yield from (reader.get_batch(number) for number in range(reader.num_record_batches))
        else:
            yield from reader

    with _in_words(path, "Arrow"):
        schema = open_any().schema
    return _table(path, "Arrow", schema, None, batches)


def _table(path: str, kind: str, schema: pa.Schema, rows: int | None, batches: _Batches) -> Table:
    fields = _flat_fields(schema)
    columns, notes = distinct_names([name for name, _ in fields])
    lists = frozenset(
        column for column, (_, is_list) in zip(columns, fields, strict=True) if is_list
    )

    most = chunk_rows(len(columns))

    def read(limit: int | None) -> Iterator[Chunk]:
        done = 0
        with _in_words(path, kind):
            for batch in batches():
                for start in range(0, batch.num_rows, most):
                    left = most if limit is None else min(most, limit - done)
                    piece = batch.slice(start, left)
                    if not piece.num_rows:
                        return
                    yield Chunk(_flat_cells(piece), done)
                    done += piece.num_rows

    return Table(path, columns, read, notes, rows=rows, lists=lists)


def _flat_fields(schema: Any, above: str = "") -> list[tuple[str, bool]]:
    """Names of the columns, structs taken apart; also whether each holds lists."""
    import pyarrow as pa

    found: list[tuple[str, bool]] = []
    for field in schema:
        name = f"{above}{field.name}"
        if pa.types.is_struct(field.type):
            found += _flat_fields(field.type, f"{name}.")
        else:
            found.append((name, pa.types.is_nested(field.type)))
    return found


def _flat_cells(batch: pa.RecordBatch) -> list[list[Any]]:
    columns: list[list[Any]] = []
    for column in batch.columns:
        columns += _cells(column)
    return columns


def _cells(column: Any) -> list[list[Any]]:
    import pyarrow as pa

    if isinstance(column, pa.DictionaryArray):
        column = column.dictionary_decode()
    if not pa.types.is_struct(column.type):
        return [_listed(column)]
    return [cells for inner in column.flatten() for cells in _cells(inner)]


def _listed(column: Any) -> list[Any]:
    """Cells as Python objects; times of more than microseconds lose what is finer."""
    import pyarrow as pa

    if pa.types.is_timestamp(column.type):  # an instant whatever its zone, which may be unknown
        zone = None if column.type.tz is None else "UTC"
        unit = "us" if column.type.unit == "ns" else column.type.unit
        column = column.cast(pa.timestamp(unit, zone), safe=False)
        return _moments(column)
    if pa.types.is_duration(column.type) and column.type.unit == "ns":
        column = column.cast(pa.duration("us"), safe=False)
    if pa.types.is_time64(column.type) and column.type.unit == "ns":
        column = column.cast(pa.time64("us"), safe=False)
    return _objects(column)


def _moments(column: Any) -> list[Any]:
    """Times as datetimes in UTC without a zone, by way of numpy: ten times as fast as Arrow."""
    import numpy as np

    times = column.to_numpy(zero_copy_only=False)
    first, last = (np.array(year, dtype=times.dtype) for year in _YEARS)
    if ((times < first) | (times >= last)).any():  # Python has no such year
        return _objects(column)
    return list(times.astype("datetime64[us]").tolist())


def _objects(column: Any) -> list[Any]:
    try:
        return list(column.to_pylist())
    except (OverflowError, ValueError):
        return [_one(cell) for cell in column]


def _one(cell: Any) -> Any:
    """Take a cell that Python may have no value for, as a time far away; then it is text."""
    try:
        return cell.as_py()
    except (OverflowError, ValueError):
        return f"{cell.value} {cell.type}"


def _open(path: str) -> Any:
    if "://" not in path:
        return path
    import fsspec

    return fsspec.open(path, "rb").open()


@contextmanager
def _in_words(path: str, kind: str) -> Iterator[None]:
    """Turn what pyarrow raises into one line of ours."""
    from pyarrow import ArrowException

    try:
        yield
    except (ArrowException, OSError, OverflowError, ValueError) as error:
        raise DataError(f"{path}: must be {kind}; got `{said(error)}`.") from None
