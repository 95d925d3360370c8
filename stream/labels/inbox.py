"""Inboxes: records that were read and wait for their turn, and the order in which turns come.

A partition task reads one or two topics (events, and labels when they have a topic of their
own). Records of one topic keep their offset order. Between topics the head with the smaller
event time goes first, an event before a label of the same time. The rule looks at the two heads
only, so the order does not depend on how the log cut its batches.

A record that could not be read has no event time. It waits for no turn: it leaves with the
records around it and touches no state.
"""

from __future__ import annotations

import zlib
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from stream.log.base import RecordBatch, TopicPartition

EVENT = 0
LABEL = 1


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A record that cannot be used, whole, with the reason."""

    source: TopicPartition
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    reason: str
    message: str


@dataclass(slots=True)
class Records:
    """Readable records of one topic, as parallel lists in offset order.

    `contents` holds the decoded record of an event, or the value of a label; `labels` an event's
    inline label (None where it has none).
    """

    ids: list[str] = field(default_factory=list)
    times: list[int] = field(default_factory=list)
    contents: list[Any] = field(default_factory=list)
    labels: list[Any] = field(default_factory=list)
    offsets: list[int] = field(default_factory=list)
    timestamps: list[int] = field(default_factory=list)
    keys: list[bytes | None] = field(default_factory=list)
    values: list[bytes | None] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.ids)

    def extend(self, other: Records) -> None:
        """Append the records of `other`."""
        for mine, theirs in zip(self._lists(), other._lists(), strict=True):
            mine.extend(theirs)

    def split(self, count: int) -> Records:
        """Remove and return the first `count` records."""
        head = Records(*(column[:count] for column in self._lists()))
        for column in self._lists():
            del column[:count]
        return head

    def _lists(self) -> tuple[list[Any], ...]:
        return (
            self.ids,
            self.times,
            self.contents,
            self.labels,
            self.offsets,
            self.timestamps,
            self.keys,
            self.values,
        )


@dataclass(frozen=True, slots=True)
class Taken:
    """What left an inbox for one step: offsets first <= o < next_offset of its topic."""

    records: Records
    dead: list[DeadLetter]
    first: int
    next_offset: int

    @property
    def count(self) -> int:
        """Number of records, readable and not."""
        return len(self.records) + len(self.dead)

    def crc(self) -> int:
        """CRC-32 of what was taken: offsets, timestamps, keys and values."""
        records, dead = self.records, self.dead
        crc = _crc(0, records.offsets, records.timestamps, records.keys, records.values)
        if not dead:
            return crc
        return _crc(
            crc,
            [letter.offset for letter in dead],
            [letter.timestamp for letter in dead],
            [letter.key for letter in dead],
            [letter.value for letter in dead],
        )


def _crc(
    start: int,
    offsets: Sequence[int],
    timestamps: Sequence[int],
    keys: Sequence[bytes | None],
    values: Sequence[bytes | None],
) -> int:
    crc = zlib.crc32(np.array([offsets, timestamps], dtype=np.int64).tobytes(), start)
    for column in (keys, values):
        crc = zlib.crc32(b"".join([item or b"" for item in column]), crc)
    return crc


class Inbox:
    """Records of one topic that were read and not yet taken by a step.

    Parameters
    ----------
    source
        The partition read.
    position
        Offset of the first record that has not been taken.
    """

    def __init__(self, source: TopicPartition, position: int) -> None:
        self.source = source
        self.position = position
        self._end = position
        self._records = Records()
        self._dead: deque[DeadLetter] = deque()

    def __len__(self) -> int:
        return len(self._records) + len(self._dead)

    @property
    def end(self) -> int:
        """Offset of the first record that has not been put in."""
        return self._end

    @property
    def times(self) -> Sequence[int]:
        """Event times (ms) of the readable records that wait."""
        return self._records.times

    def add(self, batch: RecordBatch, records: Records, dead: Sequence[DeadLetter]) -> None:
        """Put in a batch that follows what was put in before."""
        if not len(batch):
            return
        assert batch.source == self.source
        assert batch.offsets[0] >= self._end, "a batch must follow the one before it"
        self._end = batch.offsets[-1] + 1
        self._dead.extend(dead)
        if len(self._records):
            self._records.extend(records)
        else:
            self._records = records

    def take(self, count: int) -> Taken:
        """Take the next `count` readable records, and the unreadable ones around them.

        The next offset is the one after the last record that left, never that of the record
        that waits: between the two may stand offsets that no record has, and a replay, which
        sees only what left, has to arrive at the same number.
        """
        assert count <= len(self._records)
        if count == len(self._records):
            records, self._records = self._records, Records()
            bound = self._end
        else:
            records = self._records.split(count)
            bound = self._records.offsets[0]
        dead = []
        while self._dead and self._dead[0].offset < bound:
            dead.append(self._dead.popleft())
        last = max(records.offsets[-1] if len(records) else -1, dead[-1].offset if dead else -1)
        next_offset = max(self.position, last + 1)
        taken = Taken(records, dead, self.position, next_offset)
        self.position = next_offset
        return taken


def interleave(
    events: Sequence[int], labels: Sequence[int], more_events: bool, more_labels: bool
) -> list[int]:
    """Order of turns: EVENT or LABEL, by the times at the two heads.

    Parameters
    ----------
    events, labels
        Event times (ms) of what waits in each inbox, in offset order.
    more_events, more_labels
        Whether that topic is known to hold records that were not read yet; then the other topic
        waits when this one's inbox runs empty.

    Examples
    --------
    >>> interleave([1, 5], [3, 9], more_events=True, more_labels=True)
    [0, 1, 0]
    """
    turns: list[int] = []
    i, j = 0, 0
    event_count, label_count = len(events), len(labels)
    while i < event_count and j < label_count:
        if events[i] <= labels[j]:
            turns.append(EVENT)
            i += 1
        else:
            turns.append(LABEL)
            j += 1
    if i < event_count and not more_labels:
        turns.extend([EVENT] * (event_count - i))
    if j < label_count and not more_events:
        turns.extend([LABEL] * (label_count - j))
    return turns
