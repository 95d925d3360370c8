"""Drafting a pipeline: what is inferred from each kind of column, and that drafts can be used."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from stream.codec.events import EventReader
from stream.config.pipeline import Config
from stream.datasets import read_rows, to_events
from stream.datasets.draft import draft_config
from stream.errors import DataError
from stream.loading.load import load_config
from tests.builders import EVENTS, batch

DATA = Path(os.environ.get("DRIFTGATE_DATA", Path(__file__).parents[4] / "shared" / "data"))
ROWS = 1200


def draft(folder: Path, data: Path, target: str) -> tuple[str, Config]:
    """Draft, load the draft, and read the data with it: nothing may be refused."""
    text = draft_config(data, target)
    (folder / "draft.yaml").write_text(text)
    config = load_config(folder / "draft.yaml", {})
    events, _ = to_events(config, read_rows(data, 3000), inline=True)
    read = EventReader(config).read(
        batch(EVENTS, events.values, keys=events.keys, timestamps=events.timestamps)
    )
    assert not read.rejects
    return text, config


def put(folder: Path, columns: dict[str, list[Any]]) -> Path:
    path = folder / "My Data.csv"
    lines = [
        ",".join(columns),
        *(",".join(map(str, r)) for r in zip(*columns.values(), strict=True)),
    ]
    path.write_text("\n".join(lines) + "\n")
    return path


def every_kind() -> dict[str, list[Any]]:
    count = range(ROWS)
    return {
        "order_id": [f"o{i}" for i in count],
        "at": [f"2024-01-{1 + i // 48:02}T{i % 24:02}:00:00Z" if i % 48 < 24 else
               f"2024-01-{1 + i // 48:02}T23:59:59Z" for i in count],
        "price": [f"{i / 7:.3f}" if i % 10 else "" for i in count],
        "pieces": [i % 9 for i in count],
        "gift": ["true" if i % 3 else "false" for i in count],
        "country": [["NO", "SE", "null"][i % 3] for i in count],
        "customer": [f"c{i % 300}" for i in count],
        "note": [f"free text {i}" for i in count],
        "nothing": ["" for _ in count],
        "shipped": [f"2023-0{1 + i % 9}-01" for i in count],
        "returned": [["yes", "no"][i % 2] for i in count],
    }  # fmt: skip


def test_every_kind_of_column(tmp_path: Path) -> None:
    text, config = draft(tmp_path, put(tmp_path, every_kind()), "returned")
    assert config.app == "my-data"
    assert config.log.type == "embedded"
    assert (config.record.id, config.record.event_time) == ("$.order_id", "$.at")
    features = {feature.name: feature for feature in config.record.features}
    assert {name: feature.type for name, feature in features.items()} == {
        "at": "timestamp",
        "price": "float",
        "pieces": "integer",
        "gift": "boolean",
        "country": "category",
        "customer": "category",
        "shipped": "timestamp",
    }
    assert [name for name, feature in features.items() if feature.missing] == ["price"]
    country, customer = features["country"], features["customer"]
    assert country.type == customer.type == "category"
    assert country.vocabulary == ("NO", "SE", "null")
    assert (customer.vocabulary, customer.categories_max) == (None, 1024)
    assert config.target.type == "classification"
    assert config.target.classes == ("no", "yes")
    assert "# note: left out, nearly every row has another text (1200)" in text
    assert "# nothing: left out, no row has a value" in text
    assert "120 of 1200 rows have none" in text


@pytest.mark.parametrize(
    ("values", "kind", "classes"),
    [
        ([0, 1], "classification", (0, 1)),
        (["true", "false"], "classification", (False, True)),
        (["on", "off"], "classification", ("off", "on")),
        ([1.5, 2.5], "regression", None),
        (list(range(100)), "regression", None),
    ],
)
def test_targets(tmp_path: Path, values: list[Any], kind: str, classes: Any) -> None:
    columns = {"a": list(range(ROWS)), "y": [values[i % len(values)] for i in range(ROWS)]}
    _, config = draft(tmp_path, put(tmp_path, columns), "y")
    assert config.target.type == kind
    assert getattr(config.target, "classes", None) == classes


def test_few_rows_leave_the_classes_open(tmp_path: Path) -> None:
    _, config = draft(tmp_path, put(tmp_path, {"a": [1, 2], "y": ["u", "v"]}), "y")
    assert config.target.type == "classification"
    assert (config.target.classes, config.target.classes_max) == (None, 16)


def test_odd_names_of_columns(tmp_path: Path) -> None:
    columns = {"nsw price": [1, 2], "a: b": [1, 2], "#": [1, 2], "yes": [1, 2], "y": [0, 1]}
    _, config = draft(tmp_path, put(tmp_path, columns), "y")
    assert [feature.name for feature in config.record.features] == ["nsw price", "a: b", "#", "yes"]


def test_electricity(tmp_path: Path) -> None:
    data = DATA / "electricity.csv.gz"
    if not data.is_file():
        pytest.skip("the reference data are not here; set DRIFTGATE_DATA")
    _, config = draft(tmp_path, data, "class")
    assert config.app == "electricity"
    assert [(feature.name, feature.type) for feature in config.record.features] == [
        (name, "float")
        for name in ("period", "nswprice", "nswdemand", "vicprice", "vicdemand", "transfer")
    ]
    assert config.target.type == "classification"
    assert config.target.classes == (0, 1)


@pytest.mark.parametrize(
    ("columns", "target", "message"),
    [
        (
            {"a": [1], "b": [2]},
            "y",
            "column `y` must exist; the columns are a, b. Name one of them with --target.",
        ),
        (
            {"a": [1], "y": [""]},
            "y",
            "column `y` must have values; the first rows have none.",
        ),
        (
            {"a": [1], "my label": [1]},
            "my label",
            "the target's column must have a name of letters, digits, _ and -; got "
            '"my label". Rename it.',
        ),
        ({"a": [""], "y": [1]}, "y", "a column beside the target must be usable as a feature"),
    ],
)
def test_what_cannot_be_drafted(
    tmp_path: Path, columns: dict[str, list[Any]], target: str, message: str
) -> None:
    with pytest.raises(DataError) as caught:
        draft_config(put(tmp_path, columns), target)
    assert message in str(caught.value)
