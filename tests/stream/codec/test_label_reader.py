"""Reading labels of a topic of their own; rules of single values are in test_events.py."""

from __future__ import annotations

from typing import Any

import pytest

from stream.codec.labels import LabelReader
from stream.config.pipeline import Config
from tests.builders import LABELS, batch, toy_config


def settings(**labels: Any) -> Config:
    return toy_config(labels={"source": "topic", **labels})


def test_values_ids_and_times() -> None:
    reader = LabelReader(settings(id="$.event", event_time="$.known"))
    got = reader.read(batch(LABELS, [b'{"event": 7, "known": "1970-01-01T00:00:01Z", "y": "no"}']))
    assert (got.ids, got.times, got.contents, got.labels) == (["7"], [1000], ["no"], [None])


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (b"{}", "$.y must be a class label; got nothing"),
        (b'{"y": null}', "$.y must be a class label; got null"),
        (b'{"y": "maybe"}', '$.y must be one of "no", "yes"; got "maybe"'),
    ],
)
def test_a_record_without_a_usable_label(value: bytes, message: str) -> None:
    got = LabelReader(settings()).read(batch(LABELS, [value, b'{"y": "yes"}'], first=5))
    (one,) = got.rejects
    assert one.message == (
        f"toy.labels[0]@5: {message}. The record went to topic `toy.dead-letters`."
    )
    assert (got.index, got.contents) == ([1], ["yes"])


def test_a_label_too_far_ahead_of_its_record_is_refused_by_the_events_bound() -> None:
    config = toy_config(
        schema={"features": [{"name": "a", "type": "float"}], "event_time_ahead_max": "1s"},
        labels={"source": "topic", "event_time": "$.known"},
    )
    values = [b'{"known": 3001, "y": "no"}', b'{"known": 3000, "y": "no"}']
    got = LabelReader(config).read(batch(LABELS, values, timestamps=[2000, 2000]))
    assert (got.index, [reject.reason for reject in got.rejects]) == ([1], ["bad_time"])
    assert got.rejects[0].message.startswith("toy.labels[0]@0: $.known must be at most 1s (")
