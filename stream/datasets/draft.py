"""Drafts a pipeline from a data file: `driftgate init`.

The draft is a file to be read and changed: each choice says in a comment what it was made from.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from stream.codec.rejects import show
from stream.config.values import PATH_PATTERN
from stream.datasets.columns import ColumnFacts, look_at
from stream.datasets.tables import read_rows
from stream.errors import DataError

_PATH = re.compile(PATH_PATTERN)
_CLASSES_MAX = 20
_ID_NAME = re.compile(r"(.*[_-])?(id|uuid|key)", re.IGNORECASE)
_TARGET_CODE_MAX = 1024
_REGRESSOR = "adaptive_random_forest_regressor"


def draft_config(path: Path | str, target: str, rows: int = 10_000) -> str:
    """Infer a pipeline from the first rows of a data file.

    Parameters
    ----------
    target
        The column to predict.
    rows
        How many rows to look at.

    Returns
    -------
    str
        A commented YAML file: embedded log, inline labels.

    Raises
    ------
    DataError
        The file has no such column, no rows, or nothing to learn from.
    """
    table = read_rows(path, rows)
    if target not in table.columns:
        raise DataError(
            f"{path}: column `{target}` must exist; the columns are {', '.join(table.columns)}. "
            "Name one of them with --target."
        )
    facts = look_at(table)
    label = facts.pop(target)
    if not label.count:
        raise DataError(f"{path}: column `{target}` must have values; the first rows have none.")
    event_time = next((column for column in facts.values() if _is_event_time(column)), None)
    event_id = next((column for column in facts.values() if _is_id(column)), None)
    if event_id is not None:
        del facts[event_id.name]
    lines = [
        *_head(Path(path), label.rows),
        *_schema(list(facts.values()), event_id, event_time),
        *_target(Path(path), label),
        *_model(label),
    ]
    return "\n".join(lines) + "\n"


def _head(path: Path, rows: int) -> list[str]:
    app = re.sub(r"[^a-z0-9.-]+", "-", path.name.split(".")[0].lower()).strip("-.")[:63].strip("-.")
    app = app or "pipeline"
    return [
        f"# Drafted by `driftgate init` from the first {rows} rows of {path.name}.",
        "# Read it through; then: driftgate evaluate THIS_FILE --data " + path.name,
        f"app: {_text(app)} # names topics, checkpoints and metrics",
        "",
        "log:",
        "  type: embedded # topics in one SQLite file; or kafka, with bootstrap: host:port",
        f"  path: {_text(app + '.db')}",
        "",
    ]


def _schema(
    columns: Sequence[ColumnFacts], event_id: ColumnFacts | None, event_time: ColumnFacts | None
) -> list[str]:
    lines = ["schema:"]
    if event_id is not None:
        lines.append(f"  id: $.{event_id.name} # no value came twice")
    else:
        lines.append("  id: $key # no column names a row, so the record's key does")
    if event_time is not None:
        lines.append(f"  event_time: $.{event_time.name} # times that never run backwards")
    else:
        lines.append("  event_time: $timestamp # no column is a running time: the record's own")
    lines.append("  features:")
    entries = [_feature(column) for column in columns]
    if all(entry.lstrip().startswith("#") for entry in entries):
        raise DataError("a column beside the target must be usable as a feature; none is.")
    return [*lines, *entries, ""]


def _feature(column: ColumnFacts) -> str:
    """One line of the list of features; commented out where the column is of no use."""
    name = _text(column.name)
    if column.kind == "empty":
        return f"    # {name}: left out, no row has a value"
    if column.kind == "category" and column.is_mostly_unique:
        return f"    # {name}: left out, nearly every row has another text ({column.distinct})"
    fields, why = _shape(column)
    if column.nulls:
        fields += ", missing: true"
        why.append(f"{column.nulls} of {column.rows} rows have none")
    comment = f" # {'; '.join(why)}" if why else ""
    return f"    - {{name: {name}, type: {column.kind}{fields}}}{comment}"


def _shape(column: ColumnFacts) -> tuple[str, list[str]]:
    """Further fields of a feature, and reasons."""
    if column.kind == "timestamp":
        return ", parts: [hour_of_day, day_of_week]", ["the model sees these parts of it, in UTC"]
    if column.kind != "category":
        return "", ["only one value so far"] if column.distinct == 1 else []
    if column.is_settled:
        listed = ", ".join(_text(value) for value in sorted(column.values))
        why = "closed: no new value came for long; another one makes a dead letter"
        return f", vocabulary: [{listed}]", [why]
    bound = min(max(16, 1 << (2 * column.distinct - 1).bit_length()), 65_536)
    return f", categories_max: {bound}", [f"open: {column.distinct} values so far"]


def _target(path: Path, label: ColumnFacts) -> list[str]:
    if not _PATH.fullmatch(f"$.{label.name}"):
        raise DataError(
            f"{path}: the target's column must have a name of letters, digits, _ and -; got "
            f"{show(label.name)}. Rename it."
        )
    lines = ["target:"]
    if _is_regression(label):
        lines += ["  type: regression # numbers, many of them different"]
        return [*lines, f"  path: $.{label.name}", "", *_labels()]
    if label.distinct > _TARGET_CODE_MAX:
        raise DataError(
            f"{path}: column `{label.name}` must have at most {_TARGET_CODE_MAX} classes; "
            f"got {label.distinct}."
        )
    lines += ["  type: classification", f"  path: $.{label.name}"]
    if label.is_settled and label.distinct > 1:
        values = sorted(label.values, key=int if label.kind == "integer" else None)
        listed = ", ".join(_label(value, label.kind) for value in values)
        lines.append(f"  classes: [{listed}] # closed: no new class came for long")
    else:
        bound = max(16, 2 * label.distinct)
        lines.append(f"  classes_max: {bound} # open: {label.distinct} so far; leave room for more")
    return [*lines, "", *_labels()]


def _labels() -> list[str]:
    return [
        "labels:",
        "  source: inline # each event carries its label; `topic` if labels come later",
        "",
    ]


def _model(label: ColumnFacts) -> list[str]:
    if _is_regression(label):
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


def _is_regression(label: ColumnFacts) -> bool:
    return label.kind == "float" or (label.kind == "integer" and label.distinct > _CLASSES_MAX)


def _is_id(column: ColumnFacts) -> bool:
    return (
        bool(_ID_NAME.fullmatch(column.name))
        and bool(_PATH.fullmatch(f"$.{column.name}"))
        and column.kind in ("integer", "category")
        and column.is_unique
    )


def _is_event_time(column: ColumnFacts) -> bool:
    named = bool(_PATH.fullmatch(f"$.{column.name}"))
    return named and column.kind == "timestamp" and column.never_falls and not column.nulls


def _label(value: str, kind: str) -> str:
    return value if kind in ("integer", "boolean") else _text(value)


def _text(value: str) -> str:
    """Write a string as YAML, without quotes where it stays the same string."""
    if re.fullmatch(r"[A-Za-z_][A-Za-z0-9_./-]*", value) and _plain(value) == value:
        return value
    return json.dumps(value, ensure_ascii=False)


def _plain(value: str) -> Any:
    return yaml.safe_load(value)
