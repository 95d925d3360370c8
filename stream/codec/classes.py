"""Class labels: when two are the same class, and what the first one seen looks like."""

from __future__ import annotations

from typing import Any

from stream.config.values import ClassLabel, class_key

__all__ = ["INTEGER_MAX", "TEXT_MAX", "class_key", "class_label"]

INTEGER_MAX = 2**53  # beyond it not every whole number is a float, nor safe in JSON
TEXT_MAX = 1000  # bounds what ids, categories and class names can occupy


def class_label(value: Any) -> ClassLabel:
    """Take a JSON value as a label; a float must be a whole number and becomes an integer.

    Raises
    ------
    TypeError
        The value is neither a string, a boolean nor a whole number.
    ValueError
        The number has more than 53 bits, or the string more than 1000 characters.
    """
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if not isinstance(value, bool | int | str):
        raise TypeError("no class label")
    if not isinstance(value, str) and not -INTEGER_MAX <= value <= INTEGER_MAX:
        raise ValueError("more than 53 bits")
    if isinstance(value, str) and len(value) > TEXT_MAX:
        raise ValueError("too long")
    return value
