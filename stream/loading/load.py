"""Loads the configuration: one YAML file, and the environment for addresses and secrets.

Nothing else in driftgate reads a configuration from anywhere else.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path as FilePath
from typing import Any

from pydantic import ValidationError
from pydantic.json_schema import GenerateJsonSchema

from operators.catalog import create_learner
from stream.codec.events import EventReader
from stream.codec.features import FeatureCoder
from stream.codec.labels import LabelReader
from stream.codec.space import make_space
from stream.codec.target import TargetCoder
from stream.config.operators import OperatorConfig
from stream.config.pipeline import Config, Model
from stream.config.values import format_duration
from stream.errors import ConfigError
from stream.loading.errors import explain
from stream.loading.params import check_drift, check_params
from stream.loading.yaml import Document, Path, read_document, show_path

ENVIRONMENT: Mapping[str, Path] = {
    "DRIFTGATE_BOOTSTRAP": ("log", "bootstrap"),
    "DRIFTGATE_WORKER": ("log", "worker"),
    "DRIFTGATE_SASL_USERNAME": ("log", "security", "username"),
    "DRIFTGATE_SASL_PASSWORD": ("log", "security", "password"),
    "DRIFTGATE_KEY_PASSWORD": ("log", "security", "key_password"),
    "DRIFTGATE_LOG_PATH": ("log", "path"),
    "DRIFTGATE_CHECKPOINT_STORE": ("checkpoint", "store"),
}
"""Environment variables that override the file, and what they set."""

_BYTES_MAX = 2 * 1024 * 1024  # room for the longest vocabularies; parsing is slow
_LINE_MAX = 1000  # operators quote values as they are
_EMBEDDED_ONLY = ("log", "path")


def load_config(
    path: FilePath | str,
    environ: Mapping[str, str],
    model: str | None = None,
    params: Mapping[str, Any] | None = None,
) -> Config:
    """Read and check a pipeline's file.

    Parameters
    ----------
    environ
        Usually `os.environ`; only the variables of `ENVIRONMENT` are looked at, and empty ones
        count as absent.
    model
        Name of a model in place of the file's (the command line's `--model`). What the file says
        of its own is then not looked at, so that its kind need not be loaded.
    params
        Parameters of the model (`--param`), over those that the file gives to the same model.

    Raises
    ------
    ConfigError
        With one line for every rule that is broken: file and line, key, rule, value.
    """
    document = read_document(_read_text(path), str(path))
    if not isinstance(document.data, dict):
        raise ConfigError(f"{path}:1: the file must hold a mapping of keys to values.")
    data, sources = _override(document.data, environ)
    try:
        config = Config.model_validate(data)
    except ValidationError as error:
        raise ConfigError(explain(error, document, sources)) from None
    _check_records(config, document)
    place = "model"
    if model is not None or params:
        config, place = _with_model(config, model or config.model.name, params or {}), "--model"
    try:
        _check_operators(config, place)
    except ConfigError as error:
        raise ConfigError(_at_lines(str(error), document)) from None
    return config


def _with_model(config: Config, name: str, params: Mapping[str, Any]) -> Config:
    """Put the command line's choice of a model in."""
    if name == config.model.name:
        params = {**config.model.params, **params}
        chosen = config.model.model_copy(update={"params": params})
    else:
        chosen = Model(name=name, params=dict(params))
    return config.model_copy(update={"model": chosen})


def _check_operators(config: Config, model: str) -> None:
    """Check the parameters of the model and the detectors.

    Parameters
    ----------
    model
        How messages name the place that chose the model.

    Raises
    ------
    ConfigError
        With one line for every rule that is broken.
    """
    places: list[tuple[OperatorConfig, str]] = [(config.model, model)]
    places += [(detector, f"detectors[{i}]") for i, detector in enumerate(config.detectors)]
    said = []
    for operator, where in places:
        try:
            check_params(operator, where, config.target.type)
        except (ConfigError, ValueError) as error:
            said.append(str(error))
    try:
        check_drift(config.drift, config.target.type)
    except ConfigError as error:
        said.append(str(error))
    if not said and config.target.type == "regression":
        said += _regression_fault(config, model)
    if said:
        raise ConfigError("\n".join(said))


