"""Parameters of operators in the configuration: what is refused, and in which words.

That each operator can be made by name is in tests/operators/test_catalog.py.
"""

from __future__ import annotations

from typing import Any

import pytest

from operators.catalog import DETECTORS, LEARNERS, find_detector, find_learner
from stream.config.operators import OperatorConfig
from stream.config.pipeline import Model
from stream.errors import ConfigError
from stream.loading.params import check_params, params_model
from tests.operators.regressors import REGRESSORS


@pytest.mark.parametrize("name", [*LEARNERS, "river:tree.HoeffdingTreeClassifier"])
def test_learners_with_their_defaults_pass(name: str) -> None:
    target = "regression" if name in REGRESSORS else "classification"
    check_params(Model(name=name), "model", target)


def test_a_detector_of_errors_is_refused_for_a_numeric_target() -> None:
    check_params(OperatorConfig(name="page_hinkley"), "detectors[0]", "regression")
    with pytest.raises(ConfigError, match=r"^detectors\[0\].name: must be a detector of losses of"):
        check_params(OperatorConfig(name="ddm"), "detectors[0]", "regression")


@pytest.mark.parametrize("name", DETECTORS)
def test_detectors_with_their_defaults_pass(name: str) -> None:
    check_params(OperatorConfig(name=name), "detectors[0]", "classification")


@pytest.mark.parametrize(
    ("name", "params"),
    [
        ("hoeffding_tree", {"grace_period": 50, "tie_threshold": 0, "leaf_prediction": "majority"}),
        ("drift_moe", {"experts": 4, "top_k": 2, "hidden": [8, 4], "standardise": True}),
        ("river:forest.ARFClassifier", {"n_models": 3, "drift_detector": {"name": "drift.ADWIN"}}),
    ],
)
def test_parameters_as_yaml_gives_them_pass(name: str, params: dict[str, Any]) -> None:
    check_params(Model(name=name, params=params), "model", "classification")


@pytest.mark.parametrize(
    ("name", "params", "said"),
    [
        ("adwin", {"delta": 1.5}, "detectors[0].params.delta: must be less than 1; got 1.5."),
        ("adwin", {"clock": 0.5}, "detectors[0].params.clock: must be a valid integer; got 0.5."),
        ("adwin", {"clock": True}, "detectors[0].params.clock: must be a valid integer; got True."),
        (
            "adwin",
            {"dleta": 0.1},
            "detectors[0].params.dleta: must be one of clock, delta, grace_period, max_buckets, "
            "min_window_length; got 'dleta'. Did you mean delta?",
        ),
        (
            "adwim",
            {},
            "detectors[0].name: must be one of adwin, cusum, ddm, ecdd, eddm, fhddm, glr, gma, "
            "hddm_a, hddm_w, htm_sprt, kswin, normal_change, page_hinkley, rddm, seed, seq_drift2, "
            "sprt, stacked_fhddm, stepd; "
            "got 'adwim'. Did you mean adwin?",
        ),
    ],
)
def test_what_a_detector_cannot_use_is_refused(
    name: str, params: dict[str, Any], said: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        check_params(OperatorConfig(name=name, params=params), "detectors[0]", "classification")
    assert str(caught.value) == said


@pytest.mark.parametrize(
    ("name", "params", "said"),
    [
        ("drift_moe", {"experts": 0}, "model.params.experts: must be >= 1; got 0."),
        ("drift_moe", {"top_k": 13}, "model.params.top_k: must be in [1, experts=12]; got 13."),
        ("drift_moe", {"hidden": [8, "x"]}, "model.params.hidden[1]: must be a valid integer; got"),
        ("hoeffding_tree", {"space": 1}, "model.params.space: must be one of "),
        ("tree", {}, "model.name: must be one of "),
        ("river:tree.Oak", {}, "model.name: must be one of "),
        (
            "river:ensemble.BaggingClassifier",
            {"model": {"name": "tree.HoeffdingTreeClassifier", "params": {"depth": 3}}},
            "model.params.model.params.depth: must be one of ",
        ),
    ],
)
def test_what_a_learner_cannot_use_is_refused(name: str, params: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        check_params(Model(name=name, params=params), "model", "classification")
    assert str(caught.value).startswith(said)


def test_a_model_of_the_other_kind_is_refused() -> None:
    for name, target in (
        ("hoeffding_tree_regressor", "classification"),
        ("hoeffding_tree", "regression"),
    ):
        with pytest.raises(ConfigError, match=r"^model: space.n_classes: must be (0|>= 1) for a"):
            check_params(Model(name=name), "model", target)


def test_all_that_is_wrong_is_said_at_once() -> None:
    wrong = {"delta": 0, "clock": "x"}
    with pytest.raises(ConfigError) as caught:
        check_params(OperatorConfig(name="adwin", params=wrong), "d", "classification")
    assert [line.split(":")[0] for line in str(caught.value).splitlines()] == [
        "d.params.delta",
        "d.params.clock",
    ]


def test_models_are_derived_from_signatures() -> None:
    model = params_model(find_learner("hoeffding_tree"))
    assert model().model_dump()["leaves_max"] == 1000
    assert not {"self", "space", "seed"} & set(model.model_fields)
    assert params_model(find_detector("adwin")).model_config["frozen"]
