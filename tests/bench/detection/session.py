"""A session: every detector at every setting on the same series; what is done is kept."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Protocol
from zlib import crc32

from tests.bench.detection.results import Key, Row, append_rows, read_rows, to_row
from tests.bench.detection.series import Series, add, count
from tests.bench.detection.streams import CLASSES, Sides, drifting, quiet_series
from tests.bench.detection.sweeps import SWEEPS, Sweep
from tests.bench.machine import library_version


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be measured.

    Parameters
    ----------
    detectors
        Names in `SWEEPS`.
    classes
        Names in `CLASSES`.
    seeds
        Of the series.
    n_series
        Of each class and seed.
    quiet_length
        Values without a drift, for each seed.
    """

    detectors: Sequence[str]
    classes: Sequence[str]
    seeds: Sequence[int]
    n_series: int
    quiet_length: int

    def keys_of(self, sweep: Sweep) -> list[Key]:
        """List what one detector is run on."""
        found: dict[Key, None] = {}
        for name in self.classes:
            made = CLASSES[name]
            if made.family not in sweep.families:
                continue
            for value in sweep.values_for(made.family):
                for seed in self.seeds[: sweep.seeds_max]:
                    setting = (seed, sweep.label, made.sides, value)
                    for stream, size in (
                        (name, self.n_series),
                        (made.quiet, self.quiet_length),
                    ):
                        found[Key(stream, size, *setting, checksum(stream, size, seed))] = None
        return list(found)


class Watcher(Protocol):
    """Is told how a session goes on."""

    def begin(self, detector: str, total: int) -> None:
        """Say which detector comes, and how many runs it has."""

    def advance(self) -> None:
        """Say that a run is done."""


def run_session(plan: Plan, results: Path, watcher: Watcher, fresh: bool) -> dict[Key, Row]:
    """Measure what is not in the file yet; return all rows of the plan."""
    known = {} if fresh else read_rows(results)
    for label in plan.detectors:
        sweep = SWEEPS[label]
        keys = plan.keys_of(sweep)
        missing = [key for key in keys if key not in known]
        watcher.begin(label, len(missing))
        made = []
        for row in _measured(sweep, missing):
            made.append(row)
            watcher.advance()
        append_rows(results, made)
        known |= {row.key: row for row in made}
    return {key: known[key] for label in plan.detectors for key in plan.keys_of(SWEEPS[label])}


def _measured(sweep: Sweep, keys: Sequence[Key]) -> Iterator[Row]:
    library = import_module(f"tests.bench.detection.libraries.{sweep.library}")
    when = datetime.now(UTC).isoformat(timespec="seconds")
    for key in keys:
        series = series_of(key.stream, key.size, key.seed)
        params = sweep.params(key.value, _sides(key))
        alarms = library.run(sweep.name, params, [one.values for one in series])
        counted = [count(one, found) for one, found in zip(series, alarms, strict=True)]
        yield to_row(key, add(counted), _version(sweep.library), when)


def series_of(stream: str, size: int, seed: int) -> tuple[Series, ...]:
    """Make what a key's detector is run on."""
    if stream in CLASSES:
        return drifting(stream, seed, size)
    return quiet_series(stream, seed, size)


@cache
def checksum(stream: str, size: int, seed: int) -> str:
    """Tell series apart: 8 hex digits."""
    found = 0
    for one in series_of(stream, size, seed):
        found = crc32(one.values.tobytes(), found)
    return f"{found:08x}"


def _sides(key: Key) -> Sides:
    return "both" if key.sides == "both" else "up"


@cache
def _version(library: str) -> str:
    """Of frouros its environment's; of others the installed one's."""
    if library == "frouros":
        return str(import_module("tests.bench.detection.libraries.frouros").version())
    return library_version(library)
