"""River's learners, one dictionary at a time, as its users do."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from numbers import Number
from typing import Any

import numpy as np

from tests.bench.case import Case, Outcome
from tests.bench.runners.one_by_one import run_one_by_one
from tests.bench.scores import NO_ANSWER
from tests.bench.stream_files import read_records
from tests.bench.streams.records import Records

Make = Callable[[Case, Records, dict[str, Any]], Any]
"""Makes a model for a case, of its records' space, with parameters."""


def _tree(path: str) -> Make:
    def make(case: Case, records: Records, params: dict[str, Any]) -> Any:
        from river import tree

        seed = {"seed": case.seed} if "Adaptive" in path else {}
        return getattr(tree, path)(nominal_attributes=_nominal(records), **seed, **params)

    return make


def _forest(path: str) -> Make:
    def make(case: Case, records: Records, params: dict[str, Any]) -> Any:
        from river import forest

        return getattr(forest, path)(
            seed=case.seed, nominal_attributes=_nominal(records), **_sized(params)
        )

    return make


def _patches(path: str, base: str) -> Make:
    def make(case: Case, records: Records, params: dict[str, Any]) -> Any:
        from river import ensemble, tree

        model = getattr(tree, base)(
            grace_period=50, delta=0.01, nominal_attributes=_nominal(records)
        )
        return getattr(ensemble, path)(model=model, seed=case.seed, **_sized(params))

    return make


def _bagging(case: Case, records: Records, params: dict[str, Any]) -> Any:
    from river import ensemble, tree

    base = tree.HoeffdingTreeClassifier(nominal_attributes=_nominal(records))
    return ensemble.LeveragingBaggingClassifier(model=base, seed=case.seed, **_sized(params))


def _naive_bayes(case: Case, records: Records, params: dict[str, Any]) -> Any:
    from river import naive_bayes

    return naive_bayes.GaussianNB(**params)


def _logistic(case: Case, records: Records, params: dict[str, Any]) -> Any:
    is_binary = records.space.n_classes == 2
    return _linear("LogisticRegression" if is_binary else "SoftmaxRegression")(
        case, records, params
    )


def _linear(path: str) -> Make:
    def make(case: Case, records: Records, params: dict[str, Any]) -> Any:
        from river import compose, linear_model, preprocessing

        numbers = compose.SelectType(Number) | preprocessing.StandardScaler()
        categories = compose.SelectType(str) | preprocessing.OneHotEncoder()
        return (numbers + categories) | getattr(linear_model, path)(**params)

    return make


MODELS: dict[str, Make] = {
    "hoeffding_tree": _tree("HoeffdingTreeClassifier"),
    "hoeffding_adaptive_tree": _tree("HoeffdingAdaptiveTreeClassifier"),
    "adaptive_random_forest": _forest("ARFClassifier"),
    "streaming_random_patches": _patches("SRPClassifier", "HoeffdingTreeClassifier"),
    "leveraging_bagging": _bagging,
    "naive_bayes": _naive_bayes,
    "logistic_regression": _logistic,
}
"""River's defaults, except that ensembles get the base tree of their papers where river's
default is another, and that linear models get scaled numbers and one-hot categories."""

REGRESSORS: dict[str, Make] = {
    "hoeffding_tree_regressor": _tree("HoeffdingTreeRegressor"),
    "hoeffding_adaptive_tree_regressor": _tree("HoeffdingAdaptiveTreeRegressor"),
    "adaptive_random_forest_regressor": _forest("ARFRegressor"),
    "streaming_random_patches_regressor": _patches("SRPRegressor", "HoeffdingTreeRegressor"),
    "linear_regression": _linear("LinearRegression"),
    "passive_aggressive_regressor": _linear("PARegressor"),
}
"""The same for numbers."""


class RiverPeer:
    """One of `MODELS` or `REGRESSORS` on arrays."""

    def __init__(self, case: Case, records: Records) -> None:
        make = (MODELS | REGRESSORS)[case.candidate.name]
        self._model = make(case, records, case.candidate.params)
        self._records = records
        # River's Gaussian naive Bayes takes numbers only.
        self._as_text = case.candidate.name != "naive_bayes"

    def records(self) -> Iterator[Any]:
        features = self._records.space.features
        names = [feature.name for feature in features]
        is_text = [self._as_text and feature.capacity > 0 for feature in features]
        targets = self._records.y
        if self._records.space.n_classes:
            targets = targets.astype(np.int64)
        for row, label in zip(self._records.x, targets.tolist(), strict=True):
            cells = zip(names, row.tolist(), is_text, strict=True)
            x = {name: str(int(v)) if text else v for name, v, text in cells if v == v}
            yield x, label

    def predict(self, record: Any) -> float:
        answer = self._model.predict_one(record[0])
        return NO_ANSWER if answer is None else float(answer)

    def learn(self, record: Any) -> None:
        self._model.learn_one(record[0], record[1])


def run(case: Case, progress: Callable[[int], None]) -> Outcome:
    """Measure one of `MODELS` or `REGRESSORS`."""
    records = read_records(case.folder, case.limit)
    return run_one_by_one(case, records, lambda: RiverPeer(case, records), progress)


def _nominal(records: Records) -> list[str]:
    return [feature.name for feature in records.space.features if feature.capacity]


def _sized(params: dict[str, Any]) -> dict[str, Any]:
    return {"n_models" if name == "trees" else name: value for name, value in params.items()}
