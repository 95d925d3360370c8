"""The catalog: every name makes an operator, nothing is imported early, errors name the field.

Parameters as the configuration checks them are in tests/stream/loading/test_params.py.
"""

from __future__ import annotations

import inspect
import subprocess
import sys
from typing import Any

import pytest

from operators.base import Feature, Learner, Space
from operators.catalog import (
    DETECTORS,
    LEARNERS,
    create_detector,
    create_learner,
    find_detector,
    find_learner,
    parameters,
)
from operators.drift.adwin import ADWIN
from operators.drift.base import Detector
from operators.moe.drift_moe import DriftMoE
from operators.river_adapter import RiverLearner
from tests.operators.regressors import REGRESSORS

SPACE = Space((Feature("x"), Feature("c", capacity=4)), n_classes=2, classes=("a", "b"))
VALUE_SPACE = Space(SPACE.features, n_classes=0)


@pytest.mark.parametrize("name", [*LEARNERS, "river:naive_bayes.GaussianNB"])
def test_every_learner_can_be_made(name: str) -> None:
    space = VALUE_SPACE if name in REGRESSORS else SPACE
    assert isinstance(create_learner(name, space, seed=1, params={}), Learner)


@pytest.mark.parametrize("name", DETECTORS)
def test_every_detector_can_be_made(name: str) -> None:
    assert isinstance(create_detector(name, {}), Detector)


def test_parameters_reach_the_operator() -> None:
    detector = create_detector("adwin", {"delta": 0.05, "clock": 8})
    assert isinstance(detector, ADWIN)
    assert (detector.delta, detector.clock, detector.max_buckets) == (0.05, 8, 5)
    learner = create_learner("drift_moe", SPACE, 3, {"experts": 4, "top_k": 1, "hidden": [8, 4]})
    assert isinstance(learner, DriftMoE)
    assert learner.seed == 3
    assert learner.trace_width == 2 * 4 + 2
    river = create_learner("river:forest.ARFClassifier", SPACE, 3, {"n_models": 2}, b"key")
    assert isinstance(river, RiverLearner)
    assert river._model.n_models == 2
    assert river.snapshot().keys() == {"pickle", "signature"}


def test_nothing_heavy_is_imported_before_it_is_asked_for() -> None:
    program = (
        "import sys, operators.catalog\n"
        "print(sorted({'numba', 'torch', 'river'} & sys.modules.keys()))\n"
        "operators.catalog.find_detector('adwin')\n"
        "print(sorted({'torch', 'river'} & sys.modules.keys()))\n"
    )
    ran = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert ran.stdout.splitlines() == ["[]", "[]"]


@pytest.mark.parametrize(
    ("name", "params", "said"),
    [
        (
            "adwn",
            {},
            "name: must be one of adwin, cusum, ddm, ",
        ),
        ("adwin", {"delta": 2.0}, "params.delta: must be in (0, 1); got 2.0."),
        ("adwin", {"delta": "a"}, "params.delta: must be of type float; got 'a'."),
        ("adwin", {"clock": 3.5}, "params.clock: must be of type int; got 3.5."),
        ("adwin", {"clock": True}, "params.clock: must be of type int; got True."),
        ("adwin", {"seed": 1}, "params.seed: must be one of clock, delta, grace_period, "),
    ],
)
def test_a_wrong_detector_is_refused(name: str, params: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=r"^(name|params)") as caught:
        create_detector(name, params)
    assert str(caught.value).startswith(said)


@pytest.mark.parametrize(
    ("name", "params", "said"),
    [
        ("", {}, "name: must be one of adaptive_"),
        ("drift_moe", {"expert": 2}, "params.expert: must be one of combine, "),
        ("drift_moe", {"experts": 0}, "params.experts: must be >= 1; got 0."),
        ("drift_moe", {"combine": "soft2"}, "params.combine: must be one of soft, top1; got "),
        ("drift_moe", {"hidden": [8]}, "params.hidden: must be a list of 2 values; got [8]."),
        ("drift_moe", {"hidden": [8, "4"]}, "params.hidden[1]: must be of type int; got '4'."),
        ("drift_moe", {"standardise": 1}, "params.standardise: must be of type bool; got 1."),
        ("river:", {}, "name: must be the import path of a river class"),
        ("river:naive_bayes.GaussianNB", {"a": 1}, "params.a: must be one of"),
    ],
)
def test_a_wrong_learner_is_refused(name: str, params: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=r"^(name|params)") as caught:
        create_learner(name, SPACE, seed=1, params=params)
    assert str(caught.value).startswith(said)


@pytest.mark.parametrize("factory", [find_learner(n) for n in LEARNERS])
def test_learners_share_the_shape_of_their_constructors(factory: type[Any]) -> None:
    signature = inspect.signature(factory)
    assert next(iter(signature.parameters)) == "space"
    assert signature.parameters["seed"].default == 1
    for parameter in parameters(factory).values():
        assert parameter.kind is parameter.KEYWORD_ONLY
        assert parameter.default is not parameter.empty


@pytest.mark.parametrize("factory", [*map(find_learner, LEARNERS), *map(find_detector, DETECTORS)])
def test_every_parameter_is_documented(factory: type[Any]) -> None:
    documented = inspect.getdoc(factory) or ""
    names = documented.partition("Parameters\n")[2].partition("Notes\n")[0]
    for name in parameters(factory):
        assert name in names, name
