"""Reads labels that come in a topic of their own."""

from __future__ import annotations

from datetime import timedelta

from stream.codec.events import target_field
from stream.codec.read import ReadBatch, RecordReader
from stream.config.pipeline import Config
from stream.log.base import RecordBatch


class LabelReader:
    """Reads batches of the labels topic; stateless. A label record without a label is refused."""

    def __init__(self, config: Config) -> None:
        field, label = target_field(config, optional=False)
        assert config.topics.dead_letters is not None
        self._reader = RecordReader(
            [field],
            label,
            id_path=config.labels.id,
            time_path=config.labels.event_time,
            time_format=None,
            ahead_max_ms=config.record.event_time_ahead_max // timedelta(milliseconds=1),
            bytes_max=config.record.record_bytes_max,
            dead_letters=config.topics.dead_letters,
        )

    def read(self, batch: RecordBatch) -> ReadBatch:
        """Read a batch; `contents` are the labels' values."""
        got, rejects = self._reader.read(batch)
        absent = [None] * len(got.index)
        return ReadBatch(got.index, got.ids, got.times, got.columns[0], absent, rejects)
