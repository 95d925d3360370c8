"""Paths into a record: `$.weather.wind`, and `$["wind [m/s]"]` for names of any kind.

The notation is JSONPath's (RFC 9535) with names alone: a name of letters, digits, `_` and `-`
follows a dot; any other stands in brackets as a JSON string.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from functools import cache
from typing import Annotated

from pydantic import AfterValidator, Field

_PLAIN = r"[A-Za-z_][A-Za-z0-9_-]*"
_STEP = rf'(?:\.{_PLAIN}|\["(?:[^"\\\x00-\x1f]|\\(?:["\\/bfnrt]|u[0-9A-Fa-f]{{4}}))*"\])'
PATH_PATTERN = rf"^\$(?:{_STEP})+$"
ID_PATTERN = rf"^\$(?:key|offset|(?:{_STEP})+)$"
KEY_PATTERN = rf"^\$(?:key|(?:{_STEP})+)$"
TIME_PATTERN = rf"^\$(?:timestamp|(?:{_STEP})+)$"
_STEPS = re.compile(_STEP)
_IS_PLAIN = re.compile(_PLAIN)


@cache
def names_of(path: str) -> tuple[str, ...]:
    r"""Names along a path, from the record inwards.

    Examples
    --------
    >>> names_of("$.weather.wind")
    ('weather', 'wind')
    >>> names_of('$["wind [m/s]"]')
    ('wind [m/s]',)
    """
    return tuple(
        json.loads(step[1:-1]) if step.startswith("[") else step[1:]
        for step in _STEPS.findall(path)
    )


def path_of(names: Iterable[str]) -> str:
    """Write names as a path.

    Examples
    --------
    >>> path_of(["weather", "wind [m/s]"])
    '$.weather["wind [m/s]"]'
    """
    steps = (
        f".{name}" if _IS_PLAIN.fullmatch(name) else f"[{json.dumps(name, ensure_ascii=False)}]"
        for name in names
    )
    return "$" + "".join(steps)


def is_path(text: str) -> bool:
    """Tell a path from `$key`, `$offset` and `$timestamp`."""
    return text.startswith(("$.", "$["))


def column_of(path: str) -> str:
    """Name of the column of a data file that a path reads.

    Examples
    --------
    >>> column_of("$.weather.wind")
    'weather.wind'
    """
    return ".".join(names_of(path))


def _one_spelling(path: str) -> str:
    """Two spellings of a path must not count as two paths."""
    return path_of(names_of(path))


FieldPath = Annotated[str, Field(pattern=PATH_PATTERN), AfterValidator(_one_spelling)]


def _one_spelling_or_envelope(text: str) -> str:
    return _one_spelling(text) if is_path(text) else text


_ENVELOPE = AfterValidator(_one_spelling_or_envelope)
IdPath = Annotated[str, Field(pattern=ID_PATTERN), _ENVELOPE]
KeyPath = Annotated[str, Field(pattern=KEY_PATTERN), _ENVELOPE]
TimePath = Annotated[str, Field(pattern=TIME_PATTERN), _ENVELOPE]
