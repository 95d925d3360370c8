"""Drafts a pipeline from a data file: `driftgate init`.

The draft is a file to be read and changed: each choice says in a comment what it was made from, and
each column has its line, also one that is left out.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

import yaml

from stream.config.paths import path_of
from stream.datasets.cells import Cell, to_text
from stream.datasets.columns import ColumnFacts, look_at
from stream.datasets.tables import Table, distinct_names, open_table
from stream.datasets.target_facts import TargetFacts, Task, target_facts
from stream.errors import DataError

ROWS = 50_000
_CELLS_MAX, _ROWS_MIN = 5_000_000, 500
"""Cells to look at in a wide table, where that leaves enough rows."""

_ID_NAME = re.compile(r"(.*[_\- ])?(id|uuid|key)", re.IGNORECASE)
_CATEGORIES_MIN, _CATEGORIES_MAX = 16, 65_536
_REGRESSOR = "adaptive_random_forest_regressor"
_SHOWN = 3
_CLASSES_SHOWN = 12
_SHOWN_CHARACTERS = 40
_NAME_MAX, _NAME_CUT = 200, 190
"""Most characters of a feature's name; what stays of a longer one, with room for a number."""

_UNSAFE = re.compile(
    "[^\\t\\n -~\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]"
)
"""What YAML takes for a line break within text, or does not take at all."""


@dataclass(frozen=True, slots=True)
class Draft:
    """A drafted pipeline.

    Parameters
    ----------
    text
        A commented YAML file: embedded log, inline labels.
    notes
        What a person should know before using it, a sentence each.
    doubt
        Why the target may be of the other kind than it was taken for; empty where it is plain.
    task
        What it was taken for.
    """

    text: str
    notes: list[str]
    doubt: str
    task: Task


