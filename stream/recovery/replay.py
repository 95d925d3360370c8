"""Runs committed steps again, taking exactly what the journal says that each of them took."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping

from stream.errors import InvariantError, RecoveryError
from stream.journal import UNKNOWN, JournalEntry, Range
from stream.log.base import RecordBatch, TopicPartition
from stream.recovery.position import BESIDE
from stream.task import PartitionTask


class RangeReader:
    """Cuts a stream of batches at given offsets.

    Parameters
    ----------
    batches
        Of one partition, in order; an empty one says that nothing has come for a moment.
    """

    def __init__(self, batches: Iterator[RecordBatch]) -> None:
        self._batches = batches
        self._ahead: deque[RecordBatch] = deque()

    def until(self, end: int) -> Iterator[RecordBatch | None]:
        """Yield the records below `end` that were not yielded yet; None for a moment without any.

        Ends where a record at or beyond `end` has come, or the stream is at its end.
        """
        while True:
            if not self._ahead:
                batch = next(self._batches, None)
                if batch is None:
                    return
                if not len(batch):
                    yield None
                    continue
                self._ahead.append(batch)
            batch = self._ahead[0]
            if batch.offsets[0] >= end:
                return
            self._ahead.popleft()
            count = sum(offset < end for offset in batch.offsets)
            if count < len(batch):
                self._ahead.appendleft(_slice(batch, count, len(batch)))
                batch = _slice(batch, 0, count)
            yield batch
            if batch.offsets[-1] + 1 >= end:
                return


def _slice(batch: RecordBatch, start: int, stop: int) -> RecordBatch:
    return RecordBatch(
        batch.source,
        batch.offsets[start:stop],
        batch.timestamps[start:stop],
        batch.keys[start:stop],
        batch.values[start:stop],
    )


def run_again(
    task: PartitionTask, entry: JournalEntry, readers: Mapping[str, RangeReader]
) -> Iterator[int | None]:
    """Take exactly what the entry names; its outputs had been committed and are dropped.

    Yields None while nothing comes, and at last the number of records taken.

    Raises
    ------
    RecoveryError
        The input topics no longer hold what was read.
    """
    count = 0
    for topic, taken in entry.ranges.items():
        if taken.first == taken.next:
            continue
        for batch in readers[topic].until(taken.next):
            if batch is None:
                yield None
            else:
                task.accept(batch)
                count += len(batch)
    step = task.step(dict.fromkeys(entry.ranges, False), records_max=count)
    got = {} if step is None else step.entry.ranges
    for topic, taken in entry.ranges.items():
        _compare(TopicPartition(topic, task.partition), entry.step, taken, got.get(topic))
    yield count


def _compare(source: TopicPartition, step: int, taken: Range, got: Range | None) -> None:
    """Compare what a step took with what its replay took; a gap of markers may stand before it."""
    where = f"{source.topic}[{source.partition}]@{taken.first}..{taken.next}, step {step}"
    if got is None or got.next != taken.next:
        raise RecoveryError(
            f"{where}: replay must end where the step ended; got {got and got.next}. The topic no "
            "longer holds what was read: it was compacted, trimmed or written anew. "
            + _remedy(source)
        )
    if taken.count != UNKNOWN and (got.count, got.crc) != (taken.count, taken.crc):
        raise RecoveryError(
            f"{where}: replay must find the {taken.count} records (CRC {taken.crc:08x}) that the "
            f"step took; got {got.count} ({got.crc:08x}). The topic was compacted or changed: set "
            "cleanup.policy=delete. " + _remedy(source)
        )


def _remedy(source: TopicPartition) -> str:
    return (
        "Bring back a checkpoint beyond it, or go on with the newest checkpoint's model: "
        f"`driftgate reset CONFIG --partition {source.partition} --to journal --keep-model`"
        f"{BESIDE}."
    )


def reached(task: PartitionTask, offsets: Mapping[str, int], steps: int) -> None:
    """Check that a replay has ended at exactly what is committed.

    Raises
    ------
    InvariantError
    """
    got = {source.topic: offset for source, offset in task.offsets.items()}
    if got != offsets or task.steps != steps:
        raise InvariantError(
            f"partition {task.partition}: replay must end at the committed offsets {offsets} and "
            f"step {steps}; got {got} and {task.steps}. The partition does not start."
        )
