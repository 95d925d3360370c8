"""Reads events: features, id, time, and the label if it comes inline."""

from __future__ import annotations

from datetime import timedelta
from functools import partial

from stream.codec.classes import class_label
from stream.codec.read import Column, ReadBatch, RecordReader
from stream.codec.rules import ClassRule, FloatRule, feature_rule
from stream.codec.shape import Field
from stream.codec.times import parse_time
from stream.config.paths import path_of
from stream.config.pipeline import Config
from stream.config.records import FeatureConfig, TimestampFeature
from stream.log.base import RecordBatch


def feature_path(feature: FeatureConfig) -> str:
    """Path of a feature's value; by default the field of its name."""
    return feature.path or path_of(feature.name.split("."))


def target_field(config: Config, *, optional: bool) -> tuple[Field, list[Column]]:
    """Field of the label, and the column that is read from it."""
    path = config.target.path
    if config.target.type == "regression":
        return Field(path, FloatRule(), optional), [Column(path, float)]
    rule = ClassRule(config.target.classes)
    parse = class_label if config.target.classes is None else rule.read
    return Field(path, rule, optional), [Column(path, parse)]


class EventReader:
    """Reads batches of the features topic; stateless.

    Examples
    --------
    >>> from stream.log.base import TopicPartition
    >>> config = Config.model_validate({
    ...     "app": "x",
    ...     "log": {"type": "embedded"},
    ...     "schema": {"features": [{"name": "temp", "type": "float"}]},
    ...     "target": {"type": "classification", "path": "$.late"},
    ... })
    >>> values = [b'{"temp": 3, "late": true}', b'{"temp": "warm"}']
    >>> batch = RecordBatch(TopicPartition("x.features", 0), [7, 8], [0, 5], [b"a", b"b"], values)
    >>> read = EventReader(config).read(batch)
    >>> read.index, read.ids, read.times, read.labels
    ([0], ['a'], [0], [True])
    >>> read.rejects[0].reason
    'wrong_type'
    """

    def __init__(self, config: Config) -> None:
        schema = config.record
        fields = [
            Field(feature_path(feature), feature_rule(feature), feature.missing)
            for feature in schema.features
        ]
        columns = [
            Column(
                feature_path(feature), partial(parse_time, unit=feature.unit, form=feature.format)
            )
            for feature in schema.features
            if isinstance(feature, TimestampFeature)
        ]
        self._inline = config.labels.source == "inline"
        if self._inline:
            field, label = target_field(config, optional=True)
            fields, columns = [*fields, field], [*label, *columns]
        assert config.topics.dead_letters is not None
        self._reader = RecordReader(
            fields,
            columns,
            id_path=schema.id,
            time_path=schema.event_time,
            time_format=schema.event_time_format,
            ahead_max_ms=schema.event_time_ahead_max // timedelta(milliseconds=1),
            bytes_max=schema.record_bytes_max,
            dead_letters=config.topics.dead_letters,
        )

    def read(self, batch: RecordBatch) -> ReadBatch:
        """Read a batch; no record of it changes how another is read."""
        got, rejects = self._reader.read(batch)
        labels = got.columns[0] if self._inline else [None] * len(got.index)
        return ReadBatch(got.index, got.ids, got.times, got.contents, labels, rejects)
