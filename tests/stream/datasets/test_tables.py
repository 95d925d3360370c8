"""Reading tables: CSV of many dialects, JSON lines, Parquet, Arrow; rows that are no rows."""

from __future__ import annotations

import gzip
import json
import os
import threading
from datetime import datetime
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import fsspec
import pyarrow as pa
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from stream.datasets import tables
from stream.datasets.cells import to_text
from stream.datasets.tables import Table, distinct_names, open_table, turned_round
from stream.errors import DataError

TEXT = 'a,b\n1,"x\ny"\n\n2,z\n3,w\n'


def rows(table: Table, limit: int | None = None) -> list[tuple[object, ...]]:
    return [row for chunk in table.read(limit) for row in zip(*chunk.columns, strict=True)]


def put(folder: Path, name: str, text: str, encoding: str = "utf-8") -> Path:
    path = folder / name
    data = text.encode(encoding)
    path.write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
    return path


@pytest.mark.parametrize("name", ["t.csv", "t.csv.gz", "T.CSV", "odd [1]*?.csv"])
def test_cells_come_as_text(tmp_path: Path, name: str) -> None:
    table = open_table(put(tmp_path, name, TEXT))
    assert table.columns == ["a", "b"]
    assert rows(table) == [("1", "x\ny"), ("2", "z"), ("3", "w")]
    assert rows(table, 2) == [("1", "x\ny"), ("2", "z")]
    assert rows(table) == rows(table)


def body(delimiter: str, count: int = 50) -> str:
    return "".join(f"{n}{delimiter}{n / 7:.3f}{delimiter}w{n % 3}\n" for n in range(count))


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|", " "])
def test_the_delimiter_is_found(tmp_path: Path, delimiter: str) -> None:
    text = f"n{delimiter}x{delimiter}word\n" + body(delimiter)
    table = open_table(put(tmp_path, "t.txt", text))
    assert table.columns == ["n", "x", "word"]
    assert rows(table)[1] == ("1", "0.143", "w1")
    assert table.decimal_comma == (delimiter != ",")


def test_lines_before_the_header_and_a_byte_order_mark(tmp_path: Path) -> None:
    assert open_table(put(tmp_path, "t.csv", "\ufeffa,b\n1,2\n")).columns == ["a", "b"]
    assert open_table(put(tmp_path, "u.csv", "# made by x\na,b\n1,2\n")).columns == ["a", "b"]


@pytest.mark.parametrize(("encoding", "named"), [("latin-1", "latin-1"), ("utf-16", "utf-16")])
def test_other_encodings(tmp_path: Path, encoding: str, named: str) -> None:
    text = "city,n\n" + "".join(f"Zürich{n % 4},{n}\n" for n in range(60))
    table = open_table(put(tmp_path, "t.csv", text, encoding))
    assert rows(table)[0] == ("Zürich0", "0")
    assert table.notes == [f"the file is not UTF-8; it is read as {named}"]


def test_a_file_without_names(tmp_path: Path) -> None:
    text = "".join(f"{n / 7:.2f},{n % 5},iris-{n % 3}\n" for n in range(60))
    table = open_table(put(tmp_path, "iris.data", text))
    assert table.columns == ["column1", "column2", "column3"]
    assert len(rows(table)) == 60
    assert "the first line holds values, not names" in table.notes[0]


def test_rows_that_are_no_rows_are_passed_over_and_named(tmp_path: Path) -> None:
    lines = ["a,b,c", *(f"{n},{n},{n}" for n in range(900))]
    lines[300], lines[600] = "1,2", "1,2,3,4"
    path = put(tmp_path, "t.csv", "\n".join(lines) + "\n")
    table = open_table(path)
    for _ in range(2):  # what was noted is not added up
        assert len(rows(table)) == 898
        assert table.malformed.count == 2
    assert table.malformed.shown == [
        f"{path}:301: Expected Number of Columns: 3 Found: 2: 1,2",
        f"{path}:601: Expected Number of Columns: 3 Found: 4: 1,2,3,4",
    ]


