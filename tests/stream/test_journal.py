"""Journal entries and step notes as bytes; replaying them is in tests/replay/."""

from __future__ import annotations

import pytest

from stream.errors import InvariantError
from stream.journal import JournalEntry, Range, StepNote, decode_entry, encode_entry


def test_an_entry_comes_back_as_it_was() -> None:
    entry = JournalEntry(7, {"a.features": Range(0, 500), "a.labels": Range(3, 3)})
    assert decode_entry(encode_entry(entry)) == entry


@pytest.mark.parametrize(
    "data",
    [
        None,
        b"",
        b"{}",
        b'{"step":1,"ranges":{},"later":1}',
        b'{"step":1,"ranges":{"a":[1]}}',
        b"\xff",
    ],
)
def test_anything_else_in_the_journal_stops_the_task(data: bytes | None) -> None:
    with pytest.raises(InvariantError, match="each record must be a journal entry"):
        decode_entry(data)


def test_a_note_comes_back_and_so_does_that_of_an_older_version() -> None:
    for note in (StepNote(12), StepNote(12, "0-5d01e7aa", "jXo3")):
        assert StepNote.parse(str(note)) == note
    assert StepNote.parse("driftgate/1 steps=12") == StepNote(12)


@pytest.mark.parametrize(
    "note", ["", "other/2 steps=3", "driftgate/2", "driftgate/2 steps=", "driftgate/2 steps=x"]
)
def test_a_strange_note_is_refused(note: str) -> None:
    with pytest.raises(InvariantError, match="give the app its own group"):
        StepNote.parse(note)
