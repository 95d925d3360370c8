"""How a partition's position is changed from outside of a worker, so that a crash harms nothing.

1. Remove the checkpoints of the new life: an earlier attempt left them, for it has not begun.
2. Write the checkpoint that the new life begins with, if it begins with a state.
3. Commit the journal entry with which it begins, and the group's positions, in one transaction.
4. Remove the checkpoints of the lives before.

Before 3 has happened a worker recovers the old life, since checkpoints of another one are passed
over; afterwards, the new one.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from stream.checkpoint.format import Checkpoint
from stream.checkpoint.store import CheckpointStore
from stream.errors import InvariantError, OvertakenError
from stream.journal import JournalEntry, StepNote, encode_entry
from stream.log.base import Committed, GroupAdmin, Log, OutputBatch, TopicPartition
from stream.recovery.inventory import Inventory
from stream.recovery.position import last_entry


@dataclass(frozen=True, slots=True)
class Change:
    """What is to be done to one partition.

    Parameters
    ----------
    before, after
        Positions by input topic; None for one that is not known.
    life
        Life that the partition will be in.
    model
        What becomes of the model, in words.
    committed
        Positions and notes to be committed.
    follows
        What is committed now.
    outputs
        The entry that begins a life, if one begins.
    checkpoint
        The state that it begins with, if it does.
    strays
        Checkpoints to be removed before, which an earlier attempt left.
    obsolete
        Checkpoints to be removed afterwards.
    """

    partition: int
    before: dict[str, int | None]
    after: dict[str, int]
    life: str
    model: str
    committed: dict[TopicPartition, Committed]
    follows: dict[TopicPartition, Committed | None]
    outputs: list[OutputBatch]
    checkpoint: Checkpoint | None
    strays: list[str]
    obsolete: list[str]


def new_life(
    inventory: Inventory,
    positions: dict[str, int],
    entry: JournalEntry,
    checkpoint: Checkpoint | None,
    model: str,
) -> Change:
    """Plan a life that begins with this entry at these positions."""
    value = encode_entry(entry)
    now_ms = round(1000 * time.time())
    return Change(
        partition=inventory.partition,
        before=inventory.positions,
        after=positions,
        life=entry.life,
        model=model,
        committed=noted(inventory, positions, entry.step + 1, entry.life),
        follows=inventory.committed,
        outputs=[OutputBatch(inventory.journal, [now_ms], [None], [value])],
        checkpoint=checkpoint,
        strays=[path for path, found in inventory.checkpoints if found.life == entry.life],
        obsolete=inventory.paths,
    )


def noted(
    inventory: Inventory, positions: dict[str, int], steps: int, life: str
) -> dict[TopicPartition, Committed]:
    """Give positions the notes that a worker keeps beside them."""
    return {
        source: Committed(
            positions[source.topic], str(StepNote(steps, life, inventory.topic_ids[source.topic]))
        )
        for source in inventory.inputs
    }


def carry_out(
    changes: Sequence[Change], log: Log, group: GroupAdmin, store: CheckpointStore
) -> None:
    """Do it, for all partitions in one transaction.

    Raises
    ------
    OvertakenError
        A worker committed at the same time, and its life of the log goes on.
    """
    for change in changes:
        store.remove(change.strays)
        if change.checkpoint is not None:
            store.write(change.checkpoint)
    group.set_positions(
        [output for change in changes for output in change.outputs],
        {source: at for change in changes for source, at in change.committed.items()},
        {source: at for change in changes for source, at in change.follows.items()},
    )
    for change in changes:
        _refuse_if_overtaken(change, log)
    for change in changes:
        store.remove(change.obsolete)


def _refuse_if_overtaken(change: Change, log: Log) -> None:
    """See that the life goes on: a worker may have had a commit under way."""
    lives = {_life_of(at) for at in log.committed(change.committed).values()}
    for output in change.outputs:
        last = last_entry(log, output.target)
        lives.add(last.life if last is not None else None)
    if lives != {change.life}:
        raise OvertakenError(
            f"partition {change.partition}: life {change.life} must go on; {lives} is committed, "
            "for a worker committed at the same moment. No checkpoint was removed. Stop that "
            "worker, and run the command again."
        )


def _life_of(at: Committed | None) -> str | None:
    try:
        return StepNote.parse(at.note).life if at is not None else None
    except InvariantError:
        return None  # another program's
