"""Where a partition's task has to arrive: the committed offsets, step number and life.

The group's committed offsets, their notes and the journal's last entry were written by the same
transactions, so they must tell the same. Where the offsets are gone (a group without members loses
them after `offsets.retention.minutes`), the journal alone still has them. Where two of them differ,
or nothing is left but checkpoints, the partition does not start.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass

import structlog

from stream.errors import InvariantError, LogUnsettledError, RecoveryError
from stream.journal import JournalEntry, StepNote, decode_entry
from stream.log.base import Committed, Log, TopicPartition
from stream.recovery.life import Life, same_life, topics_digest

_log = structlog.get_logger(__name__)
BESIDE = " (`--force` while a worker has the partition)"
_TAIL = 64  # offsets looked at for the journal's last entry, doubled until one is found


@dataclass(frozen=True, slots=True)
class Position:
    """Where a task has to arrive.

    Parameters
    ----------
    offsets
        By input topic, the offset of the first record that no committed step has taken.
    steps
        The number of steps committed.
    life
        The life of the log that they belong to.
    committed
        What the group's committed offsets are, as they were read; None where there is none.
    topic_ids
        Of the input topics and the journal, by name.
    """

    offsets: dict[str, int]
    steps: int
    life: str
    committed: dict[TopicPartition, Committed | None]
    topic_ids: dict[str, str]


def find_position(log: Log, partition: int, inputs: tuple[str, ...], journal: str) -> Position:
    """Do the whole of `finding_position`."""
    finding = finding_position(log, partition, inputs, journal)
    while True:
        try:
            next(finding)
        except StopIteration as end:
            position: Position = end.value
            return position


def finding_position(
    log: Log, partition: int, inputs: tuple[str, ...], journal: str
) -> Generator[None, None, Position]:
    """Find out where a partition stands; steps 0 and the first offsets kept where it never began.

    Yields between its requests, so that the worker can poll meanwhile.

    Raises
    ------
    RecoveryError
        What is kept is of another life of the log, the inputs no longer hold what comes next, or
        committed offsets and journal do not tell the same. An operator can mend each of these
        while the worker runs, so it tries again.
    InvariantError
        The journal holds something else.
    LogUnsettledError
        They were changed while they were read.
    """
    ids = log.topic_ids((*inputs, journal))
    yield
    sources = [TopicPartition(topic, partition) for topic in inputs]
    committed = log.committed(sources)
    yield
    tail = last_entry(log, TopicPartition(journal, partition))
    yield
    if log.committed(sources) != committed:
        raise LogUnsettledError(
            f"partition {partition}: committed offsets and journal must be read in one state; "
            "another member has committed between the two. They are read again."
        )
    yield
    found = {source: entry for source, entry in committed.items() if entry is not None}
    if tail is not None and tail.ranges.keys() != set(inputs):
        raise RecoveryError(
            f"partition {partition}: inputs must be those that the state was made with, "
            f"{', '.join(sorted(tail.ranges))}; got {', '.join(inputs)}. Go back to them, or "
            f"{begin_anew(partition)}"
        )
    if len(found) == len(sources):
        position = _from_offsets(committed, ids, partition, tail)
    elif tail is not None:
        position = _from_journal(committed, ids, partition, tail)
    elif not found:
        position = _beginning(log, committed, ids, partition, journal)
    else:
        missing = sorted(source.topic for source in sources if source not in found)
        raise RecoveryError(
            f"partition {partition}: all inputs must have a committed offset, or none; "
            f"{', '.join(missing)} has none, and the journal is empty. {begin_anew(partition)}"
        )
    yield
    _refuse_trimmed(log, position, partition)
    return position


def last_entry(log: Log, journal: TopicPartition) -> JournalEntry | None:
    """Read the last entry of a partition's journal."""
    bounds, span = log.bounds(journal), _TAIL
    while True:
        start = max(bounds.first, bounds.end - span)
        entries = [entry for _, entry in entries_from(log, journal, start, bounds.end)]
        if entries or start == bounds.first:
            return entries[-1] if entries else None
        span *= 2


def entries_from(
    log: Log, journal: TopicPartition, start: int, end: int
) -> Iterator[tuple[int, JournalEntry]]:
    """Yield offset and entry of a range of the journal."""
    for batch in log.read(journal, start, end):
        for offset, value in zip(batch.offsets, batch.values, strict=True):
            yield offset, decode_entry(value)


