"""Parameters of operators, checked as the rest of the configuration is.

A constructor's signature is the only home of an operator's parameters and their defaults. A
frozen model derived from it finds unknown names, wrong types and, where the signature states
them (`Annotated[float, Gt(0)]`), wrong values, all at once; a trial construction then finds what
only the constructor knows.
"""

from __future__ import annotations

import json
import typing
from collections.abc import Callable
from functools import partial
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError, create_model
from pydantic_core import ErrorDetails

from operators.base import Feature, Space
from operators.catalog import (
    RIVER,
    create_detector,
    create_diagnoser,
    create_learner,
    create_policy,
    find_detector,
    find_diagnoser,
    find_learner,
    find_monitor,
    find_policy,
    must_be_one_of,
    parameters,
)
from stream.config.drift import Drift
from stream.config.operators import OperatorConfig
from stream.config.pipeline import Model
from stream.drift.monitoring import monitors_of
from stream.errors import ConfigError

_TRIAL_CLASSES = ("a", "b")


def check_params(
    config: OperatorConfig, where: str, target: Literal["classification", "regression"]
) -> None:
    """Check an operator's name and parameters: a learner's if it is a `Model`, else a detector's.

    Parameters
    ----------
    where
        Path of the operator in the configuration.
    target
        What a learner has to predict.

    Raises
    ------
    ConfigError
        With one line for every rule that is broken; each begins with the path of the field.
    """
    is_learner = isinstance(config, Model)
    try:
        if is_learner and config.name.startswith(RIVER):
            _check_river(config)
            return
        factory = find_learner(config.name) if is_learner else find_detector(config.name)
        _check_signature(factory, config.params)
        if is_learner:
            create_learner(config.name, _trial_space(target), 1, config.params)
        else:
            detector = create_detector(config.name, config.params)
            if target == "regression" and not detector.takes_any_loss:
                raise ValueError(
                    "name: must be a detector of losses of any size, for the target is a number; "
                    f"got {config.name!r}, which takes errors in [0, 1]. "
                    "Take adwin or page_hinkley."
                )
    except ValueError as error:
        lines = [_placed(where, line) for line in str(error).splitlines()]
        raise ConfigError("\n".join(lines)) from error


def check_drift(config: Drift, target: Literal["classification", "regression"]) -> None:
    """Check the parameters of the diagnoser and the policy, and the monitors.

    Raises
    ------
    ConfigError
        With one line for every rule that is broken; each begins with the path of the field.
    """
    space = _trial_space(target)
    trials: list[tuple[str, type[Any], dict[str, Any], Callable[[], object]]] = []
    if config.diagnose:
        params = config.diagnoser
        trials.append(
            ("diagnoser", find_diagnoser(), params, partial(create_diagnoser, space, params))
        )
    if config.respond:
        params = config.policy
        trials.append(("policy", find_policy(), params, partial(_manage, config, space)))
    said = []
    for name, factory, given, make in trials:
        try:
            _check_signature(factory, given)
            make()
        except ValueError as error:
            lines = str(error).splitlines()
            said += [f"drift.{name}.{line.removeprefix('params.')}" for line in lines]
    for number, monitor in enumerate(config.monitors):
        where = f"drift.monitors[{number}]"
        try:
            _check_signature(find_monitor(monitor.name), monitor.params)
            monitors_of((monitor,), space)
        except ValueError as error:
            said += [_placed(where, line) for line in str(error).splitlines()]
    if said:
        raise ConfigError("\n".join(said))


def _manage(config: Drift, space: Space) -> None:
    """Manage some learner, to hear what diagnoser and policy say of each other."""
    # Late, for most pipelines do without.
    from operators.adaptation.managed import manage

    policy = create_policy(config.policy)
    try:
        diagnoser = create_diagnoser(space, config.diagnoser)
    except ValueError:
        return  # said of the diagnoser
    name = "naive_bayes" if space.n_classes else "linear_regression"
    manage(space, partial(create_learner, name, space, 1, {}), diagnoser, policy=policy)


def params_model(factory: type[Any]) -> type[BaseModel]:
    """Derive a frozen model of a constructor's parameters; other names are refused.

    Examples
    --------
    >>> params_model(find_detector("adwin"))().model_dump()["delta"]
    0.002
    """
    hints = typing.get_type_hints(factory.__init__, include_extras=True)
    fields: dict[str, Any] = {
        name: (hints[name], ... if parameter.default is parameter.empty else parameter.default)
        for name, parameter in parameters(factory).items()
    }
    config = ConfigDict(frozen=True, extra="forbid", strict=True)
    return create_model(f"{factory.__name__}Params", __config__=config, **fields)


def _trial_space(target: Literal["classification", "regression"]) -> Space:
    classes = _TRIAL_CLASSES if target == "classification" else ()
    return Space((Feature("x"),), n_classes=len(classes), classes=classes)


def _placed(where: str, said: str) -> str:
    """Put the operator's path before what was said; the space is not a part of it."""
    return f"{where}: {said}" if said.startswith("space.") else f"{where}.{said}"


def _check_river(config: OperatorConfig) -> None:
    """Build the estimator; whether it fits the target is known only with the target."""
    # Late, because river takes a second to load and most pipelines do without.
    from operators import river_spec

    river_spec.build(config.name.removeprefix(RIVER), config.params, seed=1)


def _check_signature(factory: type[Any], params: dict[str, Any]) -> None:
    model = params_model(factory)
    try:
        # By way of JSON, for then strictness still lets a list be a tuple.
        model.model_validate_json(json.dumps(params, default=str))
    except ValidationError as error:
        known = list(model.model_fields)
        said = [_sentence(details, known) for details in error.errors(include_url=False)]
        raise ValueError("\n".join(said)) from None


def _sentence(details: ErrorDetails, known: list[str]) -> str:
    first, *rest = details["loc"]
    path = f"params.{first}" + "".join(f"[{step}]" for step in rest)
    if details["type"] == "extra_forbidden":
        return f"{path}: {must_be_one_of(known, str(first))}"
    if details["type"] == "missing":
        return f"{path}: must be given; it has no default."
    rule = details["msg"].replace("Input should be", "must be")
    return f"{path}: {rule}; got {details['input']!r}."
