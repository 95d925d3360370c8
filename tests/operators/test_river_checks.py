"""River's own checks of estimators, run on every learner of the catalogue as a river estimator.

`NOT_OURS` has those that ask for something else than our learners promise. How learners keep
their promises on tapes is in test_contracts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from river import checks

from operators.base import Feature, Space
from operators.catalog import LEARNERS
from operators.rehearsal import is_classifier
from tests.operators.regressors import REGRESSORS
from tests.operators.river_face import RiverClassifier, RiverRegressor, space_of
from tests.operators.test_contracts import PARAMS

NOT_OURS = {
    # These make an estimator of its default parameters; ours cannot guess its features.
    "check_init_has_default_params_for_tests",
    # `name`, `space` and `options` are the adapter's; they have no defaults that could change.
    "check_init_default_params_are_not_mutable",
}
ANY = Space((Feature("x"),), n_classes=2)


def estimator(name: str, space: Space) -> RiverClassifier | RiverRegressor:
    options = {**PARAMS, **REGRESSORS}.get(name, {})
    made = RiverClassifier if is_classifier(name) else RiverRegressor
    return made(name, space, options)


def each_check(name: str) -> Iterator[tuple[Callable[..., None], dict[str, Any], Space]]:
    """Each check with its data set, if it has one, and the space that this makes."""
    is_ours = is_classifier(name)
    none = Space(ANY.features, 2 if is_ours else 0)
    for check in checks.yield_checks(estimator(name, none)):
        if check.__name__ in NOT_OURS:
            continue
        given = getattr(check, "keywords", {})
        if "dataset" in given:
            records = list(given["dataset"])
            yield check, {"dataset": records}, space_of(records, is_classifier=is_ours)
        else:
            yield check, {}, none


@pytest.mark.parametrize("name", sorted(LEARNERS))
def test_rivers_checks_hold(name: str) -> None:
    run = []
    for check, given, space in each_check(name):
        try:
            check(estimator(name, space).clone(), **given)
        except Exception as error:
            error.add_note(f"{check.__name__} on {len(space.features)} features")
            raise
        run.append(check.__name__)
    assert len(set(run)) >= 20
    assert {"check_learn_one", "check_pickling", "check_bounded_memory_growth"} <= set(run)
