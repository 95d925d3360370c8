"""Who is measured: a library, a model of it and the parameters that differ from its defaults."""

from __future__ import annotations

from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

from operators.base import Feature, Space
from operators.catalog import checked_params, create_learner, find_learner, must_be_one_of
from stream.compare.model_labels import parse_label, write_label
from stream.errors import ConfigError
from tests.bench.kinds import CLASSIFICATION, REGRESSION, Kind

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
    models = [name for kind in (CLASSIFICATION, REGRESSION) for name in peer_models(library, kind)]
    if name not in models:
        raise ConfigError(f"--peers: {library}:{must_be_one_of(models, name)}")
    return Candidate(library, name, params)


def peer_models(library: str, kind: Kind) -> list[str]:
    """Names of a peer library's models for one kind of stream."""
    runner = import_module(f"tests.bench.runners.{library}")
    return list(runner.MODELS if kind is CLASSIFICATION else runner.REGRESSORS)


def check_kind(candidate: Candidate, kind: Kind) -> None:
    """Refuse a model that cannot learn a kind of stream.

    Raises
    ------
    ConfigError
        It is for the other kind.
    """
    problem = _misfit_of_ours(candidate, kind) if candidate.is_ours else _misfit(candidate, kind)
    if problem:
        raise ConfigError(
            f"{'--models' if candidate.is_ours else '--peers'}: {candidate.label} is not for "
            f"streams of {kind.name}: {problem}"
        )


def _misfit_of_ours(candidate: Candidate, kind: Kind) -> str:
    """Ask the learner itself, with its defaults: its parameters are the case's to check."""
    space = Space((Feature("x"),), n_classes=2 if kind is CLASSIFICATION else 0)
    try:
        create_learner(candidate.name, space, 0, {})
    except ValueError as error:
        return str(error)
    return ""


def _misfit(candidate: Candidate, kind: Kind) -> str:
    models = peer_models(candidate.library, kind)
    if candidate.name in models:
        return ""
    return f"{candidate.library} has {', '.join(models)} for them."
