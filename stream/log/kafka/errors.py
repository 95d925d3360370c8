"""Turns the client's errors into ours: one line, what happened and what to do."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from kafka import errors as client

from stream.config.log import KafkaSecurity
from stream.errors import (
    ConfigError,
    DriftgateError,
    FencedError,
    LogAccessError,
    LogUnavailableError,
    RecordRefusedError,
    RecoveryError,
    SetupError,
    TopicMissingError,
)
from stream.log.base import TopicPartition
from stream.log.kafka.rights import is_hidden
from stream.log.kafka.settings import KafkaSettings
from stream.log.kafka.unfit import described, is_answer, why_unfit

FENCED = (
    client.ProducerFencedError,
    client.InvalidProducerEpochError,
    client.FencedInstanceIdError,
)
"""Another process runs under this worker's name. A stale generation of the group
(`CommitFailedError`) is not among them: such a worker was taken for dead, loses its partitions in
its next poll, and goes on."""


REFUSED = (
    client.MessageSizeTooLargeError,
    client.RecordListTooLargeError,
    client.InvalidTimestampError,
    client.InvalidRecordError,
)
"""A topic does not take a record: the same record is refused again until its settings change."""


@contextmanager
def translated(settings: KafkaSettings) -> Iterator[None]:
    """Translate what the client raises inside."""
    try:
        yield
    except client.KafkaError as error:
        raise translate(error, settings) from error


def translate(error: BaseException, settings: KafkaSettings) -> DriftgateError:
    """Say what one of the client's errors means to the user."""
    where = f"log.bootstrap `{settings.log.bootstrap}`"
    if isinstance(error, client.SaslAuthenticationFailedError):
        return LogAccessError(f"{where}: {refused(settings.log.security)}")
    if isinstance(error, client.UnsupportedSaslMechanismError):
        return LogAccessError(
            f"{where}: the broker does not offer {settings.log.security.sasl_mechanism}. Set "
            f"log.security.sasl_mechanism to one that it does."
        )
    if isinstance(error, client.AuthorizationError):
        return _access(error, settings)
    if isinstance(error, client.KafkaConfigurationError):
        return ConfigError(f"log: the Kafka client refuses its settings: {_words(error)}.")
    if isinstance(error, client.FencedInstanceIdError):
        return FencedError(
            f"group `{settings.group}`: another worker has joined as "
            f"`{settings.transactional_id}`. Give every worker a log.worker of its own."
        )
    if isinstance(error, client.OffsetOutOfRangeError):
        return _out_of_range(error)
    if isinstance(error, client.LogTruncationError):
        return RecoveryError(
            f"{where}: the broker lost records that had been read: {error.divergent_offsets}. "
            f"Restore them, or reset the state and position of these partitions."
        )
    if isinstance(error, REFUSED):
        return SetupError(f"{where}: {_refusal(error)}")
    if isinstance(error, client.UnknownTopicOrPartitionError):
        return TopicMissingError(
            f"{where}: a topic that is used has gone ({_words(error)}). Create it again with "
            f"`driftgate topics create`."
        )
    unfit = why_unfit(error, settings)
    if unfit is not None:
        return SetupError(f"{where}: {unfit}")
    if is_answer(error):  # of the state of a group or transaction, mostly, which comes and goes
        return LogUnavailableError(
            f"{where}: the broker answers {described(error)}. If trying again does not help, the "
            f"broker's log says more."
        )
    return LogUnavailableError(
        f"{where}: {_words(error)}. Check that the broker is running and can be reached."
    )


def refused(security: KafkaSecurity) -> str:
    """Say that the broker does not believe who we are, and what to look at."""
    if security.sasl_mechanism == "OAUTHBEARER":
        source = "token_command" if security.token_command else "token_provider"
        return (
            f"the broker refused the token of log.security.{source}. Check that it has not "
            f"expired, and its issuer, audience and scope."
        )
    return (
        f"the broker refused user `{security.username}`. Check log.security.username and the "
        f"password (DRIFTGATE_SASL_PASSWORD)."
    )


