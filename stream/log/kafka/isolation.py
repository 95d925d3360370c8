"""Keeps the failure of one partition from the others, and the ends that fetches report.

The client raises what is wrong with one partition from the poll of all of them: a position out of
range, a right that is missing, a batch whose codec is not there or whose checksum is wrong. It then
meets the same batch again at every poll, and no partition gets any further. Here such an error is
caught where the client looks at one partition's answer, and kept with that partition.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from kafka import errors as client

from stream.errors import DriftgateError, RecoveryError, SetupError
from stream.log.base import TopicPartition
from stream.log.kafka.errors import topic_missing, translate
from stream.log.kafka.settings import KafkaSettings

_RETRY_S = 1.0
"""A partition that failed is fetched again after this; the broker would send it at each poll."""

_MISSING_S = 5.0
"""A topic that a broker does not know for so long is gone; a new leader may not know it yet."""


class Ends(NamedTuple):
    """Where a partition ended in the latest answer, for committed and for all records."""

    stable: int
    written: int


@dataclass(frozen=True)
class _Fault:
    error: DriftgateError
    offset: int
    retry_at: float


class Isolation:
    """What is known of each partition that a consumer fetches.

    Parameters
    ----------
    consumer
        The client's consumer; two methods of its fetcher (kafka-python 3.0) are wrapped.
    """

    def __init__(self, consumer: Any, settings: KafkaSettings) -> None:
        self.ends: dict[TopicPartition, Ends] = {}
        self._settings = settings
        self._faults: dict[TopicPartition, _Fault] = {}
        self._unknown_since: dict[TopicPartition, float] = {}
        fetcher = consumer._fetcher
        self._parse, self._append = fetcher._parse_fetched_data, fetcher._append
        fetcher._parse_fetched_data = self._parse_alone
        fetcher._append = self._append_alone

    def failure(self, source: TopicPartition) -> DriftgateError | None:
        """Say why a partition cannot be read, until it could be."""
        fault = self._faults.get(source)
        return None if fault is None else fault.error

    def rests(self, source: TopicPartition) -> bool:
        """Tell whether a partition has failed a moment ago, and is not to be fetched yet."""
        fault = self._faults.get(source)
        return fault is not None and time.monotonic() < fault.retry_at

    def forgive(self, source: TopicPartition) -> None:
        """Try a partition again at once."""
        self._faults.pop(source, None)

    def moved(self, source: TopicPartition, offset: int) -> None:
        """Forgive what was wrong at another offset."""
        fault = self._faults.get(source)
        if fault is not None and fault.offset != offset:
            self.forgive(source)

    def forget(self, source: TopicPartition) -> None:
        """Drop everything about a partition that is not read any more."""
        self._faults.pop(source, None)
        self._unknown_since.pop(source, None)
        self.ends.pop(source, None)

    def truncated(
        self, error: client.LogTruncationError, positions: Mapping[TopicPartition, int]
    ) -> None:
        """Keep a lost tail of the log with its partitions; the client says it once, and goes on."""
        for partition, end in error.divergent_offsets.items():
            source = TopicPartition(*partition)
            known = "" if end is None else f" after offset {end.offset}"
            lost = RecoveryError(
                f"{source.topic}[{source.partition}]: the broker has lost records that had been "
                f"read{known}. Restore them, or begin anew with what is kept: `driftgate reset "
                f"CONFIG --partition {source.partition} --to earliest` (`--force` while a worker "
                "has the partition)."
            )
            self._faults[source] = _Fault(lost, positions.get(source, -1), float("inf"))

    def _parse_alone(self, completion: Any) -> Any:
        source, data = TopicPartition(*completion.topic_partition), completion.partition_data
        if data.error_code == client.NoError.errno:
            written = data.high_watermark
            stable = data.last_stable_offset
            self.ends[source] = Ends(stable if stable >= 0 else written, written)
        try:
            self._notice(source, data.error_code)
            return self._parse(completion)
        except Exception as error:
            self._keep(source, completion.fetched_offset, error)
            return None

    def _append_alone(self, drained: Any, part: Any, *arguments: Any) -> Any:
        if not part:
            return self._append(drained, part, *arguments)
        source = TopicPartition(*part.topic_partition)
        try:
            count = self._append(drained, part, *arguments)
        except Exception as error:
            self._keep(source, part.next_fetch_offset, error)
            part.drain()
            return 0
        self._faults.pop(source, None)
        return count

    def _notice(self, source: TopicPartition, code: int) -> None:
        """Raise what the client would try again for ever, without a word."""
        if code != client.UnknownTopicOrPartitionError.errno:
            self._unknown_since.pop(source, None)
            return
        now = time.monotonic()
        if now - self._unknown_since.setdefault(source, now) > _MISSING_S:
            raise topic_missing(f"{source.topic}[{source.partition}]", self._settings)

    def _keep(self, source: TopicPartition, offset: int, error: Exception) -> None:
        reason = _explain(source, offset, error, self._settings)
        self._faults[source] = _Fault(reason, offset, time.monotonic() + _RETRY_S)


def _explain(
    source: TopicPartition, offset: int, error: Exception, settings: KafkaSettings
) -> DriftgateError:
    where = f"{source.topic}[{source.partition}]@{offset}"
    words = " ".join(str(error).split()).rstrip(".") or type(error).__name__
    if isinstance(error, DriftgateError):
        return error
    if isinstance(error, client.UnsupportedCodecError):
        return SetupError(
            f"{where}: the batch cannot be read: {words}. Install the package that reads this "
            f"codec (`pip install kafka-python[snappy,lz4,zstd]`), and start the worker again."
        )
    if isinstance(error, client.KafkaError) and not isinstance(error, client.CorruptRecordError):
        return translate(error, settings)
    return RecoveryError(
        f"{where}: the batch cannot be read: {words}. Restore it from another replica, or go "
        f"on beyond it: `driftgate reset CONFIG --partition "
        f"{source.partition} --to TIME --keep-model` (`--force` while a worker has the partition)."
    )
