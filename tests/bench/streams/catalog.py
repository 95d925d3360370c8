"""Streams by name."""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Callable, Mapping
from functools import cache, partial
from pathlib import Path
from typing import Any

from operators.catalog import must_be_one_of
from stream.compare.model_labels import parse_label
from stream.errors import ConfigError
from tests.bench.kinds import CLASSIFICATION, REGRESSION, Kind
from tests.bench.streams.agrawal import agrawal
from tests.bench.streams.drift import ABRUPT, GRADUAL, Changes, evenly
from tests.bench.streams.files import FILES
from tests.bench.streams.friedman import PLAIN, SWAPPED, TURNED, friedman, friedman_local
from tests.bench.streams.hyperplane import hyperplane
from tests.bench.streams.led import led
from tests.bench.streams.rbf import rbf
from tests.bench.streams.records import Records
from tests.bench.streams.sea import sea
from tests.bench.streams.sine import sine
from tests.bench.streams.stagger import stagger

Generator = Callable[..., Records]
"""(length, seed, its own parameters) -> records; equal arguments give equal records."""

GENERATORS: Mapping[str, Generator] = {
    "led_abrupt": partial(led, changes=ABRUPT),
    "led_gradual": partial(led, changes=GRADUAL),
    "sea_abrupt": partial(sea, changes=ABRUPT),
    "sea_gradual": partial(sea, changes=GRADUAL),
    "rbf_slow": partial(rbf, speed=1e-4),
    "rbf_fast": partial(rbf, speed=1e-3),
    "agrawal": partial(agrawal, changes=evenly(10), functions=tuple(range(1, 11))),
    "hyperplane": hyperplane,
    "stagger": partial(stagger, changes=ABRUPT, functions=(1, 2, 3, 1)),
    "sine": partial(sine, changes=ABRUPT, functions=(1, 2, 3, 4)),
    "friedman_drift": partial(friedman, changes=evenly(3), roles=(PLAIN, SWAPPED, PLAIN)),
    "friedman_gradual": partial(
        friedman, changes=Changes((0.3, 0.6), width=0.1), roles=(PLAIN, *TURNED)
    ),
    "friedman_local": partial(friedman_local, changes=ABRUPT),
}
REGRESSION_STREAMS = (
    "friedman_drift",
    "friedman_gradual",
    "friedman_local",
    "etth1",
    "chick_weights",
    "trump_approval",
)
"""Those whose target is a number."""
WITH_ARRIVALS = ("flights",)
"""Those that tell when each label came."""


def check_stream(label: str) -> None:
    """Refuse a name or a parameter that no stream has.

    Raises
    ------
    ConfigError
        It says what there is.
    """
    name, params = _name_and_params(label)
    if name not in GENERATORS and name not in FILES:
        valid = [*GENERATORS, *FILES]
        raise ConfigError(f"--streams: {must_be_one_of(valid, name)}")
    known = [] if name in FILES else list(inspect.signature(GENERATORS[name]).parameters)
    for param in params:
        if param not in known:
            raise ConfigError(f"--streams: {name} has no parameter {param!r}.")


def kind_of_stream(label: str) -> Kind:
    """Tell what a stream asks for."""
    return REGRESSION if _name_and_params(label)[0] in REGRESSION_STREAMS else CLASSIFICATION


def knows_arrivals(label: str) -> bool:
    """Whether a stream tells when each label came."""
    return _name_and_params(label)[0] in WITH_ARRIVALS


def is_fixed(label: str) -> bool:
    """Whether a stream lies in a file, so that it has its own length and no seed."""
    return _name_and_params(label)[0] in FILES


def make_stream(label: str, length: int, seed: int, data: Path) -> Records:
    """Make or read a stream.

    Parameters
    ----------
    label
        Its name, with parameters in braces if any: `rbf_slow{n_features=100}`.
    length, seed
        Of a generated stream. Of one in a file the first `length` rows are taken.
    data
        Folder of data files.
    """
    name, params = _name_and_params(label)
    if name in FILES:
        return FILES[name](data).first(length)
    return GENERATORS[name](length, seed, **params)


@cache
def source_digest() -> str:
    """Tell apart streams that were written by other versions of this code."""
    sha = hashlib.sha256()
    for path in sorted(Path(__file__).parent.glob("*.py")):
        sha.update(path.read_bytes())
    return sha.hexdigest()[:12]


def _name_and_params(label: str) -> tuple[str, dict[str, Any]]:
    library, name, params = parse_label(label)
    if library is not None:
        raise ConfigError(f"--streams: {label!r} must be NAME or NAME{{param=value}}.")
    return name, params
