"""Who is measured: a library, a model of it and the parameters that differ from its defaults."""

from __future__ import annotations

from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

from operators.catalog import checked_params, find_learner, must_be_one_of
from stream.bench.labels import parse_label, write_label
from stream.errors import ConfigError

OURS = "driftgate"
PEER_LIBRARIES = ("river", "capymoa", "moa")


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
    def is_ours(self) -> bool:
        """Whether it comes from the catalogue."""
        return self.library == OURS

    @property
    def label(self) -> str:
        """How it is written on the command line and in tables.

        Examples
        --------
        >>> Candidate("moa", "adaptive_random_forest", {"trees": 10}).label
        'moa:adaptive_random_forest{trees=10}'
        """
        return write_label(None if self.is_ours else self.library, self.name, self.params)


def parse_model(label: str) -> Candidate:
    """Read the label of one of ours, and check its name and the names of its parameters.

    Raises
    ------
    ConfigError
        There is no such model, or it has no such parameter.
    """
    library, name, params = parse_label(label)
    if library is not None:
        raise ConfigError(f"--models: {label!r} is a peer's; name it with --peers.")
    try:
        checked_params(find_learner(name), params)
    except ValueError as error:
        raise ConfigError(f"--models: {label}: {error}") from None
    return Candidate(OURS, name, params)


def parse_peer(label: str) -> Candidate:
    """Read the label of a peer, and check its library and name.

    Raises
    ------
    ConfigError
        There is no such library, or it has no such model here.
    """
    library, name, params = parse_label(label)
    if library not in PEER_LIBRARIES:
        raise ConfigError(
            f"--peers: {label!r} must be LIBRARY:NAME, with a library of "
            f"{', '.join(PEER_LIBRARIES)}."
        )
    models = import_module(f"stream.bench.runners.{library}").MODELS
    if name not in models:
        raise ConfigError(f"--peers: {library}:{must_be_one_of(list(models), name)}")
    return Candidate(library, name, params)
