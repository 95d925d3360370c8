"""Tables as records: types of cells, ids, times, labels apart; what comes out can be read."""

from __future__ import annotations

import json
import os
import time
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyarrow import parquet

from stream.codec.events import EventReader
from stream.codec.features import FeatureCoder
from stream.codec.labels import LabelReader
from stream.codec.target import TargetCoder
from stream.config.paths import path_of
from stream.config.pipeline import Config
from stream.datasets import all_of, open_table, to_pieces
from stream.errors import DataError
from stream.evaluate import Piece, Series
from tests.builders import EVENTS, LABELS, batch, toy_config

DATA = Path(os.environ.get("DRIFTGATE_DATA", Path(__file__).parents[4] / "shared" / "data"))


def config(*features: dict[str, Any], classes: Any = None, **changes: Any) -> Config:
    schema = {"features": list(features), **changes.pop("schema", {})}
    target = {"type": "classification", "path": "$.y", "classes": classes}
    return toy_config(**{"schema": schema, "target": target, **changes})


def put(folder: Path, text: str) -> Path:
    path = folder / "t.csv"
    path.write_text(text)
    return path


def to_events(settings: Config, path: Path, *, inline: bool) -> Piece:
    """Everything that a file gives; without labels of their own, an empty series of them."""
    events, labels = all_of(to_pieces(settings, open_table(path), inline=inline))
    return Piece(events, labels or Series([], [], []))


F = {"name": "a", "type": "float", "missing": True}


def cells(folder: Path, kind: str, *texts: str) -> list[Any]:
    settings = config({"name": "a", "type": kind, "missing": True})
    path = put(folder, "a,y\n" + "".join(f'"{text}",1\n' for text in texts))
    events, _ = to_events(settings, path, inline=True)
    values = list(events.values)
    assert not EventReader(settings).read(batch(EVENTS, values)).rejects
    return [json.loads(value or b"")["a"] for value in values]


@pytest.mark.parametrize(
    ("kind", "texts", "values"),
    [
        ("float", ["1", "-2.5e3", "", "NA", "nan"], [1.0, -2500.0, None, None, None]),
        ("integer", ["1", "2.0", "", "NA"], [1, 2, None, None]),
        ("boolean", ["true", "F", "0", "Yes", ""], [True, False, False, True, None]),
        ("category", ["x", "NA", "", "1"], ["x", "NA", None, "1"]),
        ("timestamp", ["2020-01-01", "1500", "", "0.5"], ["2020-01-01", 1500, None, 0.5]),
    ],
)
def test_cells_become_typed_values(
    tmp_path: Path, kind: str, texts: list[str], values: list[Any]
) -> None:
    got = cells(tmp_path, kind, *texts)
    assert got == values
    assert [type(value) for value in got] == [type(value) for value in values]


@pytest.mark.parametrize(
    ("kind", "text", "value", "reason"),
    [
        ("float", "warm", "warm", "wrong_type"),
        ("float", "inf", "inf", "wrong_type"),
        ("float", "1_0", "1_0", "wrong_type"),
        ("float", "9" * 310, "9" * 310, "wrong_type"),
        ("integer", "1.5", 1.5, "wrong_type"),
        ("integer", "9" * 30, 10**30 - 1, "out_of_range"),
        ("boolean", "2", "2", "wrong_type"),
        ("timestamp", "soon", "soon", "bad_time"),
    ],
)
def test_a_cell_that_cannot_be_makes_the_dead_letter_of_a_topic(
    tmp_path: Path, kind: str, text: str, value: Any, reason: str
) -> None:
    path = put(tmp_path, f"a,y\n1,1\n{text},1\n0,1\n")
    settings = config({"name": "a", "type": kind})
    events, _ = to_events(settings, path, inline=True)
    assert json.loads(events.values[1] or b"")["a"] == value
    read = EventReader(settings).read(batch(EVENTS, events.values))
    assert [(reject.index, reject.reason) for reject in read.rejects] == [(1, reason)]


def test_decimal_commas_where_commas_part_no_columns(tmp_path: Path) -> None:
    path = put(tmp_path, "a;y\n0,5;1\n-1.5;0\n,25;1\n")
    events, _ = to_events(config(F), path, inline=True)
    assert [json.loads(value or b"")["a"] for value in events.values] == [0.5, -1.5, 0.25]
    path = put(tmp_path, 'a,y\n"0,5",1\n"1,250",0\n')
    events, _ = to_events(config(F), path, inline=True)
    assert [json.loads(value or b"")["a"] for value in events.values] == ["0,5", 1250.0]