def test_every_column_gets_a_name_of_its_own(tmp_path: Path) -> None:
    table = open_table(put(tmp_path, "t.csv", ",a,a\n1,2,3\n4,5,6\n"))
    assert table.columns == ["column1", "a", "a_2"]
    assert table.notes == [
        "column 1 has no name; it is called `column1`",
        "`a` names two columns; column 3 is called `a_2`",
    ]


@given(st.lists(st.sampled_from(["", "a", "a_2", "b", "column2"]), min_size=1))
@settings(max_examples=200, deadline=None)
def test_names_are_distinct_and_stay_where_they_can(found: list[str]) -> None:
    names, notes = distinct_names(found)
    assert len(set(names)) == len(found)
    kept = [(old, new) for old, new in zip(found, names, strict=True) if old == new]
    assert {old for old, _ in kept} == {name for name in found if name}
    assert len(notes) == len(found) - len(kept)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"none\.csv: must be a file; there is none\."):
        open_table(tmp_path / "none.csv")
    with pytest.raises(DataError, match=r"must be a file; there is a folder\."):
        open_table(tmp_path)
    with pytest.raises(DataError, match=r"must be CSV \(.*got `\.xls`"):
        open_table(put(tmp_path, "t.xls", TEXT))
    with pytest.raises(DataError, match="must have a line of column names; the file is empty"):
        open_table(put(tmp_path, "t.csv", ""))
    (tmp_path / "t.csv.gz").write_bytes(b"no gzip")
    with pytest.raises(DataError, match="must be a file that can be read"):
        open_table(tmp_path / "t.csv.gz")
    with pytest.raises(DataError, match="must be Parquet"):
        open_table(put(tmp_path, "t.parquet", TEXT))
    with pytest.raises(DataError, match="must be Arrow"):
        open_table(put(tmp_path, "t.feather", TEXT))
    with pytest.raises(DataError, match="must hold JSON objects, one a line; there is none"):
        open_table(put(tmp_path, "t.jsonl", "1\n2\n"))
    with pytest.raises(DataError, match="must be JSON"):
        open_table(put(tmp_path, "t.json", "[1, 2"))


