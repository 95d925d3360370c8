"""Results on disk: one CSV line a finished case, appended at once, so nothing is lost."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, NamedTuple

from stream.bench.case import Case, Outcome
from stream.bench.machine import library_version, this_machine


class Key(NamedTuple):
    """What makes two measurements the same: a later one replaces an earlier one."""

    stream: str
    length: int
    limit: int
    label_delay: int
    seed: int
    candidate: str


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the file: the case, its figures (`Outcome`), where and when.

    Parameters
    ----------
    limit
        Records that were to be done; `records` is less where the budget ended first.
    load
        The machine's load average when the case began, this process's own work in it: speeds
        beside others' work are worth less.
    version
        Of the library; of ours, the commit.
    """

    stream: str
    length: int
    limit: int
    label_delay: int
    seed: int
    candidate: str
    records: int
    accuracy: float
    kappa: float
    kappa_m: float
    cpu_s: float
    wall_s: float
    process_cpu_s: float
    memory_bytes: int
    snapshot_bytes: int | None
    version: str
    processor: str
    cores: int
    python: str
    load: float
    when: str

    @property
    def key(self) -> Key:
        """See `Key`."""
        return Key(*(getattr(self, name) for name in Key._fields))

    @property
    def records_per_s(self) -> float:
        """Records predicted and learnt in a CPU second."""
        return self.records / self.cpu_s if self.cpu_s else float("nan")


def to_row(case: Case, outcome: Outcome, load: float, when: str) -> Row:
    """Put a case, its figures and the machine together."""
    figures = asdict(outcome)
    del figures["scores"]
    return Row(
        **case_key(case)._asdict(),
        **outcome.scores._asdict(),
        **figures,
        **asdict(this_machine()),
        version=library_version(case.candidate.library),
        load=round(load, 2),
        when=when,
    )


def case_key(case: Case) -> Key:
    """Tell which line of the file is this case's."""
    return Key(
        case.stream, case.length, case.limit, case.label_delay, case.seed, case.candidate.label
    )


def append_row(path: Path, row: Row) -> None:
    """Add a line; the file gets its header first."""
    path.parent.mkdir(parents=True, exist_ok=True)
    is_new = not path.exists() or path.stat().st_size == 0
    with path.open("a", newline="") as file:
        writer = csv.DictWriter(file, [field.name for field in fields(Row)], lineterminator="\n")
        if is_new:
            writer.writeheader()
        writer.writerow({name: _written(value) for name, value in asdict(row).items()})


def read_rows(path: Path) -> list[Row]:
    """Read all lines, the latest of each key, in the order in which the keys came first."""
    if not path.exists():
        return []
    with path.open(newline="") as file:
        return latest(_read(line) for line in csv.DictReader(file))


def latest(rows: Iterable[Row]) -> list[Row]:
    """Keep the last row of each key."""
    return list({row.key: row for row in rows}.values())


def _read(line: dict[str, str]) -> Row:
    values: dict[str, Any] = {}
    for field in fields(Row):
        text = line[field.name]
        if field.type == "int":
            values[field.name] = int(text)
        elif field.type == "int | None":
            values[field.name] = int(text) if text else None
        elif field.type == "float":
            values[field.name] = float(text)
        else:
            values[field.name] = text
    return Row(**values)


def _written(value: Any) -> Any:
    """Six digits are more than a measurement is worth; accuracies keep them all the same."""
    return f"{value:.6g}" if isinstance(value, float) else value
