"""What `doctor` asks of Kafka: is it there, do the topics fit, are the rights granted."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from kafka import errors as client
from kafka.admin import ConfigResource, ConfigResourceType, KafkaAdminClient

from stream.config import Config
from stream.config_log import KafkaLog
from stream.errors import DriftgateError
from stream.log.base import Probe, TopicPartition
from stream.log.kafka.errors import translate
from stream.log.kafka.membership import Membership
from stream.log.kafka.opening import open_client
from stream.log.kafka.settings import KafkaSettings
from stream.log.kafka.transactions import Transactor

_DOCTOR = "doctor"
_CLOSE_S = 2.0


def probe_kafka(config: Config) -> list[Probe]:
    """Try everything that a worker will do, without disturbing one that runs."""
    assert isinstance(config.log, KafkaLog)
    settings = KafkaSettings(config.log, config.app)
    try:
        admin = open_client(KafkaAdminClient, settings.client(), settings)
    except DriftgateError as error:
        return [_failed("broker", error)]
    try:
        return list(_probe(config, settings, admin))
    finally:
        admin.close()


def _probe(config: Config, settings: KafkaSettings, admin: Any) -> Iterator[Probe]:
    yield Probe("broker", True, f"reached {settings.log.bootstrap}")
    inputs, outputs = _roles(config)
    try:
        found = {
            topic["name"]: topic
            for topic in admin.describe_topics([*inputs, *outputs])
            if topic["error_code"] == 0
        }
    except client.KafkaError as error:
        yield _failed("topics", translate(error, settings))
        return
    yield from _topics_exist([*inputs, *outputs], found)
    yield from _co_partitioned(config, found)
    for name in inputs:
        yield from _rights(name, found, ("DESCRIBE", "READ"), settings)
    for name in outputs:
        yield from _rights(name, found, ("DESCRIBE", "READ", "WRITE"), settings)
    yield _attempt("group", f"`{settings.group}` may be read", lambda: _use_group(config, settings))
    yield _attempt(
        "transactional id",
        f"`{settings.app}-{_DOCTOR}` may be used; a worker's is `{settings.transactional_id}`",
        lambda: _use_transactional_id(settings),
    )
    yield from _message_sizes(config, found, admin, settings)


def _roles(config: Config) -> tuple[list[str], list[str]]:
    topics = config.topics
    labels = [topics.labels] if config.labels.source == "topic" else []
    inputs = [topics.features, *labels]
    outputs = [topics.predictions, topics.drift, topics.dead_letters, topics.journal]
    return [name for name in inputs if name], [name for name in outputs if name]


def _topics_exist(names: list[str], found: dict[str, Any]) -> Iterator[Probe]:
    missing = [name for name in names if name not in found]
    if missing:
        yield Probe(
            "topics",
            False,
            f"missing, or not to be described: {', '.join(missing)}",
            "driftgate topics create",
        )
    else:
        yield Probe("topics", True, f"all {len(names)} exist")


def _co_partitioned(config: Config, found: dict[str, Any]) -> Iterator[Probe]:
    counts = {name: len(topic["partitions"]) for name, topic in sorted(found.items())}
    wanted = counts.get(config.topics.features or "")
    if wanted is None:
        return
    others = {name: count for name, count in counts.items() if count != wanted}
    if others:
        yield Probe(
            "partitions",
            False,
            f"`{config.topics.features}` has {wanted}, but "
            + ", ".join(f"`{name}` has {count}" for name, count in others.items()),
            "Create these topics again with as many partitions as the features have.",
        )
    else:
        yield Probe("partitions", True, f"{wanted} in every topic")


def _rights(
    name: str, found: dict[str, Any], needed: tuple[str, ...], settings: KafkaSettings
) -> Iterator[Probe]:
    if name not in found:
        return
    granted = found[name].get("authorized_operations") or []
    lacking = [right for right in needed if right not in granted]
    user = settings.log.security.username or "ANONYMOUS"
    if lacking:
        yield Probe(
            f"rights on {name}",
            False,
            f"user `{user}` lacks {', '.join(lacking)}",
            f"kafka-acls --add --allow-principal User:{user} --topic {name} "
            + " ".join(f"--operation {right}" for right in lacking),
        )
    else:
        yield Probe(f"rights on {name}", True, ", ".join(needed))


def _attempt(name: str, success: str, action: Callable[[], object]) -> Probe:
    try:
        action()
    except DriftgateError as error:
        return _failed(name, error)
    return Probe(name, True, success)


def _use_group(config: Config, settings: KafkaSettings) -> None:
    membership = Membership(settings)
    try:
        membership.committed([TopicPartition(config.topics.features or "", 0)])
    finally:
        membership.close(_CLOSE_S)


def _use_transactional_id(settings: KafkaSettings) -> None:
    # A worker's own id would fence that worker; rights are usually granted to the app's prefix.
    log = settings.log.model_copy(update={"worker": _DOCTOR})
    transactor = Transactor(KafkaSettings(log, settings.app))
    try:
        transactor.open()
    finally:
        transactor.close(_CLOSE_S)


def _message_sizes(
    config: Config, found: dict[str, Any], admin: Any, settings: KafkaSettings
) -> Iterator[Probe]:
    name = config.topics.dead_letters
    if name not in found:
        return
    try:
        limit = _message_bytes_max(admin, name)
    except client.KafkaError as error:
        yield _failed("record size", translate(error, settings))
        return
    needed = config.record.record_bytes_max
    if limit is None:
        yield Probe(
            "record size",
            False,
            f"the settings of `{name}` may not be read",
            "Grant DESCRIBE_CONFIGS on it, or see to it that max.message.bytes is large enough.",
        )
    elif limit < needed:
        yield Probe(
            "record size",
            False,
            f"`{name}` takes {limit} bytes, but schema.record_bytes_max is {needed}: a dead "
            f"record as large as that cannot be kept",
            f"kafka-configs --alter --topic {name} --add-config max.message.bytes={2 * needed}",
        )
    else:
        yield Probe("record size", True, f"`{name}` takes {limit} bytes")


def _message_bytes_max(admin: Any, topic: str) -> int | None:
    resource = ConfigResource(ConfigResourceType.TOPIC, topic)
    described = admin.describe_configs([resource], config_filter="all")
    entry = described.get("topic", {}).get(topic, {}).get("max.message.bytes")
    return None if entry is None else int(entry["value"] if isinstance(entry, dict) else entry)


def _failed(name: str, error: DriftgateError) -> Probe:
    detail, _, remedy = str(error).rpartition(". ")
    return Probe(name, False, detail or str(error), remedy if detail else "")
