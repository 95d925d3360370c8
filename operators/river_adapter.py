"""Any river classifier or regressor as a learner.

River works on one dictionary at a time, at some 10 to 1000 us a record: the adapter is for what
the compiled learners do not offer, not for speed.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from river import base

from operators import river_spec, signed_pickle
from operators.base import Space
from operators.snapshot import SnapshotUnavailableError, State
from operators.tape import PREDICT, Rows, Tape


class RiverLearner:
    """A river estimator, or a pipeline of them, that runs tapes.

    Categories and classes reach the estimator by name, missing values not at all, other features
    as floats. An estimator that knows two classes only (`LogisticRegression`) sees the class of
    code 1 as True. Probabilities are scaled to a sum of 1; where there are none, all classes are
    equally likely, or, if the estimator gives no probabilities at all, its answer has all. A
    regressor without an answer predicts 0.

    Parameters
    ----------
    space
        Features and target; with classes, the estimator must be a classifier, else a regressor.
    estimator
        Import path of its class; see `operators.river_spec` for this and `params`.
    params
        Of its constructor.
    seed
        For each estimator in it that takes a seed and is given none.
    signing_key
        Makes snapshots possible, as pickles signed with it; see `operators.signed_pickle`.

    Notes
    -----
    A restored model has a snapshot of equal bytes, and goes on to the bit as if it had never
    stopped, unless the order of a set has a say in what it does (as in the graph of
    `neighbors.KNNClassifier`): no pickle keeps that order. Where the sets are of strings, runs
    agree only under a fixed PYTHONHASHSEED. How much memory is taken is the estimator's own
    affair.

    Examples
    --------
    >>> from operators.base import Feature
    >>> from operators.tape import test_then_train
    >>> space = Space((Feature("load"),), n_classes=2, classes=("low", "high"))
    >>> learner = RiverLearner(space, estimator="naive_bayes.GaussianNB")
    >>> rows = Rows(
    ...     x=np.array([[1.0], [9.0], [1.5], [8.5], [1.2]]),
    ...     y=np.array([0.0, 1.0, 0.0, 1.0, 0.0]),
    ...     output=np.empty((5, 2)),
    ...     trace=np.empty((5, 0)),
    ... )
    >>> learner.run(test_then_train(5), rows)
    >>> rows.output[-1].round(3).tolist()
    [1.0, 0.0]
    """

    trace_width = 0

    def __init__(
        self,
        space: Space,
        *,
        estimator: str,
        params: Mapping[str, Any] | None = None,
        seed: int = 1,
        signing_key: bytes | None = None,
    ) -> None:
        if signing_key is not None and not signing_key:
            raise ValueError("signing_key: must not be empty; anyone could sign with that.")
        self.space = space
        self.seed = seed
        self._signing_key = signing_key
        self._model = river_spec.build(estimator, params or {}, seed)
        _check_kind(self._model, space, estimator)
        self._is_binary = bool(space.n_classes) and not self._model._multiclass
        self._has_probabilities = True
        self._codes: dict[Any, int] = {}

    def run(self, tape: Tape, rows: Rows) -> None:
        """Run the steps in order; see `operators.base.Learner`."""
        predict = self._predict_class if self.space.n_classes else self._predict_value
        for action, row in zip(tape.action.tolist(), tape.row.tolist(), strict=True):
            x = self._as_dict(rows.x[row])
            if action == PREDICT:
                predict(x, rows.output[row])
            else:
                self._model.learn_one(x, self._target(rows.y[row]))

    def snapshot(self) -> State:
        """Return the model as a signed pickle; see `operators.signed_pickle`."""
        return signed_pickle.signed(self._model, self._key())

    def restore(self, state: State) -> None:
        """Take over a model that a learner with equal parameters and key has signed."""
        model = signed_pickle.verified(state, self._key())
        assert type(model) is type(self._model)
        self._model = model

    def _key(self) -> bytes:
        if self._signing_key is None:
            raise SnapshotUnavailableError(
                "river model: a signing key must be given for snapshots, which are pickles; got "
                "none. Allow them in the configuration and set the key, or rebuild the model by "
                "replaying."
            )
        return self._signing_key

    def _as_dict(self, values: NDArray[np.float64]) -> dict[str, float | str]:
        return {
            feature.name: feature.categories[int(value)] if feature.capacity else value
            for feature, value in zip(self.space.features, values.tolist(), strict=True)
            if not math.isnan(value)
        }

    def _target(self, y: float) -> Any:
        assert math.isfinite(y)
        return self._labels()[int(y)] if self.space.n_classes else float(y)

    def _labels(self) -> Any:
        """Give class labels by code, as the estimator sees them."""
        return (False, True) if self._is_binary else self.space.classes

    def _predict_class(self, x: dict[str, float | str], output: NDArray[np.float64]) -> None:
        labels = self._labels()
        if len(self._codes) < len(labels):
            self._codes = {label: code for code, label in enumerate(labels)}
        output[:] = 0.0
        for label, probability in self._probabilities(x).items():
            code = self._codes.get(label)
            if code is not None and math.isfinite(probability):
                output[code] = max(probability, 0.0)
        total = output.sum()
        if total > 0.0:
            output /= total
        else:
            output[:] = 1.0 / len(output)

    def _probabilities(self, x: dict[str, float | str]) -> dict[Any, float]:
        if self._has_probabilities:
            try:
                return dict(self._model.predict_proba_one(x))
            except NotImplementedError:
                self._has_probabilities = False
        return {self._model.predict_one(x): 1.0}

    def _predict_value(self, x: dict[str, float | str], output: NDArray[np.float64]) -> None:
        value = self._model.predict_one(x)
        output[0] = 0.0 if value is None else value


def _check_kind(model: Any, space: Space, estimator: str) -> None:
    """Refuse an estimator that does not fit the target."""
    kind, word = base.Regressor, "regressor"
    if space.n_classes:
        kind, word = base.Classifier, "classifier"
    if not isinstance(model, kind):
        raise ValueError(
            f"name: must be a {word}, because the target asks for one; got {estimator!r}."
        )
    if space.n_classes > 2 and not model._multiclass:
        raise ValueError(
            f"name: must be able to tell {space.n_classes} classes apart; {estimator!r} knows two. "
            "Wrap it in multiclass.OneVsRestClassifier, or close the classes at two."
        )
