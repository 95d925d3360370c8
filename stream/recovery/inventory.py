"""All that is kept of a partition, whether it fits together or not.

A restoration (`stream.recovery.position`) refuses what does not fit. The commands that mend it
begin here.
"""

from __future__ import annotations

from dataclasses import dataclass

import structlog

from stream.checkpoint.format import Checkpoint, decode
from stream.checkpoint.store import CheckpointStore, Stored
from stream.config.pipeline import Config
from stream.errors import CheckpointError, DriftgateError, InvariantError
from stream.journal import JournalEntry, StepNote
from stream.log.base import Committed, Log, TopicPartition
from stream.recovery.life import Life, same_life
from stream.recovery.position import last_entry
from stream.topology import input_topics

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Inventory:
    """What log and store hold of one partition.

    Parameters
    ----------
    inputs, journal
        Its partition of each input topic, and of the journal.
    topic_ids
        Of these topics, by name.
    committed
        What the group has committed; None where there is nothing.
    notes
        Those of them that this program wrote.
    last
        Last entry of the journal.
    journal_end
        Where the next entry will stand, or before it.
    stored
        All checkpoints, by their names.
    checkpoints
        Those that are whole, and of this app and partition, the newest first.
    unreadable
        Addresses of those that the store does not give out; they may be whole or not.
    """

    partition: int
    inputs: tuple[TopicPartition, ...]
    journal: TopicPartition
    topic_ids: dict[str, str]
    committed: dict[TopicPartition, Committed | None]
    notes: dict[TopicPartition, StepNote]
    last: JournalEntry | None
    journal_end: int
    stored: list[Stored]
    checkpoints: list[tuple[str, Checkpoint]]
    unreadable: list[str]

    @property
    def life(self) -> str:
        """Name of the life that the journal ends in, or else of that of the committed offsets."""
        if self.last is not None:
            return self.last.life
        return next((note.life for note in self.notes.values()), "")

    @property
    def next_life(self) -> str:
        """Name of the life that begins with the next entry."""
        return str(Life.of(self.journal_end, self.topic_ids))

    @property
    def steps(self) -> int:
        """A number of steps that nothing here goes beyond."""
        known = [note.steps for note in self.notes.values()]
        known += [self.last.step + 1] if self.last is not None else []
        known += [checkpoint.steps for _, checkpoint in self.checkpoints]
        return max([*known, *(each.steps for each in self.stored)], default=0)

    @property
    def paths(self) -> list[str]:
        """Addresses of all checkpoints."""
        return [each.path for each in self.stored]

    @property
    def positions(self) -> dict[str, int | None]:
        """By input topic, where the group stands, or else where the journal ends."""
        taken = self.last.ranges if self.last is not None else {}
        by_journal = {topic: piece.next for topic, piece in taken.items()}
        return {
            source.topic: at.offset if at is not None else by_journal.get(source.topic)
            for source, at in self.committed.items()
        }

    def of_life(self, life: str) -> list[tuple[str, Checkpoint]]:
        """Checkpoints of one life, the newest first."""
        return [found for found in self.checkpoints if same_life(found[1].life, life)]


def take_inventory(config: Config, log: Log, store: CheckpointStore, partition: int) -> Inventory:
    """Look at all that is kept of a partition.

    Raises
    ------
    InvariantError
        The journal holds something that is no entry.
    TopicMissingError, LogUnavailableError, StoreUnavailableError
    """
    inputs = tuple(TopicPartition(topic, partition) for topic in input_topics(config))
    journal = TopicPartition(str(config.topics.journal), partition)
    committed = log.committed(inputs)
    checkpoints, unreadable = _checkpoints(config.app, store, partition)
    return Inventory(
        partition=partition,
        inputs=inputs,
        journal=journal,
        topic_ids=log.topic_ids([source.topic for source in (*inputs, journal)]),
        committed=committed,
        notes=_notes(committed),
        last=last_entry(log, journal),
        journal_end=log.bounds(journal).end,
        stored=store.listed(partition),
        checkpoints=checkpoints,
        unreadable=unreadable,
    )


def _notes(committed: dict[TopicPartition, Committed | None]) -> dict[TopicPartition, StepNote]:
    notes = {}
    for source, at in committed.items():
        try:
            if at is not None:
                notes[source] = StepNote.parse(at.note)
        except InvariantError:
            continue  # another program's
    return notes


def _checkpoints(
    app: str, store: CheckpointStore, partition: int
) -> tuple[list[tuple[str, Checkpoint]], list[str]]:
    """Read those that can be read; names the others, as restoring passes over them, too."""
    found, unreadable = [], []
    for path, data in store.newest_first(partition):
        if isinstance(data, DriftgateError):
            unreadable.append(path)
            _log.warning("checkpoint passed over", path=path, reason=str(data))
            continue
        try:
            checkpoint = decode(data, path)
        except CheckpointError:
            continue
        if (checkpoint.app, checkpoint.partition) == (app, partition):
            found.append((path, checkpoint))
    return found, unreadable