def test_names_of_any_kind(tmp_path: Path) -> None:
    settings = config(
        {"name": "price", "type": "float"},
        {"name": "price.usd", "type": "float", "path": '$["price.usd"]'},
        {"name": "wind.m/s", "type": "float"},
        target={"type": "regression", "path": '$["flow [l/s]"]'},
    )
    path = put(tmp_path, "price,price.usd,wind.m/s,flow [l/s]\n1,2,3,4\n")
    events, _ = to_events(settings, path, inline=True)
    assert json.loads(events.values[0] or b"") == {
        "price": 1.0,
        "price.usd": 2.0,
        "wind": {"m/s": 3.0},
        "flow [l/s]": 4.0,
    }
    read = EventReader(settings).read(batch(EVENTS, events.values))
    assert (read.rejects, read.labels) == ([], [4.0])


def _coder(settings: Config) -> FeatureCoder:
    return FeatureCoder(settings, TargetCoder(settings))


def test_names_that_msgspec_refuses(tmp_path: Path) -> None:
    """Such records are read the slow way, with the same values, rules and words."""
    names = ['say "a"', "back\\slash", "line\nbreak", "nul\0", "plain"]
    odd = [
        {"name": f"f{n}", "type": "float", "path": path_of([name, "in"])}
        for n, name in enumerate(names)
    ]
    plain = [{"name": f"f{n}", "type": "float"} for n in range(len(names))]
    values = [
        [{"in": 1}, {"in": 2.5}, {"in": 3}, {"in": 4}, {"in": 5}],
        [{"in": 1}, {"in": "2"}, {"in": 3}, {"in": 4}, {"in": 5}],
        [{"in": 1}, {}, {"in": 3}, {"in": 4}, {"in": 5}],
        [{"in": 1}, 7, {"in": 3}, {"in": 4}, {"in": 5}],
    ]
    records = [json.dumps(dict(zip(names, row, strict=True)) | {"y": 1}).encode() for row in values]
    read = EventReader(config(*odd)).read(batch(EVENTS, records))
    flat = [json.dumps({f"f{n}": n + 1.0 + (n == 1) / 2 for n in range(5)} | {"y": 1}).encode()]
    same = EventReader(config(*plain)).read(batch(EVENTS, flat))
    assert [(r.index, r.reason) for r in read.rejects] == [
        (1, "wrong_type"),
        (2, "missing_value"),
        (3, "wrong_type"),
    ]
    coded = _coder(config(*odd)).code(read.contents)
    assert coded.tolist() == _coder(config(*plain)).code(same.contents).tolist()
    assert read.labels == same.labels


def test_dates_in_a_format_of_their_own(tmp_path: Path) -> None:
    settings = config(
        {"name": "day", "type": "timestamp", "format": "%d/%m/%Y", "parts": ["month"]},
        {"name": "n", "type": "timestamp", "format": "%Y%m%d", "parts": ["day_of_year"]},
        schema={"event_time": "$.day", "event_time_format": "%d/%m/%Y"},
    )
    path = put(tmp_path, "day,n,y\n31/01/1970,19700102,1\n02/1970,19700102,0\n")
    events, _ = to_events(settings, path, inline=True)
    read = EventReader(settings).read(batch(EVENTS, events.values, timestamps=events.timestamps))
    assert read.times == [30 * 86_400_000]
    assert _coder(settings).code(read.contents).tolist() == [[1.0, 2.0]]
    assert [reject.reason for reject in read.rejects] == ["bad_time"]
    assert "must be a time written as %d/%m/%Y" in read.rejects[0].message


def test_a_column_that_does_not_exist(tmp_path: Path) -> None:
    path = put(tmp_path, "b,y\n1,1\n")
    with pytest.raises(DataError) as caught:
        to_events(config(F), path, inline=True)
    assert str(caught.value) == (
        f"{path}: column `a` must exist, as $.a is read; the columns are b, y."
    )


@pytest.mark.parametrize(
    ("classes", "text", "label"),
    [
        ([False, True], "TRUE", True),
        ([0, 1], "1.0", 1),
        (["0", "1"], "1", "1"),
        (["no", "yes"], "yes", "yes"),
        (None, "1.0", 1),
        (None, "False", False),
        (None, "up", "up"),
        (None, "007", "007"),
        (None, "7", 7),
        (None, "1_0", "1_0"),
        (None, "1E3", "1E3"),
        (None, "9007199254740993", "9007199254740993"),
        (["NA", "no"], "NA", "NA"),
    ],
)
def test_a_label_gets_the_type_of_its_class(
    tmp_path: Path, classes: Any, text: str, label: Any
) -> None:
    path = put(tmp_path, f"a,y\n1,{text}\n1,\n")
    events, _ = to_events(config(F, classes=classes), path, inline=True)
    first, second = (json.loads(value or b"") for value in events.values)
    assert first["y"] == label
    assert type(first["y"]) is type(label)
    assert second["y"] is None


