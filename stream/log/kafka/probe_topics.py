"""What `doctor` asks of topics on Kafka: are they there, with which rights, copies and settings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from kafka import errors as client
from kafka.admin import ConfigResource, ConfigResourceType

from stream.config.pipeline import Config
from stream.log.base import Probe
from stream.log.findings import judge_counts
from stream.log.kafka.errors import translate, user_of
from stream.log.kafka.settings import KafkaSettings

_OWN_OF_KAFKA = {
    "__transaction_state": "what its coordinator knew of open transactions is lost with it: they "
    "hang, hold back all readers, and committed records behind them can be read by nobody",
    "__consumer_offsets": "committed offsets are lost with it",
}
_KEPT_OF_KAFKA = (
    "Have 3 brokers, and give these topics 3 copies with kafka-reassign-partitions; for a new "
    "cluster set transaction.state.log.replication.factor and offsets.topic.replication.factor."
)


def describe(admin: Any, names: Sequence[str]) -> dict[str, Any]:
    """Describe those topics that exist and may be seen."""
    return describe_all(admin, names)[0]


def describe_all(admin: Any, names: Sequence[str]) -> tuple[dict[str, Any], list[str]]:
    """Describe those topics that exist and may be seen; name those that may not be."""
    described = admin.describe_topics(list(names))
    found = {topic["name"]: topic for topic in described if topic["error_code"] == 0}
    refused = client.TopicAuthorizationFailedError.errno
    return found, [topic["name"] for topic in described if topic["error_code"] == refused]


def probe_existence(names: Sequence[str], found: Mapping[str, Any], hidden: Sequence[str]) -> Probe:
    """Whether every topic is there."""
    missing = [name for name in names if name not in found and name not in hidden]
    if missing:
        return Probe("topics", False, f"missing: {', '.join(missing)}", "driftgate topics create")
    if hidden:
        detail = f"may not be seen by this user: {', '.join(hidden)}"
        return Probe("topics", False, detail, "Grant the rights on them")
    return Probe("topics", True, f"all {len(names)} exist")


def probe_counts(inputs: Sequence[str], found: Mapping[str, Any]) -> Iterator[Probe]:
    """Whether all have as many partitions; nothing is said where the events' topic is missing."""
    if inputs[0] in found:
        counts = {name: len(topic["partitions"]) for name, topic in sorted(found.items())}
        yield judge_counts(inputs, counts)


def probe_leaders(found: Mapping[str, Any]) -> Iterator[Probe]:
    """Name the partitions that nobody can read or write at present."""
    unled = [
        f"`{name}[{part['partition_index']}]`"
        for name, topic in sorted(found.items())
        for part in topic["partitions"]
        if part["leader_id"] < 0
    ]
    if unled:
        yield Probe(
            "leaders",
            False,
            f"{', '.join(unled)} have none: all brokers with a copy are away",
            "Bring one of them back; nothing can be read from or written to these until then.",
        )


def probe_rights(
    name: str, found: Mapping[str, Any], needed: Sequence[str], settings: KafkaSettings
) -> Probe:
    """Whether this user may do with a topic what a worker does."""
    granted = found[name].get("authorized_operations") or [] if name in found else []
    lacking = [right for right in needed if right not in granted]
    if not lacking:
        return Probe(f"rights on {name}", True, ", ".join(needed))
    security = settings.log.security
    return Probe(
        f"rights on {name}",
        False,
        f"{user_of(security)} lacks {', '.join(lacking)}",
        f"kafka-acls --add --allow-principal User:{security.username or 'NAME'} --topic {name} "
        + " ".join(f"--operation {right}" for right in lacking),
    )


