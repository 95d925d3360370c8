"""Recovery: the newest usable checkpoint, then the log again up to what had been committed.

1. Read the committed offsets of the task's inputs, and the number of steps kept beside them.
2. Take the newest checkpoint whose checksum holds, that was made under the same settings and is
   not beyond the committed offsets; else the one before; else none.
3. Replay, step by step along the journal, with outputs suppressed.
4. The task now stands exactly at the committed offsets, bit for bit as it was, or it does not
   start.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from time import perf_counter

import structlog

from operators.snapshot import SnapshotRefusedError, State
from stream.checkpoint import Checkpoint, decode
from stream.checkpoint_store import CheckpointStore
from stream.errors import CheckpointError, InvariantError, RecoveryError, StoreUnavailableError
from stream.journal import JournalEntry, Range, StepNote, decode_entry
from stream.log.base import Log, RecordBatch, TopicPartition
from stream.task import PartitionTask
from stream.topology import Parts

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Recovered:
    """A task that is live, and how it got there."""

    task: PartitionTask
    journal_offset: int
    checkpoint: str | None
    replayed_steps: int
    replayed_records: int
    seconds: float


class Recovery:
    """Brings a partition's task to its committed offsets.

    Parameters
    ----------
    log
        Read only.
    store
        Where checkpoints are.
    build
        Makes the parts of a task in their first state.
    fingerprint
        Of the settings in force (`topology.fingerprint`).
    """

    def __init__(
        self,
        log: Log,
        store: CheckpointStore,
        build: Callable[[int], Parts],
        fingerprint: str,
    ) -> None:
        self._log = log
        self._store = store
        self._build = build
        self._fingerprint = fingerprint

    def recover(
        self, partition: int, progress: Callable[[int], None] = lambda _: None
    ) -> Recovered:
        """Return the task as it was at the last commit.

        Parameters
        ----------
        progress
            Told the number of records replayed so far, once a step: a restore is long work.

        Raises
        ------
        RecoveryError
            The log no longer holds the records or journal entries that are needed.
        InvariantError
            What was replayed does not end at the committed offsets.
        """
        start = perf_counter()
        parts = self._build(partition)
        committed = self._committed(parts)
        if committed is None:
            return self._fresh(parts, start)
        offsets, steps = committed
        path, checkpoint = self._newest_usable(partition, offsets, steps)
        if checkpoint is None:
            task, journal_offset = self._from_the_start(parts)
        else:
            task = PartitionTask(parts, checkpoint.offsets, checkpoint.steps)
            _restore(task, checkpoint.state, path)
            journal_offset = checkpoint.journal_offset
        records, first_steps = 0, task.steps
        for count, next_journal in self._replay(task, journal_offset, offsets, steps):
            records += count
            journal_offset = next_journal
            progress(records)
        self._check(task, offsets, steps)
        seconds = perf_counter() - start
        return Recovered(task, journal_offset, path, steps - first_steps, records, seconds)

    def _committed(self, parts: Parts) -> tuple[dict[str, int], int] | None:
        sources = [TopicPartition(topic, parts.partition) for topic in parts.input_topics]
        committed = self._log.committed(sources)
        found = {source.topic: entry for source, entry in committed.items() if entry is not None}
        if not found:
            return None
        steps = {topic: StepNote.parse(entry.note).steps for topic, entry in found.items()}
        if len(found) < len(sources) or len(set(steps.values())) != 1:
            raise InvariantError(
                f"partition {parts.partition}: all inputs must be committed by the same step; got "
                f"{steps or 'none'} for {sorted(parts.input_topics)}. Another program commits "
                "under this consumer group; give the app its own group."
            )
        return {topic: entry.offset for topic, entry in found.items()}, next(iter(steps.values()))

    def _fresh(self, parts: Parts, start: float) -> Recovered:
        """Begin a task that has never committed, at the first records still kept."""
        firsts = {
            topic: self._log.bounds(TopicPartition(topic, parts.partition)).first
            for topic in parts.input_topics
        }
        journal = self._log.bounds(self._journal(parts)).end
        return Recovered(PartitionTask(parts, firsts), journal, None, 0, 0, perf_counter() - start)

    def _newest_usable(
        self, partition: int, offsets: dict[str, int], steps: int
    ) -> tuple[str | None, Checkpoint | None]:
        for path, data in self._store.newest_first(partition):
            try:
                if isinstance(data, Exception):
                    raise data
                checkpoint = decode(data, path)
            except (CheckpointError, StoreUnavailableError) as error:
                _log.warning("checkpoint skipped", partition=partition, reason=str(error))
                continue
            if checkpoint.fingerprint != self._fingerprint:
                raise RecoveryError(
                    f"{path}: settings must be those that the state was made with; got others "
                    f"({checkpoint.fingerprint} then, {self._fingerprint} now). Give the app a new "
                    "name, or remove its checkpoints, committed offsets and journal."
                )
            beyond = checkpoint.steps > steps or any(
                checkpoint.offsets[topic] > offset for topic, offset in offsets.items()
            )
            if not beyond:
                return path, checkpoint
            _log.warning("checkpoint skipped", partition=partition, reason=f"{path}: uncommitted")
        return None, None

    def _from_the_start(self, parts: Parts) -> tuple[PartitionTask, int]:
        """Begin at the first step of the journal; it must still be there."""
        journal = self._journal(parts)
        first = self._log.bounds(journal).first
        entries = self._entries(journal, first)
        _, entry = next(entries, (first, None))
        if entry is None or entry.step != 0:
            raise RecoveryError(
                f"partition {parts.partition}: without a usable checkpoint the journal must begin "
                f"with step 0; got {'nothing' if entry is None else f'step {entry.step}'}. Bring "
                "back a checkpoint, or start anew under another app name."
            )
        offsets = {topic: entry.ranges[topic].first for topic in parts.input_topics}
        return PartitionTask(parts, offsets), first

    def _replay(
        self, task: PartitionTask, journal_offset: int, offsets: dict[str, int], steps: int
    ) -> Iterator[tuple[int, int]]:
        """Run committed steps again; yields records taken and the next journal offset."""
        journal = self._journal(task.parts)
        readers = {
            topic: _RangeReader(self._log.read(source, source_offset, offsets[topic]), source)
            for source, source_offset in task.offsets.items()
            for topic in [source.topic]
        }
        if task.steps == steps:
            return
        for offset, entry in self._entries(journal, journal_offset):
            if entry.step != task.steps:
                raise RecoveryError(
                    f"{journal.topic}[{journal.partition}]@{offset}: step must be {task.steps}; "
                    f"got {entry.step}. Entries are missing; keep the journal for longer than "
                    "checkpoints, or start anew under another app name."
                )
            yield _run_again(task, entry, readers), offset + 1
            if task.steps == steps:
                return

    def _entries(self, journal: TopicPartition, start: int) -> Iterator[tuple[int, JournalEntry]]:
        end = self._log.bounds(journal).end
        for batch in self._log.read(journal, start, end):
            for offset, value in zip(batch.offsets, batch.values, strict=True):
                yield offset, decode_entry(value)

    def _journal(self, parts: Parts) -> TopicPartition:
        return TopicPartition(parts.topics["journal"], parts.partition)

    @staticmethod
    def _check(task: PartitionTask, offsets: dict[str, int], steps: int) -> None:
        reached = {source.topic: offset for source, offset in task.offsets.items()}
        if reached != offsets or task.steps != steps:
            raise InvariantError(
                f"partition {task.partition}: replay must end at the committed offsets {offsets} "
                f"and step {steps}; got {reached} and {task.steps}. The task does not start."
            )


class _RangeReader:
    """Cuts a stream of batches at given offsets."""

    def __init__(self, batches: Iterator[RecordBatch], source: TopicPartition) -> None:
        self._batches = batches
        self._source = source
        self._ahead: deque[RecordBatch] = deque()

    def until(self, end: int) -> Iterator[RecordBatch]:
        """Yield the records below `end` that were not yielded yet."""
        while True:
            if not self._ahead:
                batch = next(self._batches, None)
                if batch is None:
                    return
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


def _slice(batch: RecordBatch, start: int, stop: int) -> RecordBatch:
    return RecordBatch(
        batch.source,
        batch.offsets[start:stop],
        batch.timestamps[start:stop],
        batch.keys[start:stop],
        batch.values[start:stop],
    )


def _run_again(task: PartitionTask, entry: JournalEntry, readers: dict[str, _RangeReader]) -> int:
    """Take exactly what the entry names; its outputs had been committed and are dropped."""
    count = 0
    for topic, taken in entry.ranges.items():
        for batch in readers[topic].until(taken.next):
            task.accept(batch)
            count += len(batch)
    step = task.step(dict.fromkeys(entry.ranges, False), records_max=count)
    got = {} if step is None else step.entry.ranges
    if not _reaches(got, entry.ranges):
        raise InvariantError(
            f"partition {task.partition}, step {entry.step}: replay must take {entry.ranges}; got "
            f"{got}. The input topics no longer hold what was read; the task does not start."
        )
    return count


def _reaches(got: dict[str, Range], wanted: dict[str, Range]) -> bool:
    """Compare ranges by their ends; a gap of transaction markers may stand before one."""
    return got.keys() == wanted.keys() and all(
        got[topic].next == piece.next for topic, piece in wanted.items()
    )


def _restore(task: PartitionTask, state: State, path: str | None) -> None:
    try:
        task.restore(state)
    except KeyError as error:
        raise CheckpointError(
            f"{path}: state must hold {error}; it does not. Run the version that wrote it."
        ) from error
    except SnapshotRefusedError as error:
        raise RecoveryError(
            f"{path}: the model's state must be signed with DRIFTGATE_SNAPSHOT_KEY; {error}"
        ) from error
