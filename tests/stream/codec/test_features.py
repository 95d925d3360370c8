"""Coding of features: columns, missing values, vocabularies that grow, times, snapshots."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from operators.snapshot import digest
from stream.codec.events import EventReader
from stream.codec.features import FeatureCoder
from stream.codec.target import TargetCoder
from stream.codec.vocabulary import OTHER, Vocabulary
from stream.config.pipeline import Config
from tests.builders import EVENTS, batch, toy_config


def config(*features: dict[str, Any]) -> Config:
    return toy_config(schema={"features": list(features)})


def new_coder(settings_: Config) -> FeatureCoder:
    return FeatureCoder(settings_, TargetCoder(settings_))


def code(settings_: Config, coder: FeatureCoder, *records: dict[str, Any]) -> Any:
    values = [json.dumps(record).encode() for record in records]
    read = EventReader(settings_).read(batch(EVENTS, values))
    assert not read.rejects
    return coder.code(read.contents)


def test_every_type_has_its_column() -> None:
    settings_ = config(
        {"name": "f", "type": "float"},
        {"name": "i", "type": "integer"},
        {"name": "b", "type": "boolean"},
        {"name": "c", "type": "category", "vocabulary": ["x", "y"]},
        {"name": "o", "type": "category", "categories_max": 4},
        {"name": "w", "type": "float", "path": "$.deep.er.w-1"},
    )
    coder = new_coder(settings_)
    record = {"f": 1, "i": 2, "b": True, "c": "y", "o": "new", "deep": {"er": {"w-1": 0.5}}}
    matrix = code(settings_, coder, record)
    assert matrix.dtype == np.float64
    assert matrix.tolist() == [[1.0, 2.0, 1.0, 1.0, 0.0, 0.5]]
    assert [(feature.name, feature.capacity) for feature in coder.features] == [
        ("f", 0),
        ("i", 0),
        ("b", 0),
        ("c", 2),
        ("o", 4),
        ("w", 0),
    ]
    assert [list(feature.categories) for feature in coder.features[3:5]] == [["x", "y"], ["new"]]


@pytest.mark.parametrize("kind", ["float", "integer", "boolean", "category", "timestamp", "text"])
@pytest.mark.parametrize("record", [{}, {"f": None}])
def test_missing_is_nan(kind: str, record: dict[str, Any]) -> None:
    settings_ = config({"name": "f", "type": kind, "missing": True})
    assert np.isnan(code(settings_, new_coder(settings_), record)).all()


def test_names_may_hold_any_characters() -> None:
    names = ["nsw price", "a-b", "a_b", "class", "über", "1st"]
    settings_ = config(*({"name": name, "type": "float"} for name in names))
    record = {name: number for number, name in enumerate(names)}
    assert code(settings_, new_coder(settings_), record).tolist() == [[0, 1, 2, 3, 4, 5]]


def test_parts_of_a_time_are_in_utc() -> None:
    parts = ["epoch_s", "hour_of_day", "day_of_week", "day_of_year", "month"]
    settings_ = config({"name": "t", "type": "timestamp", "parts": parts})
    coder = new_coder(settings_)
    matrix = code(
        settings_,
        coder,
        {"t": "2013-03-01T17:30:00-05:00"},
        {"t": "1969-12-31T23:00:00Z"},
        {"t": "2012-12-31"},
    )
    first = datetime(2013, 3, 1, 22, 30, tzinfo=UTC).timestamp()
    assert matrix.tolist() == [
        [first, 22.5, 4.0, 60.0, 3.0],
        [-3600.0, 23.0, 2.0, 365.0, 12.0],
        [datetime(2012, 12, 31, tzinfo=UTC).timestamp(), 0.0, 0.0, 366.0, 12.0],
    ]
    assert [feature.name for feature in coder.features] == [f"t.{part}" for part in parts]


def test_numbers_count_in_the_configured_unit() -> None:
    settings_ = config({"name": "t", "type": "timestamp", "unit": "s"})
    assert code(settings_, new_coder(settings_), {"t": 1.5}, {"t": -1}).tolist() == [
        [1.5],
        [-1.0],
    ]


@settings(max_examples=100, deadline=None)
@given(
    st.datetimes(min_value=datetime(1, 1, 2), max_value=datetime(9999, 12, 30)),
)
def test_parts_agree_with_the_calendar(moment: datetime) -> None:
    parts = ["hour_of_day", "minute_of_hour", "day_of_week", "day_of_year", "month"]
    parts += ["is_weekend", "day_of_month", "quarter"]
    settings_ = config({"name": "t", "type": "timestamp", "parts": parts})
    moment = moment.replace(microsecond=0)
    (row,) = code(settings_, new_coder(settings_), {"t": moment.isoformat()}).tolist()
    assert row[0] == pytest.approx(moment.hour + moment.minute / 60 + moment.second / 3600)
    assert row[1] == pytest.approx(moment.minute + moment.second / 60)
    assert row[2:5] == [moment.weekday(), moment.timetuple().tm_yday, moment.month]
    assert row[5:] == [moment.isoweekday() > 5, moment.day, (moment.month + 2) // 3]


def test_an_open_vocabulary_shares_its_last_code() -> None:
    settings_ = config({"name": "c", "type": "category", "categories_max": 3})
    coder = new_coder(settings_)
    names = coder.features[0].categories
    matrix = code(settings_, coder, *({"c": name} for name in "badcab"))
    assert matrix[:, 0].tolist() == [0, 1, 2, 2, 1, 0]
    assert list(names) == ["b", "a", OTHER]
    assert code(settings_, coder, {"c": "zz"}).tolist() == [[2.0]]


def test_an_open_vocabulary_says_when_no_code_is_left() -> None:
    settings_ = config(
        {"name": "c", "type": "category", "categories_max": 3},
        {"name": "closed", "type": "category", "vocabulary": ["a"], "missing": True},
    )
    coder = new_coder(settings_)
    code(settings_, coder, {"c": "a"})
    assert coder.bounds_reached == []
    code(settings_, coder, {"c": "b"})
    (sentence,) = coder.bounds_reached
    assert sentence.startswith("feature `c` has had 2 different values; further ones")
    code(settings_, coder, {"c": "z"})
    assert coder.bounds_reached == [sentence]


NAMES = st.lists(st.sampled_from([None, *"abcdefgh"]), max_size=40)


@settings(max_examples=200, deadline=None)
@given(NAMES, st.integers(1, 40), st.booleans())
def test_codes_do_not_depend_on_how_a_batch_is_cut(
    names: list[str | None], size: int, shares_last: bool
) -> None:
    whole = Vocabulary((), 4, shares_last=shares_last)
    cut = Vocabulary((), 4, shares_last=shares_last)
    pieces = [cut.code(names[start : start + size]) for start in range(0, len(names), size)]
    np.testing.assert_array_equal(whole.code(names), np.concatenate([[], *pieces]))
    assert cut.names == whole.names
    assert len(whole.names) <= 4


@settings(max_examples=100, deadline=None)
@given(NAMES, NAMES)
def test_a_restored_vocabulary_goes_on_as_the_first(
    before: list[str | None], after: list[str | None]
) -> None:
    first = Vocabulary((), 5, shares_last=True)
    first.code(before)
    second = Vocabulary((), 5, shares_last=True)
    live = second.names
    second.restore(first.snapshot())
    assert second.names is live
    np.testing.assert_array_equal(second.code(after), first.code(after))
    assert digest(first.snapshot()) == digest(second.snapshot())


def test_a_snapshot_holds_the_open_vocabularies_only() -> None:
    settings_ = config(
        {"name": "c", "type": "category", "vocabulary": ["x"]}, {"name": "o", "type": "category"}
    )
    coder = new_coder(settings_)
    code(settings_, coder, {"c": "x", "o": "é"}, {"c": "x", "o": "b"})
    state = coder.snapshot()
    assert sorted(state) == ["1/bytes", "1/lengths"]
    other = new_coder(settings_)
    other.restore(state)
    assert list(other.features[1].categories) == ["é", "b"]
    assert code(settings_, other, {"c": "x", "o": "b"}).tolist() == [[0.0, 1.0]]


def test_no_records_have_no_rows() -> None:
    settings_ = config({"name": "f", "type": "float"}, {"name": "o", "type": "category"})
    assert new_coder(settings_).code([]).shape == (0, 2)
