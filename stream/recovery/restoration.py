"""Restoration: the newest usable checkpoint, then the log again up to what had been committed.

1. Find out where the task has to arrive (`stream.recovery.position`).
2. Take the newest checkpoint that is whole, of this app, partition and life, made under settings
   that can be continued, and not beyond that place; else the one before; else none.
3. Replay, step by step along the journal, with outputs suppressed.
4. The task now stands exactly at the committed offsets, bit for bit as it was, or it does not
   start.

It goes in slices, so that the worker can poll, step its other tasks and obey signals between them.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import dataclass

from operators.snapshot import SnapshotRefusedError, State
from stream.checkpoint.format import Checkpoint
from stream.checkpoint.reads import StoreReads
from stream.checkpoint.store import CheckpointStore
from stream.clock import Clock
from stream.errors import (
    CheckpointError,
    RecoveryError,
    TopicMissingError,
)
from stream.journal import JournalEntry
from stream.log.base import Committed, Identity, Log, TopicPartition
from stream.recovery.choice import CheckpointChoice
from stream.recovery.life import Life, same_life
from stream.recovery.position import BESIDE, Position, entries_from, finding_position, go_on
from stream.recovery.replay import RangeReader, reached, run_again
from stream.recovery.settings import Builds, before
from stream.task import PartitionTask
from stream.topology import OUTPUT_ROLES, Parts


@dataclass(frozen=True, slots=True)
class Restored:
    """A task that stands where the log says, and how it got there.

    Parameters
    ----------
    identity
        As whom the committed offsets were read.
    topic_ids
        Of the topics, by name.
    settings
        Settings in force in its state; others than today's have yet to be changed by a step.
    checkpoint
        Address of the checkpoint taken; None for none.
    checkpointed_steps
        Steps of that checkpoint; -1 for none.
    """

    task: PartitionTask
    journal_offset: int
    committed: dict[TopicPartition, Committed | None]
    identity: Identity
    topic_ids: dict[str, str]
    settings: str
    checkpoint: str | None
    checkpointed_steps: int
    replayed_steps: int
    replayed_records: int
    seconds: float


class Restoration:
    """Brings one partition's task to its committed offsets, a slice at a time.

    Parameters
    ----------
    log
        Read only.
    store, reads
        Where checkpoints are, and how it is asked.
    builds
        Makes the parts of a task in their first state.
    app, partition
        Whose task.
    clock
        Of the time that it takes.
    attempts
        How often it was tried before.
    """

    def __init__(
        self,
        log: Log,
        store: CheckpointStore,
        reads: StoreReads,
        builds: Builds,
        app: str,
        partition: int,
        clock: Clock,
        attempts: int = 0,
    ) -> None:
        self._log = log
        self._builds = builds
        self._choice = CheckpointChoice(store, reads, builds, app, partition, clock, attempts)
        self._partition = partition
        self._clock = clock
        self._began = clock.monotonic()
        self._settings = builds.settings
        self._checkpoint: str | None = None
        self.checkpointed_steps = -1
        self.checkpointed_at = self._began
        self.task: PartitionTask | None = None
        """The task as far as it has come; it stands between two steps whenever a slice ends."""
        self.journal_offset = 0
        self.replayed_records = 0
        self._target_steps = 0
        self._work = self._restore()

    @property
    def settings(self) -> str:
        """Settings in force in the state as far as it has come."""
        return self._settings

    @property
    def steps_left(self) -> int:
        """Committed steps that have yet to be run again, once that is known."""
        return self._target_steps - self.task.steps if self.task is not None else 0

    def advance(self, until: float) -> Restored | None:
        """Work until this moment of the clock, a step at least; the restored task at the end.

        Raises
        ------
        RecoveryError
            The log no longer holds the records or journal entries that are needed.
        InvariantError
            What was replayed does not end at the committed offsets.
        LogUnavailableError, StoreUnavailableError
            Begin anew later.
        """
        while True:
            try:
                next(self._work)
            except StopIteration as end:
                restored: Restored = end.value
                return restored
            if self._clock.monotonic() >= until:
                return None

    def close(self) -> None:
        """Let go of what is read."""
        self._work.close()

    # The work, which yields between two steps or while it waits.

    def _restore(self) -> Generator[None, None, Restored]:
        identity = self._log.identity
        parts = self._builds.parts(self._partition)
        yield
        self._refuse_missing_partitions(parts)
        yield
        journal = TopicPartition(parts.topics["journal"], self._partition)
        position = yield from finding_position(
            self._log, self._partition, parts.input_topics, journal.topic
        )
        yield
        yield from self._refuse_open_outputs(parts)
        yield from self._begin(parts, position, journal)
        assert self.task is not None
        first_steps = self.task.steps
        self._target_steps = position.steps
        yield from self._replay(position, journal)
        reached(self.task, position.offsets, position.steps)
        yield from self._choice.remove_ended()
        # What is committed still lies behind them: they were not made by a member that works on.
        if (
            self._choice.found_beyond
            and self._log.committed(position.committed) == position.committed
        ):
            yield from self._choice.remove_beyond()
        return Restored(
            task=self.task,
            journal_offset=self.journal_offset,
            committed=position.committed,
            identity=identity,
            topic_ids=position.topic_ids,
            settings=self._settings,
            checkpoint=self._checkpoint,
            checkpointed_steps=self.checkpointed_steps,
            replayed_steps=position.steps - first_steps,
            replayed_records=self.replayed_records,
            seconds=self._clock.monotonic() - self._began,
        )

    def _refuse_missing_partitions(self, parts: Parts) -> None:
        """Refuse a partition that was added to some of the topics only."""
        outputs = [parts.topics[role] for role in OUTPUT_ROLES]
        counts = self._log.partition_counts((*parts.input_topics, *outputs))
        lacking = sorted(topic for topic, count in counts.items() if count <= self._partition)
        if lacking:
            raise TopicMissingError(
                f"partition {self._partition}: all topics of the pipeline must have it; "
                f"{', '.join(lacking)} has not. `driftgate topics create CONFIG` adds it."
            )

    def _refuse_open_outputs(self, parts: Parts) -> Generator[None, None, None]:
        """Refuse to write behind a transaction that is open on an output.

        Where one of this worker's own hangs, what it writes next would join it, and a commit would
        show what had been aborted. (That of the journal has been looked at for the position.)

        Raises
        ------
        LogUnsettledError
        """
        for role in OUTPUT_ROLES:
            if role != "journal":
                self._log.bounds(TopicPartition(parts.topics[role], self._partition))
                yield

    def _begin(
        self, parts: Parts, position: Position, journal: TopicPartition
    ) -> Generator[None, None, None]:
        """Set up the task as its checkpoint has it, or in its first state."""
        found = yield from self._choice.newest_usable(position)
        if found is not None:
            path, checkpoint = found
            self._take_over(path, checkpoint, position.life)
        elif position.steps == 0:
            yield from self._choice.refuse_left_overs()
            self.journal_offset = self._log.bounds(journal).end
            self.task = PartitionTask(parts, position.offsets, 0, position.life, self._settings)
        else:
            yield from self._begin_at_the_first_step(position, journal)

    def _take_over(self, path: str, checkpoint: Checkpoint, life: str) -> None:
        self._settings = checkpoint.settings
        parts = self._builds.parts(self._partition, checkpoint.settings)
        self.task = PartitionTask(parts, checkpoint.offsets, checkpoint.steps, life)
        _restore_state(self.task, checkpoint.state, path)
        self.journal_offset = checkpoint.journal_offset
        self._checkpoint, self.checkpointed_steps = path, checkpoint.steps

    def _begin_at_the_first_step(
        self, position: Position, journal: TopicPartition
    ) -> Generator[None, None, None]:
        """Begin where this life's journal begins; all of it must still be there."""
        bounds = self._log.bounds(journal)
        life = Life.parse(position.life)
        begin = max(bounds.first, life.begin if life is not None else 0)
        entries = entries_from(self._log, journal, begin, bounds.end)
        _, entry = next(entries, (begin, None))
        if entry is None or entry.step != 0 or entry.begins:
            raise RecoveryError(
                f"partition {self._partition}: without a usable checkpoint the journal must begin "
                f"with step 0; got {_described(entry)}. Bring back a checkpoint, or learn anew "
                f"with `driftgate rebuild CONFIG --partition {self._partition}`; `driftgate reset "
                f"CONFIG --partition {self._partition} --to committed`{BESIDE} goes on at the "
                "committed offsets with a new model."
            )
        inputs = self._builds.parts(self._partition).input_topics
        offsets = {topic: entry.ranges[topic].first for topic in inputs}
        self._settings = yield from self._first_settings(entry, entries)
        parts = self._builds.parts(self._partition, self._settings)
        self.task = PartitionTask(parts, offsets, 0, position.life, self._settings)
        self.journal_offset = begin

    def _first_settings(
        self, entry: JournalEntry, later: Iterator[tuple[int, JournalEntry]]
    ) -> Generator[None, None, str]:
        """Find the settings of the first step.

        A version that kept none had those that the first entry with settings has, which the version
        after it wrote at once; today's may be others by now.
        """
        if entry.life:
            return entry.settings if entry.settings is not None else self._builds.settings
        for _, each in later:
            if each.settings is not None:
                return before(each.settings)
            yield
        return ""

    def _replay(self, position: Position, journal: TopicPartition) -> Generator[None, None, None]:
        """Run committed steps again, along the journal."""
        assert self.task is not None
        if self.task.steps == position.steps:
            return
        end = self._log.bounds(journal).end
        readers = {
            source.topic: RangeReader(self._log.read(source, at, position.offsets[source.topic]))
            for source, at in self.task.offsets.items()
        }
        for offset, entry in entries_from(self._log, journal, self.journal_offset, end):
            if entry.begins and entry.step < self.task.steps:
                continue  # the entry with which a life begins that has a checkpoint of its own
            if entry.step != self.task.steps or not same_life(entry.life, position.life):
                raise RecoveryError(
                    f"{journal.topic}[{journal.partition}]@{offset}: step must be "
                    f"{self.task.steps} of life {position.life}; got {entry.step} of "
                    f"{entry.life or 'unknown'}. Entries are missing; keep the journal for longer "
                    f"than checkpoints. {go_on(self._partition)} `driftgate rebuild CONFIG` learns "
                    "the model anew."
                )
            yield from self._take(entry, readers)
            self.journal_offset = offset + 1
            yield
            if self.task.steps == position.steps:
                return

    def _take(
        self, entry: JournalEntry, readers: dict[str, RangeReader]
    ) -> Generator[None, None, None]:
        assert self.task is not None
        if entry.settings is not None and all(r.first == r.next for r in entry.ranges.values()):
            self.task.settings_step(entry.settings)
            if entry.settings != self._settings:
                self.task = self._builds.change(self.task, self._settings, entry.settings)
                self._settings = entry.settings
            return
        for count in run_again(self.task, entry, readers):
            if count is None:
                yield
            else:
                self.replayed_records += count


def _described(entry: JournalEntry | None) -> str:
    if entry is None:
        return "nothing"
    return f"step {entry.step}" + (", which begins with a model made elsewhere" * entry.begins)


def _restore_state(task: PartitionTask, state: State, path: str) -> None:
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
