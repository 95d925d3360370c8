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
from stream.codec.labels import LabelReader
from stream.config.pipeline import Config
from stream.datasets import read_rows, to_events
from stream.errors import DataError
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


F = {"name": "a", "type": "float", "missing": True}


def cells(folder: Path, kind: str, *texts: str) -> list[Any]:
    settings = config({"name": "a", "type": kind, "missing": True})
    path = put(folder, "a,y\n" + "".join(f'"{text}",1\n' for text in texts))
    events, _ = to_events(settings, read_rows(path), inline=True)
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
    ("kind", "text", "rule"),
    [
        ("float", "warm", "a float"),
        ("float", "inf", "a float"),
        ("integer", "1.5", "an integer"),
        ("boolean", "2", "a boolean"),
        ("timestamp", "soon", "an ISO 8601 time or a number"),
    ],
)
def test_a_cell_that_cannot_be(tmp_path: Path, kind: str, text: str, rule: str) -> None:
    path = put(tmp_path, f"a,y\n,1\n{text},1\n")
    settings = config({"name": "a", "type": kind})
    with pytest.raises(DataError) as caught:
        to_events(settings, read_rows(path), inline=True)
    assert str(caught.value) == f'{path}:3: column `a` must be {rule}; got "{text}".'


def test_a_column_that_does_not_exist(tmp_path: Path) -> None:
    path = put(tmp_path, "b,y\n1,1\n")
    with pytest.raises(DataError) as caught:
        to_events(config(F), read_rows(path), inline=True)
    assert str(caught.value) == (
        f"{path}:1: column `a` must exist, as $.a is read; the columns are b, y."
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
    ],
)
def test_a_label_gets_the_type_of_its_class(
    tmp_path: Path, classes: Any, text: str, label: Any
) -> None:
    path = put(tmp_path, f"a,y\n1,{text}\n1,\n")
    events, _ = to_events(config(F, classes=classes), read_rows(path), inline=True)
    first, second = (json.loads(value or b"") for value in events.values)
    assert first["y"] == label
    assert type(first["y"]) is type(label)
    assert second["y"] is None


def test_a_label_that_is_no_class(tmp_path: Path) -> None:
    path = put(tmp_path, "a,y\n1,maybe\n")
    with pytest.raises(DataError) as caught:
        to_events(config(F, classes=["no", "yes"]), read_rows(path), inline=True)
    assert str(caught.value) == f'{path}:2: column `y` must be one of no, yes; got "maybe".'


def test_rows_without_names_and_times_are_numbered(tmp_path: Path) -> None:
    path = put(tmp_path, "a,y\n1,1\n2,1\n3,1\n")
    events, labels = to_events(config(F), read_rows(path), inline=True)
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
    events, labels = to_events(settings, read_rows(path), inline=False)
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
    events, _ = to_events(config(*features, classes=[0, 1]), read_rows(path), inline=True)
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
    events, _ = to_events(settings, read_rows(path), inline=True)
    assert time.perf_counter() - start < 10  # 0.4 s where nothing else runs
    read = EventReader(settings).read(batch(EVENTS, events.values))
    assert (len(read), read.rejects) == (45_312, [])
    assert sum(read.labels) == 19_237
