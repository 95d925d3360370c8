"""The rights that docs/security.md lists are enough for a worker, and each of them is needed.

What the table does not list is what this user does not have: the broker denies all else.
"""

from __future__ import annotations

import re
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from kafka.admin import (
    ACL,
    ACLFilter,
    ACLOperation,
    ACLPermissionType,
    ACLResourcePatternType,
    KafkaAdminClient,
    ResourcePattern,
    ResourcePatternFilter,
    ResourceType,
)

from deploy.kafka.dev_broker import SASL_PASSWORD, SASL_USER, Broker
from stream.config.pipeline import Config
from stream.errors import LogAccessError
from stream.log.base import TopicPartition, TopicSpec
from stream.log.kafka import KafkaLog
from stream.log.open import open_admin, open_log, probe_log
from tests.builders import toy_config
from tests.stream.log.worlds import QUICK, drain, join, output, transaction

pytestmark = pytest.mark.kafka

PAGE = Path(__file__).parents[2] / "docs" / "security.md"
ROW = re.compile(r"\| (topic|group|transactional id) \| `APP([^`]*)`([^|]*)\| ([A-Z_, ]+) \|")
Right = tuple[str, str, str]
"""Kind of resource, what its name has after the app's, operation."""


def listed() -> list[Right]:
    """The rights of the page's table, one by one."""
    found = [
        (kind, suffix, right)
        for kind, suffix, _, rights in ROW.findall(PAGE.read_text())
        for right in rights.split(", ")
    ]
    assert len(found) > 5
    return found


def acl(app: str, right: Right) -> ACL:
    kind, suffix, operation = right
    is_prefix = kind == "transactional id"
    pattern = ResourcePattern(
        ResourceType[kind.upper().replace(" ", "_")],
        f"{app}{suffix}",
        ACLResourcePatternType.PREFIXED if is_prefix else ACLResourcePatternType.LITERAL,
    )
    allow = ACLPermissionType.ALLOW
    return ACL(f"User:{SASL_USER}", "*", ACLOperation[operation], allow, pattern)


@pytest.fixture
def client(dev_kafka: Broker) -> Iterator[KafkaAdminClient]:
    opened = KafkaAdminClient(bootstrap_servers=dev_kafka.bootstrap)
    yield opened
    opened.close()


@pytest.fixture
def config(dev_kafka: Broker, client: KafkaAdminClient) -> Config:
    """A pipeline with its topics, two events, and all rights of the page."""
    app = f"app-{uuid.uuid4().hex[:8]}"
    security = {
        "protocol": "SASL_PLAINTEXT",
        "sasl_mechanism": "PLAIN",
        "username": SASL_USER,
        "password": SASL_PASSWORD,
    }
    log = {"type": "kafka", "worker": "w", **QUICK}
    labels = {"labels": {"source": "topic"}}
    plain = toy_config(app=app, log={**log, "bootstrap": dev_kafka.bootstrap}, **labels)
    admin = open_admin(plain)
    settings = {"max.message.bytes": "4194304"}
    names = [str(name) for name in plain.topics.model_dump().values()]
    admin.create([TopicSpec(name, 1, 1, settings) for name in names])
    admin.append([output(str(plain.topics.features), [b"one", b"two"])])
    admin.close()
    client.create_acls([acl(app, right) for right in listed()])
    address = dev_kafka.addresses["SASL"]
    restricted = {**log, "bootstrap": address, "security": security}
    return toy_config(app=app, log=restricted, **labels)


def work(config: Config) -> None:
    """Do what a worker does of the log: join, read, recover, commit, and settle a doubt."""
    log = open_log(config)
    assert isinstance(log, KafkaLog)
    topics = config.topics
    inputs = [str(topics.features), str(topics.labels)]
    outputs = [topics.predictions, topics.drift, topics.dead_letters, topics.journal]
    journal = TopicPartition(str(topics.journal), 0)
    positions = {TopicPartition(inputs[0], 0): 2, TopicPartition(inputs[1], 0): 0}
    try:
        held = join(log, inputs, positions)
        for topic in [*inputs, journal.topic]:
            log.bounds(TopicPartition(topic, 0))
        drain(log, held, 2)
        log.commit(transaction(log, [output(str(name), [b"x"]) for name in outputs], positions))
        log.reopen()
        assert all(at is not None for at in log.committed(positions).values())
        assert [batch.values for batch in log.read(journal, 0, 1)] == [[b"x"]]
    finally:
        log.close()


def test_the_rights_of_the_page_are_enough(config: Config) -> None:
    work(config)
    found = probe_log(config)
    assert all(probe.ok for probe in found), [str(probe) for probe in found if not probe.ok]


@pytest.mark.parametrize("right", listed(), ids=" ".join)
def test_each_right_is_missed_by_its_name(
    config: Config, client: KafkaAdminClient, right: Right
) -> None:
    entry = acl(config.app, right)
    pattern = ResourcePatternFilter(
        entry.resource_pattern.resource_type,
        entry.resource_pattern.resource_name,
        entry.resource_pattern.pattern_type,
    )
    client.delete_acls(
        [ACLFilter(entry.principal, entry.host, entry.operation, entry.permission_type, pattern)]
    )
    kind, suffix, operation = right
    started = time.monotonic()
    failed = [str(probe) for probe in probe_log(config) if not probe.ok]
    assert any(operation in said and f"{config.app}{suffix}" in said for said in failed), failed
    if operation != "DESCRIBE_CONFIGS":  # which only the look at the start asks for
        with pytest.raises(LogAccessError) as info:
            work(config)
        words = rf"user `{SASL_USER}` needs .*{operation}.* on {kind} `{config.app}{suffix}"
        assert re.search(words, str(info.value))
        assert "\n" not in str(info.value)
    assert time.monotonic() - started < 15


def test_what_a_worker_may_not_look_at_is_named_with_the_right_for_it(config: Config) -> None:
    log = open_log(config)
    predictions = TopicPartition(str(config.topics.predictions), 0)
    try:
        for _ in range(2):
            with pytest.raises(LogAccessError, match="needs READ on topic") as info:
                log.open_transactions(predictions)
            words = f"user `{SASL_USER}` needs READ on topic `{predictions.topic}` (Describe"
            assert words in str(info.value)
            assert log.open_transactions(TopicPartition(str(config.topics.journal), 0)) == []
    finally:
        log.close()
