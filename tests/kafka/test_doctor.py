"""What `doctor` finds on a real broker before it hurts: copies, compaction, positions, open ones.

Broker, rights and credentials: tests/kafka/test_access.py.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import timedelta

import kafka
import pytest
from kafka.admin import KafkaAdminClient
from kafka.structs import OffsetAndMetadata

from stream.cli.topic_setup import topic_specs
from stream.config.pipeline import Config
from stream.journal import StepNote
from stream.log.base import OutputBatch, Probe, TopicPartition
from stream.log.kafka import KafkaAdmin
from stream.log.open import open_admin, probe_log, probe_state
from tests.builders import toy_config
from tests.kafka.hanging import hang
from tests.stream.log.worlds import QUICK

pytestmark = pytest.mark.kafka

_NO_TIME = timedelta(milliseconds=1)


@pytest.fixture
def config(kafka_broker: str) -> Config:
    log = {"type": "kafka", "bootstrap": kafka_broker, "worker": "w", "partitions": 2, **QUICK}
    return toy_config(app=f"app-{uuid.uuid4().hex[:8]}", log=log)


@pytest.fixture
def admin(config: Config) -> Iterator[KafkaAdmin]:
    opened = open_admin(config)
    assert isinstance(opened, KafkaAdmin)
    opened.create(topic_specs(config))
    yield opened
    opened.close()


@pytest.fixture
def client(kafka_broker: str) -> Iterator[KafkaAdminClient]:
    opened = KafkaAdminClient(bootstrap_servers=kafka_broker)
    yield opened
    opened.close()


def findings(config: Config, name: str) -> list[Probe]:
    return [probe for probe in [*probe_log(config), *probe_state(config)] if probe.name == name]


def features(config: Config, partition: int = 0) -> TopicPartition:
    return TopicPartition(str(config.topics.features), partition)


def append(admin: KafkaAdmin, source: TopicPartition, count: int) -> None:
    nothing = [None] * count
    admin.append([OutputBatch(source, [1] * count, nothing, [b"{}"] * count)])


def commit(client: KafkaAdminClient, config: Config, source: TopicPartition, offset: int) -> None:
    at = OffsetAndMetadata(offset, str(StepNote(1)), -1)
    client.alter_group_offsets(config.app, {kafka.TopicPartition(*source): at})


def test_one_copy_is_a_warning_that_says_what_it_costs(config: Config, admin: KafkaAdmin) -> None:
    found = [*probe_log(config), *probe_state(config)]
    assert all(probe.ok for probe in found), found
    copies = {probe.name: probe for probe in found if probe.name.startswith("replication")}
    assert {probe.level for probe in copies.values()} == {"warning"}
    assert f"`{config.topics.journal}`" in copies["replication"].detail
    assert "log.replication: 3" in str(copies["replication"])
    assert "hold back all readers" in copies["replication of __transaction_state"].detail
    assert "committed offsets are lost" in copies["replication of __consumer_offsets"].detail


def test_a_compacted_input_is_refused(
    config: Config, admin: KafkaAdmin, client: KafkaAdminClient
) -> None:
    (probe,) = findings(config, "compaction")
    assert probe.ok
    client.delete_topics([features(config).topic])
    policy = {"cleanup.policy": "compact,delete"}
    topic = {"num_partitions": 2, "replication_factor": 1, "configs": policy}
    client.create_topics({features(config).topic: topic}, wait_for_metadata=True)
    (probe,) = findings(config, "compaction")
    assert not probe.ok
    assert f"`{config.app}.features` has cleanup.policy=compact,delete" in probe.detail
    assert "cleanup.policy=delete" in probe.remedy


def test_a_position_whose_records_are_gone(
    config: Config, admin: KafkaAdmin, client: KafkaAdminClient
) -> None:
    append(admin, features(config, 1), 20)
    commit(client, config, features(config, 1), 12)
    (probe,) = findings(config, "positions")
    assert (probe.ok, probe.detail) == (
        True,
        "every committed offset is among the records that are kept",
    )
    admin.trim(features(config, 1), 15)
    (probe,) = findings(config, "positions")
    assert not probe.ok
    assert f"`{config.app}.features[1]`: group `{config.app}` has committed 12" in probe.detail
    assert "first record kept is 15" in probe.detail
    assert "driftgate reset CONFIG --partition 1 --to earliest" in probe.remedy


def test_offsets_that_are_gone_while_the_journal_stands(
    config: Config, admin: KafkaAdmin, client: KafkaAdminClient
) -> None:
    append(admin, features(config), 5)
    append(admin, TopicPartition(str(config.topics.journal), 0), 1)
    commit(client, config, features(config), 5)
    assert findings(config, "positions")[0].ok
    client.delete_groups([config.app])
    (probe,) = findings(config, "positions")
    assert not probe.ok
    assert f"`{config.app}.features[0]`" in probe.detail
    assert "the journal holds entries" in probe.detail
    assert "--partition 0 --to journal" in probe.remedy


def test_a_journal_of_aborted_entries_is_an_empty_one(config: Config, admin: KafkaAdmin) -> None:
    producer = kafka.KafkaProducer(
        bootstrap_servers=config.log.bootstrap,  # type: ignore[union-attr]  # it is on Kafka
        transactional_id=config.app,
    )
    producer.init_transactions()
    producer.begin_transaction()
    producer.send(str(config.topics.journal), b"{}", partition=0).get(10)
    producer.abort_transaction()
    producer.close()
    (probe,) = findings(config, "positions")
    assert (probe.ok, probe.detail) == (True, "nothing is committed yet")


def test_open_transactions(config: Config, admin: KafkaAdmin, kafka_broker: str) -> None:
    assert findings(config, "open transactions")[0].detail == "none"
    theirs = hang(kafka_broker, features(config), [b"{}"])
    journal = TopicPartition(str(config.topics.journal), 1)
    ours = hang(kafka_broker, journal, [b"{}"])
    found = {
        probe.detail.partition("`: ")[0]: probe for probe in findings(config, "open transactions")
    }
    probe = found[f"`{journal.topic}:1"]
    assert not probe.ok
    assert "is hanging since offset 0" in probe.detail
    assert "no reader gets past 0, 1 offsets wait" in probe.detail
    abort = (
        f"driftgate transactions abort CONFIG --partition {journal.topic}:1 --producer-id {ours}"
    )
    assert probe.remedy == abort
    assert f"--producer-id {theirs}" in found[f"`{features(config).topic}:0"].remedy


def test_a_long_transaction_of_somebody_else_is_a_warning(
    config: Config, admin: KafkaAdmin, kafka_broker: str
) -> None:
    producer = kafka.KafkaProducer(
        bootstrap_servers=kafka_broker,
        transactional_id=f"other-{config.app}",
        transaction_timeout_ms=60_000,
    )
    producer.init_transactions()
    producer.begin_transaction()
    producer.send(features(config).topic, b"{}", partition=0).get(10)
    (probe,) = findings(config, "open transactions")
    assert (probe.level, probe.detail) == ("ok", "1, none for longer than its timeout")
    short = config.model_copy(
        update={"log": config.log.model_copy(update={"transaction_timeout": _NO_TIME})}
    )
    (probe,) = findings(short, "open transactions")
    assert (probe.level, probe.ok) == ("warning", True)
    assert "is ongoing since offset 0" in probe.detail
    producer.abort_transaction()
    producer.close()


def test_partitions_that_were_added_to_an_input(config: Config, admin: KafkaAdmin) -> None:
    admin.add_partitions(features(config).topic, 4)
    (probe,) = findings(config, "partitions")
    assert not probe.ok
    assert "adds partitions" in probe.remedy
    assert "again" not in probe.remedy
