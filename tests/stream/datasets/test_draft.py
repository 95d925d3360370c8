"""Drafting a pipeline: what is inferred from each kind of column, and that drafts can be used."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from stream.codec.events import EventReader
from stream.config.pipeline import Config
from stream.datasets import all_of, open_table, to_pieces
from stream.datasets.draft import draft_config
from stream.errors import DataError
from stream.loading.load import load_config
from tests.builders import EVENTS, batch

DATA = Path(os.environ.get("DRIFTGATE_DATA", Path(__file__).parents[4] / "shared" / "data"))
ROWS = 1200


def draft(folder: Path, data: Path, target: str) -> tuple[str, Config]:
    """Draft, load the draft, and read the data with it: nothing may be refused."""
    text = draft_config(str(data), target).text
    (folder / "draft.yaml").write_text(text)
    config = load_config(folder / "draft.yaml", {})
    events, _ = all_of(to_pieces(config, open_table(data), inline=True, limit=3000))
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
        (list(range(101)), "regression", None),
        (list(range(40)), "classification", None),
        ([0.0, 1.0], "classification", (0, 1)),
        (["007", "07", "7"], "classification", ("007", "07", 7)),
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
            "column `y` must have values; the first 1 rows have none.",
        ),
        (
            {"a": [""], "y": [1]},
            "y",
            "must be usable as a feature; none is (a: left out, no row has a value)",
        ),
    ],
)
def test_what_cannot_be_drafted(
    tmp_path: Path, columns: dict[str, list[Any]], target: str, message: str
) -> None:
    with pytest.raises(DataError) as caught:
        draft_config(str(put(tmp_path, columns)), target)
    assert message in str(caught.value)


def test_names_of_any_kind(tmp_path: Path) -> None:
    """Dots that would lead into a value, a target that no plain path names."""
    columns = {"price": [1, 2], "price.usd": [3, 4], "a.b": [5, 6], "flow [l/s]": [0.5, 0.7]}
    text, config = draft(tmp_path, put(tmp_path, columns), "flow [l/s]")
    assert config.target.path == '$["flow [l/s]"]'
    assert [feature.path for feature in config.record.features] == [None, '$["price.usd"]', None]
    assert "name: price.usd, type: integer, path: '$[\"price.usd\"]'" in text


ANY_TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8)


@settings(max_examples=60, deadline=None)
@given(st.lists(ANY_TEXT, min_size=2, max_size=4, unique=True), ANY_TEXT, ANY_TEXT)
def test_a_draft_can_be_loaded_whatever_names_and_cells_hold(
    tmp_path_factory: pytest.TempPathFactory, names: list[str], one: str, other: str
) -> None:
    folder = tmp_path_factory.mktemp("any")
    path = folder / "t.parquet"
    target, *others = names
    columns = {target: [one, other, "c"], **{name: [one, "b", other] for name in others}}
    parquet.write_table(pa.table(columns), path)
    _, config = draft(folder, path, target)
    got = {feature.name for feature in config.record.features}
    assert got <= set(others)


@pytest.mark.parametrize(
    "name", ["a\u2028b", "a\x85b", "a\x7fb", "a\x9fb", "a\nb", 'a"b', "a\\b", "a\0b", "\ufeffb"]
)
def test_names_that_yaml_or_the_reader_would_change(tmp_path: Path, name: str) -> None:
    path = tmp_path / "t.parquet"
    parquet.write_table(pa.table({name: [1, 2], "b": [1, 2], f"{name}y": ["u", name]}), path)
    _, config = draft(tmp_path, path, f"{name}y")
    assert [feature.name for feature in config.record.features] == [name, "b"]


def test_names_too_long_for_a_feature_are_cut(tmp_path: Path) -> None:
    names = ["n" * 200, "n" * 201, "n" * 300, "n" * 190]
    columns = {name: [1 + n, 2 * n] for n, name in enumerate(names, start=3)}
    text, config = draft(tmp_path, put(tmp_path, {**columns, "y": ["a", "b"]}), "y")
    got = [feature.name for feature in config.record.features]
    assert got == ["n" * 200, "n" * 190 + "...", "n" * 190 + "..._2", "n" * 190]
    assert "its name has 300 characters, too many for a feature" in text


def test_few_rows_of_a_wide_table_are_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stream.datasets.draft._CELLS_MAX", 90)
    monkeypatch.setattr("stream.datasets.draft._ROWS_MIN", 20)
    path = put(tmp_path, {"x": list(range(40)), "z": [1, 2] * 20, "y": ["a", "b"] * 20})
    assert "from the first 30 rows of" in draft_config(str(path), "y").text


def test_labels_of_more_than_53_bits_stay_apart(tmp_path: Path) -> None:
    columns = {"x": [1, 2, 3, 4], "y": [2**53 + 1, 2**53, 2**53 + 1, 2**53]}
    text, _ = draft(tmp_path, put(tmp_path, columns), "y")
    assert "open: 2 so far (9007199254740992, 9007199254740993)" in text


def test_values_that_can_be_no_class_are_told(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    path.write_text('{"x": 1, "y": 1}\n{"x": 2, "y": 2.5}\n{"x": 3, "y": "a"}\n')
    (note,) = draft_config(str(path), "y").notes
    assert note == (
        "column `y`: 1 of 3 rows are fractions or texts of more than 1000 characters, which are no "
        "classes: `2.5`, first in row 2; dead letters"
    )
    path.write_text('{"x": 1, "y": "%s"}\n' % ("a" * 1001))
    with pytest.raises(DataError, match="must have values that can be classes; 1 of 1 rows"):
        draft_config(str(path), "y")


@pytest.mark.parametrize("values", [[0.5, float("inf"), 2.5], [10.0**300, 1.0, 2.0]])
def test_numbers_without_end_in_parquet(tmp_path: Path, values: list[float]) -> None:
    path = tmp_path / "t.parquet"
    parquet.write_table(pa.table({"x": values, "z": [1, 2, 3], "y": ["a", "b", "c"]}), path)
    assert "name: z" in draft_config(str(path), "y").text
    assert draft_config(str(path), "x").task in ("classification", "regression")


def test_odd_cells_are_named_and_keep_the_column(tmp_path: Path) -> None:
    values = ["0.5"] * 95 + ["?"] * 2 + ["inf"] * 2 + ["bad"]
    path = put(tmp_path, {"a": values, "b": range(100), "y": [0, 1] * 50})
    text = draft_config(str(path), "y").text
    assert (
        "- {name: a, type: float, missing: true} # 2 of 100 rows have none (?); 3 of 100 cells are "
        "no float: inf, bad, first in row 98; dead letters" in text
    )


@pytest.mark.parametrize(
    ("values", "line"),
    [
        ([""] * 120, "left out, no row has a value"),
        ([7] * 120, "left out, every row has the same value (7)"),
        (range(120), "left out, it only counts the rows"),
        ([2**60 + 7 * (n // 2) for n in range(120)], "more than 53 bits"),
        ([f"text {n}" for n in range(120)], "nearly every row has another text (120)"),
        ([n % 7 for n in range(120)], "left out, equals the target `y` in every row: a leak"),
    ],
)
def test_a_column_that_is_left_out_has_its_line(tmp_path: Path, values: Any, line: str) -> None:
    columns = {
        "a": list(values),
        "b": [n / 3 for n in range(120)],
        "y": [n % 7 for n in range(120)],
    }
    text, config = draft(tmp_path, put(tmp_path, columns), "y")
    (said,) = [each for each in text.splitlines() if each.strip().startswith("# a:")]
    assert line in said
    assert [feature.name for feature in config.record.features] == ["b"]


@pytest.mark.parametrize(
    ("days", "form"),
    [
        (["05/20/1987", "05/21/1987"], "%m/%d/%Y"),
        (["20/05/1987", "21/05/1987"], "%d/%m/%Y"),
        (["2012/01/01", "2012/01/02"], "%Y/%m/%d"),
        (["19580329", "19580405"], "%Y%m%d"),
        (["2016-07-01 00:00:00", "2016-07-01 01:00:00"], None),
        (["24.12.2020 18:00", "25.12.2020 06:30"], "%d.%m.%Y %H:%M"),
        (["Jan 31 2020", "Feb 01 2020"], "%b %d %Y"),
    ],
)
def test_dates_are_times_however_they_are_written(
    tmp_path: Path, days: list[str], form: str | None
) -> None:
    columns = {"day": days, "x": [1, 2], "y": [0.5, 0.25]}
    _, config = draft(tmp_path, put(tmp_path, columns), "y")
    day = config.record.features[0]
    assert day.type == "timestamp"
    assert day.format == form
    assert (config.record.event_time, config.record.event_time_format) == ("$.day", form)


def test_what_a_person_should_know(tmp_path: Path) -> None:
    """Newest first, sorted by class, uneven classes, one class, a doubt about the target."""
    count = range(400)
    columns = {
        "day": [f"2024-{12 - n // 40:02}-{28 - n % 28:02}" for n in range(28)],
        "x": [n / 7 for n in range(28)],
        "y": [0] * 14 + [1] * 14,
    }
    notes = draft_config(str(put(tmp_path, columns)), "y").notes
    assert any("from the newest row to the oldest" in note for note in notes)
    assert any("rows are sorted by `y`" in note for note in notes)
    uneven = {"x": [n / 7 for n in count], "y": [int(n % 100 == 7) for n in count]}
    notes = draft_config(str(put(tmp_path, uneven)), "y").notes
    assert any("`0` is 99 % of the rows, `1` 1 %" in note for note in notes)
    plain = draft_config(str(put(tmp_path, {"x": [1, 2, 3], "y": ["a", "b", "a"]})), "y")
    assert (plain.notes, plain.doubt) == ([], "")
    near = draft_config(str(put(tmp_path, {"x": count, "y": [n % 20 for n in count]})), "y")
    assert (near.task, near.doubt) == (
        "classification",
        "20 different whole numbers in 400 rows",
    )
    other = draft_config(
        str(put(tmp_path, {"x": count, "y": [n % 20 for n in count]})), "y", "regression"
    )
    assert (other.task, "type: regression # as asked for" in other.text) == ("regression", True)


def test_rows_that_are_no_rows_are_told(tmp_path: Path) -> None:
    path = put(tmp_path, {"x": range(900), "y": [n % 2 for n in range(900)]})
    lines = path.read_text().splitlines()
    lines[500] = "1,2,3"
    path.write_text("\n".join(lines))
    (note,) = draft_config(str(path), "y").notes
    assert "1 rows are no rows of this table and are passed over" in note
    assert f"{path}:501" in note
