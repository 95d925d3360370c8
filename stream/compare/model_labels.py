"""Names with parameters, as they are written on the command line and in tables."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import yaml

from stream.errors import ConfigError

_LABEL = re.compile(r"(?:(?P<library>\w+):)?(?P<name>[\w.]+)(?:\{(?P<params>[^{}]*)\})?")


def parse_label(label: str) -> tuple[str | None, str, dict[str, Any]]:
    """Read `NAME`, `NAME{param=value, ...}` or `LIBRARY:NAME...`.

    Raises
    ------
    ConfigError
        It is of none of these forms.

    Examples
    --------
    >>> parse_label("moa:leveraging_bagging{trees=10}")
    ('moa', 'leveraging_bagging', {'trees': 10})
    >>> parse_label("river:naive_bayes.GaussianNB")
    ('river', 'naive_bayes.GaussianNB', {})
    """
    match = _LABEL.fullmatch(label.strip())
    if match is None:
        raise ConfigError(f"{label!r} must be NAME, NAME{{param=value}} or LIBRARY:NAME.")
    params: dict[str, Any] = {}
    for pair in filter(None, (part.strip() for part in (match["params"] or "").split(","))):
        name, equals, value = pair.partition("=")
        if not equals:
            raise ConfigError(f"{label!r}: {pair!r} must be param=value.")
        params[name.strip()] = _scalar(value.strip())
    return match["library"], match["name"], params


def write_label(library: str | None, name: str, params: Mapping[str, Any]) -> str:
    """Write what `parse_label` reads.

    Examples
    --------
    >>> write_label("moa", "leveraging_bagging", {"trees": 10})
    'moa:leveraging_bagging{trees=10}'
    """
    prefix = "" if library is None else f"{library}:"
    inside = ", ".join(f"{key}={value}" for key, value in params.items())
    return f"{prefix}{name}" + (f"{{{inside}}}" if inside else "")


def split_labels(text: str) -> list[str]:
    """Split at the commas that are outside of braces.

    Examples
    --------
    >>> split_labels("hoeffding_tree, moa:leveraging_bagging{trees=10,w=6}")
    ['hoeffding_tree', 'moa:leveraging_bagging{trees=10,w=6}']
    """
    return [part.strip() for part in re.split(r",(?![^{]*\})", text) if part.strip()]


def _scalar(text: str) -> Any:
    """Read a value as YAML does, and `1e-3` as the number that YAML takes for a text."""
    value = yaml.safe_load(text)
    if isinstance(value, str):
        try:
            return float(value)
        except ValueError:
            return value
    return value
