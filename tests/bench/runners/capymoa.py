"""CapyMOA: MOA's learners called from Python, record by record, as its users do."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from stream.errors import SetupError
from tests.bench.case import Case, Outcome
from tests.bench.runners.one_by_one import run_one_by_one
from tests.bench.scores import NO_ANSWER
from tests.bench.stream_files import ARFF, read_records

MODELS = {
    "hoeffding_tree": ("HoeffdingTree", {}),
    "hoeffding_adaptive_tree": ("HoeffdingAdaptiveTree", {}),
    "adaptive_random_forest": ("AdaptiveRandomForestClassifier", {"trees": "ensemble_size"}),
    "streaming_random_patches": ("StreamingRandomPatches", {"trees": "ensemble_size"}),
    "leveraging_bagging": ("LeveragingBagging", {"trees": "ensemble_size"}),
    "naive_bayes": ("NaiveBayes", {}),
    "majority_class": ("MajorityClass", {}),
}
"""Its class, and the names that our parameters have there."""

REGRESSORS = {
    "fimtdd": ("FIMTDD", {}),
    "arffimtdd": ("ARFFIMTDD", {}),
    "adaptive_random_forest_regressor": (
        "AdaptiveRandomForestRegressor",
        {"trees": "ensemble_size"},
    ),
    "soknl": ("SOKNL", {"trees": "ensemble_size"}),
    "target_mean": ("TargetMean", {}),
}
"""The same for numbers. FIMT-DD is MOA's Hoeffding tree for them, and ARF-FIMT-DD the one of its
forests, alone; SOKNL averages the nearest leaves of such a forest."""

_WITHOUT_SEED = ("majority_class", "target_mean")


class CapyMOAPeer:
    """One of `MODELS` or `REGRESSORS` on an ARFF file, so that nominal attributes are nominal."""

    def __init__(self, case: Case) -> None:
        try:
            from capymoa import classifier, regressor
            from capymoa.stream import stream_from_file
        except ImportError as error:
            raise SetupError(
                "CapyMOA is not installed: `pip install 'driftgate[bench]'`, with Java 17 or "
                "later on the path; or leave its models out with --peers."
            ) from error
        offered = regressor if case.candidate.name in REGRESSORS else classifier
        name, renamed = (MODELS | REGRESSORS)[case.candidate.name]
        params = {renamed.get(key, key): value for key, value in case.candidate.params.items()}
        self._stream = stream_from_file(str(case.folder / ARFF))
        if case.candidate.name not in _WITHOUT_SEED:
            params["random_seed"] = case.seed
        self._learner = getattr(offered, name)(schema=self._stream.get_schema(), **params)

    def records(self) -> Iterator[Any]:
        while self._stream.has_more_instances():
            yield self._stream.next_instance()

    def predict(self, record: Any) -> float:
        answer = self._learner.predict(record)
        return NO_ANSWER if answer is None else float(answer)

    def learn(self, record: Any) -> None:
        self._learner.train(record)


def run(case: Case, progress: Callable[[int], None]) -> Outcome:
    """Measure one of `MODELS` or `REGRESSORS`."""
    records = read_records(case.folder, case.limit)
    return run_one_by_one(case, records, lambda: CapyMOAPeer(case), progress)
