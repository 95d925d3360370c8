"""River estimators from plain values, as a configuration file writes them.

An estimator is a name and parameters; wherever a parameter takes an estimator, an optimiser, a
loss or another of river's objects, it is written in the same way::

    name: river:compose.Pipeline
    params:
      steps:
        - name: preprocessing.StandardScaler
        - name: linear_model.LogisticRegression
          params:
            l2: 0.01
            optimizer: {name: optim.Adam, params: {lr: 0.01}}

A name is an import path, looked up inside the river package first: `tree.HoeffdingTreeClassifier`
and `river.tree.HoeffdingTreeClassifier` are the same, and `my_package.MyClassifier` may be the
user's own, provided that it derives from river's `Base`. Parameters that a constructor takes as
`*steps` or `*keys` are given as a list under that name. Each estimator that takes a `seed` and is
given none gets the pipeline's.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from importlib import import_module
from types import ModuleType
from typing import Any

from river import base

from operators.catalog import must_be_one_of


def build(name: str, params: Mapping[str, Any], seed: int, where: str = "") -> Any:
    """Make an estimator and everything nested in its parameters.

    Parameters
    ----------
    name
        Import path of its class.
    params
        Of its constructor.
    seed
        For those that take one and are given none.
    where
        Path of the estimator in the configuration, with a dot at its end unless empty.

    Raises
    ------
    ValueError
        When a name or a parameter is wrong; the text begins with its path.

    Examples
    --------
    >>> build("compose.Select", {"keys": ["load", "price"]}, seed=1).keys == {"load", "price"}
    True
    """
    factory = _find_class(name, f"{where}name")
    signature = inspect.signature(factory)
    _check_names(signature, params, f"{where}params")
    values = {
        key: _build_value(value, seed, f"{where}params.{key}") for key, value in params.items()
    }
    if "seed" in signature.parameters:
        values.setdefault("seed", seed)
    positional: list[Any] = []
    for parameter in signature.parameters.values():
        if parameter.kind is parameter.VAR_POSITIONAL and parameter.name in values:
            positional = _as_list(values.pop(parameter.name), f"{where}params.{parameter.name}")
    try:
        return factory(*positional, **values)
    except Exception as error:  # of whatever kind: it is the values that are refused
        raise ValueError(
            f"{where}params: must be what {name} accepts; it says: {error}. "
            "See its documentation for each parameter."
        ) from error


def _build_value(value: Any, seed: int, where: str) -> Any:
    if isinstance(value, list | tuple):
        return [_build_value(item, seed, f"{where}[{i}]") for i, item in enumerate(value)]
    if not isinstance(value, Mapping):
        return value
    if isinstance(value.get("name"), str) and value.keys() <= {"name", "params"}:
        params = value.get("params") or {}
        if not isinstance(params, Mapping):
            raise ValueError(f"{where}.params: must be a mapping; got {params!r}.")
        return build(value["name"], params, seed, f"{where}.")
    return {key: _build_value(item, seed, f"{where}.{key}") for key, item in value.items()}


def _as_list(value: Any, where: str) -> list[Any]:
    if not isinstance(value, list):
        raise ValueError(f"{where}: must be a list; got {value!r}.")
    return value


def _check_names(signature: inspect.Signature, params: Mapping[str, Any], where: str) -> None:
    known = signature.parameters
    takes_any = any(p.kind is p.VAR_KEYWORD for p in known.values())
    named = [name for name, p in known.items() if p.kind is not p.VAR_KEYWORD]
    for name in params:
        if name not in named and not takes_any:
            raise ValueError(f"{where}.{name}: {must_be_one_of(named, name)}")
    for name, parameter in known.items():
        is_required = parameter.default is parameter.empty and parameter.kind in (
            parameter.POSITIONAL_OR_KEYWORD,
            parameter.KEYWORD_ONLY,
        )
        if is_required and name not in params:
            raise ValueError(f"{where}.{name}: must be given; it has no default.")


def _find_class(name: str, where: str) -> type[Any]:
    path, _, attribute = name.rpartition(".")
    module = _import(f"river.{path}") or _import(path) if path else None
    if module is None:
        raise ValueError(
            f"{where}: must be the import path of a river class, such as "
            f"tree.HoeffdingTreeClassifier; got {name!r}."
        )
    found = getattr(module, attribute, None)
    if not inspect.isclass(found) or not issubclass(found, base.Base):
        valid = [
            key
            for key, value in vars(module).items()
            if inspect.isclass(value) and issubclass(value, base.Base)
        ]
        if valid:
            raise ValueError(f"{where}: {must_be_one_of(valid, attribute)}")
        raise ValueError(f"{where}: must be a class derived from river.base.Base; got {name!r}.")
    return found


def _import(path: str) -> ModuleType | None:
    """Import a module; None if there is none of that name."""
    try:
        return import_module(path)
    except ModuleNotFoundError as error:
        # A module that exists but lacks one of its own imports is another matter.
        if error.name is not None and f"{path}.".startswith(f"{error.name}."):
            return None
        raise
