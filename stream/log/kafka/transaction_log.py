"""What coordinators decided, by their own log: the topic `__transaction_state`.

A coordinator writes its decision there before it sends markers. Where it then gives up the markers
(a broker that starts finds no leader yet for a partition, takes it for deleted and skips it, while
others have theirs), the decision stands: what wrote the offsets has been committed, and the outputs
beside them must be, too. The format is that of Kafka's `TransactionLogKey` and
`TransactionLogValue`, versions 0 and 1.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from stream.errors import InvariantError
from stream.log.base import TopicPartition
from stream.log.open_transactions import Decision

STATE_TOPIC = "__transaction_state"
_ONGOING, _PREPARE_COMMIT, _PREPARE_ABORT = 1, 2, 3
_FLEXIBLE = 1
"""From this version on lengths are variable and unknown fields have tags."""


class Entry(NamedTuple):
    """One record: the state of the latest transaction of a transactional id."""

    producer_id: int
    epoch: int
    status: int
    partitions: frozenset[TopicPartition]


@dataclass(frozen=True, slots=True)
class Ended:
    """A transaction and its coordinator's decision.

    `epoch` is that of its records; the decision itself may carry one more.
    """

    producer_id: int
    epoch: int
    partitions: frozenset[TopicPartition]
    decision: Decision


def partition_of(transactional_id: str, count: int) -> int:
    """Partition of the topic that has this transactional id (Java's hash, as a broker takes it)."""
    return java_hash(transactional_id) % count


def java_hash(text: str) -> int:
    """`String.hashCode`, made positive as Kafka does it."""
    value = 0
    units = text.encode("utf-16-be")
    for (unit,) in struct.iter_unpack(">H", units):
        value = (31 * value + unit) & 0xFFFFFFFF
    signed = value - (1 << 32) if value >= 1 << 31 else value
    return 0 if signed == -(1 << 31) else abs(signed)


def decisions(
    records: Iterable[tuple[bytes | None, bytes | None]], transactional_id: str
) -> list[Ended]:
    """Find the ended transactions of one transactional id, in order.

    Parameters
    ----------
    records
        Keys and values of its partition, in order.

    Raises
    ------
    InvariantError
        A record is of another format.
    """
    found: list[Ended] = []
    ongoing: Entry | None = None
    for key, value in records:
        if key is None or _key(key) != transactional_id:
            continue
        entry = _entry(value) if value is not None else None
        if entry is not None and entry.status == _ONGOING:
            ongoing = entry
            continue
        if ongoing is not None and entry is not None and entry.status in _DECISIONS:
            decision = _DECISIONS[entry.status]
            found.append(Ended(ongoing.producer_id, ongoing.epoch, ongoing.partitions, decision))
        ongoing = None
    return found


_DECISIONS: dict[int, Decision] = {_PREPARE_COMMIT: "commit", _PREPARE_ABORT: "abort"}


def _key(data: bytes) -> str | None:
    """Transactional id of a key; None for a key of another kind."""
    reader = _Reader(data)
    return reader.text(flexible=False) if reader.number(">h") == 0 else None


def _entry(data: bytes) -> Entry:
    reader = _Reader(data)
    try:
        version = reader.number(">h")
        if version > _FLEXIBLE:
            raise ValueError(f"version {version}")
        flexible = version >= _FLEXIBLE
        producer_id, epoch = reader.number(">q"), reader.number(">h")
        reader.number(">i")  # its timeout
        status = reader.number(">b")
        partitions = [
            TopicPartition(topic, number)
            for topic, numbers in _topics(reader, flexible)
            for number in numbers
        ]
    except (ValueError, struct.error) as error:
        raise InvariantError(
            f"{STATE_TOPIC}: a record must be of version 0 or {_FLEXIBLE}; got {error}. The broker "
            "is newer than this program."
        ) from error
    return Entry(producer_id, epoch, status, frozenset(partitions))


def _topics(reader: _Reader, flexible: bool) -> list[tuple[str, list[int]]]:
    found = []
    for _ in range(reader.length(flexible)):
        topic = reader.text(flexible=flexible)
        numbers = [reader.number(">i") for _ in range(reader.length(flexible))]
        if flexible:
            reader.skip_tags()
        found.append((topic, numbers))
    return found


class _Reader:
    """Reads the fields of one record."""

    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0

    def number(self, layout: str) -> int:
        (value,) = struct.unpack_from(layout, self._data, self._at)
        self._at += struct.calcsize(layout)
        return int(value)

    def length(self, flexible: bool) -> int:
        """Length of an array; none for one that is null."""
        return max(0, self._varint() - 1 if flexible else self.number(">i"))

    def text(self, *, flexible: bool) -> str:
        size = self._varint() - 1 if flexible else self.number(">h")
        self._at += size
        return self._data[self._at - size : self._at].decode()

    def skip_tags(self) -> None:
        for _ in range(self._varint()):
            self._varint()
            size = self._varint()
            self._at += size

    def _varint(self) -> int:
        value = shift = 0
        while True:
            byte = self.number(">B")
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
            shift += 7
