"""Results on disk: one CSV line a finished case, appended at once, so nothing is lost.

A file is of one kind of streams: its columns are those of `Row`, with the kind's scores in their
place.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, NamedTuple

from stream.errors import ConfigError
from tests.bench.case import Case, Outcome
from tests.bench.kinds import Kind, kind_scored
from tests.bench.machine import library_version, this_machine
from tests.bench.scores import Scores


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
    scores
        The figures of its kind; in the file, a column each.
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
    scores: Scores
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
    def kind(self) -> Kind:
        """What the stream asks for."""
        return kind_scored(self.scores)

    @property
    def records_per_s(self) -> float:
        """Records predicted and learnt in a CPU second."""
        return self.records / self.cpu_s if self.cpu_s else float("nan")


def to_row(case: Case, outcome: Outcome, load: float, when: str) -> Row:
    """Put a case, its figures and the machine together."""
    return Row(
        **case_key(case)._asdict(),
        **asdict(outcome),
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
        writer = csv.DictWriter(file, columns(row.kind), lineterminator="\n")
        if is_new:
            writer.writeheader()
        values = asdict(row)
        values |= values.pop("scores")
        writer.writerow({name: _written(value) for name, value in values.items()})


def check_file(path: Path, kind: Kind) -> None:
    """Refuse a file of results of the other kind.

    Raises
    ------
    ConfigError
        Its columns are others.
    """
    if not path.exists():
        return
    with path.open(newline="") as file:
        header = next(csv.reader(file), None)
    if header not in (None, columns(kind)):
        raise ConfigError(
            f"{path}: must have the columns of {kind.name}: {', '.join(kind.scores)}. "
            "Name another file with --results."
        )


def columns(kind: Kind) -> list[str]:
    """Columns of a file of one kind's results."""
    named = [[*kind.scores] if field.name == "scores" else [field.name] for field in fields(Row)]
    return [name for names in named for name in names]


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
        if field.name == "scores":
            values["scores"] = {name: float(line[name]) for name in kind_scored(line).scores}
        else:
            values[field.name] = _value(str(field.type), line[field.name])
    return Row(**values)


def _value(kind: str, text: str) -> Any:
    if kind == "int | None":
        return int(text) if text else None
    return {"int": int, "float": float, "str": str}[kind](text)


def _written(value: Any) -> Any:
    """Six digits are more than a measurement is worth; accuracies keep them all the same."""
    return f"{value:.6g}" if isinstance(value, float) else value
