"""Brokers' answers that a healthy single node never gives, as `doctor` and the others read them.

On a real broker: tests/kafka/test_doctor.py, tests/kafka/test_transactions.py.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import kafka
import pytest

from stream.config.log import KafkaLog
from stream.log.base import TopicPartition
from stream.log.kafka import KafkaSettings, transaction_admin
from stream.log.kafka.probe_topics import probe_copies, probe_leaders
from stream.log.kafka.transaction_admin import KafkaTransactions

SOURCE = TopicPartition("app.journal", 0)
SETTINGS = KafkaSettings(KafkaLog(type="kafka", bootstrap="127.0.0.1:1"), "app")


def described(name: str, *leaders: int, copies: int = 1) -> dict[str, Any]:
    partitions = [
        {"partition_index": number, "leader_id": leader, "replica_nodes": [0, 1, 2][:copies]}
        for number, leader in enumerate(leaders)
    ]
    return {"name": name, "error_code": 0 if leaders else 3, "partitions": partitions}


@dataclass
class Brokers:
    """Answers of the client's admin, in which a transaction is open for so many questions."""

    open_for: int
    state_leaders: tuple[int, ...] = (0, 0)
    journal_leaders: tuple[int, ...] = (0,)
    asked: list[list[Any]] = field(default_factory=list)

    def describe_topics(self, names: Iterable[str]) -> list[dict[str, Any]]:
        leaders = {
            "__transaction_state": self.state_leaders,
            SOURCE.topic: self.journal_leaders,
        }
        return [described(name, *leaders.get(name, ())) for name in names]

    def describe_producers(self, partitions: list[Any]) -> dict[Any, Any]:
        self.asked.append(partitions)
        start = 3 if len(self.asked) <= self.open_for else -1
        producer = SimpleNamespace(
            producer_id=7,
            producer_epoch=1,
            coordinator_epoch=0,
            last_timestamp=0,
            current_transaction_start_offset=start,
        )
        return {one: SimpleNamespace(active_producers=[producer]) for one in partitions}

    def list_transactions(self, producer_id_filters: list[int]) -> dict[int, list[Any]]:
        assert producer_id_filters == [7]
        return {0: [], 1: []}

    def list_partition_offsets(
        self, specs: Mapping[Any, Any], isolation_level: Any
    ) -> dict[Any, Any]:
        return {one: SimpleNamespace(offset=9 - isolation_level.value) for one in specs}


@pytest.fixture(autouse=True)
def _no_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transaction_admin, "_MARKERS_WAIT_S", 0.0)


def test_a_transaction_that_nobody_ends_hangs() -> None:
    (found,) = KafkaTransactions(SETTINGS, Brokers(open_for=2)).transactions([SOURCE.topic])
    assert (found.source, found.last_stable_offset, found.high_watermark) == (SOURCE, 8, 9)
    (one,) = found.transactions
    assert (one.producer_id, one.start_offset, one.status) == (7, 3, "hanging")


def test_one_that_ends_between_two_questions_is_not_called_hanging() -> None:
    brokers = Brokers(open_for=1)
    (found,) = KafkaTransactions(SETTINGS, brokers).transactions([SOURCE.topic])
    assert found.transactions == []
    assert brokers.asked == [[kafka.TopicPartition(*SOURCE)]] * 2


def test_without_a_part_of_the_coordinators_state_nobody_can_say() -> None:
    brokers = Brokers(open_for=2, state_leaders=(0, -1))
    (found,) = KafkaTransactions(SETTINGS, brokers).transactions([SOURCE.topic])
    assert [one.status for one in found.transactions] == ["unknown"]


def test_partitions_without_a_leader_are_named_and_not_asked() -> None:
    brokers = Brokers(open_for=2, journal_leaders=(0, -1))
    admin = KafkaTransactions(SETTINGS, brokers)
    assert [one.source for one in admin.transactions([SOURCE.topic, "absent"])] == [SOURCE]
    assert admin.without_leader([SOURCE.topic, "absent"]) == [TopicPartition(SOURCE.topic, 1)]
    topics = {SOURCE.topic: described(SOURCE.topic, 0, -1)}
    (probe,) = probe_leaders(topics)
    assert not probe.ok
    assert f"`{SOURCE.topic}[1]` have none" in probe.detail
    assert list(probe_leaders({SOURCE.topic: described(SOURCE.topic, 0, 2)})) == []


def test_copies_are_counted_topic_by_topic() -> None:
    class Internal:
        def describe_topics(self, names: list[str]) -> list[dict[str, Any]]:
            state, offsets = names
            return [described(state), described(offsets, 0, 0, copies=3)]

    topics = {"a": described("a", 0, 1, copies=3), "b": described("b", 0)}
    (probe,) = probe_copies(topics, Internal())
    assert probe.level == "warning"
    assert "one copy only of `b`:" in probe.detail
    (probe,) = probe_copies({"a": topics["a"]}, Internal())
    assert probe.level == "ok"
