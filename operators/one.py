"""River's public face on learners: one record at a time, as dictionaries.

A stream's codec turns records into rows once a batch; whoever uses a learner by hand, or puts it
at the end of a river pipeline, has dictionaries instead. `OneByOne` translates between the two for
classifiers, `ValueOneByOne` for regressors.
It is meant for notebooks and small streams: a call costs some 15 us with a single tree, of which
a row on a tape takes one.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import cached_property
from typing import Any, Self

import numpy as np

from operators.base import Feature, Space
from operators.snapshot import State
from operators.tape import LEARN, PREDICT, Rows, Tape

ClassLabel = str | int | bool
_ACTIONS = np.array([PREDICT, LEARN], dtype=np.uint8)
_ROW = np.zeros(2, dtype=np.int64)
_PREDICT_ONLY = Tape(_ACTIONS[:1], _ROW[:1])
_PREDICT_THEN_LEARN = Tape(_ACTIONS, _ROW)


class _Face:
    """What both kinds of learner need: rows from dictionaries, and copies.

    The learner has to set `space` and `trace_width`. A copy or a pickle of it is a learner made
    with the same arguments that takes over its snapshot: copied one by one, arrays that are views
    of each other would go their own ways.
    """

    space: Space
    trace_width: int
    _made_with: tuple[tuple[Any, ...], dict[str, Any]]

    # What river asks of the last step of a pipeline.
    _supervised = True

    def __new__(cls, *given: Any, **named: Any) -> Self:
        """Keep the arguments, for copies."""
        made = super().__new__(cls)
        made._made_with = given, named
        return made

    def __reduce__(self) -> tuple[Any, ...]:
        codes = {name: self.__dict__[name] for name in _CODES if name in self.__dict__}
        return _made_again, (type(self), *self._made_with, self.snapshot(), codes)

    def run(self, tape: Tape, rows: Rows) -> None:
        """Run a tape; the learner brings it."""
        raise NotImplementedError

    def snapshot(self) -> State:
        """Return the whole state; the learner brings it."""
        raise NotImplementedError

    def restore(self, state: State) -> None:
        """Take over a snapshot; the learner brings it."""
        raise NotImplementedError

    @cached_property
    def _category_codes(self) -> list[dict[str, int]]:
        return [
            {category: code for code, category in enumerate(feature.categories)}
            for feature in self.space.features
        ]

    def _rows(self, x: Mapping[str, object], *, is_learning: bool) -> Rows:
        values = [
            self._value(feature, codes, x.get(feature.name), is_learning)
            for feature, codes in zip(self.space.features, self._category_codes, strict=True)
        ]
        return Rows(
            x=np.array([values]),
            y=np.full(1, np.nan),
            output=np.zeros((1, self.space.n_outputs)),
            trace=np.zeros((1, self.trace_width)),
        )

    @staticmethod
    def _value(feature: Feature, codes: dict[str, int], value: object, is_learning: bool) -> float:
        if value is None or value != value:
            return np.nan
        if not feature.capacity:
            number = float(value)  # type: ignore[arg-type]
            if math.isinf(number):
                raise ValueError(
                    f"x[{feature.name!r}]: must be finite, or None or NaN where it is missing; "
                    f"got {number!r}."
                )
            return number
        category = str(value)
        if category not in codes and is_learning and len(codes) < feature.capacity:
            codes[category] = len(codes)
        return codes.get(category, np.nan)


_CODES = ("_category_codes", "_class_codes")


def _made_again(
    kind: type[_Face],
    given: tuple[Any, ...],
    named: dict[str, Any],
    state: State,
    codes: dict[str, Any],
) -> _Face:
    """Make a copy of a learner."""
    learner = kind(*given, **named)
    learner.restore(state)
    learner.__dict__.update(codes)
    return learner


class OneByOne(_Face):
    """Mixin for classifiers: `learn_one`, `predict_one` and `predict_proba_one` on top of `run`.

    Categories and classes get codes in the order in which they are learnt, after those that the
    space names, up to the capacity; the codes belong to this face, not to the learner's
    snapshot, as they belong to the codec elsewhere.

    Learning predicts first, because a learner may need at its label what it thought of the
    record: here the two moments are the same.
    """

    def learn_one(self, x: Mapping[str, object], y: ClassLabel) -> None:
        """Learn a record.

        Parameters
        ----------
        x
            Values by feature name. A name that is absent, None or NaN is missing; a name that
            the space does not have is ignored. Infinity is refused.
        y
            Its class, as written in the label.
        """
        rows = self._rows(x, is_learning=True)
        rows.y[0] = self._class_code(y)
        self.run(_PREDICT_THEN_LEARN, rows)

    def predict_proba_one(self, x: Mapping[str, object]) -> dict[ClassLabel, float]:
        """Return the probability of each class known so far; they sum to 1."""
        rows = self._rows(x, is_learning=False)
        self.run(_PREDICT_ONLY, rows)
        known = list(self._class_codes)
        output = rows.output[0, : len(known)]
        total = output.sum()
        # All the probability may lie on classes that have no name yet.
        output = output / total if total > 0 else np.full(len(known), 1 / max(len(known), 1))
        return dict(zip(known, output.tolist(), strict=True))

    def predict_one(self, x: Mapping[str, object]) -> ClassLabel | None:
        """Return the most probable class, None as long as no class is known."""
        probabilities = self.predict_proba_one(x)
        return max(probabilities, key=probabilities.__getitem__) if probabilities else None

    @cached_property
    def _class_codes(self) -> dict[ClassLabel, int]:
        return {label: code for code, label in enumerate(self.space.classes)}

    def _class_code(self, y: ClassLabel) -> int:
        codes = self._class_codes
        if y not in codes:
            if y is None or y != y:
                raise ValueError(f"y: must be a class; got {y!r}.")
            if len(codes) == self.space.n_classes:
                raise ValueError(
                    f"y: must be one of {list(codes)} ({self.space.n_classes} classes); got "
                    f"{y!r}. Raise `n_classes` of the space."
                )
            codes[y] = len(codes)
        return codes[y]


class ValueOneByOne(_Face):
    """Mixin for regressors: `learn_one` and `predict_one` on top of `run`.

    As `OneByOne`, but for the target, which is a finite number.
    """

    def learn_one(self, x: Mapping[str, object], y: float) -> None:
        """Learn a record.

        Parameters
        ----------
        x
            Values by feature name, as in `OneByOne.learn_one`.
        y
            Its target, a finite number.
        """
        if y is None or not math.isfinite(y):
            raise ValueError(f"y: must be a finite number; got {y!r}.")
        rows = self._rows(x, is_learning=True)
        rows.y[0] = y
        self.run(_PREDICT_THEN_LEARN, rows)

    def predict_one(self, x: Mapping[str, object]) -> float:
        """Return the predicted value."""
        rows = self._rows(x, is_learning=False)
        self.run(_PREDICT_ONLY, rows)
        return float(rows.output[0, 0])
