"""The journal: in which pieces a task took its input topics.

When events and labels are separate topics, the order in which a task interleaved them is a fact
that the log does not keep. Each transaction therefore carries one journal record a task: the
offsets that this step took from each input topic. Inside a step the order follows from the
records themselves (`stream.inbox`), so replaying the same pieces gives the same order.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import msgspec

from stream.errors import InvariantError


class Range(msgspec.Struct, frozen=True, array_like=True):
    """Offsets first <= o < next of one topic."""

    first: int
    next: int


class JournalEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One step of one task.

    Parameters
    ----------
    step
        Number of the step, from 0, without gaps.
    ranges
        What the step took, by topic.
    """

    step: int
    ranges: dict[str, Range]


_DIGITS = re.compile(r"[0-9]{1,19}")
_DECODER = msgspec.json.Decoder(JournalEntry)


def encode_entry(entry: JournalEntry) -> bytes:
    """Write an entry as JSON.

    Examples
    --------
    >>> encode_entry(JournalEntry(0, {"a.features": Range(0, 500)}))
    b'{"step":0,"ranges":{"a.features":[0,500]}}'
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
            "Nothing but driftgate may write to this topic."
        ) from error


@dataclass(frozen=True, slots=True)
class StepNote:
    """What is kept beside the committed offsets: the number of steps committed."""

    steps: int

    _PREFIX = "driftgate/1 steps="

    def __str__(self) -> str:
        return f"{self._PREFIX}{self.steps}"

    @classmethod
    def parse(cls, note: str) -> StepNote:
        """Read a note back.

        Raises
        ------
        InvariantError
            The offsets were committed by something else.
        """
        digits = note.removeprefix(cls._PREFIX)
        if digits == note or _DIGITS.fullmatch(digits) is None:
            raise InvariantError(
                f"committed offsets: the note must be {cls._PREFIX!r} and a number; got "
                f"{note!r:.80}. Another program commits under this consumer group; give the app "
                "its own group."
            )
        return cls(int(digits))
