"""Operators by name.

Nothing is imported before it is asked for: compiled kernels, torch and river take seconds to
load, and most commands need none of them, or only one.
"""

from __future__ import annotations

import inspect
import typing
from collections.abc import Mapping
from difflib import get_close_matches
from importlib import import_module
from typing import TYPE_CHECKING, Any, Literal, cast, get_args, get_origin

if TYPE_CHECKING:
    from operators.adaptation.policy import Policy
    from operators.base import Learner, Space
    from operators.diagnosis.diagnoser import DriftDiagnoser
    from operators.drift.base import Detector
    from operators.monitors.base import Monitor

RIVER = "river:"
"""Prefix of learners that are river's: `river:tree.HoeffdingTreeClassifier`."""

LEARNERS = {
    "adaptive_moe": "operators.moe.adaptive_moe.AdaptiveMoE",
    "adaptive_random_forest": (
        "operators.ensembles.adaptive_random_forest.AdaptiveRandomForestClassifier"
    ),
    "adaptive_random_forest_regressor": (
        "operators.ensembles.adaptive_random_forest_regressor.AdaptiveRandomForestRegressor"
    ),
    "bayesian_mixture": "operators.moe.bayesian_mixture.BayesianMixture",
    "drift_moe": "operators.moe.drift_moe.DriftMoE",
    "drift_moe_task": "operators.moe.drift_moe_task.DriftMoETask",
    "hoeffding_tree": "operators.trees.hoeffding.HoeffdingTreeClassifier",
    "hoeffding_tree_regressor": "operators.trees.regression.HoeffdingTreeRegressor",
    "last_label": "operators.moe.last_label.LastLabel",
    "leveraging_bagging": "operators.ensembles.leveraging_bagging.LeveragingBaggingClassifier",
    "leveraging_bagging_regressor": (
        "operators.ensembles.leveraging_bagging_regressor.LeveragingBaggingRegressor"
    ),
    "linear_regression": "operators.linear.regression.LinearRegression",
    "logistic_regression": "operators.linear.softmax.SoftmaxRegression",
    "naive_bayes": "operators.bayes.naive_bayes.NaiveBayes",
    "nearest_neighbours": "operators.neighbours.nearest.NearestNeighbours",
    "newton_regression": "operators.linear.newton.NewtonRegression",
    "passive_aggressive": "operators.linear.passive_aggressive.PassiveAggressiveClassifier",
    "passive_aggressive_regressor": (
        "operators.linear.passive_aggressive.PassiveAggressiveRegressor"
    ),
    "recursive_least_squares": "operators.linear.rls.RecursiveLeastSquares",
    "streaming_random_patches": (
        "operators.ensembles.streaming_random_patches.StreamingRandomPatchesClassifier"
    ),
    "streaming_random_patches_regressor": (
        "operators.ensembles.streaming_random_patches_regressor.StreamingRandomPatchesRegressor"
    ),
}
DETECTORS = {
    "adwin": "operators.drift.adwin.ADWIN",
    "cusum": "operators.drift.cusum.CUSUM",
    "ddm": "operators.drift.ddm.DDM",
    "ecdd": "operators.drift.ecdd.ECDD",
    "eddm": "operators.drift.eddm.EDDM",
    "fhddm": "operators.drift.fhddm.FHDDM",
    "glr": "operators.drift.glr.GLR",
    "gma": "operators.drift.gma.GMA",
    "hddm_a": "operators.drift.hddm_a.HDDMA",
    "hddm_w": "operators.drift.hddm_w.HDDMW",
    "htm_sprt": "operators.drift.htm_sprt.HTMSPRT",
    "kswin": "operators.drift.kswin.KSWIN",
    "normal_change": "operators.drift.normal_change.NormalChange",
    "page_hinkley": "operators.drift.page_hinkley.PageHinkley",
    "rddm": "operators.drift.rddm.RDDM",
    "seed": "operators.drift.seed.SEED",
    "seq_drift2": "operators.drift.seq_drift2.SeqDrift2",
    "sprt": "operators.drift.sprt.SPRT",
    "stacked_fhddm": "operators.drift.fhddm.StackedFHDDM",
    "stepd": "operators.drift.stepd.STEPD",
}
MONITORS = {
    "betting": "operators.monitors.betting.Betting",
    "chi_square": "operators.monitors.chi_square.ChiSquare",
    "jensen_shannon": "operators.monitors.jensen_shannon.JensenShannon",
    "ks": "operators.monitors.kolmogorov_smirnov.KolmogorovSmirnov",
    "mmd": "operators.monitors.mmd.MMD",
    "psi": "operators.monitors.psi.PSI",
    "wasserstein": "operators.monitors.wasserstein.Wasserstein",
}

DRIFT = {
    "diagnoser": "operators.diagnosis.diagnoser.DriftDiagnoser",
    "policy": "operators.adaptation.policy.Policy",
}

_GIVEN = ("self", "space", "seed")  # parameters that are not the configuration's to set


