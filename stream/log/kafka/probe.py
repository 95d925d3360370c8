"""What `doctor` asks of Kafka: is it there, may it be used, and would a worker get on with it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from kafka import errors as client
from kafka.admin import KafkaAdminClient

from stream.config.log import KafkaLog
from stream.config.pipeline import Config
from stream.errors import DriftgateError
from stream.log.base import Probe, TopicPartition
from stream.log.kafka.errors import translate
from stream.log.kafka.membership import Membership
from stream.log.kafka.opening import open_client
from stream.log.kafka.probe_group import probe_positions, probe_transactions
from stream.log.kafka.probe_topics import (
    describe,
    describe_all,
    probe_copies,
    probe_counts,
    probe_existence,
    probe_leaders,
    probe_rights,
    probe_settings,
)
from stream.log.kafka.rights import topic_rights
from stream.log.kafka.settings import KafkaSettings
from stream.log.kafka.transactions import Transactor

_DOCTOR = "doctor"
_CLOSE_S = 2.0


def probe_kafka(config: Config) -> list[Probe]:
    """Try everything that a worker will do, without disturbing one that runs."""
    assert isinstance(config.log, KafkaLog)
    settings = KafkaSettings(config.log, config.app, topic_rights(config))
    try:
        admin = open_client(KafkaAdminClient, settings.client(), settings)
    except DriftgateError as error:
        return [_failed("broker", error)]
    try:
        return list(_probe(config, settings, admin))
    finally:
        admin.close()


def probe_kafka_state(config: Config) -> list[Probe]:
    """Look at what is on the topics; nothing is said where they cannot be reached at all."""
    assert isinstance(config.log, KafkaLog)
    settings = KafkaSettings(config.log, config.app)
    try:
        admin = open_client(KafkaAdminClient, settings.client(), settings)
    except DriftgateError:
        return []
    try:
        return list(_probe_state(config, settings, admin))
    finally:
        admin.close()


def _probe(config: Config, settings: KafkaSettings, admin: Any) -> Iterator[Probe]:
    yield Probe("broker", True, f"reached {settings.log.bootstrap}")
    inputs, outputs = _roles(config)
    names = [*inputs, *outputs]
    try:
        found, hidden = describe_all(admin, names)
    except client.KafkaError as error:
        yield _failed("topics", translate(error, settings))
        return
    yield probe_existence(names, found, hidden)
    yield from probe_counts(inputs, found)
    for name, needed in settings.topic_rights.items():
        if name in found or name in hidden:
            yield probe_rights(name, found, needed, settings)
    yield _attempt("group", f"`{settings.group}` may be read", lambda: _use_group(config, settings))
    yield _attempt(
        "transactional id",
        f"`{settings.app}-{_DOCTOR}` may be used; a worker's is `{settings.transactional_id}`",
        lambda: _use_transactional_id(settings),
    )
    yield from probe_settings(config, inputs, found, admin, settings)
    yield from probe_copies(found, admin)


def _probe_state(config: Config, settings: KafkaSettings, admin: Any) -> Iterator[Probe]:
    inputs, outputs = _roles(config)
    try:
        found = describe(admin, [*inputs, *outputs])
    except client.KafkaError:
        return  # the set-up's probes have said why
    yield from probe_leaders(found)
    yield from probe_positions(inputs, str(config.topics.journal), found, admin, settings)
    yield from probe_transactions(inputs, found, admin, settings)


def _roles(config: Config) -> tuple[list[str], list[str]]:
    topics = config.topics
    labels = [topics.labels] if config.labels.source == "topic" else []
    inputs = [topics.features, *labels]
    outputs = [topics.predictions, topics.drift, topics.dead_letters, topics.journal]
    return [name for name in inputs if name], [name for name in outputs if name]


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


def _failed(name: str, error: DriftgateError) -> Probe:
    detail, _, remedy = str(error).rpartition(". ")
    return Probe(name, False, detail or str(error), remedy if detail else "")
