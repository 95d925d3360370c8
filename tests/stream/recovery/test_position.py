"""Covers stream.recovery.position: where a task has to arrive, and what is refused.

The log is a dictionary; the same on a real log, with the worker around it, is in
tests/replay/test_lives.py.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import pytest

from stream.errors import LogUnsettledError, RecoveryError
from stream.journal import JournalEntry, Range, StepNote, encode_entry
from stream.log.base import Bounds, Committed, RecordBatch, TopicPartition
from stream.recovery.life import Life, topics_digest
from stream.recovery.position import Position, find_position, finding_position, last_entry

EVENTS, LABELS, JOURNAL = (TopicPartition(topic, 3) for topic in ("e", "l", "j"))
IDS = {"e": "id-e", "l": "id-l", "j": "id-j"}
LIFE = str(Life(0, topics_digest(IDS)))


@dataclass
class FakeLog:
    """Two inputs with offsets 10 .. 99, and a journal."""

    positions: dict[TopicPartition, Committed | None]
    entries: dict[int, JournalEntry] = field(default_factory=dict)
    journal: Bounds = field(default_factory=lambda: Bounds(0, 0))
    ids: dict[str, str] = field(default_factory=lambda: dict(IDS))
    unsettled: bool = False
    first_kept: int = 10
    reads: int = 0
    moves: bool = False

    def topic_ids(self, topics: Iterable[str]) -> dict[str, str]:
        return {topic: self.ids[topic] for topic in topics}

    def committed(
        self, sources: Iterable[TopicPartition]
    ) -> dict[TopicPartition, Committed | None]:
        found = {source: self.positions[source] for source in sources}
        if self.moves:
            self.positions = dict.fromkeys(self.positions, Committed(50, note(steps=9)))
        return found

    def first(self, source: TopicPartition) -> int:
        return self.first_kept

    def bounds(self, source: TopicPartition) -> Bounds:
        if source == JOURNAL:
            return self.journal
        if self.unsettled:
            raise LogUnsettledError("a transaction is open")
        return Bounds(self.first_kept, 100)

    def read(self, source: TopicPartition, start: int, end: int) -> Iterator[RecordBatch]:
        self.reads += 1
        assert self.reads < 50, "the journal must not be read for ever"
        for offset, entry in sorted(self.entries.items()):
            if start <= offset < end:
                yield RecordBatch(source, [offset], [0], [None], [encode_entry(entry)])


def entry(step: int = 7, life: str = LIFE, events: int = 40, labels: int = 30) -> JournalEntry:
    return JournalEntry(step, {"e": Range(20, events), "l": Range(20, labels)}, life)


def note(steps: int = 8, life: str = LIFE, topic: str = "") -> str:
    return str(StepNote(steps, life, topic))


EVENTS_AT = Committed(40, note(topic="id-e"))
LABELS_AT = Committed(30, note(topic="id-l"))
TAIL = entry()


def log(
    events: Committed | None = EVENTS_AT,
    labels: Committed | None = LABELS_AT,
    tail: JournalEntry | None = TAIL,
) -> FakeLog:
    entries = {} if tail is None else {80: tail}
    return FakeLog({EVENTS: events, LABELS: labels}, entries, Bounds(0, 82))


def find(log: FakeLog) -> Position:
    return find_position(log, 3, ("e", "l"), "j")  # type: ignore[arg-type]


def test_offsets_notes_and_journal_tell_the_same() -> None:
    there = log()
    assert find(there) == Position({"e": 40, "l": 30}, 8, LIFE, there.positions, IDS)


def test_a_commit_between_the_two_reads_is_no_contradiction() -> None:
    there = log()
    there.moves = True
    with pytest.raises(LogUnsettledError, match="another member has committed between the two"):
        find(there)


def test_the_worker_can_poll_between_any_two_requests() -> None:
    there = log()
    finding = finding_position(there, 3, ("e", "l"), "j")  # type: ignore[arg-type]
    assert len(list(finding)) >= 5
    assert there.reads == 1


def test_an_empty_journal_leaves_the_offsets() -> None:
    assert find(log(tail=None)).steps == 8


@pytest.mark.parametrize("gone", [(True, True), (True, False), (False, True)])
def test_the_journal_alone_has_the_position(gone: tuple[bool, bool]) -> None:
    there = log()
    for source, is_gone in zip((EVENTS, LABELS), gone, strict=True):
        if is_gone:
            there.positions[source] = None
    assert find(there) == Position({"e": 40, "l": 30}, 8, LIFE, there.positions, IDS)


def test_where_nothing_was_committed_a_life_begins_at_the_first_records() -> None:
    there = log(None, None, None)
    life = str(Life(82, topics_digest(IDS)))
    assert find(there) == Position({"e": 10, "l": 10}, 0, life, there.positions, IDS)


def test_one_offset_without_another_and_without_a_journal_is_refused() -> None:
    with pytest.raises(RecoveryError, match="all inputs must have a committed offset, or none; l"):
        find(log(labels=None, tail=None))


@pytest.mark.parametrize(
    ("labels", "tail"),
    [
        (Committed(30, note(steps=7)), None),
        (Committed(30, note(life="0-deadbeef")), None),
        (Committed(30, note(steps=7)), entry()),
    ],
)
def test_offsets_of_two_steps_or_lives_are_refused(
    labels: Committed, tail: JournalEntry | None
) -> None:
    with pytest.raises(RecoveryError, match="all inputs must be committed by the same step"):
        find(log(labels=labels, tail=tail))


@pytest.mark.parametrize("tail", [entry(step=8), entry(step=6), entry(life="5-" + LIFE[2:])])
def test_offsets_that_differ_from_the_journal_are_refused(tail: JournalEntry) -> None:
    with pytest.raises(RecoveryError, match="committed offsets and journal must tell the same"):
        find(log(tail=tail))


def test_other_inputs_than_the_journals_are_refused() -> None:
    with pytest.raises(RecoveryError, match="inputs must be those that the state was made with"):
        find(log(tail=JournalEntry(7, {"e": Range(20, 40)}, LIFE)))


def test_a_topic_that_was_made_anew_is_named() -> None:
    there = log()
    there.ids["l"] = "another"
    with pytest.raises(RecoveryError, match="topic `l` must be the one that offset 30"):
        find(there)


@pytest.mark.parametrize("gone", [False, True])
def test_a_life_on_other_topics_is_refused(gone: bool) -> None:
    there = log(Committed(40, note()), Committed(30, note()))
    if gone:
        there.positions = {EVENTS: None, LABELS: None}
    there.ids["j"] = "another"
    with pytest.raises(RecoveryError, match="topics must be those that its position belongs to"):
        find(there)


def test_ids_that_nobody_knows_are_not_compared() -> None:
    there = log()
    there.ids = dict.fromkeys(IDS, "")
    there.positions = {
        source: Committed(at, str(StepNote(8, "", "id")))
        for source, at in ((EVENTS, 40), (LABELS, 30))
    }
    there.entries[80] = entry(life="")
    assert find(there).steps == 8


@pytest.mark.parametrize("gone", [False, True])
def test_what_older_versions_wrote_has_the_life_of_these_topics(gone: bool) -> None:
    old = "driftgate/1 steps=8"
    there = log(Committed(40, old), Committed(30, old), entry(life=""))
    if gone:
        there.positions = {EVENTS: None, LABELS: None}
    assert find(there).life == LIFE


@pytest.mark.parametrize("first_kept", [10, 30, 31, 32, 41])
def test_records_that_were_removed_unread_are_named(first_kept: int) -> None:
    there = log()
    there.first_kept = first_kept
    if first_kept <= 30:
        assert find(there).offsets == {"e": 40, "l": 30}
        return
    with pytest.raises(RecoveryError, match=f"the first kept is {first_kept}, so"):
        find(there)


@pytest.mark.parametrize("offset", [99, 100, 101])
def test_a_position_beyond_the_end_is_refused(offset: int) -> None:
    there = log(Committed(offset, note()), tail=None)
    if offset <= 100:
        assert find(there).offsets["e"] == offset
        return
    with pytest.raises(RecoveryError, match="must not lie beyond the end, 100"):
        find(there)


def test_an_open_transaction_hides_the_end_and_stops_nobody() -> None:
    there = log(Committed(101, note()), tail=None)
    there.unsettled = True
    assert find(there).offsets["e"] == 101


def test_the_last_entry_is_found_behind_any_number_of_markers() -> None:
    there = log()
    there.entries, there.journal = {2: entry(1), 3: entry(2)}, Bounds(0, 1000)
    found = last_entry(there, JOURNAL)  # type: ignore[arg-type]
    assert found == entry(2)


def test_a_journal_of_markers_alone_has_no_entry() -> None:
    there = log(tail=None)
    there.journal = Bounds(5, 1000)
    assert last_entry(there, JOURNAL) is None  # type: ignore[arg-type]