def test_parquet_keeps_its_types(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    parquet.write_table(pa.table({"a": [1, None, 3], "b": ["x", "y", None]}), path)
    table = open_table(path)
    assert table.rows == 3
    assert rows(table) == [(1, "x"), (None, "y"), (3, None)]
    assert rows(table, 2) == [(1, "x"), (None, "y")]
    assert rows(table, 0) == []


def made(kind: str, path: Path, table: Any) -> Path:
    if kind == "parquet":
        parquet.write_table(table, path)
        return path
    with pa.OSFile(str(path), "wb") as sink:
        new = pa.ipc.new_file if kind == "file" else pa.ipc.new_stream
        with new(sink, table.schema) as writer:
            writer.write_table(table)
    return path


@pytest.mark.parametrize("kind", ["parquet", "file", "stream"])
def test_structs_are_taken_apart_and_lists_named(tmp_path: Path, kind: str) -> None:
    columns = {
        "s": pa.array([{"x": 1, "t": {"y": "u"}}, None, {"x": 3, "t": None}]),
        "l": pa.array([[1], [], None]),
        "d": pa.array(["k", "k", None]).dictionary_encode(),
        "w": pa.array([datetime(2020, 1, 2)] * 3, pa.timestamp("ns")),
    }
    table = open_table(
        made(kind, tmp_path / ("t.parquet" if kind == "parquet" else "t.arrow"), pa.table(columns))
    )
    assert table.columns == ["s.x", "s.t.y", "l", "d", "w"]
    assert table.lists == {"l"}
    assert rows(table) == [
        (1, "u", [1], "k", datetime(2020, 1, 2)),
        (None, None, [], "k", datetime(2020, 1, 2)),
        (3, None, None, None, datetime(2020, 1, 2)),
    ]


def test_two_columns_of_one_name_in_parquet(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    table = pa.Table.from_arrays([pa.array([1]), pa.array([2])], names=["a", "a"])
    parquet.write_table(table, path)
    found = open_table(path)
    assert (found.columns, rows(found)) == (["a", "a_2"], [(1, 2)])
    assert found.notes == ["`a` names two columns; column 2 is called `a_2`"]


@pytest.mark.parametrize("name", ["t.jsonl", "t.ndjson.gz"])
def test_json_lines(tmp_path: Path, name: str) -> None:
    records = [{"a": 1, "b": {"c": "x"}}, {"a": None, "l": [1]}, {"b": {"c": "y"}}]
    lines = [*map(json.dumps, records), "", "{", "3"]
    path = put(tmp_path, name, "\n".join(lines))
    table = open_table(path)
    assert table.columns == ["a", "b.c", "l"]
    assert table.lists == {"l"}
    assert rows(table) == [(1, "x", None), (None, None, [1]), (None, "y", None)]
    assert table.malformed.count == 2
    assert [line.split(": ")[0] for line in table.malformed.shown] == [f"{path}:5", f"{path}:6"]


def test_an_array_of_objects(tmp_path: Path) -> None:
    table = open_table(put(tmp_path, "t.json", '[{"a": 1}, {"a": 2}]'))
    assert rows(table) == [(1,), (2,)]
    with pytest.raises(DataError, match="must be an array of objects; got other values in it"):
        open_table(put(tmp_path, "u.json", '[{"a": 1}, 2]'))


def test_a_file_that_fsspec_reaches() -> None:
    import fsspec

    with fsspec.open("memory://folder/t.csv", "w") as file:
        file.write(TEXT)
    assert rows(open_table("memory://folder/t.csv"))[1] == ("2", "z")


@given(st.integers(1, 25_000), st.none() | st.integers(0, 30_000))
@settings(max_examples=5, deadline=None)
def test_the_last_row_first(count: int, limit: int | None) -> None:
    import fsspec

    with fsspec.open("memory://folder/r.jsonl", "w") as file:
        file.write("".join(f'{{"n": {n}}}\n' for n in range(count)))
    found = rows(turned_round(open_table("memory://folder/r.jsonl")), limit)
    assert found == [(n,) for n in reversed(range(count))][:limit]


@pytest.mark.parametrize("limit", [None, 3, 25_000])
def test_mixed_line_ends(tmp_path: Path, limit: int | None) -> None:
    """Files put together from several: DuckDB's parser gives up in their middle."""
    ends = ["\r\n"] * 12_000 + ["\n"] * 9_000 + ["\r"] * 3_000
    lines = [f'{n},"a ""b"", {n}"{end}' for n, end in enumerate(ends)]
    lines[15_000] = "one cell\n"
    path = tmp_path / "t.csv"
    path.write_bytes(("n,text\r\n" + "".join(lines)).encode())
    table = open_table(path)
    wanted = [(f"{n}", f'a "b", {n}') for n in range(len(ends)) if n != 15_000]
    assert rows(table, limit) == wanted[:limit]
    assert table.malformed.count == int(limit is None or limit > 15_000)
    firsts = [(chunk.first, len(chunk)) for chunk in table.read(None)]
    assert [first for first, _ in firsts[1:]] == [first + count for first, count in firsts[:-1]]


def rows_of(path: Path, limit: int | None = None) -> tuple[list[tuple[Any, ...]], list[str]]:
    """All rows that can be read, and what is said of the others; twice, with equal results."""
    table = open_table(path)
    first, again = (
        [row for chunk in table.read(limit) for row in zip(*chunk.columns, strict=True)]
        for _ in range(2)
    )
    assert first == again
    assert table.malformed.count >= len(table.malformed.shown)
    return first, [each.removeprefix(f"{path}:") for each in table.malformed.shown]


@pytest.mark.parametrize("bad", [[30], [59], [30, 31], [3, 40, 59]])
@pytest.mark.parametrize("text", ["t", '"a\nb"', '"a""b"', '"a,b"'])
def test_a_quote_that_is_not_closed_costs_its_own_line(
    tmp_path: Path, bad: list[int], text: str
) -> None:
    path = tmp_path / "t.csv"
    opened = '"t'
    lines = [f"{n},{opened if n in bad else text},a\n" for n in range(60)]
    path.write_text("x,t,y\n" + "".join(lines))
    rows, said = rows_of(path)
    assert [int(row[0]) for row in rows] == [n for n in range(60) if n not in bad]
    assert len(said) == len(bad)


def test_nothing_after_a_bad_row_of_a_long_file_is_lost(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    bad = {1000: '1000,"t,a', 5000: "5000,t", 20_001: '20001,"t"t,a', 29_000: "29000,\udce9,a"}
    lines = ["x,t,y", *(bad.get(n, f"{n},{n % 3:040}ä,a") for n in range(30_000))]
    path.write_bytes("\n".join(lines).encode("utf-8", "surrogateescape"))
    rows, said = rows_of(path)
    assert [int(row[0]) for row in rows] == [n for n in range(30_000) if n not in bad]
    assert [each.partition(":")[0] for each in said] == ["1002", "5002", "20003", "29002"]
    assert len(rows_of(path, 1500)[0]) == 1500


def test_a_delimiter_at_the_end_of_lines_stays_one_after_a_bad_row(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("x,y\n" + "".join("1\n" if n == 50 else f"{n},a,\n" for n in range(100)))
    rows, said = rows_of(path)
    assert (len(rows), len(said)) == (99, 1)


def test_json_lines_that_are_no_utf8(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    path.write_bytes(b'{"x": 1}\n{"x": "\xff"}\n{"x": 2}\n')
    rows, said = rows_of(path)
    assert (rows, len(said)) == ([(1,), (2,)], 1)


def test_one_name_of_two_places_in_json(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    path.write_text('{"a": {"b": 1}, "a.b": 2}\n')
    table = open_table(path)
    assert (table.columns, rows_of(path)[0]) == (["a.b", "a.b_2"], [(1, 2)])
    assert table.notes == ["`a.b` names two columns; column 2 is called `a.b_2`"]


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([10**13], pa.timestamp("s")),
        ([10**17, 0], pa.timestamp("s", "UTC")),
        ([10_000_000], pa.date32()),
        ([2**62], pa.duration("s")),
    ],
)
def test_times_that_python_has_none_for_are_text(
    tmp_path: Path, values: list[int], kind: pa.DataType
) -> None:
    path = tmp_path / "t.arrow"
    table = pa.table({"t": pa.array(values, kind), "x": values})
    with pa.ipc.new_file(path, table.schema) as file:
        file.write(table)
    rows, _ = rows_of(path)
    assert isinstance(rows[0][0], str)
    assert str(kind) in rows[0][0]
    assert [row[1] for row in rows] == values


def test_a_zone_that_nobody_knows(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    parquet.write_table(pa.table({"t": pa.array([1], pa.timestamp("s", "No/Where"))}), path)
    assert to_text(rows_of(path)[0][0][0]) == "1970-01-01T00:00:01+00:00"


def test_a_packed_file_that_is_damaged(tmp_path: Path) -> None:
    for ending in ("csv", "jsonl"):
        path = tmp_path / f"t.{ending}.gz"
        packed = gzip.compress(os.urandom(9000).hex().encode())
        for damaged in (packed[:5000], packed[:40] + b"\xff" * 200 + packed[240:]):
            path.write_bytes(damaged)
            with pytest.raises(DataError, match="must be a file that can be read"):
                open_table(path)


@pytest.mark.parametrize(
    ("begin", "kind"),
    [
        (b"PAR1\x15\x00", "Parquet (.parquet)"),
        (gzip.compress(b"a,b\n1,2\n", mtime=0), "a file packed by gzip (.gz)"),
        (b"PK\x03\x04\n", "a ZIP archive or an Excel workbook"),
        (b"\n<!DOCTYPE html>\n<p>a,b</p>\n", "a web page"),
    ],
)
def test_other_files_that_are_called_csv(tmp_path: Path, begin: bytes, kind: str) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes(begin)
    with pytest.raises(DataError) as caught:
        open_table(path)
    assert str(caught.value) == f"{path}: must be CSV; it begins as {kind} does."


def test_a_url_with_a_query(tmp_path: Path) -> None:
    put(tmp_path, "t.csv", "a,b\n1,2\n3,4\n")
    serve = partial(SimpleHTTPRequestHandler, directory=str(tmp_path))
    with ThreadingHTTPServer(("127.0.0.1", 0), serve) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        at = f"http://127.0.0.1:{server.server_port}"
        assert rows(open_table(f"{at}/t.csv?token=a.b")) == [("1", "2"), ("3", "4")]
        with pytest.raises(DataError, match="must be a file that can be read; got `FileNotFound"):
            open_table(f"{at}/none.csv")
        server.shutdown()


def test_a_stores_own_errors_are_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """Clients of stores raise errors of their own, as botocore without credentials."""

    class ClientError(Exception):
        pass

    def refuse(self: object, path: str, **_: object) -> None:
        raise ClientError("no credentials\nat all")

    monkeypatch.setattr(fsspec.get_filesystem_class("memory"), "_open", refuse)
    for ending in ("csv", "jsonl", "parquet", "arrow"):
        with pytest.raises(DataError) as caught:
            open_table(f"memory://none.{ending}")
        assert str(caught.value) == (
            f"memory://none.{ending}: must be a file that can be read; "
            "got `ClientError: no credentials`."
        )


@pytest.mark.parametrize("ending", ["csv", "jsonl", "parquet", "arrow"])
def test_wide_tables_are_read_in_fewer_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ending: str
) -> None:
    monkeypatch.setattr(tables, "_CHUNK_CELLS", 50)
    path = tmp_path / f"t.{ending}"
    table = pa.table({"a": list(range(90)), "b": [1] * 90})
    if ending == "csv":
        path.write_text("a,b\n" + "".join(f"{n},1\n" if n != 60 else "60\n" for n in range(91)))
    elif ending == "jsonl":
        path.write_text("".join(f'{{"a": {n}, "b": 1}}\n' for n in range(90)))
    elif ending == "parquet":
        parquet.write_table(table, path)
    else:
        with pa.ipc.new_file(path, table.schema) as file:
            file.write(table)
    sizes = [len(chunk) for chunk in open_table(path).read(None)]
    assert (sum(sizes), max(sizes)) == (90, 25)


def test_what_is_no_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "t.csv")
    with pytest.raises(DataError, match="a pipe or device, which cannot be read twice"):
        open_table(tmp_path / "t.csv")


@pytest.mark.parametrize("name", ["t.csv", "t.jsonl"])
def test_zstandard_in_several_frames(tmp_path: Path, name: str) -> None:
    path = tmp_path / f"{name}.zst"
    halves = [_some_rows(name, start) for start in (0, 50)]
    path.write_bytes(b"".join(map(zstandard.compress, halves)))
    assert len(rows_of(path)[0]) == 100


@pytest.mark.parametrize("name", ["t.csv", "t.jsonl"])
@pytest.mark.parametrize("cut", [1, 30])
def test_a_packed_file_that_ends_in_the_middle_is_not_read_short(
    tmp_path: Path, name: str, cut: int
) -> None:
    path = tmp_path / f"{name}.zst"
    path.write_bytes(zstandard.compress(_some_rows(name, 0))[:-cut])
    with pytest.raises(DataError, match="the file ends in the middle of a Zstandard frame"):
        rows_of(path)


def _some_rows(name: str, start: int) -> bytes:
    numbers = range(start, start + 50)
    if name == "t.jsonl":
        return b"".join(b'{"a": %d, "b": %d}\n' % (n, n**3) for n in numbers)
    return (b"" if start else b"a,b\n") + b"".join(b"%d,%d\n" % (n, n**3) for n in numbers)
