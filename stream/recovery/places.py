"""Places that a partition can go back to without a loss: the journal's end, the committed offsets.

Each holds only where offsets still mean what they meant: in the topics that there were, and among
the records that are kept. What is refused here names the command that goes on all the same.
"""

from __future__ import annotations

from stream.errors import LogUnsettledError, SetupError
from stream.log.base import Log, TopicPartition
from stream.recovery.inventory import Inventory
from stream.recovery.life import Life, same_life


def journal_positions(inventory: Inventory, log: Log) -> dict[str, int]:
    """Positions with which the journal ends, where they still mean what they meant.

    Raises
    ------
    SetupError
    """
    where, last = f"partition {inventory.partition}", inventory.last
    inputs = [source.topic for source in inventory.inputs]
    if last is None or set(last.ranges) != set(inputs):
        found = sorted(last.ranges) if last is not None else "nothing"
        raise SetupError(
            f"{where}: the journal must name {inputs}; it names {found}. {_instead(inventory, log)}"
        )
    life = Life.parse(last.life)
    if life is not None and not life.may_be_on(inventory.topic_ids):
        raise SetupError(
            f"{where}: the journal's positions must be of the topics there are now; "
            f"{_made_anew(inventory)} was deleted and made anew since. {_instead(inventory, log)}"
        )
    positions = {source: last.ranges[source.topic].next for source in inventory.inputs}
    return _kept(positions, log, "the journal's position")


def committed_positions(inventory: Inventory, log: Log) -> dict[str, int]:
    """Positions that a worker has committed, where they still mean what they meant.

    Raises
    ------
    SetupError
    """
    positions = {}
    for source, at in inventory.committed.items():
        where, note = f"{source.topic}[{source.partition}]", inventory.notes.get(source)
        if at is None or note is None:
            found = "none" if at is None else f"{at.offset}, of another program"
            raise SetupError(
                f"{where}: the group must have an offset that a worker committed; got {found}. "
                "`--to journal` goes by the journal; `--to earliest` begins anew."
            )
        now = inventory.topic_ids[source.topic]
        if note.topic and now and note.topic != now:
            raise SetupError(
                f"{where}: offset {at.offset} must be of the topic that there is now; it was "
                f"deleted and made anew since ({note.topic} then, {now} now). `--to earliest` "
                "begins anew."
            )
        positions[source] = at.offset
    steps = {source.topic: inventory.notes[source].steps for source in positions}
    if len(set(steps.values())) > 1:
        raise SetupError(
            f"partition {inventory.partition}: all inputs must be committed by the same step; got "
            f"{steps}. `--to journal` goes by the journal."
        )
    return _kept(positions, log, "the committed offset")


def unlike_journal(inventory: Inventory) -> str:
    """Say that the journal ends elsewhere than the committed offsets; nothing where it does not."""
    last, note = inventory.last, next(iter(inventory.notes.values()))
    if last is None or (last.step + 1 == note.steps and same_life(last.life, note.life)):
        return ""
    return (
        f"; the offsets are those of step {note.steps} of life {note.life}, though the journal "
        f"ends at step {last.step + 1} of life {last.life}: what one of them has and the "
        "other has not may be predicted twice, or not at all"
    )


def _kept(positions: dict[TopicPartition, int], log: Log, what: str) -> dict[str, int]:
    for source, at in positions.items():
        first, end = log.first(source), _end(source, at, log)
        if not first <= at <= end:
            raise SetupError(
                f"{source.topic}[{source.partition}]: {what}, {at}, must be one that is kept, "
                f"{first} to {end}. `--to earliest --keep-model` goes on with what is kept."
            )
    return {source.topic: at for source, at in positions.items()}


def _end(source: TopicPartition, at: int, log: Log) -> int:
    try:
        return log.bounds(source).end
    except LogUnsettledError:
        return at  # a producer's transaction is open, and what it wrote lies beyond


def _instead(inventory: Inventory, log: Log) -> str:
    try:
        committed_positions(inventory, log)
    except SetupError:
        return f"`--to earliest` begins anew with partition {inventory.partition}."
    return (
        "The group's committed offsets still hold: `--to committed --keep-model` goes on there "
        f"with partition {inventory.partition}."
    )


def _made_anew(inventory: Inventory) -> str:
    """Name the topic that is not the one of before, as far as can be told.

    A log forgets the positions in a topic that is deleted.
    """
    others = [
        source.topic
        for source, note in inventory.notes.items()
        if note.topic and note.topic != inventory.topic_ids[source.topic]
    ]
    gone = [source.topic for source, at in inventory.committed.items() if at is None]
    journal = inventory.journal.topic
    known = [source for source, note in inventory.notes.items() if note.topic]
    if not others and len(known) == len(inventory.inputs):
        return f"`{journal}`"
    names = others or gone or sorted(inventory.topic_ids)
    return "one of " * (len(names) > 1) + ", ".join(f"`{name}`" for name in names)
