"""Cells of data files as JSON values: what a careful producer would write for them.

A cell of a CSV file is text; one of another file has a type. A cell that is not what its column
asks for stays what it is: the record is then refused as it would be on a topic, by the same reader
and with the same words, and the file goes on.
"""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Callable, Sequence
from datetime import date, datetime, timedelta
from datetime import time as clock_time
from decimal import Decimal
from functools import lru_cache
from typing import Any

from stream.codec.classes import INTEGER_MAX, class_key
from stream.config.records import FeatureConfig, Target, TimestampFeature
from stream.config.values import ClassLabel

Cell = Any
Value = Any
"""A JSON value."""

Convert = Callable[[Cell], Value]

NULLS = frozenset(
    {"", "NA", "N/A", "n/a", "NaN", "nan", "-NaN", "-nan", "NULL", "Null", "null", "None", "none"}
    | {"<NA>", "#N/A", "#N/A N/A", "#NA", "1.#IND", "-1.#IND", "1.#QNAN", "-1.#QNAN", "NaT", "?"}
)
"""Texts that stand for no value: those of pandas' `read_csv`, and UCI's `?`."""

_TRUE = frozenset({"true", "t", "yes", "y", "1", "1.0"})
_FALSE = frozenset({"false", "f", "no", "n", "0", "0.0"})
_INTEGER = re.compile(r"[+-]?\d+", re.ASCII)
_FLOAT = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)
_DECIMAL_COMMA = re.compile(r"[+-]?\d*,\d+(?:[eE][+-]?\d+)?", re.ASCII)
_THOUSANDS = re.compile(r"[+-]?\d{1,3}(?:,\d{3})+(?:\.\d+)?", re.ASCII)
_PLAIN_INTEGER = re.compile(r"-?(?:0|[1-9]\d*)(?:\.0+)?", re.ASCII)
_FLOAT_MAX = int(
    sys.float_info.max
)  # what lies beyond is no finite number, written as an integer too
_DIGITS_MAX = 400  # a longer run of digits is no number that anybody means


def is_null(cell: Cell) -> bool:
    """Tell whether a cell that asks for no text holds nothing."""
    if isinstance(cell, str):
        return cell.strip() in NULLS
    return cell is None or (isinstance(cell, float | Decimal) and math.isnan(cell))


def number_of(cell: Cell) -> int | float | None:
    """Read a finite number; None where a cell is none.

    Examples
    --------
    >>> [number_of(text) for text in ("007", " 2.50", "1,250.5", "1_0", "inf")]
    [7, 2.5, 1250.5, None, None]
    """
    if isinstance(cell, str):
        return _number_in(cell.strip())
    if isinstance(cell, Decimal):
        return None if not cell.is_finite() else int(cell) if cell == int(cell) else float(cell)
    if isinstance(cell, bool) or not isinstance(cell, int | float):
        return None
    return cell if abs(cell) <= _FLOAT_MAX else None


def _number_in(text: str) -> int | float | None:
    if len(text) > _DIGITS_MAX:
        return None
    if _INTEGER.fullmatch(text):
        whole = int(text)
        return whole if abs(whole) <= _FLOAT_MAX else None
    if _THOUSANDS.fullmatch(text):
        text = text.replace(",", "")
    if not _FLOAT.fullmatch(text):
        return None
    number = float(text)
    return number if math.isfinite(number) else None


def with_point(cell: Cell) -> Cell:
    """Write a decimal comma as a point: in a file whose columns are not parted by commas.

    Examples
    --------
    >>> with_point("0,5"), with_point("a,5")
    ('0.5', 'a,5')
    """
    if isinstance(cell, str) and _DECIMAL_COMMA.fullmatch(cell.strip()):
        return cell.replace(",", ".")
    return cell


def to_float(cell: Cell) -> Value:
    """Read a number."""
    if type(cell) is float and math.isfinite(cell):
        return cell
    if is_null(cell):
        return None
    number = number_of(cell)
    return to_text(cell) if number is None else float(number)


def to_integer(cell: Cell) -> Value:
    """Read a whole number, also one that is written 3.0."""
    if is_null(cell):
        return None
    number = number_of(cell)
    if number is None:
        return to_text(cell)
    return int(number) if number == int(number) else number


def to_boolean(cell: Cell) -> Value:
    """Read true or false, in any of their usual spellings."""
    if isinstance(cell, bool):
        return cell
    if is_null(cell):
        return None
    text = str(cell).strip().lower()
    return True if text in _TRUE else False if text in _FALSE else to_text(cell)


