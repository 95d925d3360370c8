"""Covers stream.log.kafka.transaction_log: hashes, both formats, and which decision is whose.

That a broker writes this format is in tests/kafka/test_transactions.py.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.errors import InvariantError, LogAccessError
from stream.log.base import TopicPartition
from stream.log.kafka import transaction_admin
from stream.log.kafka.transaction_log import Ended, decisions, java_hash, partition_of
from stream.log.open_transactions import JudgedTransaction

ONGOING, PREPARE_COMMIT, PREPARE_ABORT, COMPLETE_COMMIT, EMPTY = 1, 2, 3, 4, 0
A, B = TopicPartition("shop.journal", 3), TopicPartition("shop.predictions", 300)

Pair = tuple[bytes | None, bytes | None]


@pytest.mark.parametrize(
    ("text", "expected"),
    # `String.hashCode` gives 1688118509 below zero for the fourth, and the least integer at last.
    [
        ("", 0),
        ("a", 97),
        ("hello", 99162322),
        ("driftgate-w1", 1688118509),
        ("\U0001f600", 1772899),
        ("polygenelubricants", 0),
    ],
)
def test_strings_hash_as_java_has_them(text: str, expected: int) -> None:
    assert java_hash(text) == expected


def varint(value: int) -> bytes:
    found = b""
    while value >= 0x80:
        found, value = found + bytes([value & 0x7F | 0x80]), value >> 7
    return found + bytes([value])


def record(
    status: int,
    partitions: Sequence[TopicPartition] = (),
    *,
    epoch: int = 0,
    name: str = "shop-w",
    version: int = 1,
    producer_id: int = 7,
) -> Pair:
    """Write a record as the schema of Kafka says, apart from the code that reads it."""
    key = struct.pack(">hh", 0, len(name)) + name.encode()
    value = struct.pack(">hqhib", version, producer_id, epoch, 60_000, status)
    by_topic: dict[str, list[int]] = {}
    for topic, number in partitions:
        by_topic.setdefault(topic, []).append(number)
    if version == 0:
        value += struct.pack(">i", len(by_topic) if partitions else -1)
    else:
        value += varint(len(by_topic) + 1 if partitions else 0)
    for topic, numbers in by_topic.items():
        if version == 0:
            value += struct.pack(">h", len(topic)) + topic.encode()
            value += struct.pack(">i", len(numbers))
        else:
            value += varint(len(topic) + 1) + topic.encode() + varint(len(numbers) + 1)
        value += b"".join(struct.pack(">i", number) for number in numbers)
        if version == 1:
            value += varint(1) + varint(5) + varint(2) + b"xy"  # a tag of some later version
    return key, value + struct.pack(">qq", 1, 1) + (varint(0) if version == 1 else b"")


@pytest.mark.parametrize("version", [0, 1])
def test_each_transaction_ends_as_its_coordinator_decided(version: int) -> None:
    records = [
        record(EMPTY, version=version),
        record(ONGOING, [A], version=version),
        record(ONGOING, [A, B], version=version),
        record(ONGOING, [B], name="other-w", version=version),
        record(PREPARE_COMMIT, [A, B], version=version),
        record(PREPARE_ABORT, [B], name="other-w", version=version),
        record(COMPLETE_COMMIT, version=version),
        record(ONGOING, [B], version=version),
        record(PREPARE_ABORT, [B], epoch=1, version=version),  # fenced: the epoch has risen
        record(EMPTY, epoch=1, version=version),
        record(ONGOING, [A], epoch=1, version=version),
    ]
    assert decisions(records, "shop-w") == [
        Ended(7, 0, frozenset({A, B}), "commit"),
        Ended(7, 0, frozenset({B}), "abort"),
    ]


def test_a_decision_whose_beginning_was_compacted_away_is_nobodys() -> None:
    assert decisions([record(PREPARE_COMMIT, [A])], "shop-w") == []
    forgotten: Pair = (record(EMPTY)[0], None)
    assert decisions([record(ONGOING, [A]), forgotten, record(PREPARE_COMMIT, [A])], "shop-w") == []


def test_keys_of_another_kind_are_passed_over() -> None:
    strange: list[Pair] = [(None, b"x"), (struct.pack(">hh", 1, 0), b"x")]
    found = decisions([*strange, record(ONGOING, [A]), record(PREPARE_COMMIT, [A])], "shop-w")
    assert len(found) == 1


def test_a_later_format_is_refused_in_words() -> None:
    key, value = record(ONGOING, [A])
    assert value is not None
    for bad in (b"\x00\x02" + value[2:], value[:9], b""):
        with pytest.raises(InvariantError, match="must be of version 0 or 1"):
            decisions([(key, bad)], "shop-w")


@pytest.mark.parametrize("error", [LogAccessError("READ is missing"), InvariantError("version 2")])
def test_a_log_that_cannot_be_read_leaves_decisions_open_and_says_so(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, error: Exception
) -> None:
    class Refused:
        def __init__(self, *_: object, **__: object) -> None:
            pass

        def bounds(self, _: TopicPartition) -> None:
            raise error

        def read(self, *_: object) -> None:
            raise AssertionError("nothing can be read")

        def close(self) -> None:
            pass

    class Admin:
        def describe_topics(self, _: list[str]) -> list[dict[str, list[int]]]:
            return [{"partitions": [0, 1]}]

    monkeypatch.setattr(transaction_admin, "RangeReader", Refused)
    settings: Any = None
    looked = transaction_admin.KafkaTransactions(settings, Admin())
    hanging = JudgedTransaction(A, 7, 0, 5, "hanging", 9.0, "shop-w", "Empty")
    assert looked._decided([hanging]) == [hanging]
    assert caplog.messages == [f"decisions of `shop-w` are not known: {error}"]


@given(st.text(max_size=20), st.integers(1, 100))
def test_a_partition_is_one_of_those_there_are(name: str, count: int) -> None:
    assert 0 <= partition_of(name, count) < count