def test_bytes_that_are_no_text_stay_different(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    parquet.write_table(pa.table({"a": [1, 2], "y": [b"\xfe", b"\xff"]}), path)
    events, _ = to_events(config(F), path, inline=True)
    labels = [json.loads(value or b"")["y"] for value in events.values]
    assert labels == ["\\xfe", "\\xff"]


@pytest.mark.parametrize("digits", ["9" * 309, "-" + "9" * 400])
def test_json_numbers_beyond_every_float(tmp_path: Path, digits: str) -> None:
    path = tmp_path / "t.jsonl"
    path.write_text(f'{{"a": {digits}, "y": {digits}}}\n')
    events, _ = to_events(config(F), path, inline=True)
    (reject,) = EventReader(config(F)).read(batch(EVENTS, events.values)).rejects
    assert reject.reason == "wrong_type"


def test_a_label_that_is_no_class(tmp_path: Path) -> None:
    path = put(tmp_path, "a,y\n1,maybe\n2,yes\n3,NA\n")
    settings = config(F, classes=["no", "yes"])
    events, _ = to_events(settings, path, inline=True)
    read = EventReader(settings).read(batch(EVENTS, events.values))
    assert [(reject.index, reject.reason) for reject in read.rejects] == [(0, "unknown_class")]
    assert read.labels == ["yes", None]


def test_rows_without_names_and_times_are_numbered(tmp_path: Path) -> None:
    path = put(tmp_path, "a,y\n1,1\n2,1\n3,1\n")
    events, labels = to_events(config(F), path, inline=True)
    assert events.keys == [b"0", b"1", b"2"]
    assert [b - a for a, b in zip(events.timestamps, events.timestamps[1:], strict=False)] == [
        1000,
        1000,
    ]
    assert len(labels) == 0


def test_labels_apart_carry_the_events_name_and_time(tmp_path: Path) -> None:
    settings = config(
        F,
        schema={"id": "$.who", "event_time": "$.when.at"},
        labels={"source": "topic", "id": "$.of.event", "event_time": "$.known"},
    )
    path = put(tmp_path, "who,when.at,a,y\nw1,1970-01-01T00:00:01Z,1,up\nw2,2000,2,\n")
    events, labels = to_events(settings, path, inline=False)
    assert json.loads(events.values[0] or b"") == {
        "a": 1.0,
        "who": "w1",
        "when": {"at": "1970-01-01T00:00:01Z"},
    }
    assert (events.keys, events.timestamps) == ([b"w1", b"w2"], [1000, 2000])
    read = EventReader(settings).read(batch(EVENTS, events.values))
    assert (read.ids, read.times, read.rejects) == (["w1", "w2"], [1000, 2000], [])
    got = LabelReader(settings).read(batch(LABELS, labels.values, keys=labels.keys))
    assert (got.ids, got.times, got.contents) == (["w1"], [1000], ["up"])


def test_parquet_cells(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    moment = datetime(2020, 1, 2, 3, 4, 5)
    table = {
        "f": [1, None],
        "i": [2.0, float("nan")],
        "b": [True, None],
        "c": [7, None],
        "t": [moment, None],
        "y": [0, 1],
    }
    parquet.write_table(pa.table(table), path)
    kinds = {"f": "float", "i": "integer", "b": "boolean", "c": "category", "t": "timestamp"}
    features = [{"name": name, "type": kind, "missing": True} for name, kind in kinds.items()]
    events, _ = to_events(config(*features, classes=[0, 1]), path, inline=True)
    first, second = (json.loads(value or b"") for value in events.values)
    assert first == {
        "f": 1.0,
        "i": 2,
        "b": True,
        "c": "7",
        "t": "2020-01-02T03:04:05+00:00",
        "y": 0,
    }
    assert second == {"f": None, "i": None, "b": None, "c": None, "t": None, "y": 1}


def test_electricity_is_read_whole() -> None:
    path = DATA / "electricity.csv.gz"
    if not path.is_file():
        pytest.skip("the reference data are not here; set DRIFTGATE_DATA")
    names = ["period", "nswprice", "nswdemand", "vicprice", "vicdemand", "transfer"]
    target = {"type": "classification", "path": "$.class", "classes": [0, 1]}
    settings = config(*({"name": name, "type": "float"} for name in names), target=target)
    start = time.perf_counter()
    events, _ = to_events(settings, path, inline=True)
    assert time.perf_counter() - start < 10  # 0.4 s where nothing else runs
    read = EventReader(settings).read(batch(EVENTS, events.values))
    assert (len(read), read.rejects) == (45_312, [])
    assert sum(read.labels) == 19_237
