"""The journal: in which pieces a task took its input topics.

When events and labels are separate topics, the order in which a task interleaved them is a fact
that the log does not keep. Each transaction therefore carries one journal record a task: the
offsets that this step took from each input topic. Inside a step the order follows from the
records themselves (`stream.labels.inbox`), so replaying the same pieces gives the same order.

Everything else that shapes a state, and that a replay could not know, is an entry too: settings
that were changed, and the beginning of a life (`stream.recovery.life`).

An entry says how many records were taken and their checksum: a topic that was compacted, or that
lost records in the middle, is noticed by the replay.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import msgspec

from stream.errors import InvariantError

UNKNOWN = -1
"""Count of a range that was written by a version which did not count."""


class Range(msgspec.Struct, frozen=True, array_like=True):
    """Offsets first <= o < next of one topic; how many records these were, and their CRC-32."""

    first: int
    next: int
    count: int = UNKNOWN
    crc: int = 0


class JournalEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One step of one task.

    Parameters
    ----------
    step
        Number of the step, from 0, without gaps.
    ranges
        What the step took, by topic.
    life
        In which life of the log (`stream.recovery.life`); empty in entries of older versions.
    settings
        Settings in force after this step, where it changed them; such a step takes no records.
    begins
        Whether this is the first entry of a life that begins with a state made elsewhere (a model
        that was kept, or rebuilt): it cannot be replayed without its checkpoint.
    """

    step: int
    ranges: dict[str, Range]
    life: str = ""
    settings: str | None = None
    begins: bool = False


_DIGITS = re.compile(r"[0-9]{1,19}")
_DECODER = msgspec.json.Decoder(JournalEntry)


def encode_entry(entry: JournalEntry) -> bytes:
    """Write an entry as JSON.

    Examples
    --------
    >>> encode_entry(JournalEntry(0, {"a.features": Range(0, 500, 500, 77)}, "0-5d01e7aa"))
    b'{"step":0,"ranges":{"a.features":[0,500,500,77]},"life":"0-5d01e7aa"}'
    """
    return msgspec.json.encode(entry)


def decode_entry(data: bytes | None) -> JournalEntry:
    """Read an entry.

    Raises
    ------
    InvariantError
        The bytes are not an entry: something else writes to the journal topic.
    """
    try:
        return _DECODER.decode(data or b"")
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise InvariantError(
            f"journal: each record must be a journal entry; got {data!r:.80}. "
            "Nothing but driftgate may write to this topic, and no newer version than this one."
        ) from error


@dataclass(frozen=True, slots=True)
class StepNote:
    """What is kept beside a committed offset.

    Parameters
    ----------
    steps
        The number of steps committed.
    life
        In which life of the log; empty in notes of older versions.
    topic
        Id of the topic that the offset belongs to; empty where unknown.

    Examples
    --------
    >>> str(StepNote(12, "0-5d01e7aa", "jXo3"))
    'driftgate/2 steps=12 life=0-5d01e7aa topic=jXo3'
    >>> StepNote.parse("driftgate/1 steps=12")
    StepNote(steps=12, life='', topic='')
    """

    steps: int
    life: str = ""
    topic: str = ""

    def __str__(self) -> str:
        return f"driftgate/2 steps={self.steps} life={self.life} topic={self.topic}"

    @classmethod
    def parse(cls, note: str) -> StepNote:
        """Read a note back.

        Raises
        ------
        InvariantError
            The offsets were committed by something else.
        """
        head, _, rest = note.partition(" ")
        fields = dict(word.partition("=")[::2] for word in rest.split(" "))
        steps = fields.get("steps", "")
        if head not in ("driftgate/1", "driftgate/2") or _DIGITS.fullmatch(steps) is None:
            raise InvariantError(
                f"committed offsets: the note must begin with 'driftgate/2 steps='; got "
                f"{note!r:.80}. Another program commits under this consumer group: give the app "
                "its own group, and bring its position back with "
                "`driftgate reset CONFIG --to journal`."
            )
        return cls(int(steps), fields.get("life", ""), fields.get("topic", ""))
