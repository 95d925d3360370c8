"""Turns the client's errors into ours: one line, what happened and what to do."""

from __future__ import annotations

import re
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager

from kafka import errors as client

from stream.config import KafkaSecurity
from stream.errors import (
    ConfigError,
    DriftgateError,
    LogAccessError,
    LogUnavailableError,
    RecoveryError,
    SetupError,
    TopicMissingError,
)
from stream.log.base import TopicPartition
from stream.log.kafka.settings import KafkaSettings

_CONNECT_TIMEOUT_S = 3.0

FENCED = (
    client.ProducerFencedError,
    client.InvalidProducerEpochError,
    client.CommitFailedError,
    client.FencedInstanceIdError,
)
"""A newer producer, or a newer generation of the group, has taken over."""


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
    user = settings.log.security.username
    if isinstance(error, client.SaslAuthenticationFailedError):
        return LogAccessError(
            f"{where}: the broker refused user `{user}`. Check log.security.username and the "
            f"password (DRIFTGATE_SASL_PASSWORD)."
        )
    if isinstance(error, client.UnsupportedSaslMechanismError):
        return LogAccessError(
            f"{where}: the broker does not offer {settings.log.security.sasl_mechanism}. Set "
            f"log.security.sasl_mechanism to one that it does."
        )
    if isinstance(error, client.AuthorizationError):
        return _access(error, settings)
    if isinstance(error, client.KafkaConfigurationError):
        return ConfigError(f"log: the Kafka client refuses its settings: {_words(error)}.")
    if isinstance(error, client.OffsetOutOfRangeError):
        return _out_of_range(error)
    if isinstance(error, client.LogTruncationError):
        return RecoveryError(
            f"{where}: the broker lost records that had been read: {error.divergent_offsets}. "
            f"Restore them, or reset the state and position of these partitions."
        )
    if isinstance(error, client.MessageSizeTooLargeError | client.RecordListTooLargeError):
        return SetupError(
            f"{where}: a record is larger than its topic takes. Raise the topic's "
            f"`max.message.bytes`, or lower schema.record_bytes_max."
        )
    if isinstance(error, client.UnknownTopicOrPartitionError):
        return TopicMissingError(
            f"{where}: a topic that is used has gone ({_words(error)}). Create it again with "
            f"`driftgate topics create`."
        )
    return LogUnavailableError(
        f"{where}: {_words(error)}. Check that the broker is running and can be reached."
    )


def cannot_connect(error: BaseException, settings: KafkaSettings) -> DriftgateError:
    """Say why no client could be opened; asks the socket where the client only says "timeout"."""
    if not isinstance(error, client.KafkaTimeoutError | client.KafkaConnectionError):
        return translate(error, settings)
    findings = [
        _reach(address.strip(), settings.log.security)
        for address in settings.log.bootstrap.split(",")
    ]
    tls = any("TLS" in finding for finding in findings)
    remedy = (
        "Check log.security (protocol, ca_file, check_hostname) against the listener."
        if tls or not any(findings)
        else "Check that the broker is running and can be reached from here."
    )
    reason = next((finding for finding in findings if finding), "it does not answer as Kafka does")
    return (LogAccessError if tls else LogUnavailableError)(
        f"log.bootstrap `{settings.log.bootstrap}`: {reason}. {remedy}"
    )


def topic_missing(topic: str, settings: KafkaSettings) -> TopicMissingError:
    """Make the error for a topic that the broker does not list."""
    return TopicMissingError(
        f"log.bootstrap `{settings.log.bootstrap}`: topic `{topic}` does not exist, or may not be "
        f"described by this user. Create it with `driftgate topics create`, or grant DESCRIBE."
    )


def _access(error: BaseException, settings: KafkaSettings) -> LogAccessError:
    user = settings.log.security.username or "ANONYMOUS"
    if isinstance(error, client.TopicAuthorizationFailedError):
        names = ", ".join(re.findall(r"[A-Za-z0-9._-]+", str(error.args[0]))) if error.args else "?"
        right = f"READ or WRITE on topic {names}"
    elif isinstance(error, client.GroupAuthorizationFailedError):
        right = f"READ on group `{settings.group}`"
    elif isinstance(error, client.TransactionalIdAuthorizationFailedError):
        right = f"WRITE and DESCRIBE on transactional id `{settings.transactional_id}`"
    else:
        right = "IDEMPOTENT_WRITE on the cluster"
    return LogAccessError(
        f"log.bootstrap `{settings.log.bootstrap}`: user `{user}` needs {right}. Grant it with "
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


def _reach(address: str, security: KafkaSecurity) -> str:
    """Try one address with a socket of our own; empty if it can be reached."""
    host, _, port = address.rpartition(":")
    try:
        with socket.create_connection((host, int(port)), _CONNECT_TIMEOUT_S) as opened:
            if security.protocol.endswith("SSL"):
                _tls_context(security).wrap_socket(opened, server_hostname=host).close()
    except ssl.SSLCertVerificationError as error:
        return f"the TLS certificate of {address} is not trusted: {error.verify_message}"
    except ssl.SSLError as error:
        return f"the TLS handshake with {address} failed: {error.reason or error}"
    except (OSError, ValueError) as error:
        return f"cannot connect to {address}: {getattr(error, 'strerror', None) or error}"
    return ""


def _tls_context(security: KafkaSecurity) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=security.ca_file)
    context.check_hostname = security.check_hostname
    if security.certificate_file:
        password = security.key_password.get_secret_value() if security.key_password else None
        context.load_cert_chain(security.certificate_file, security.key_file, password)
    return context