def create_learner(
    name: str,
    space: Space,
    seed: int,
    params: Mapping[str, Any],
    signing_key: bytes | None = None,
) -> Learner:
    """Make a learner.

    Parameters
    ----------
    name
        One of `LEARNERS`, or `river:` and the path of a river estimator.
    space
        Its features and target.
    seed
        Of everything random in it.
    params
        Its constructor's other parameters.
    signing_key
        For river models: makes snapshots possible, as signed pickles. Others need none.

    Raises
    ------
    ValueError
        When the name or a parameter is wrong; the text names the field.
    """
    if name.startswith(RIVER):
        # Late, because river takes a second to load.
        from operators.river_adapter import RiverLearner

        return RiverLearner(
            space,
            estimator=name.removeprefix(RIVER),
            params=params,
            seed=seed,
            signing_key=signing_key,
        )
    return cast("Learner", _make(find_learner(name), params, space, seed=seed))


def create_detector(name: str, params: Mapping[str, Any]) -> Detector:
    """Make a detector, one of `DETECTORS`; ValueError when the name or a parameter is wrong."""
    return cast("Detector", _make(find_detector(name), params))


def create_monitor(name: str, space: Space, params: Mapping[str, Any]) -> Monitor:
    """Make a monitor, one of `MONITORS`, of a space's features.

    Raises
    ------
    ValueError
        When the name or a parameter is wrong; the text names the field.
    """
    return cast("Monitor", _make(find_monitor(name), params, space))


def create_diagnoser(space: Space, params: Mapping[str, Any]) -> DriftDiagnoser:
    """Make the diagnoser of drift; ValueError when a parameter is wrong."""
    return cast("DriftDiagnoser", _make(find_diagnoser(), params, space))


def create_policy(params: Mapping[str, Any]) -> Policy:
    """Make the policy by which drift is answered; ValueError when a parameter is wrong."""
    return cast("Policy", _make(find_policy(), params))


def find_diagnoser() -> type[Any]:
    """Import the diagnoser."""
    return _find("diagnoser", DRIFT, "")


def find_policy() -> type[Any]:
    """Import the policy."""
    return _find("policy", DRIFT, "")


def find_learner(name: str) -> type[Any]:
    """Import one of `LEARNERS`."""
    return _find(name, LEARNERS, f", or {RIVER} and the path of a river estimator")


def find_detector(name: str) -> type[Any]:
    """Import one of `DETECTORS`."""
    return _find(name, DETECTORS, "")


def find_monitor(name: str) -> type[Any]:
    """Import one of `MONITORS`."""
    return _find(name, MONITORS, "")


def parameters(factory: type[Any]) -> dict[str, inspect.Parameter]:
    """Parameters that a configuration may set, by name."""
    signature = inspect.signature(factory)
    return {
        name: parameter for name, parameter in signature.parameters.items() if name not in _GIVEN
    }


def checked_params(factory: type[Any], params: Mapping[str, Any]) -> dict[str, Any]:
    """Check names and types of parameters against a constructor; lists become tuples if it asks.

    Bounds are the constructor's own to check.
    """
    known = parameters(factory)
    hints = typing.get_type_hints(factory.__init__)
    for name in params:
        if name not in known:
            raise ValueError(f"params.{name}: {must_be_one_of(list(known), name)}")
    return {name: _fitted(f"params.{name}", value, hints[name]) for name, value in params.items()}


def must_be_one_of(valid: list[str], name: str, otherwise: str = "") -> str:
    """Say what was allowed, and which of it was probably meant.

    Examples
    --------
    >>> must_be_one_of(["clock", "delta"], "dleta")
    "must be one of clock, delta; got 'dleta'. Did you mean delta?"
    """
    close = get_close_matches(name, valid, n=1)
    hint = f" Did you mean {close[0]}?" if close else ""
    return f"must be one of {', '.join(sorted(valid))}{otherwise}; got {name!r}.{hint}"


def _make(factory: type[Any], params: Mapping[str, Any], *given: Any, **named: Any) -> Any:
    checked = checked_params(factory, params)
    try:
        return factory(*given, **named, **checked)
    except ValueError as error:
        # Constructors name the parameter; where it stands is known here.
        if str(error).partition(":")[0] in checked:
            raise ValueError(f"params.{error}") from error
        raise


def _find(name: str, paths: Mapping[str, str], otherwise: str) -> type[Any]:
    if name not in paths:
        raise ValueError(f"name: {must_be_one_of(list(paths), name, otherwise)}")
    module, _, attribute = paths[name].rpartition(".")
    return cast("type[Any]", getattr(import_module(module), attribute))


def _fitted(where: str, value: Any, hint: Any) -> Any:
    """Give back a value that fits a type hint: a scalar, a Literal, or a tuple of scalars."""
    if get_origin(hint) is Literal:
        if value not in get_args(hint):
            raise ValueError(f"{where}: {must_be_one_of([*get_args(hint)], value)}")
        return value
    if get_origin(hint) is tuple:
        items = get_args(hint)
        if items[1:] == (...,) and isinstance(value, list | tuple):
            items = items[:1] * len(value)
        if not isinstance(value, list | tuple) or len(value) != len(items):
            length = "any number of" if ... in items else len(items)
            raise ValueError(f"{where}: must be a list of {length} values; got {value!r}.")
        pairs = enumerate(zip(value, items, strict=True))
        return tuple(_fitted(f"{where}[{i}]", item, kind) for i, (item, kind) in pairs)
    # An int is a float to everyone but a type checker; a bool is no number to anyone.
    allowed = (int, float) if hint is float else (hint,)
    if not isinstance(value, allowed) or (isinstance(value, bool) and hint is not bool):
        raise ValueError(f"{where}: must be of type {hint.__name__}; got {value!r}.")
    return value
