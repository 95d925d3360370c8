"""Reading tables: CSV, gzip, Parquet, limits, and files that are none of these."""

from __future__ import annotations

import gzip
import sys
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet

from stream.datasets.tables import read_rows
from stream.errors import DataError

TEXT = 'a,b\n1,"x\ny"\n\n2,z\n3,w\n'


def rows(path: Path, limit: int | None = None) -> list[tuple[object, ...]]:
    return [
        row
        for chunk in read_rows(path, limit).chunks
        for row in zip(*chunk.columns, chunk.lines, strict=True)
    ]


def put(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_bytes(gzip.compress(text.encode()) if name.endswith(".gz") else text.encode())
    return path


@pytest.mark.parametrize("name", ["t.csv", "t.csv.gz", "T.CSV"])
def test_cells_with_the_line_that_each_row_begins_on(tmp_path: Path, name: str) -> None:
    path = put(tmp_path, name, TEXT)
    assert read_rows(path).columns == ["a", "b"]
    assert rows(path) == [("1", "x\ny", 2), ("2", "z", 5), ("3", "w", 6)]
    assert rows(path, 2) == [("1", "x\ny", 2), ("2", "z", 5)]


def test_a_byte_order_mark_is_no_part_of_the_first_name(tmp_path: Path) -> None:
    assert read_rows(put(tmp_path, "t.csv", "\ufeffa,b\n")).columns == ["a", "b"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a,b\n1,2\n3\n", ":3: the row must have 2 cells; got 1."),
        ("a,a\n", ":1: columns must have names of their own; got `a` twice."),
        ("", ":1: columns must have names of their own; got nothing."),
    ],
)
def test_a_table_that_is_not_square(tmp_path: Path, text: str, message: str) -> None:
    path = put(tmp_path, "t.csv", text)
    with pytest.raises(DataError) as caught:
        rows(path)
    assert str(caught.value) == f"{path}{message}"


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"none\.csv: must be a file; there is none\."):
        read_rows(tmp_path / "none.csv")
    with pytest.raises(DataError, match=r"must end in \.csv, \.csv\.gz or \.parquet; got `\.xls`"):
        read_rows(put(tmp_path, "t.xls", TEXT))
    (tmp_path / "t.csv").write_bytes(b"a,b\n1,\xff\n")
    with pytest.raises(DataError, match="must be CSV in UTF-8"):
        rows(tmp_path / "t.csv")
    (tmp_path / "t.csv.gz").write_bytes(b"no gzip")
    with pytest.raises(DataError, match="must be CSV in UTF-8"):
        rows(tmp_path / "t.csv.gz")
    with pytest.raises(DataError, match="must be Parquet"):
        read_rows(put(tmp_path, "t.parquet", TEXT))


def test_parquet_keeps_its_types(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    parquet.write_table(pa.table({"a": [1, None, 3], "b": ["x", "y", None]}), path)
    assert rows(path) == [(1, "x", 1), (None, "y", 2), (3, None, 3)]
    assert rows(path, 2) == [(1, "x", 1), (None, "y", 2)]
    assert rows(path, 0) == []


def test_parquet_without_pyarrow_names_the_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(DataError, match=r"pyarrow; it is not installed\. Install `driftgate\[dem"):
        read_rows(put(tmp_path, "t.parquet", ""))