def schema_json() -> str:
    """Return the JSON Schema of the file, for editors; with defaults as they are written in it."""
    schema = Config.model_json_schema(by_alias=True, schema_generator=_FileSchema)
    head = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "driftgate pipeline",
    }
    return json.dumps({**schema, **head}, indent=2)


def _regression_fault(config: Config, model: str) -> list[str]:
    """Say that a river model cannot predict numbers; `check_params` does not ask its kind."""
    target = TargetCoder(config)
    space = make_space(FeatureCoder(config, target), target)
    try:
        create_learner(config.model.name, space, config.seed, config.model.params)
    except ValueError as error:
        return [f"{model}: {error}"]
    return []


class _FileSchema(GenerateJsonSchema):
    """Writes durations as the file has them (7d), not as ISO 8601 (P7D)."""

    def encode_default(self, dft: Any) -> Any:
        """See the base class."""
        if isinstance(dft, timedelta):
            return format_duration(dft)
        return super().encode_default(dft)


def _read_text(path: FilePath | str) -> str:
    try:
        with FilePath(path).open("rb") as file:
            data = file.read(_BYTES_MAX + 1)
        text = data.decode("utf-8")
    except OSError as error:
        raise ConfigError(f"{path}: must be a readable file; got `{error.strerror}`.") from None
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: must be text in UTF-8; got byte {error.start}.") from None
    if len(data) > _BYTES_MAX:
        raise ConfigError(f"{path}: must be a file of at most {_BYTES_MAX} bytes.")
    return text


def _override(
    data: dict[str, Any], environ: Mapping[str, str]
) -> tuple[dict[str, Any], dict[Path, str]]:
    """Put the environment's values in; also tell which variable set which path."""
    data = copy.deepcopy(data)
    sources: dict[Path, str] = {}
    log = data.get("log")
    log_type = log.get("type") if isinstance(log, dict) else None
    for name, path in ENVIRONMENT.items():
        wanted = "embedded" if path == _EMBEDDED_ONLY else "kafka"
        if not environ.get(name) or (path[0] == "log" and log_type != wanted):
            continue
        section: Any = data
        for step in path[:-1]:
            section = section.setdefault(step, {}) if isinstance(section, dict) else None
        if isinstance(section, dict):
            section[path[-1]] = environ[name]
            sources[path] = name
    return data, sources


def _check_records(config: Config, document: Document) -> None:
    """See that all paths can stand in one record, and that derived features name what is there."""
    try:
        EventReader(config)
        if config.labels.source == "topic":
            LabelReader(config)
    except ConfigError as error:
        raise ConfigError(f"{document.where(('schema',))}: {error}") from None
    try:
        FeatureCoder(config, TargetCoder(config))
    except ConfigError as error:
        raise ConfigError(_at_lines(str(error), document)) from None


def _at_lines(text: str, document: Document) -> str:
    """Put file and line in front of each line that begins with the path of a key.

    What begins with an option was said on the command line, and is named as it is there.
    """
    by_name = {show_path(path): path for path in document.lines}
    lines = []
    for line in text.splitlines():
        if line.startswith("--"):
            said = line.replace("--model.name: ", "--model: ").replace(
                "--model.params.", "--param "
            )
            lines.append(said)
            continue
        name = line.split(": ", 1)[0]
        while name and name not in by_name:
            name = name[: max(name.rfind("."), name.rfind("["), 0)]
        shown = line if len(line) <= _LINE_MAX else f"{line[: _LINE_MAX - 3]}..."
        lines.append(f"{document.where(by_name.get(name, ()))}: {shown}")
    return "\n".join(lines)