def _from_offsets(
    committed: dict[TopicPartition, Committed | None],
    ids: dict[str, str],
    partition: int,
    tail: JournalEntry | None,
) -> Position:
    found = {source: entry for source, entry in committed.items() if entry is not None}
    notes = {source: _note(entry, partition) for source, entry in found.items()}
    for source, note in notes.items():
        if note.topic and ids[source.topic] and note.topic != ids[source.topic]:
            raise RecoveryError(
                f"partition {partition}: topic `{source.topic}` must be the one that offset "
                f"{found[source].offset} was committed for; it was made anew since "
                f"({note.topic} then, {ids[source.topic]} now). {begin_anew(partition)}"
            )
    if len({(note.steps, note.life) for note in notes.values()}) != 1:
        steps = {source.topic: note.steps for source, note in notes.items()}
        raise RecoveryError(
            f"partition {partition}: all inputs must be committed by the same step; got {steps}. "
            "Another program commits under this consumer group: give the app its own group, then "
            f"`driftgate reset CONFIG --partition {partition} --to journal`{BESIDE}."
        )
    note = next(iter(notes.values()))
    life = note.life or str(Life(0, topics_digest(ids)))
    inputs_stand = all(note.topic and note.topic == ids[s.topic] for s, note in notes.items())
    _refuse_other_topics(life, ids, partition, inputs_stand=inputs_stand)
    if tail is not None and (tail.step + 1 != note.steps or not same_life(tail.life, note.life)):
        raise RecoveryError(
            f"partition {partition}: committed offsets and journal must tell the same, for they "
            f"are written together; the offsets are those of step {note.steps} of life "
            f"{life}, the journal ends at step {tail.step + 1} of life {tail.life or 'unknown'}. "
            f"One of them was changed: `driftgate reset CONFIG --partition {partition} --to "
            f"journal`{BESIDE} goes by the journal."
        )
    offsets = {source.topic: entry.offset for source, entry in found.items()}
    return Position(offsets, note.steps, life, committed, ids)


def _note(entry: Committed, partition: int) -> StepNote:
    try:
        return StepNote.parse(entry.note)
    except InvariantError as error:
        words = str(error).removesuffix(".")
        raise RecoveryError(f"partition {partition}: {words}{BESIDE}.") from error


def _from_journal(
    committed: dict[TopicPartition, Committed | None],
    ids: dict[str, str],
    partition: int,
    tail: JournalEntry,
) -> Position:
    life = tail.life or str(Life(0, topics_digest(ids)))
    _refuse_other_topics(life, ids, partition, inputs_stand=False)
    _log.warning(
        "committed offsets gone; taken from the journal",
        partition=partition,
        step=tail.step + 1,
        offsets={topic: taken.next for topic, taken in tail.ranges.items()},
    )
    offsets = {topic: taken.next for topic, taken in tail.ranges.items()}
    return Position(offsets, tail.step + 1, life, committed, ids)


def _beginning(
    log: Log,
    committed: dict[TopicPartition, Committed | None],
    ids: dict[str, str],
    partition: int,
    journal: str,
) -> Position:
    firsts = {source.topic: log.first(source) for source in committed}
    begin = log.bounds(TopicPartition(journal, partition)).end
    return Position(firsts, 0, str(Life.of(begin, ids)), committed, ids)


def _refuse_other_topics(
    life: str, ids: Mapping[str, str], partition: int, *, inputs_stand: bool
) -> None:
    known = Life.parse(life)
    if known is None or known.may_be_on(ids):
        return
    if inputs_stand:
        raise RecoveryError(
            f"partition {partition}: the journal must be the one that its position belongs to; it "
            f"alone was deleted and made anew since (life {life}). {go_on(partition)}"
        )
    raise RecoveryError(
        f"partition {partition}: topics must be those that its position belongs to; one of "
        f"{', '.join(sorted(ids))} was deleted and made anew since (life {life}). "
        f"{begin_anew(partition)}"
    )


def _refuse_trimmed(log: Log, position: Position, partition: int) -> None:
    for topic, offset in position.offsets.items():
        source = TopicPartition(topic, partition)
        first = log.first(source)
        if offset < first:
            raise RecoveryError(
                f"{topic}[{partition}]@{offset}: records must be kept from there on; the first "
                f"kept is {first}, so {first - offset} were removed unread. Keep records longer; "
                f"`driftgate reset CONFIG --partition {partition} --to earliest "
                f"--keep-model`{BESIDE} goes on without them."
            )
        try:
            end = log.bounds(source).end
        except LogUnsettledError:
            continue  # a producer's transaction is open, and what it wrote lies beyond
        if offset > end:
            raise RecoveryError(
                f"{topic}[{partition}]@{offset}: the position must not lie beyond the end, {end}; "
                f"the topic lost records or was made anew. {begin_anew(partition)}"
            )


def begin_anew(partition: int) -> str:
    """Name the command that begins anew where nothing can go on."""
    return (
        f"`driftgate reset CONFIG --partition {partition} --to earliest`{BESIDE} begins anew; it "
        "shows first what it will do."
    )


def go_on(partition: int) -> str:
    """Name the command that goes on at the committed offsets."""
    return (
        f"`driftgate reset CONFIG --partition {partition} --to committed --keep-model`{BESIDE} "
        "goes on at the committed offsets with the newest checkpoint's model."
    )
