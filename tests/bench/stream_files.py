"""A stream on disk: arrays for Python, ARFF for MOA; the same records in both."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from operators.base import Feature, Space
from tests.bench.arrivals import Arrivals
from tests.bench.streams.records import Records

ARFF = "records.arff"
_LINES_AT_ONCE = 10_000


def write_records(folder: Path, records: Records) -> None:
    """Write everything; the description last, so that a folder that has one is whole."""
    folder.mkdir(parents=True, exist_ok=True)
    np.save(folder / "x.npy", records.x)
    np.save(folder / "y.npy", records.y)
    if records.arrivals is not None:
        np.save(folder / "arrivals.npy", np.stack(records.arrivals))
    with (folder / ARFF).open("w") as file:
        file.writelines(arff_lines(records, folder.name))
    space = {
        "features": [[feature.name, feature.capacity] for feature in records.space.features],
        "n_classes": records.space.n_classes,
    }
    (folder / "space.json").write_text(json.dumps(space))


def is_written(folder: Path) -> bool:
    """Whether `write_records` came to its end there."""
    return (folder / "space.json").exists()


def read_records(folder: Path, limit: int | None = None) -> Records:
    """Read the first records back."""
    space = json.loads((folder / "space.json").read_text())
    features = tuple(Feature(name, capacity) for name, capacity in space["features"])
    x = np.load(folder / "x.npy", mmap_mode="r")[:limit]
    y = np.load(folder / "y.npy", mmap_mode="r")[:limit]
    came = folder / "arrivals.npy"
    arrivals = Arrivals(*np.load(came)).of_first(len(y)) if came.exists() else None
    return Records(np.array(x), np.array(y), Space(features, space["n_classes"]), arrivals)


def arff_lines(records: Records, name: str) -> Iterator[str]:
    """Give the text of an ARFF file: categories and classes by their codes, missing as `?`.

    Numbers are written so that they read back to the same bits.
    """
    yield f"@relation {name}\n"
    for feature in records.space.features:
        kind = _codes(feature.capacity) if feature.capacity else "numeric"
        yield f"@attribute '{feature.name}' {kind}\n"
    n_classes = records.space.n_classes
    target = _codes(n_classes) if n_classes else "numeric"
    yield f"@attribute class {target}\n@data\n"
    is_code = [feature.capacity > 0 for feature in records.space.features]
    for start in range(0, len(records.y), _LINES_AT_ONCE):
        rows = records.x[start : start + _LINES_AT_ONCE].tolist()
        targets = records.y[start : start + _LINES_AT_ONCE].tolist()
        for row, label in zip(rows, targets, strict=True):
            cells = [_cell(value, code) for value, code in zip(row, is_code, strict=True)]
            yield f"{','.join(cells)},{_cell(label, n_classes > 0)}\n"


def _cell(value: float, is_code: bool) -> str:
    if value != value:  # NaN
        return "?"
    return str(int(value)) if is_code else repr(value)


def _codes(count: int) -> str:
    return "{" + ",".join(map(str, range(count))) + "}"


def count_records(folder: Path) -> int:
    """Tell how many records were written."""
    return len(np.load(folder / "y.npy", mmap_mode="r"))