def draft_config(path: str, target: str, task: Task | None = None, rows: int = ROWS) -> Draft:
    """Infer a pipeline from the first rows of a data file.

    Parameters
    ----------
    target
        The column to predict.
    task
        Whether it names classes or is a number; found out where it is not given.
    rows
        How many rows to look at; fewer where the table is wide.

    Raises
    ------
    DataError
        The file has no such column, no rows, or nothing to learn from.
    """
    table = open_table(path)
    if target not in table.columns:
        listed = ", ".join(table.columns[:20]) or "none at all"
        raise DataError(
            f"{path}: column `{target}` must exist; the columns are {listed}. "
            "Name one of them with --target."
        )
    few = max(_ROWS_MIN, _CELLS_MAX // len(table.columns))
    facts, cells = look_at(table, min(rows, few))
    wanted = target_facts(path, facts.pop(target), cells.pop(target), task)
    columns = _Columns(table, target, facts, _leaks(facts, cells, wanted))
    lines = [
        *_head(path, wanted.column.rows),
        *columns.schema(path),
        *_target(table, wanted),
        *_model(wanted),
    ]
    notes = [*table.notes, *columns.notes(), *wanted.notes, *_malformed(table)]
    return Draft("\n".join(lines) + "\n", notes, wanted.doubt, wanted.task)


def _malformed(table: Table) -> list[str]:
    found = table.malformed
    if not found.count:
        return []
    return [f"{found.count} rows are no rows of this table and are passed over: {found.shown[0]}"]


def _head(path: str, rows: int) -> list[str]:
    name = PurePosixPath(path).name
    shown = name if name.isprintable() else _text(name)
    app = re.sub(r"[^a-z0-9.-]+", "-", name.split(".")[0].lower()).strip("-.")[:63].strip("-.")
    app = app or "pipeline"
    return [
        f"# Drafted by `driftgate init` from the first {rows} rows of {shown}.",
        f"# Read it through; then: driftgate evaluate THIS_FILE --data {shown}",
        f"app: {_text(app)} # names topics, checkpoints and metrics",
        "",
        "log:",
        "  type: embedded # topics in one SQLite file; or kafka, with bootstrap: host:port",
        f"  path: {_text(app + '.db')}",
        "",
    ]


class _Columns:
    """The columns beside the target, and which of them names and dates an event."""

    def __init__(
        self, table: Table, target: str, facts: dict[str, ColumnFacts], leaks: dict[str, str]
    ) -> None:
        self._table, self._target = table, target
        self._facts = list(facts.values())
        self._leaks = leaks
        cut = [name if len(name) <= _NAME_MAX else f"{name[:_NAME_CUT]}..." for name in facts]
        self._names = dict(zip(facts, distinct_names(cut)[0], strict=True))
        self._id = next((facts for facts in self._facts if _is_id(facts)), None)
        self._time = next((facts for facts in self._facts if _is_event_time(facts)), None)

    def schema(self, path: str) -> list[str]:
        """Lines of the section `schema`."""
        beside = [facts for facts in self._facts if facts is not self._id]
        entries = [self._feature(facts, self._why_out(facts)) for facts in beside]
        if all(map(_is_out, entries)):
            entries = [self._feature(facts, self._why_never(facts)) for facts in beside]
        if all(map(_is_out, entries)):
            reasons = "; ".join(entry.strip().removeprefix("# ") for entry in entries)
            raise DataError(
                f"{path}: a column beside the target `{self._target}` must be usable as a feature; "
                f"none is ({reasons or 'there is no other column'})."
            )
        return ["schema:", self._id_line(), *self._time_lines(), "  features:", *entries, ""]

    def notes(self) -> list[str]:
        """What is said of the columns beyond their lines."""
        falling = [facts.name for facts in self._facts if facts.order == "falls"]
        notes = [
            f"column `{name}` runs from the newest row to the oldest: the file would be learnt "
            "backwards. Turn it round first (`evaluate --reverse`)"
            for name in falling
            if self._time is None
        ]
        return notes + [f"column `{name}` {why}" for name, why in self._leaks.items()]

    def path(self, name: str) -> str:
        """Where a column's value stands in a record: a dot leads into an object where it can."""
        names = name.split(".")
        above = {".".join(names[:count]) for count in range(1, len(names))}
        if "" in names or above & set(self._table.columns):
            return path_of([name])
        return path_of(names)

    def _id_line(self) -> str:
        if self._id is None:
            return "  id: $key # no column names a row, so the record's key does"
        why = "no value came twice"
        if self._id.is_beyond:
            why += "; as text, because it has more than 53 bits"
        return f"  id: {_scalar(self.path(self._id.name))} # {why}"

    def _time_lines(self) -> list[str]:
        if self._time is None:
            return ["  event_time: $timestamp # no column is a running time: the record's own"]
        path = _scalar(self.path(self._time.name))
        lines = [f"  event_time: {path} # times that never run backwards"]
        if self._time.format is not None:
            lines.append(f"  event_time_format: {_scalar(self._time.format)}")
        return lines

    def _why_never(self, facts: ColumnFacts) -> str:
        """Why a column can be no feature at all; empty where it can."""
        return self._leaks.get(facts.name, "") or _unusable(facts)

    def _why_out(self, facts: ColumnFacts) -> str:
        """Why a column is left out while there are better ones; empty where it is not."""
        return self._why_never(facts) or _useless(facts)

    def _feature(self, facts: ColumnFacts, reason: str) -> str:
        """One line of the list of features; commented out where there is a reason."""
        name = self._names[facts.name]
        if reason:
            return f"    # {_text(name)}: left out, {reason}"
        fields, why = _shape(facts)
        if useless := _useless(facts):
            why.append(f"{useless}; but there is no better column")
        path = self.path(facts.name)
        if len(facts.name) > _NAME_MAX:
            why.append(f"its name has {len(facts.name)} characters, too many for a feature")
        if path != path_of(name.split(".")):
            fields = f", path: {_scalar(path)}{fields}"
        if facts.nulls:
            fields += ", missing: true"
            as_text = f" ({_shown(facts.missing_as)})" if facts.missing_as else ""
            why.append(f"{facts.nulls} of {facts.rows} rows have none{as_text}")
        if facts.odd:
            why.append(
                f"{facts.odd.total()} of {facts.rows} cells are no {facts.kind}: "
                f"{_shown(facts.odd)}, first in row {facts.odd_row + 1}; dead letters"
            )
        comment = f" # {'; '.join(why)}" if why else ""
        return f"    - {{name: {_text(name)}, type: {facts.kind}{fields}}}{comment}"


def _unusable(facts: ColumnFacts) -> str:
    """Why a column cannot be a feature; empty where it can."""
    if facts.kind == "empty":
        return "no row has a value"
    if facts.kind == "list":
        return "it holds lists"
    if facts.is_beyond:
        return "whole numbers of more than 53 bits, which are names and no amounts"
    return ""


def _useless(facts: ColumnFacts) -> str:
    """Why a column tells nothing; empty where it may."""
    if facts.counts_rows:
        return "it only counts the rows"
    if facts.kind == "category" and facts.is_mostly_unique:
        return f"nearly every row has another text ({facts.distinct})"
    if facts.distinct == 1 and facts.count == facts.rows:
        return f"every row has the same value ({_shown(facts.values)})"
    return ""


def _is_out(entry: str) -> bool:
    return entry.lstrip().startswith("#")


def _shape(facts: ColumnFacts) -> tuple[str, list[str]]:
    """Further fields of a feature, and reasons."""
    if facts.kind == "timestamp":
        form = "" if facts.format is None else f", format: {_scalar(facts.format)}"
        why = ["the model sees these parts of it, in UTC"]
        if facts.format is not None and _is_ambiguous(facts):
            why.append("day and month may be the other way round")
        return f"{form}, parts: [hour_of_day, day_of_week, month]", why
    if facts.kind != "category":
        return "", []
    if facts.is_settled:
        listed = ", ".join(_text(value) for value in sorted(facts.values))
        closed = "closed: no new value came for long; another one makes a dead letter"
        return f", vocabulary: [{listed}]", [closed]
    bound = max(_CATEGORIES_MIN, 1 << (2 * facts.distinct - 1).bit_length())
    return (
        f", categories_max: {min(bound, _CATEGORIES_MAX)}",
        [f"open: {facts.distinct} values so far"],
    )


def _is_ambiguous(facts: ColumnFacts) -> bool:
    assert facts.format is not None
    if not facts.format.startswith(("%m/%d", "%d/%m", "%m-%d", "%d-%m")):
        return False
    parts = [re.findall(r"\d+", value)[:2] for value in facts.values]
    return all(int(first) <= 12 and int(second) <= 12 for first, second in parts)


def _target(table: Table, wanted: TargetFacts) -> list[str]:
    column = wanted.column
    path = _scalar(_Columns(table, column.name, {}, {}).path(column.name))
    lines = ["target:"]
    if wanted.task == "regression":
        why = wanted.why or "numbers, many of them different"
        return [*lines, f"  type: regression # {why}", f"  path: {path}", "", *_labels(column)]
    said = f" # {wanted.why}" if wanted.why else ""
    lines += [f"  type: classification{said}", f"  path: {path}"]
    if column.is_settled and column.distinct > 1:
        listed = ", ".join(_label(value, wanted.labels[value]) for value in wanted.sorted_values)
        lines.append(f"  classes: [{listed}] # closed: no new class came for long")
    else:
        listed = _shown(wanted.sorted_values, _CLASSES_SHOWN)
        open_so_far = f"open: {column.distinct} so far ({listed})"
        lines.append(f"  classes_max: {wanted.classes_max} # {open_so_far}")
    return [*lines, "", *_labels(column)]


def _labels(column: ColumnFacts) -> list[str]:
    none = f"; {column.nulls} of {column.rows} rows have none" if column.nulls else ""
    return [
        "labels:",
        f"  source: inline # each event carries its label{none}; `topic` if labels come later",
        "",
    ]


def _model(wanted: TargetFacts) -> list[str]:
    if wanted.task == "regression":
        model = [f"  name: {_REGRESSOR} # `hoeffding_tree_regressor` is faster"]
    else:
        model = ["  name: adaptive_moe # unlike experts, gated; `hoeffding_tree` is faster"]
    return [
        "model:",
        *model,
        "",
        "detectors:",
        "  - name: adwin # watches the errors",
        "",
        "# drift:",
        "#   diagnose: true # what has changed, since when, which features; costs time: try it",
        "#   respond: true # and act on the model; see docs/drift-events.md",
        "",
        "seed: 1",
    ]


def _leaks(
    facts: dict[str, ColumnFacts], cells: dict[str, list[Cell]], wanted: TargetFacts
) -> dict[str, str]:
    """Columns that say what the target is, by name, with why."""
    target = [to_text(cell) for cell in wanted.cells]
    if wanted.column.distinct < 2:
        return {}
    return {
        name: f"equals the target `{wanted.column.name}` in every row: a leak"
        for name in facts
        if _equals(cells[name], target)
    }


def _equals(cells: Sequence[Cell], target: Sequence[str | None]) -> bool:
    return all(to_text(cell) == label for cell, label in zip(cells, target, strict=True))


def _is_id(facts: ColumnFacts) -> bool:
    return (
        bool(_ID_NAME.fullmatch(facts.name))
        and facts.kind in ("integer", "category")
        and facts.is_unique
        and not facts.odd
    ) or (facts.is_beyond and facts.is_unique)


def _is_event_time(facts: ColumnFacts) -> bool:
    return facts.order == "rises" and not facts.nulls and facts.distinct > 1


def _shown(values: Any, most: int = _SHOWN) -> str:
    """Some values as a comment shows them."""
    texts = [
        value if len(value) <= _SHOWN_CHARACTERS else f"{value[:_SHOWN_CHARACTERS]}..."
        for value in list(values)[:most]
    ]
    more = ", ..." if len(values) > most else ""
    return ", ".join(_quoted(text).strip('"') for text in texts) + more


def _label(value: str, label: Any) -> str:
    return _text(value) if isinstance(label, str) else value


def _scalar(value: str) -> str:
    """Write a path or a format: in single quotes where YAML would read it otherwise."""
    if re.fullmatch(r"\$[A-Za-z0-9_.-]+", value):
        return value
    return "'" + _safe(value).replace("'", "''") + "'"


def _text(value: str) -> str:
    """Write a string as YAML, without quotes where it stays the same string."""
    if re.fullmatch(r"[A-Za-z_][A-Za-z0-9_./-]*", value) and _plain(value) == value:
        return value
    return _quoted(value)


def _quoted(value: str) -> str:
    return _safe(json.dumps(value, ensure_ascii=False))


def _safe(quoted: str) -> str:
    """Escape in JSON what YAML would change or refuse; JSON and YAML read it back alike."""
    return _UNSAFE.sub(lambda found: f"\\u{ord(found[0]):04x}", quoted)


def _plain(value: str) -> Any:
    return yaml.safe_load(value)