def to_text(cell: Cell) -> str | None:
    """Read text; NA is text too."""
    if type(cell) is str:
        return cell or None
    if cell is None or (isinstance(cell, float) and math.isnan(cell)):
        return None
    if isinstance(cell, bool | int):
        return class_key(cell)
    if isinstance(cell, Decimal):
        return format(cell, "f")
    if isinstance(cell, datetime):
        return _iso(cell)
    if isinstance(cell, date | clock_time):
        return cell.isoformat()
    return cell.decode("utf-8", "backslashreplace") if isinstance(cell, bytes) else str(cell)


def _iso(moment: datetime) -> str:
    return moment.isoformat() if moment.tzinfo is not None else f"{moment.isoformat()}+00:00"


def to_time(cell: Cell) -> Value:
    """Read a time: a number, or an ISO 8601 string."""
    if type(cell) is str and cell[4:5] == "-" and cell[:4].isdigit():
        return cell  # begins with a year, as nearly all do: neither a number nor null
    if is_null(cell):
        return None
    if isinstance(cell, timedelta):
        return cell.total_seconds()
    number = number_of(cell)
    if number is None:
        return to_text(cell)
    return int(number) if number == int(number) else number


def to_written_time(cell: Cell) -> Value:
    """Read a time that is written in a format of its own."""
    return None if is_null(cell) else to_text(cell)


def to_label(cell: Cell) -> ClassLabel | float | None:
    """Read a label of open classes: a whole number, true or false, or else text.

    Digits are a number only where no other text means the same one: `007` and `1E3` are codes. So
    are digits of more than 53 bits, which no topic takes as a number.

    Examples
    --------
    >>> [to_label(text) for text in ("7", "007", "1.0", "1_0", "true", "NA", "9007199254740993")]
    [7, '007', 1, '1_0', True, None, '9007199254740993']
    """
    if is_null(cell):
        return None
    if isinstance(cell, bool):
        return cell
    if isinstance(cell, int):
        return _whole_label(cell)
    if isinstance(cell, float | Decimal):
        if not math.isfinite(cell):
            return to_text(cell)
        return _whole_label(int(cell)) if cell == int(cell) else float(cell)
    text = to_text(cell)
    if text is None or not isinstance(cell, str):
        return text
    if text.strip().lower() in ("true", "false"):
        return text.strip().lower() == "true"
    if len(text) <= _DIGITS_MAX and _PLAIN_INTEGER.fullmatch(text.strip()):
        return _whole_label(int(text.strip().partition(".")[0]))
    return text


def _whole_label(number: int) -> ClassLabel:
    return number if abs(number) <= INTEGER_MAX else str(number)


def feature_converter(feature: FeatureConfig) -> Convert:
    """How a feature's cells are read."""
    if isinstance(feature, TimestampFeature) and feature.format is not None:
        return to_written_time
    converters: dict[str, Convert] = {
        "float": to_float,
        "integer": to_integer,
        "boolean": to_boolean,
        "category": to_text,
        "text": to_text,
        "key": to_text,
        "timestamp": to_time,
    }
    return converters[feature.type]


def label_converter(target: Target) -> Convert:
    """How labels are read; a class that is listed is taken as it is listed, `NA` too."""
    if target.type == "regression":
        return to_float
    if target.classes is None:
        return to_label
    by_key = {class_key(label): label for label in target.classes}

    @lru_cache(maxsize=4096, typed=True)  # the same few cells come again and again
    def known(cell: Cell) -> Value:
        text = to_text(cell)
        if text in by_key:
            return by_key[text]
        label = to_label(cell)
        if label is None or isinstance(label, float):
            return label
        return by_key.get(class_key(label), label)

    def label_of(cell: Cell) -> Value:
        try:
            return known(cell)
        except TypeError:  # a list, which no table of known cells can hold
            return known(str(cell))

    return label_of


def convert_all(convert: Convert, cells: Sequence[Cell]) -> list[Value]:
    """Convert a column; numbers by the fast way where it takes them all.

    Python's `float` also reads ` 1_0`, `nan` and `inf`; only what is written with the characters of
    a number may go its way.
    """
    found = None
    if convert is to_float and cells:
        found = _floats(cells)
    elif convert in (to_time, to_text) and set(map(type, cells)) == {datetime}:
        found = list(map(_iso, cells))
    return list(map(convert, cells)) if found is None else found


def _floats(cells: Sequence[Cell]) -> list[Value] | None:
    """Take a column of nothing but finite numbers at once; None where it is none."""
    kinds = set(map(type, cells))
    if kinds not in ({float}, {int}, {str}):
        return None
    try:
        found = list(map(float, cells))
    except (ValueError, OverflowError):
        return None
    if not math.isfinite(sum(found)) or (kinds == {str} and "_" in "".join(cells)):
        return None
    return found
