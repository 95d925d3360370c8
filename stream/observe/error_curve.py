"""The error over time, from what is on the topics: predictions, and the labels that came for them.

Needs no worker, and reads only what is committed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from stream.codec.classes import class_key
from stream.codec.events import EventReader
from stream.codec.labels import LabelReader
from stream.config.pipeline import Config
from stream.log.base import LogAdmin, RecordBatch, TopicPartition
from stream.topology import input_topics

RECORDS_MAX = 500_000
"""Newest records of a topic's partition that are looked at."""
_POINTS = 240


@dataclass(frozen=True, slots=True)
class ErrorCurve:
    """Mean errors of consecutive labels.

    Parameters
    ----------
    times
        (n,) int64, event time (ms) of the last label of each point.
    errors
        (n,) float64, share of wrong answers, or mean absolute error.
    labels_each
        Labels that a point is the mean of.
    """

    times: NDArray[np.int64]
    errors: NDArray[np.float64]
    labels_each: int


class _Predicted(msgspec.Struct):
    """What is read of a prediction."""

    id: str
    prediction: bool | int | float | str | None


def error_curve(config: Config, admin: LogAdmin, partition: int) -> ErrorCurve:
    """Score the predictions of a partition with the labels there are, in the order of labels."""
    assert config.topics.predictions is not None
    source = TopicPartition(config.topics.predictions, partition)
    decoder = msgspec.json.Decoder(_Predicted)
    predicted = {
        one.id: one.prediction
        for batch in _newest(admin, source)
        for one in (decoder.decode(value or b"") for value in batch.values)
    }
    times, errors = [], []
    is_regression = config.target.type == "regression"
    for event_id, time, label in _labels(config, admin, partition):
        if event_id in predicted and label is not None:
            times.append(time)
            # The first label counts; a second one is a dead letter.
            errors.append(_error(predicted.pop(event_id), label, is_regression))
    return averaged(times, errors, _POINTS)


def averaged(times: Sequence[int], errors: Sequence[float], points: int) -> ErrorCurve:
    """Take means of as many labels each as make about `points` of them.

    Examples
    --------
    >>> curve = averaged([1, 2, 3, 4, 5], [0.0, 1.0, 1.0, 1.0, 0.0], points=2)
    >>> curve.times.tolist(), curve.errors.tolist(), curve.labels_each
    ([3, 5], [0.6666666666666666, 0.5], 3)
    """
    each = max(1, -(-len(times) // points))
    starts = np.arange(0, len(times), each)
    counts = np.diff(np.append(starts, len(times)))
    sums = np.add.reduceat(np.array(errors), starts) if len(times) else np.empty(0)
    ends = np.array(times, dtype=np.int64)[starts + counts - 1]
    return ErrorCurve(ends, sums / counts, each)


def _labels(config: Config, admin: LogAdmin, partition: int) -> Iterator[tuple[str, int, Any]]:
    """Ids, event times and labels, in the order of their topic."""
    topics = input_topics(config)
    reader = LabelReader(config) if len(topics) > 1 else EventReader(config)
    for batch in _newest(admin, TopicPartition(topics[-1], partition)):
        read = reader.read(batch)
        yield from zip(
            read.ids, read.times, read.contents if len(topics) > 1 else read.labels, strict=True
        )


def _newest(admin: LogAdmin, source: TopicPartition) -> Iterator[RecordBatch]:
    bounds = admin.bounds(source)
    yield from admin.read(source, max(bounds.first, bounds.end - RECORDS_MAX), bounds.end)


def _error(prediction: Any, label: Any, is_regression: bool) -> float:
    if is_regression:
        return abs(float(prediction) - float(label))
    return float(prediction is None or class_key(prediction) != class_key(label))
