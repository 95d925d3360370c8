"""Reading events: what is accepted, every reason for a refusal with its words, fast = slow.

Coding is in test_features.py and test_target.py; labels of their own topic in test_label_reader.py.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stream.codec.classes import INTEGER_MAX
from stream.codec.events import EventReader
from stream.codec.read import ReadBatch
from stream.codec.rejects import REASONS
from stream.codec.rules import (
    BooleanRule,
    CategoryRule,
    ClassRule,
    FloatRule,
    IntegerRule,
    KeyRule,
    TextRule,
    TimeRule,
)
from stream.codec.shape import Field, Refusal, Shape
from stream.config.pipeline import Config
from stream.errors import ConfigError
from stream.log.base import RecordBatch, TopicPartition
from tests.builders import batch

SOURCE = TopicPartition("features", 3)
GONE = "The record went to topic `x.dead-letters`."


def config(
    *features: dict[str, Any], schema: dict[str, Any] | None = None, **sections: Any
) -> Config:
    listed = list(features) or [{"name": "temp", "type": "float"}]
    target = {"type": "classification", "path": "$.late"}
    return Config.model_validate(
        {
            "app": "x",
            "log": {"type": "embedded"},
            "schema": {"features": listed, **(schema or {})},
            "target": target,
            **sections,
        }
    )


def read(settings_: Config, *values: bytes | None, **columns: Any) -> ReadBatch:
    return EventReader(settings_).read(batch(SOURCE, values, first=1042, **columns))


def reject(settings_: Config, value: bytes | None, **columns: Any) -> tuple[str, str]:
    """Reason and message of the only record, without its origin and what became of it."""
    got = read(settings_, value, **columns)
    assert not got.index
    (one,) = got.rejects
    start, end = "features[3]@1042: ", f". {GONE}"
    assert one.message.startswith(start)
    assert one.message.endswith(end)
    assert one.reason in REASONS
    return one.reason, one.message.removeprefix(start).removesuffix(end)


def test_the_whole_message_names_origin_path_rule_value_and_consequence() -> None:
    (one,) = read(config(), b'{"temp": "warm"}').rejects
    assert one.message == f'features[3]@1042: $.temp must be a float; got "warm". {GONE}'
    assert (one.index, one.reason) == (0, "wrong_type")


def test_accepted_records_and_rejects_keep_the_order_of_the_batch() -> None:
    values = [b'{"temp":1,"late":true}', b"[]", b'{"temp":2}', None, b'{"temp":3,"late":null}']
    got = read(config(), *values)
    assert got.index == [0, 2, 4]
    assert got.ids == ["e1042", "e1044", "e1046"]
    assert got.times == [1_042_000, 1_044_000, 1_046_000]
    assert got.labels == [True, None, None]
    assert [one.index for one in got.rejects] == [1, 3]


FEATURE_FAULTS = [
    # feature, its JSON, reason, message
    ("float", '"warm"', "wrong_type", '$.f must be a float; got "warm"'),
    ("float", "true", "wrong_type", "$.f must be a float; got true"),
    ("float", "null", "missing_value", "$.f must be a float; got null"),
    ("float", "NaN", "not_finite", "$.f must be a finite float; got NaN"),
    ("float", "-Infinity", "not_finite", "$.f must be a finite float; got -Infinity"),
    ("float", "1e400", "not_finite", "$.f must be a finite float; got Infinity"),
    ("float", "9" * 400, "not_finite", "$.f must be a finite float; got Infinity"),
    ("float", "9" * 9000, "not_finite", "$.f must be a finite float; got Infinity"),
    ("float", "[1, 2]", "wrong_type", "$.f must be a float; got [1, 2]"),
    ("integer", "1.5", "wrong_type", "$.f must be an integer; got 1.5"),
    ("integer", "3.0", "wrong_type", "$.f must be an integer; got 3.0"),
    ("integer", "false", "wrong_type", "$.f must be an integer; got false"),
    ("integer", "NaN", "not_finite", "$.f must be a finite integer; got NaN"),
    (
        "integer",
        "9007199254740993",
        "out_of_range",
        "$.f must be an integer of at most 53 bits; got 9007199254740993",
    ),
    ("boolean", "1", "wrong_type", "$.f must be a boolean; got 1"),
    ("category", "1", "wrong_type", "$.f must be a string; got 1"),
    ("text", "1", "wrong_type", "$.f must be a string; got 1"),
    ("key", "1.0", "wrong_type", "$.f must be a string or an integer; got 1.0"),
    ("key", "true", "wrong_type", "$.f must be a string or an integer; got true"),
    (
        "key",
        "9007199254740993",
        "out_of_range",
        "$.f must be an integer of at most 53 bits; got 9007199254740993",
    ),
    (
        "timestamp",
        '"soon"',
        "bad_time",
        "$.f must be an ISO 8601 time or a number of milliseconds since 1970, in the years 1 to "
        '9999; got "soon"',
    ),
    (
        "timestamp",
        "true",
        "wrong_type",
        "$.f must be an ISO 8601 time or a number of milliseconds since 1970, in the years 1 to "
        "9999; got true",
    ),
    ("timestamp", "1e999", "not_finite", "$.f must be a finite number; got Infinity"),
]


@pytest.mark.parametrize(("kind", "text", "reason", "message"), FEATURE_FAULTS)
def test_a_value_that_breaks_its_rule(kind: str, text: str, reason: str, message: str) -> None:
    unread = {"name": "g", "type": "float", "missing": True}  # a key alone is no schema
    got = reject(config({"name": "f", "type": kind}, unread), f'{{"f": {text}}}'.encode())
    assert got == (reason, message)


def test_a_value_that_is_absent() -> None:
    assert reject(config(), b"{}") == ("missing_value", "$.temp must be a float; got nothing")


def test_a_long_value_is_cut_in_the_message() -> None:
    reason, message = reject(config(), json.dumps({"temp": "x" * 500}).encode())
    assert reason == "wrong_type"
    assert message == f'$.temp must be a float; got "{"x" * 76}...'


def test_a_category_outside_of_a_closed_vocabulary() -> None:
    closed = config({"name": "f", "type": "category", "vocabulary": ["EWR", "JFK"]})
    assert read(closed, b'{"f": "JFK"}').index == [0]
    assert reject(closed, b'{"f": "LAX"}') == (
        "unknown_category",
        '$.f must be one of "EWR", "JFK"; got "LAX"',
    )


def test_a_long_vocabulary_is_cut_in_the_message() -> None:
    names = [f"n{i}" for i in range(11)]
    closed = config({"name": "f", "type": "category", "vocabulary": names})
    listed = ", ".join(f'"n{i}"' for i in range(8))
    assert reject(closed, b'{"f": ""}')[1] == f'$.f must be one of {listed} and 3 more; got ""'


def test_a_key_is_bounded_in_length_and_a_text_is_not() -> None:
    long = json.dumps({"f": "x" * 1001}).encode()
    text = {"name": "f", "type": "text"}
    key = config({"name": "f", "type": "key"}, {**text, "name": "g", "missing": True})
    assert reject(key, long)[0] == "out_of_range"
    assert read(config(text), long).index == [0]
    assert reject(config(text), b'{"f": "\\ud800"}')[0] == "malformed"


def test_an_open_category_is_bounded_in_length() -> None:
    open_ = config({"name": "f", "type": "category"})
    assert read(open_, json.dumps({"f": "é" * 1000}).encode()).index == [0]
    reason, message = reject(open_, json.dumps({"f": "x" * 1001}).encode())
    assert reason == "out_of_range"
    assert message.startswith("$.f must be at most 1000 characters long; got ")


LABEL_FAULTS = [
    (None, "1.5", "wrong_type", "$.late must be a string, a boolean or an integer; got 1.5"),
    (None, "[]", "wrong_type", "$.late must be a string, a boolean or an integer; got []"),
    (
        None,
        "1e300",
        "out_of_range",
        "$.late must be an integer of at most 53 bits; got 1e+300",
    ),
    ([0, 1], "2", "unknown_class", "$.late must be one of 0, 1; got 2"),
    (["a", "b"], "true", "unknown_class", '$.late must be one of "a", "b"; got true'),
]


@pytest.mark.parametrize(("classes", "text", "reason", "message"), LABEL_FAULTS)
def test_a_label_that_breaks_its_rule(
    classes: list[Any] | None, text: str, reason: str, message: str
) -> None:
    target = {"type": "classification", "path": "$.late", "classes": classes}
    value = f'{{"temp": 1, "late": {text}}}'.encode()
    assert reject(config(target=target), value) == (reason, message)


@pytest.mark.parametrize(
    ("text", "label"), [("1", 1), ("1.0", 1), ("-0.0", 0), ("true", True), ('"1"', "1")]
)
def test_a_label_keeps_its_type_and_whole_floats_become_integers(text: str, label: Any) -> None:
    (got,) = read(config(), f'{{"temp": 1, "late": {text}}}'.encode()).labels
    assert got == label
    assert type(got) is type(label)


def test_a_numeric_target_must_be_finite() -> None:
    numeric = config(target={"type": "regression", "path": "$.late"})
    assert read(numeric, b'{"temp": 1, "late": 3}').labels == [3.0]
    assert reject(numeric, b'{"temp": 1, "late": 1e999}') == (
        "not_finite",
        "$.late must be a finite float; got Infinity",
    )


def test_labels_are_not_read_when_they_have_a_topic_of_their_own() -> None:
    apart = config(labels={"source": "topic"})
    assert read(apart, b'{"temp": 1, "late": []}').labels == [None]


MALFORMED = [
    (None, "empty", "the record must be a JSON object; got no value"),
    (b"", "empty", "the record must be a JSON object; got 0 bytes"),
    (b"[1, 2]", "malformed", "the record must be a JSON object; got an array"),
    (b"3", "malformed", "the record must be a JSON object; got a number"),
    (b"null", "malformed", "the record must be a JSON object; got null"),
    (
        b'{"temp": 1,}',
        "malformed",
        "the record must be a JSON object; got an error at character 11 "
        "(Expecting property name enclosed in double quotes)",
    ),
    (
        b'{"temp": 1, "other": NaN}',
        "malformed",
        "the record must be a JSON object; got a number that JSON does not have",
    ),
    (
        b'{"temp": ' + b"[" * 100_000,
        "malformed",
        "the record must be a JSON object; got objects nested too deeply",
    ),
]


@pytest.mark.parametrize(("value", "reason", "message"), MALFORMED)
def test_a_record_that_is_no_json_object(value: bytes | None, reason: str, message: str) -> None:
    got_reason, got_message = reject(config(), value)
    assert got_reason == reason
    if "property name" not in message:
        assert got_message == message
    else:  # newer Pythons have other words for a trailing comma
        assert got_message.startswith("the record must be a JSON object; got an error at character")


def test_a_record_that_is_not_utf8_in_what_is_read() -> None:
    category = config({"name": "f", "type": "category"})
    assert reject(category, b'{"f": "\xff"}') == (
        "malformed",
        '$.f must be text in UTF-8; got "\\udcff"',
    )
    assert reject(category, b'{"f": "\\ud800"}')[0] == "malformed"
    assert read(category, b'{"f": "a", "unread": "\xff"}').index == [0]


def test_a_record_that_is_too_large_is_not_looked_at() -> None:
    small = config(schema={"record_bytes_max": 20})
    assert read(small, b'{"temp": 1}').index == [0]
    assert reject(small, b'{"temp": 1, "pad": 22222}') == (
        "too_large",
        "the record must be at most 20 bytes; got 25 bytes",
    )


@pytest.mark.parametrize(
    ("key", "got"), [(None, "no key"), (b"", '""'), (b"\xff", '"\\\\xff"'), (b"k" * 1001, None)]
)
def test_a_key_that_is_no_id(key: bytes | None, got: str | None) -> None:
    reason, message = reject(config(), b'{"temp": 1}', keys=[key])
    assert reason == "bad_id"
    assert message.startswith("the record's key must be UTF-8 text of 1 to 1000 characters; got ")
    assert got is None or message.endswith(f"; got {got}")


@pytest.mark.parametrize("text", ['""', "1.5", "true", "null", "9007199254740993", "{}"])
def test_a_value_that_is_no_id(text: str) -> None:
    by_path = config(schema={"id": "$.who"})
    reason, _ = reject(by_path, f'{{"temp": 1, "who": {text}}}'.encode())
    assert reason == "bad_id"
    assert reject(by_path, b'{"temp": 1}') == ("bad_id", "$.who must be an id; got nothing")


def test_ids_are_text_wherever_they_come_from() -> None:
    value = b'{"temp": 1, "who": 7}'
    assert read(config(schema={"id": "$.who"}), value).ids == ["7"]
    assert read(config(schema={"id": "$offset"}), value).ids == ["1042"]
    assert read(config(), value, keys=["zoë".encode()]).ids == ["zoë"]


@pytest.mark.parametrize("text", ['"yesterday"', "null", "true", "1e300", "253402300800000"])
def test_an_event_time_that_is_none(text: str) -> None:
    by_path = config(schema={"event_time": "$.at"})
    reason, message = reject(by_path, f'{{"temp": 1, "at": {text}}}'.encode())
    assert reason == "bad_time"
    assert message.startswith("$.at must be a")


def test_a_record_without_a_timestamp() -> None:
    assert reject(config(), b'{"temp": 1}', timestamps=[-1]) == (
        "bad_time",
        "the record's timestamp must be milliseconds since 1970, up to the year 9999; got -1",
    )


HOUR_MS = 3_600_000


def at(time: int) -> bytes:
    return f'{{"temp": 1, "at": {time}}}'.encode()


def test_an_event_time_too_far_ahead_of_its_record_is_refused() -> None:
    by_path = config(schema={"event_time": "$.at", "event_time_ahead_max": "2h"})
    stamp = 1_700_000_000_000
    assert reject(by_path, at(4_102_444_800_000), timestamps=[stamp]) == (
        "bad_time",
        "$.at must be at most 2h (schema.event_time_ahead_max) after the record's timestamp, "
        "2023-11-14T22:13:20.000Z; got 2100-01-01T00:00:00.000Z",
    )
    assert reject(by_path, at(stamp + 2 * HOUR_MS + 1), timestamps=[stamp])[0] == "bad_time"
    assert read(by_path, at(stamp + 2 * HOUR_MS), timestamps=[stamp]).times == [stamp + 2 * HOUR_MS]


def test_an_event_time_may_lie_in_the_past_and_a_day_ahead() -> None:
    by_path = config(schema={"event_time": "$.at"})
    stamp = 1_700_000_000_000
    values = [at(0), at(-86_400_000), at(stamp + 24 * HOUR_MS)]
    assert read(by_path, *values, timestamps=[stamp] * 3).times == [
        0,
        -86_400_000,
        stamp + 24 * HOUR_MS,
    ]
    assert reject(by_path, at(stamp + 24 * HOUR_MS + 1), timestamps=[stamp])[0] == "bad_time"


def test_a_record_without_a_timestamp_bounds_no_event_time() -> None:
    by_path = config(schema={"event_time": "$.at"})
    assert read(by_path, at(4_102_444_800_000), timestamps=[-1]).times == [4_102_444_800_000]


def test_a_record_s_own_timestamp_is_taken_as_it_is() -> None:
    assert read(config(), b'{"temp": 1}', timestamps=[4_102_444_800_000]).rejects == []


def test_a_time_too_far_ahead_does_not_hide_another_fault_nor_its_neighbours() -> None:
    by_path = config(schema={"event_time": "$.at"})
    values = [at(1), b'{"temp": "warm", "at": 4102444800000}', at(4_102_444_800_000), at(2)]
    got = read(by_path, *values, timestamps=[0] * 4)
    assert (got.index, got.times) == ([0, 3], [1, 2])
    assert [reject.reason for reject in got.rejects] == ["wrong_type", "bad_time"]


def test_event_times_are_milliseconds_wherever_they_come_from() -> None:
    by_path = config(schema={"event_time": "$.at"})
    texts = ['"1970-01-01T00:00:01.5Z"', "1500", "1500.9", '"1970-01-01 01:00:01.5+01:00"']
    values = [f'{{"temp": 1, "at": {text}}}'.encode() for text in texts]
    assert read(by_path, *values).times == [1500] * 4


def test_values_inside_of_objects() -> None:
    nested = config(
        {"name": "wind", "type": "float", "path": "$.weather.wind", "missing": True},
        {"name": "temp", "type": "float"},
        {"name": "rain", "type": "boolean", "path": "$.weather.now.rain-fall", "missing": True},
    )
    values = [
        b'{"temp": 1}',
        b'{"temp": 1, "weather": null}',
        b'{"temp": 1, "weather": {"wind": 3, "now": {"rain-fall": true}}}',
    ]
    assert read(nested, *values).index == [0, 1, 2]
    assert reject(nested, b'{"temp": 1, "weather": 3}') == (
        "wrong_type",
        "$.weather must be an object; got 3",
    )
    required = config({"name": "wind", "type": "float", "path": "$.weather.wind"})
    assert reject(required, b'{"weather": null}') == (
        "missing_value",
        "$.weather.wind must be a float; got nothing",
    )


def test_of_a_repeated_key_the_last_value_counts() -> None:
    got = read(config(), b'{"temp": "warm", "temp": 1}', b'{"temp": 1, "temp": 2}')
    assert got.index == [0, 1]
    assert reject(config(), b'{"temp": 1, "temp": "warm"}')[0] == "wrong_type"


def test_two_fields_may_share_a_path_if_one_value_suits_both() -> None:
    shared = config(
        {"name": "who", "type": "category", "vocabulary": ["", "a"]}, schema={"id": "$.who"}
    )
    assert read(shared, b'{"who": "a"}').ids == ["a"]
    assert reject(shared, b'{"who": ""}')[0] == "bad_id"
    assert reject(shared, b'{"who": "b"}')[0] == "unknown_category"


@pytest.mark.parametrize(
    ("features", "message"),
    [
        (
            [{"name": "f", "type": "float"}, {"name": "g", "type": "boolean", "path": "$.f"}],
            "schema: $.f must be one value; it is read as a float and as a boolean. "
            "Give each a path of its own.",
        ),
        (
            [{"name": "f", "type": "float"}, {"name": "g", "type": "float", "path": "$.f.g"}],
            "schema: $.f.g must be one value; it stands below a value of its own. "
            "Give each a path of its own.",
        ),
        (
            [{"name": "g", "type": "float", "path": "$.f.g"}, {"name": "f", "type": "float"}],
            "schema: $.f must be one value; it is a value and also has values below it. "
            "Give each a path of its own.",
        ),
    ],
)
def test_fields_that_cannot_stand_in_one_record(features: list[Any], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        EventReader(config(*features))
    assert str(caught.value) == message


FIELDS = [
    Field("$.f", FloatRule()),
    Field("$.i", IntegerRule(), optional=True),
    Field("$.o.b", BooleanRule(), optional=True),
    Field("$.o.c", CategoryRule(("a", "b")), optional=True),
    Field("$.t", TimeRule(), optional=True),
    Field("$.y", ClassRule(None), optional=True),
    Field("$.k", KeyRule(), optional=True),
    Field("$.x", TextRule(), optional=True),
]
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from(["a", "b", "", "2020-01-01", "é"])
)
RECORDS = st.fixed_dictionaries(
    {},
    optional={
        "f": LEAVES,
        "i": LEAVES,
        "t": LEAVES,
        "y": LEAVES,
        "k": LEAVES,
        "x": LEAVES,
        "o": LEAVES | st.fixed_dictionaries({}, optional={"b": LEAVES, "c": LEAVES}),
    },
)


@settings(max_examples=400, deadline=None)
@given(RECORDS)
def test_the_slow_way_accepts_all_that_the_fast_way_does(record: dict[str, Any]) -> None:
    shape = Shape(FIELDS)
    value = json.dumps(record).encode()
    try:
        fast = shape.decode(value)
    except (msgspec.MsgspecError, ValueError):
        return
    faulty = None
    try:
        assert shape.examine(value) == fast
    except Refusal as refusal:
        faulty = refusal.fault.subject
    # Times, and labels that are no whole floats, are left to the columns of the reader.
    assert faulty in (None, "$.t", "$.y")


PATHS = [field.path for field in FIELDS]


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(*[LEAVES] * len(PATHS)), max_size=4), st.booleans())
def test_columns_give_the_contents_that_their_records_would(rows: list[Any], sound: bool) -> None:
    if sound:  # rows that pass are rare by chance
        rows = [(1.5, 7, True, "a", "2020-01-01", *row[5:7], "é") for row in rows]
    columns = {path: [row[number] for row in rows] for number, path in enumerate(PATHS)}
    shape = Shape([*FIELDS, Field("$.t", TimeRule("s"), optional=True)])
    contents = shape.from_columns(columns)
    values = []
    for f, i, b, c, t, y, k, x in rows:
        record = {"f": f, "i": i, "o": {"b": b, "c": c}, "t": t, "y": y, "k": k, "x": x}
        values.append(json.dumps(record).encode())
    try:
        decoded = [shape.decode(value) for value in values]
    except (msgspec.MsgspecError, ValueError):
        decoded = None
    assert contents is None or repr(contents) == repr(decoded)  # 1 and 1.0 are not the same
    assert decoded is None or contents is not None


def test_a_batch_in_columns_is_read_as_its_values_are() -> None:
    settings_ = config({"name": "f", "type": "float"}, {"name": "o.c", "type": "category"})
    values = [b'{"f": 1, "o": {"c": "a"}}', b'{"f": "x", "o": {"c": "b"}}']
    columns = {"$.f": [1, "x"], "$.o.c": ["a", "b"], "$.late": [None, None]}
    for count in (1, 2):  # the second row breaks a rule
        plain = batch(SOURCE, values[:count])
        columned = replace(plain, columns={path: cells[:count] for path, cells in columns.items()})
        read_plain, read_columned = (EventReader(settings_).read(b) for b in (plain, columned))
        assert repr(read_plain) == repr(read_columned)
        assert len(read_columned.rejects) == count - 1


@pytest.mark.parametrize(
    "columns",
    [
        {"$.f": [1.0], "$.o.c": ["a", "b"], "$.late": [True, None]},
        {"$.f": [1.0], "$.o.c": ["a"], "$.late": [True]},
    ],
)
def test_columns_that_lack_a_record_pass_none_by(columns: dict[str, list[Any]]) -> None:
    settings_ = config({"name": "f", "type": "float"}, {"name": "o.c", "type": "category"})
    whole = batch(SOURCE, [b'{"f": 1, "o": {"c": "a"}}', b'{"f": 2, "o": {"c": "b"}}'])
    with pytest.raises((ValueError, AssertionError)):
        EventReader(settings_).read(replace(whole, columns=columns))


@settings(max_examples=200, deadline=None)
@given(st.lists(RECORDS, max_size=8), st.integers(1, 8))
def test_how_a_batch_is_cut_changes_nothing(records: list[Any], size: int) -> None:
    settings_ = config(
        {"name": "f", "type": "float"},
        {"name": "i", "type": "integer", "missing": True},
        {"name": "t", "type": "timestamp", "missing": True},
        target={"type": "classification", "path": "$.y"},
    )
    values = [json.dumps(record).encode() for record in records]
    whole = EventReader(settings_).read(batch(SOURCE, values))
    pieces = [
        EventReader(settings_).read(batch(SOURCE, values[start : start + size], first=start))
        for start in range(0, len(values), size)
    ]
    assert [name for piece in pieces for name in piece.ids] == whole.ids
    assert [label for piece in pieces for label in piece.labels] == whole.labels
    said = [one.message for piece in pieces for one in piece.rejects]
    assert said == [one.message for one in whole.rejects]
    assert len(whole) + len(whole.rejects) == len(records)


def test_whole_numbers_are_accepted_up_to_53_bits() -> None:
    integers = config({"name": "f", "type": "integer"})
    values = [b'{"f": %d}' % number for number in (INTEGER_MAX, -INTEGER_MAX, 0)]
    assert read(integers, *values).index == [0, 1, 2]


def test_an_empty_batch() -> None:
    got = EventReader(config()).read(RecordBatch(SOURCE, [], [], [], []))
    assert (got.index, got.ids, got.rejects) == ([], [], [])
