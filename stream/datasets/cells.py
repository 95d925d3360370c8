"""Cells of data files as the JSON values that the schema asks for.

A cell of a CSV file is text; one of a Parquet file has a type already. An empty cell is null,
and so is NA, NaN or null where no text is asked for.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from stream.codec.classes import class_key, class_label
from stream.codec.times import parse_time
from stream.config.records import FeatureConfig, Target
from stream.config.values import ClassLabel

Cell = Any
Convert = Callable[[Cell], Any]

_NULLS = frozenset({"", "na", "nan", "null", "none", "n/a"})
_TRUE = frozenset({"true", "t", "yes", "y", "1", "1.0"})
_FALSE = frozenset({"false", "f", "no", "n", "0", "0.0"})


def is_null(cell: Cell) -> bool:
    """Tell whether a cell that asks for no text holds nothing."""
    if isinstance(cell, str):
        return cell.strip().lower() in _NULLS
    return cell is None or (isinstance(cell, float) and math.isnan(cell))


def to_float(cell: Cell) -> float | None:
    """Read a finite number."""
    if type(cell) is not float:
        if is_null(cell):
            return None
        if isinstance(cell, bool) or not isinstance(cell, str | int | float | Decimal):
            raise ValueError("not a number")
    number = float(cell)
    if not math.isfinite(number):
        if is_null(cell):
            return None
        raise ValueError("not finite")
    return number


def to_integer(cell: Cell) -> int | None:
    """Read a whole number, also one that is written 3.0."""
    if is_null(cell):
        return None
    if isinstance(cell, str):
        try:
            return int(cell)
        except ValueError:
            cell = float(cell)
    if isinstance(cell, bool) or cell != int(cell):
        raise ValueError("not a whole number")
    return int(cell)


def to_boolean(cell: Cell) -> bool | None:
    """Read true or false, in any of their usual spellings."""
    if isinstance(cell, bool):
        return cell
    if is_null(cell):
        return None
    text = str(cell).strip().lower()
    if text in _TRUE:
        return True
    if text in _FALSE:
        return False
    raise ValueError("neither true nor false")


def to_text(cell: Cell) -> str | None:
    """Read text; NA is text too."""
    if cell is None or cell == "" or (isinstance(cell, float) and math.isnan(cell)):
        return None
    if isinstance(cell, bool | int | float | str):
        return class_key(cell) if not isinstance(cell, float) else str(cell)
    return cell.isoformat() if isinstance(cell, date) else str(cell)


def to_time(cell: Cell) -> str | int | float | None:
    """Read a time: a number, or an ISO 8601 string."""
    if is_null(cell):
        return None
    if isinstance(cell, datetime):
        return (cell if cell.tzinfo is not None else cell.replace(tzinfo=UTC)).isoformat()
    if isinstance(cell, date):
        return cell.isoformat()
    if isinstance(cell, str):
        try:
            cell = float(cell)
        except ValueError:
            parse_time(cell)
            return str(cell)
    value = int(cell) if cell == int(cell) else float(cell)
    parse_time(value, "ms")
    return value


def feature_converter(feature: FeatureConfig) -> tuple[Convert, str]:
    """How a feature's cells are read, and what they have to be."""
    converters: dict[str, tuple[Convert, str]] = {
        "float": (to_float, "a float"),
        "integer": (to_integer, "an integer"),
        "boolean": (to_boolean, "a boolean"),
        "category": (to_text, "text"),
        "timestamp": (to_time, "an ISO 8601 time or a number"),
    }
    return converters[feature.type]


def label_converter(target: Target) -> tuple[Convert, str]:
    """How labels are read, and what they have to be."""
    if target.type == "regression":
        return to_float, "a float"
    if target.classes is None:
        return guess_label, "a class label"
    by_key = {class_key(label): label for label in target.classes}
    listed = ", ".join(map(str, by_key))

    def known(cell: Cell) -> ClassLabel | None:
        if to_text(cell) is None:
            return None
        keys = (str(to_text(cell)), class_key_of(cell))
        for key in keys:
            if key in by_key:
                return by_key[key]
        raise ValueError("unknown class")

    return known, f"one of {listed}"


def class_key_of(cell: Cell) -> str:
    """Key of the label that a cell most likely means."""
    label = guess_label(cell)
    return "" if label is None else class_key(label)


def guess_label(cell: Cell) -> ClassLabel | None:
    """Read a label of open classes: a whole number, true or false, or else text."""
    text = to_text(cell)
    if text is None:
        return None
    if not isinstance(cell, str):
        return class_label(cell)
    if text.strip().lower() in ("true", "false"):
        return text.strip().lower() == "true"
    try:
        return class_label(float(text))
    except (TypeError, ValueError, OverflowError):
        return class_label(text)
