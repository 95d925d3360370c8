"""One partition of a topic: records, transactions' markers, and what may be read of them.

Every record and every marker takes an offset. A transaction's records can be read once its marker
is there and says that it committed, and no transaction that began before it is open: up to the
last stable offset.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from stream.log.base import Headers, RecordBatch, TopicPartition


class Outcome:
    """Fate of one transaction in one partition, decided by its marker."""

    __slots__ = ("committed", "epoch", "producer", "since")

    def __init__(self, producer: int, epoch: int, since: float) -> None:
        self.producer = producer
        self.epoch = epoch
        self.since = since
        self.committed = False


class Entry(NamedTuple):
    """A record, or (with `is_marker`) the end of a transaction."""

    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Headers
    outcome: Outcome | None = None
    is_marker: bool = False


class Partition:
    """An append-only list of entries whose head can be trimmed."""

    def __init__(self, source: TopicPartition) -> None:
        self.source = source
        self.first = 0
        self.entries: list[Entry] = []
        self.open: dict[Outcome, int] = {}

    @property
    def end(self) -> int:
        """Offset of the next entry (the high watermark)."""
        return len(self.entries)

    @property
    def stable(self) -> int:
        """The last stable offset: the first one of the oldest open transaction, or the end."""
        return min(self.open.values()) if self.open else len(self.entries)

    def append(self, entries: Sequence[Entry]) -> int:
        """Append; returns the offset of the first entry."""
        start = len(self.entries)
        for entry in entries:
            if entry.outcome is not None:
                self.open.setdefault(entry.outcome, len(self.entries))
            self.entries.append(entry)
        return start

    def mark(self, outcome: Outcome, committed: bool, timestamp: int) -> None:
        """End a transaction here, if it is open."""
        if outcome not in self.open:
            return
        outcome.committed = committed
        del self.open[outcome]
        self.entries.append(Entry(timestamp, None, None, [], outcome, is_marker=True))

    def trim(self, first: int) -> None:
        """Forget what lies below an offset."""
        self.first = max(self.first, min(first, self.end))

    def visible(self, start: int, stop: int, count_max: int) -> tuple[list[int], int]:
        """Offsets of committed records in start <= o < stop, and where to go on."""
        found: list[int] = []
        offset = max(start, self.first)
        stop = min(stop, self.stable)
        while offset < stop:
            entry = self.entries[offset]
            if not entry.is_marker and (entry.outcome is None or entry.outcome.committed):
                if len(found) == count_max:
                    break
                found.append(offset)
            offset += 1
        return found, max(offset, start)

    def batch(self, offsets: Sequence[int]) -> RecordBatch:
        """Records at these offsets."""
        entries = [self.entries[offset] for offset in offsets]
        return RecordBatch(
            self.source,
            list(offsets),
            [entry.timestamp for entry in entries],
            [entry.key for entry in entries],
            [entry.value for entry in entries],
        )

    def committed(self) -> RecordBatch:
        """Everything that may be read."""
        return self.batch(self.visible(self.first, self.end, self.end + 1)[0])