def user_of(security: KafkaSecurity) -> str:
    """Name the user as far as it is known here; the broker takes it from what proves it."""
    if security.username:
        return f"user `{security.username}`"
    if security.sasl_mechanism == "OAUTHBEARER":
        return "the token's user"
    if security.certificate_file and security.protocol == "SSL":
        return f"the user of certificate `{security.certificate_file}`"
    return "user `ANONYMOUS`"


def topic_missing(topic: str, settings: KafkaSettings) -> TopicMissingError | LogAccessError:
    """Make the error for a topic that the broker does not list, or keeps from this user."""
    if is_hidden(topic, settings):
        return _lacking(_topic_right(topic, settings), settings)
    return TopicMissingError(
        f"log.bootstrap `{settings.log.bootstrap}`: topic `{topic}` does not exist. Create it with "
        f"`driftgate topics create`."
    )


def looking_denied(topic: str, settings: KafkaSettings) -> LogAccessError:
    """Make the error for a topic whose open transactions this user may not list."""
    return _lacking(f"READ on topic `{topic}` (DescribeProducers)", settings)


def record_refused(error: BaseException, target: TopicPartition) -> RecordRefusedError:
    """Make the error for a record that an output topic does not take."""
    return RecordRefusedError(
        f"{target.topic}[{target.partition}]: {_refusal(error)} Nothing was committed.",
        target.partition,
    )


def _refusal(error: BaseException) -> str:
    if isinstance(error, client.InvalidTimestampError):
        return (
            "the topic does not take a record of this time. Widen its "
            "`message.timestamp.before.max.ms` and `message.timestamp.after.max.ms`, or lower "
            "schema.event_time_ahead_max."
        )
    if isinstance(error, client.InvalidRecordError):
        return (
            "the broker finds a record invalid. A topic whose `cleanup.policy` is `compact` takes "
            "no record without a key: let it be `delete`."
        )
    return (
        "a record is larger than its topic takes. Raise the topic's `max.message.bytes`, or lower "
        "schema.record_bytes_max."
    )


def _access(error: BaseException, settings: KafkaSettings) -> LogAccessError:
    if isinstance(error, client.TopicAuthorizationFailedError):
        names = _topics(error, settings)
        right = ", ".join(_topic_right(name, settings) for name in names) or (
            "READ or WRITE on a topic"
        )
    elif isinstance(error, client.GroupAuthorizationFailedError):
        right = f"READ on group `{settings.group}`"
    elif isinstance(error, client.TransactionalIdAuthorizationFailedError):
        right = f"WRITE on transactional id `{settings.transactional_id}`"
    else:
        right = "IDEMPOTENT_WRITE on the cluster"
    return _lacking(right, settings)


def _topics(error: client.TopicAuthorizationFailedError, settings: KafkaSettings) -> list[str]:
    """List the topics that an error names: the client gives their names, or a text of its own."""
    named = error.args[0] if error.args else ()
    if isinstance(named, set | frozenset | list | tuple):
        return sorted(map(str, named))
    words = {word.strip(".") for word in re.findall(r"[A-Za-z0-9._-]+", str(named))}
    return sorted(words & settings.topic_rights.keys())


def _topic_right(topic: str, settings: KafkaSettings) -> str:
    rights = settings.topic_rights.get(topic)
    return f"{' and '.join(rights) if rights else 'READ or WRITE'} on topic `{topic}`"


def _lacking(right: str, settings: KafkaSettings) -> LogAccessError:
    return LogAccessError(
        f"log.bootstrap `{settings.log.bootstrap}`: {user_of(settings.log.security)} needs "
        f"{right}. Grant it with "
        f"kafka-acls."
    )


def _out_of_range(error: client.OffsetOutOfRangeError) -> RecoveryError:
    offsets = error.args[0] if error.args and isinstance(error.args[0], dict) else {}
    named = ", ".join(
        f"{source.topic}[{source.partition}]@{offset}"
        for source, offset in sorted((TopicPartition(*key), at) for key, at in offsets.items())
    )
    return RecoveryError(
        f"{named or 'log'}: the position must be among the records that are kept. Keep records "
        f"longer, or reset the partition's state and position."
    )


def _words(error: BaseException) -> str:
    text = " ".join(str(error).split())
    return text.removeprefix("KafkaTimeoutError: ").rstrip(".") or type(error).__name__