def probe_copies(found: Mapping[str, Any], admin: Any) -> Iterator[Probe]:
    """Warn of topics with one copy, the pipeline's and Kafka's own, and say what that costs."""
    single = _with_one_copy(found)
    if single:
        yield Probe(
            "replication",
            True,
            f"one copy only of {_named(single)}: while its broker is away a partition stands still "
            f"for all, what that broker loses is lost, and a transaction whose end it misses hangs",
            "Have 3 brokers; set log.replication: 3 before topics are created, and use "
            "kafka-reassign-partitions for those that are there.",
            warning=True,
        )
    elif found:
        yield Probe("replication", True, "more than one copy of every topic")
    for name in _with_one_copy(describe(admin, list(_OWN_OF_KAFKA))):
        yield Probe(
            f"replication of {name}",
            True,
            f"one copy only: when a broker loses its disk, {_OWN_OF_KAFKA[name]}",
            _KEPT_OF_KAFKA,
            warning=True,
        )


def probe_settings(
    config: Config,
    inputs: Sequence[str],
    found: Mapping[str, Any],
    admin: Any,
    kafka: KafkaSettings,
) -> Iterator[Probe]:
    """Whether what must be kept is kept, and dead letters may be as large as their records."""
    kept = [name for name in (*inputs, str(config.topics.journal)) if name in found]
    dead_letters = str(config.topics.dead_letters)
    wanted = [*kept, *(name for name in [dead_letters] if name in found)]
    try:
        settings = {name: _settings(admin, name) for name in wanted}
    except client.KafkaError as error:
        detail, _, remedy = str(translate(error, kafka)).rpartition(". ")
        yield Probe("topic settings", False, detail, remedy)
        return
    yield from _kept_whole({name: settings[name] for name in kept})
    if dead_letters in settings:
        limit = settings[dead_letters].get("max.message.bytes")
        yield _large_enough(dead_letters, limit, config.record.record_bytes_max)


def _kept_whole(settings: Mapping[str, Mapping[str, str]]) -> Iterator[Probe]:
    """A task is rebuilt by reading its inputs again: records must not vanish from their middle."""
    policies = {name: of_topic.get("cleanup.policy") for name, of_topic in settings.items()}
    unread = [name for name, policy in policies.items() if policy is None]
    if unread:
        yield Probe(
            "compaction",
            True,
            f"the settings of {_named(unread)} may not be read",
            "Grant DESCRIBE_CONFIGS on them, or see to it that cleanup.policy is not `compact`.",
            warning=True,
        )
    compacted = [name for name, policy in policies.items() if policy and "compact" in policy]
    for name in compacted:
        yield Probe(
            "compaction",
            False,
            f"`{name}` has cleanup.policy={policies[name]}: records vanish from its middle, and a "
            f"replay of what is left gives another state and other predictions",
            f"kafka-configs --alter --topic {name} --add-config cleanup.policy=delete, with a "
            f"retention.ms that is longer than any outage.",
        )
    if policies and not compacted and not unread:
        yield Probe("compaction", True, "no input, nor the journal, is compacted")


def _large_enough(name: str, limit: str | None, needed: int) -> Probe:
    if limit is None:
        return Probe(
            "record size",
            False,
            f"the settings of `{name}` may not be read",
            "Grant DESCRIBE_CONFIGS on it, or see to it that max.message.bytes is large enough.",
        )
    if int(limit) < needed:
        return Probe(
            "record size",
            False,
            f"`{name}` takes {limit} bytes, but schema.record_bytes_max is {needed}: a dead "
            f"record as large as that cannot be kept",
            f"kafka-configs --alter --topic {name} --add-config max.message.bytes={2 * needed}",
        )
    return Probe("record size", True, f"`{name}` takes {limit} bytes")


def _settings(admin: Any, topic: str) -> dict[str, str]:
    """A topic's settings, defaults included; empty where they may not be read."""
    resource = ConfigResource(ConfigResourceType.TOPIC, topic)
    described = admin.describe_configs([resource], config_filter="all")
    entries = described.get("topic", {}).get(topic, {})
    return {
        name: str(entry["value"] if isinstance(entry, dict) else entry)
        for name, entry in entries.items()
    }


def _with_one_copy(found: Mapping[str, Any]) -> list[str]:
    return [
        name
        for name, topic in found.items()
        if any(len(part["replica_nodes"]) == 1 for part in topic["partitions"])
    ]


def _named(names: Sequence[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)
