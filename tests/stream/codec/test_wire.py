"""Small parts of the codec: packed strings, times, headers of dead letters."""

from __future__ import annotations

import tracemalloc
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.codec.dead_letters import dead_letter_headers
from stream.codec.strings import pack_strings, unpack_strings
from stream.codec.times import format_times, parse_time
from stream.labels.inbox import DeadLetter
from tests.builders import EVENTS


@given(st.lists(st.text()))
def test_strings_survive_packing(strings: list[str]) -> None:
    state = pack_strings(strings)
    assert unpack_strings(state) == strings
    assert {np.asarray(value).dtype for value in state.values()} == {
        np.dtype(np.uint8),
        np.dtype(np.int64),
    }


@given(st.integers(-62_135_596_800_000, 253_402_300_799_999))
def test_times_survive_writing(time_ms: int) -> None:
    (text,) = format_times([time_ms])
    assert parse_time(text) == parse_time(time_ms) == time_ms


@given(st.datetimes(), st.integers(-14 * 60, 14 * 60))
def test_offsets_are_taken_off(moment: datetime, minutes: int) -> None:
    moment = moment.replace(microsecond=0)
    sign = "-" if minutes < 0 else "+"
    text = f"{moment.isoformat()}{sign}{abs(minutes) // 60:02}:{abs(minutes) % 60:02}"
    utc = (moment - datetime(1970, 1, 1)) - timedelta(minutes=minutes)
    wanted = utc // timedelta(milliseconds=1)
    if abs(wanted) < 60_000_000_000_000:
        assert parse_time(text) == wanted


@pytest.mark.parametrize(
    "value", ["", "now", "2013-02-30", "24:00", float("nan"), float("inf"), 1e15, 10**400]
)
def test_what_is_no_time(value: str | float) -> None:
    with pytest.raises(ValueError, match=r"years|isoformat|day is out|hour must be"):
        parse_time(value)


@pytest.mark.parametrize(
    ("long", "form"),
    [("2020-01-01T00:00:00.5{}", None), ("2020{}01", "%Y %m")],
)
def test_texts_of_any_length_are_not_kept_in_memory(long: str, form: str | None) -> None:
    filling = "0" if form is None else " "
    tracemalloc.start()
    for length in range(1_000_000, 1_000_020):
        parse_time(long.format(filling * length), form=form)
    kept, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert kept < 1_000_000


def test_a_time_before_1970_rounds_down() -> None:
    assert parse_time(-0.5) == -1
    assert parse_time(datetime(1969, 12, 31, 23, 59, 59, 999_500, tzinfo=UTC).isoformat()) == -1


def test_headers_say_where_a_dead_letter_came_from_and_why() -> None:
    letter = DeadLetter(EVENTS, 7, 1500, b"k", b"v", "wrong_type", "é must be e")
    assert dead_letter_headers("toy", letter) == [
        ("driftgate.reason", b"wrong_type"),
        ("driftgate.error", "é must be e".encode()),
        ("driftgate.topic", b"toy.features"),
        ("driftgate.partition", b"0"),
        ("driftgate.offset", b"7"),
        ("driftgate.timestamp", b"1500"),
        ("driftgate.app", b"toy"),
    ]
