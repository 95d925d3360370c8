"""Who is measured: a library, a model of it and the parameters that differ from its defaults."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

import yaml

from stream.errors import ConfigError

OURS = "driftgate"
PEER_LIBRARIES = ("river", "capymoa", "moa")
_LABEL = re.compile(r"(?:(?P<library>\w+):)?(?P<name>\w+)(?:\{(?P<params>[^{}]*)\})?")


@dataclass(frozen=True, slots=True)
class Candidate:
    """A model to measure.

    Parameters
    ----------
    library
        `driftgate`, or one of `PEER_LIBRARIES`: `moa` is MOA's own command line, `capymoa` the
        same code called from Python, record by record.
    name
        In the catalogue, or in the library's `MODELS`.
    params
        Instead of its defaults.
    """

    library: str
    name: str
    params: dict[str, Any] = field(default_factory=dict)

    @property
    def label(self) -> str:
        """How it is written on the command line and in tables.

        Examples
        --------
        >>> Candidate("moa", "adaptive_random_forest", {"trees": 10}).label
        'moa:adaptive_random_forest{trees=10}'
        """
        prefix = "" if self.library == OURS else f"{self.library}:"
        inside = ", ".join(f"{name}={value}" for name, value in self.params.items())
        return f"{prefix}{self.name}" + (f"{{{inside}}}" if inside else "")


def parse(label: str) -> Candidate:
    """Read what `Candidate.label` writes.

    Raises
    ------
    ConfigError
        When it is not of that form, or the library is unknown.

    Examples
    --------
    >>> parse("hoeffding_tree{delta=0.001}").params
    {'delta': 0.001}
    """
    match = _LABEL.fullmatch(label.strip())
    library = (match["library"] or OURS) if match else ""
    if match is None or library not in (OURS, *PEER_LIBRARIES):
        raise ConfigError(
            f"{label!r} must be NAME, NAME{{param=value}} or LIBRARY:NAME, with a library of "
            f"{', '.join(PEER_LIBRARIES)}."
        )
    params: dict[str, Any] = {}
    for pair in filter(None, (part.strip() for part in (match["params"] or "").split(","))):
        name, equals, value = pair.partition("=")
        if not equals:
            raise ConfigError(f"{label!r}: {pair!r} must be param=value.")
        params[name.strip()] = _scalar(value.strip())
    return Candidate(library, match["name"], params)


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
