"""Writes predictions as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from itertools import starmap

import msgspec
import numpy as np
from msgspec import UNSET, UnsetType
from numpy.typing import NDArray

from stream.codec.classes import class_key
from stream.codec.target import TargetCoder
from stream.codec.times import format_times
from stream.config.pipeline import Config
from stream.config.values import ClassLabel
from stream.log.base import TopicPartition


class Source(msgspec.Struct, gc=False):
    """Where the event of a prediction stands."""

    topic: str
    partition: int
    offset: int


SHARE_MIN = 0.001
"""Smallest part in an answer that is said."""
_SHARE_DIGITS = 4
Shares = dict[str, float]


class ClassPrediction(msgspec.Struct, gc=False):
    """A predicted class: the most probable known one, and how probable each known one is.

    `experts` is there only where it was asked for (`predictions.explain`).
    """

    id: str
    event_time: str
    prediction: ClassLabel | None
    probabilities: dict[str, float]
    model: str
    source: Source
    experts: Shares | UnsetType = UNSET


class ValuePrediction(msgspec.Struct, gc=False):
    """A predicted number."""

    id: str
    event_time: str
    prediction: float
    model: str
    source: Source
    experts: Shares | UnsetType = UNSET


class PredictionWriter:
    """Writes predictions; equal predictions give equal bytes.

    Examples
    --------
    >>> config = Config.model_validate({
    ...     "app": "x",
    ...     "log": {"type": "embedded"},
    ...     "schema": {"features": [{"name": "temp", "type": "float"}]},
    ...     "target": {"type": "classification", "path": "$.late", "classes": [False, True]},
    ... })
    >>> writer = PredictionWriter(config, TargetCoder(config))
    >>> source = TopicPartition("x.features", 0)
    >>> writer.write(["a"], [0], source, [7], np.array([[0.25, 0.75]]), [2])[0].decode()
    '{"id":"a","event_time":"1970-01-01T00:00:00.000Z","prediction":true,"probabilities":{"false":\
0.25,"true":0.75},"model":"drift_moe","source":{"topic":"x.features","partition":0,"offset":7}}'
    """

    def __init__(self, config: Config, target_coder: TargetCoder) -> None:
        self._model = config.model.name
        self._target = target_coder
        self._encode = msgspec.json.Encoder().encode

    def is_finite(
        self, outputs: NDArray[np.float64], known: Sequence[int] | NDArray[np.int64]
    ) -> NDArray[np.bool_]:
        """Say of each row whether it can be written: all that it says of known classes is finite.

        Parameters
        ----------
        outputs, known
            As in `write`.
        """
        is_number = np.isfinite(outputs)
        if not self._target.n_classes:
            return is_number[:, 0]
        is_known = np.arange(outputs.shape[1]) < np.asarray(known, dtype=np.int64)[:, None]
        return np.asarray((is_number | ~is_known).all(axis=1))

    def write(
        self,
        ids: Sequence[str],
        times: Sequence[int],
        source: TopicPartition,
        offsets: Sequence[int],
        outputs: NDArray[np.float64],
        known: Sequence[int] | NDArray[np.int64],
        experts: Sequence[Shares | UnsetType] | None = None,
    ) -> list[bytes]:
        """Write one prediction a row.

        Parameters
        ----------
        times
            Event times in milliseconds.
        outputs
            (n, n_outputs) float64, as a learner wrote them; `is_finite` all of them.
        known
            How many classes were known when each row was predicted; ignored for regression. It
            must not be read off the coder after a whole batch was coded, or bytes would depend
            on how the log cut its batches.
        experts
            What `explained` made of a mixture's shares; not said where it is None.
        """
        assert self.is_finite(outputs, known).all()
        moments = format_times(times)
        sources = list(map(partial(Source, source.topic, source.partition), offsets))
        said = experts if experts is not None else [UNSET] * len(ids)
        if not self._target.n_classes:
            return self._write_values(ids, moments, sources, outputs, said)
        return self._write_classes(ids, moments, sources, outputs, np.asarray(known), said)

    def _write_values(
        self,
        ids: Sequence[str],
        moments: list[str],
        sources: list[Source],
        outputs: NDArray[np.float64],
        said: Sequence[Shares | UnsetType],
    ) -> list[bytes]:
        encode, model = self._encode, self._model
        return [
            encode(ValuePrediction(name, moment, value, model, source, experts))
            for name, moment, value, source, experts in zip(
                ids, moments, outputs[:, 0].tolist(), sources, said, strict=True
            )
        ]

    def _write_classes(
        self,
        ids: Sequence[str],
        moments: list[str],
        sources: list[Source],
        outputs: NDArray[np.float64],
        known: NDArray[np.int64],
        said: Sequence[Shares | UnsetType],
    ) -> list[bytes]:
        if not len(ids):
            return []
        is_known = np.arange(outputs.shape[1]) < known[:, None]
        probable = np.where(is_known, outputs, -np.inf)
        # The first of equals is the lowest code; before any class is known there is None.
        labels: list[ClassLabel | None] = [*self._target.classes, None]
        best = np.where(known > 0, probable.argmax(axis=1), len(labels) - 1).tolist()
        names = [class_key(label) for label in self._target.classes]
        known_names = {count: names[:count] for count in np.unique(known).tolist()}
        # A row is cut to its known classes by their shorter list of names.
        probabilities = [
            dict(zip(known_names[count], row, strict=False))
            for count, row in zip(known.tolist(), outputs.tolist(), strict=True)
        ]
        chosen = map(labels.__getitem__, best)
        models = [self._model] * len(ids)
        rows = zip(ids, moments, chosen, probabilities, models, sources, said, strict=True)
        return list(map(self._encode, starmap(ClassPrediction, rows)))


def explained(names: Sequence[str], shares: NDArray[np.float64]) -> list[Shares | UnsetType]:
    """Say who made each row's answer, in the order of the experts.

    Examples
    --------
    >>> explained(["old", "young"], np.array([[0.25, 0.75], [0.00009, 0.99991]]))
    [{'old': 0.25, 'young': 0.75}, {'young': 0.9999}]
    """
    return [
        {
            name: round(share, _SHARE_DIGITS)
            for name, share in zip(names, row, strict=True)
            if share >= SHARE_MIN
        }
        for row in shares.tolist()
    ]
