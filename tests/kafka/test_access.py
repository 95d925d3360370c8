"""What a user is told when the broker cannot be used, and that no secret is ever in it."""

from __future__ import annotations

import logging
import os
import socket
import time
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import kafka
import pytest
from kafka.admin import (
    ACL,
    ACLOperation,
    ACLPermissionType,
    KafkaAdminClient,
    ResourcePattern,
    ResourceType,
)

from deploy.kafka.dev_broker import SASL_PASSWORD, SASL_USER, Broker
from stream.config.pipeline import Config
from stream.errors import LogAccessError, LogUnavailableError, SetupError
from stream.log.base import Log, Probe, TopicPartition, TopicSpec
from stream.log.kafka import KafkaLog, KafkaSettings
from stream.log.open import open_admin, open_log, probe_log
from tests.builders import toy_config
from tests.stream.log.worlds import QUICK, KafkaWorld, RecordingListener, output, transaction

pytestmark = pytest.mark.kafka

SASL = {
    "protocol": "SASL_PLAINTEXT",
    "sasl_mechanism": "PLAIN",
    "username": SASL_USER,
    "password": SASL_PASSWORD,
}


@pytest.fixture(autouse=True)
def _no_secret_is_logged(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    caplog.set_level(logging.DEBUG)
    yield
    text = "\n".join(map(logging.Formatter().format, caplog.get_records("call")))
    for secret in (SASL_PASSWORD, "wrong-password"):
        assert secret not in text


@pytest.fixture
def app() -> str:
    return f"app-{uuid.uuid4().hex[:8]}"


def config(app: str, bootstrap: str, **log: Any) -> Config:
    section = {"type": "kafka", "bootstrap": bootstrap, "worker": "w", **QUICK, **log}
    return toy_config(app=app, log=section)


@pytest.fixture
def grant(dev_kafka: Broker) -> Iterator[Callable[[ResourceType, str, ACLOperation], None]]:
    admin = KafkaAdminClient(bootstrap_servers=dev_kafka.bootstrap)

    def add(kind: ResourceType, name: str, operation: ACLOperation) -> None:
        pattern = ResourcePattern(kind, name)
        user = f"User:{SASL_USER}"
        admin.create_acls([ACL(user, "*", operation, ACLPermissionType.ALLOW, pattern)])

    yield add
    admin.close()


def create_topics(app: str, dev_kafka: Broker, **partitions: int) -> Config:
    """Create all topics of an app (through the listener that may do everything)."""
    plain = config(app, dev_kafka.bootstrap)
    admin = open_admin(plain)
    names = plain.topics.model_dump()
    admin.create(
        [TopicSpec(name, partitions.get(key, 2)) for key, name in names.items() if key != "labels"]
    )
    admin.close()
    return plain


def begin(log: Log, topic: str) -> None:
    """Do what a worker does first."""
    log.subscribe([topic], RecordingListener())
    log.poll(5.0, 10, {})


def free_address() -> str:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{taken.getsockname()[1]}"


@pytest.mark.parametrize(
    ("log", "words"),
    [
        ({"session_timeout": "3h"}, "log.session_timeout must be between.*; got 10800 s"),
        ({"transaction_timeout": "2h"}, "log.transaction_timeout must be at most.*; got 7200 s"),
    ],
)
def test_a_timeout_that_the_broker_does_not_allow_ends_the_worker(
    app: str, dev_kafka: Broker, log: dict[str, str], words: str
) -> None:
    plain = create_topics(app, dev_kafka)
    opened = open_log(config(app, dev_kafka.bootstrap, **log))
    with pytest.raises(SetupError, match=words) as info:
        begin(opened, str(plain.topics.features))
    assert not info.value.retriable
    opened.close()


def test_a_consumer_of_another_kind_in_the_group_ends_the_worker(
    app: str, dev_kafka: Broker
) -> None:
    topic = str(create_topics(app, dev_kafka).topics.features)
    other = kafka.KafkaConsumer(topic, bootstrap_servers=dev_kafka.bootstrap, group_id=app)
    other.poll(10_000)
    opened = open_log(config(app, dev_kafka.bootstrap))
    with pytest.raises(SetupError, match=f"group `{app}`.*another kind") as info:
        begin(opened, topic)
    assert not info.value.retriable
    opened.close()
    other.close()


@pytest.mark.parametrize("opener", [open_log, open_admin])
def test_no_broker_is_told_within_seconds(app: str, opener: Callable[[Config], Any]) -> None:
    address = free_address()
    started = time.monotonic()
    with pytest.raises(LogUnavailableError, match=f"cannot connect to {address}.*refused") as info:
        opener(config(app, address, request_timeout="2s"))
    assert time.monotonic() - started < 5
    assert "\n" not in str(info.value)


def test_an_unknown_host_is_named(app: str) -> None:
    with pytest.raises(LogUnavailableError, match=r"no-such-host\.invalid:9092"):
        open_log(config(app, "no-such-host.invalid:9092", request_timeout="1s"))


def test_something_else_that_listens_is_no_broker(app: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
        with pytest.raises(LogUnavailableError, match="does not answer"):
            open_log(config(app, address, request_timeout="1s"))


def test_a_wrong_password(app: str, dev_kafka: Broker) -> None:
    security = {**SASL, "password": "wrong-password"}
    started = time.monotonic()
    with pytest.raises(LogAccessError, match=f"user `{SASL_USER}`.*DRIFTGATE_SASL_PASS") as info:
        open_log(config(app, dev_kafka.addresses["SASL"], security=security))
    assert time.monotonic() - started < 5
    assert "wrong-password" not in str(info.value)


def test_credentials_for_a_listener_that_wants_none(app: str, dev_kafka: Broker) -> None:
    with pytest.raises(LogUnavailableError, match="does not use SASL"):
        open_log(config(app, dev_kafka.bootstrap, security=SASL, request_timeout="1s"))


def test_secrets_stay_out_of_reprs() -> None:
    settings = KafkaSettings(
        config("app", "localhost:1", security=SASL).log,  # type: ignore[arg-type]
        "app",
    )
    shown = f"{settings!r} {settings.client()!r} {settings.consumer()} {settings.producer()}"
    assert SASL_PASSWORD not in shown
    assert settings.client()["sasl_plain_password"] == SASL_PASSWORD


def test_tls_with_the_right_authority(app: str, dev_kafka: Broker) -> None:
    security = {"protocol": "SSL", "ca_file": str(dev_kafka.ca_file)}
    admin = open_admin(config(app, dev_kafka.addresses["TLS"], security=security))
    assert isinstance(admin.topics(), dict)
    admin.close()


def test_tls_with_an_unknown_authority(app: str, dev_kafka: Broker) -> None:
    with pytest.raises(LogAccessError, match=r"certificate of localhost.*not trusted"):
        open_admin(
            config(
                app,
                dev_kafka.addresses["TLS"],
                security={"protocol": "SSL"},
                request_timeout="1s",
            )
        )


def test_plain_text_to_a_tls_listener(app: str, dev_kafka: Broker) -> None:
    with pytest.raises(LogUnavailableError, match="does not answer"):
        open_admin(config(app, dev_kafka.addresses["TLS"], request_timeout="1s"))


def test_missing_rights_are_named_one_after_the_other(
    app: str, dev_kafka: Broker, grant: Callable[[ResourceType, str, ACLOperation], None]
) -> None:
    topics = create_topics(app, dev_kafka).topics
    restricted = config(app, dev_kafka.addresses["SASL"], security=SASL)
    source, target = str(topics.features), str(topics.predictions)

    def attempt() -> None:
        log = open_log(restricted)
        try:
            listener = RecordingListener()
            log.subscribe([source], listener)
            deadline = time.monotonic() + 10
            while not listener.held:
                assert time.monotonic() < deadline
                log.poll(0.1, 10, {})
            offsets = dict.fromkeys(listener.held, 0)
            for failure in log.poll(0.5, 10, offsets).failures.values():
                raise failure
            log.commit(transaction(log, [output(target, [b"x"])], offsets))
        finally:
            log.close()

    grant(ResourceType.TOPIC, source, ACLOperation.DESCRIBE)
    steps = [
        (f"transactional id `{app}-w`", ResourceType.TRANSACTIONAL_ID, f"{app}-w", "WRITE"),
        (f"group `{app}`", ResourceType.GROUP, app, "READ"),
        (source, ResourceType.TOPIC, source, "READ"),
    ]
    for named, kind, name, operation in steps:
        with pytest.raises(LogAccessError, match=named):
            attempt()
        grant(kind, name, ACLOperation[operation])
    grant(ResourceType.TOPIC, target, ACLOperation.DESCRIBE)
    with pytest.raises(LogAccessError, match=target):
        attempt()
    grant(ResourceType.TOPIC, target, ACLOperation.WRITE)
    attempt()


def test_a_record_larger_than_its_topic_takes(world: KafkaWorld) -> None:
    topic = world.topic("small", config={"max.message.bytes": "10000"})
    log: KafkaLog = world.open_log("w")
    world.stack.callback(log.close)
    log.subscribe([topic], RecordingListener())
    large = os.urandom(64_000)  # which no compression makes small enough
    with pytest.raises(SetupError, match=r"max\.message\.bytes"):
        log.commit(transaction(log, [output(topic, [large])]))
    log.reopen()
    log.commit(
        transaction(log, [output(topic, [os.urandom(100)] * 5000)])
    )  # a batch too large is split


def findings(config: Config) -> dict[str, Probe]:
    return {probe.name: probe for probe in probe_log(config)}


def test_probes_of_a_pipeline_that_can_run(app: str, dev_kafka: Broker) -> None:
    plain = create_topics(app, dev_kafka)
    found = findings(plain)
    assert all(probe.ok for probe in found.values()), found
    assert {"broker", "topics", "partitions", "group", "transactional id"} <= set(found)
    assert found["partitions"].detail == "2 in every topic"
    assert "1048588" in found["record size"].detail


def test_probes_do_not_disturb_a_worker(app: str, dev_kafka: Broker) -> None:
    plain = create_topics(app, dev_kafka)
    log = open_log(plain)
    log.subscribe([str(plain.topics.features)], RecordingListener())
    findings(plain)
    log.commit(transaction(log, [output(str(plain.topics.predictions), [b"x"])]))
    assert log.bounds(TopicPartition(str(plain.topics.predictions), 0)).end > 0
    log.close()


def test_probes_of_topics_that_do_not_fit(app: str, dev_kafka: Broker) -> None:
    plain = create_topics(app, dev_kafka, drift=3)
    wide = plain.model_copy(
        update={"record": plain.record.model_copy(update={"record_bytes_max": 5_000_000})}
    )
    found = findings(wide)
    assert not found["partitions"].ok
    assert f"`{app}.drift` has 3" in found["partitions"].detail
    assert not found["record size"].ok
    assert "max.message.bytes" in found["record size"].remedy


def test_probes_without_topics(app: str, dev_kafka: Broker) -> None:
    found = findings(config(app, dev_kafka.bootstrap))
    assert not found["topics"].ok
    assert f"{app}.features" in found["topics"].detail
    assert found["topics"].remedy == "driftgate topics create"


def test_probes_without_a_broker(app: str) -> None:
    (probe,) = probe_log(config(app, free_address(), request_timeout="1s"))
    assert (probe.name, probe.ok) == ("broker", False)
    assert "refused" in probe.detail
    assert probe.remedy


def test_probes_without_rights(
    app: str, dev_kafka: Broker, grant: Callable[[ResourceType, str, ACLOperation], None]
) -> None:
    topics = create_topics(app, dev_kafka).topics
    for name in (topics.features, topics.predictions, topics.dead_letters):
        grant(ResourceType.TOPIC, str(name), ACLOperation.DESCRIBE)
    found = findings(config(app, dev_kafka.addresses["SASL"], security=SASL))
    assert not found["topics"].ok  # drift and journal cannot be seen
    assert found[f"rights on {topics.features}"].detail == f"user `{SASL_USER}` lacks READ"
    assert "WRITE" in found[f"rights on {topics.predictions}"].detail
    assert found["compaction"].level == "warning"
    assert "DESCRIBE_CONFIGS" in found["compaction"].remedy
    assert not found["group"].ok
    assert not found["transactional id"].ok
    assert f"{app}-doctor" in found["transactional id"].detail
