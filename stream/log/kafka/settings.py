"""What kafka-python's clients are told, from the `log` section of the configuration."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cached_property
from typing import Any

from pydantic import SecretStr

from stream.config.log import KafkaLog, KafkaSecurity
from stream.log.kafka.assignor import CopartitionedStickyAssignor
from stream.log.kafka.tokens import TokenProvider

_LINGER_MS = 5
_BATCH_BYTES = 256 * 1024
_RETRY_BACKOFF_MS = 15
"""A transactional request that is repeated sleeps this long in the sender: the default of 100 ms
doubles the time of a small commit."""

_FETCH_BYTES_MAX = 32 * 1024 * 1024
_FETCH_WAIT_MS_MAX = 500
_FETCH_PARTITION_BYTES_MAX = 2 * 1024 * 1024
_FRAME_BYTES = 1024 * 1024  # of a fetch response, beside its records
_RECORD_BYTES = 1024  # of a record, beside its key and value
_HEARTBEAT_MS_MAX = 3000
_METADATA_AGE_MS_MAX = 30_000  # how soon partitions that were added are given out
_RECONNECT_BACKOFF_MS_MAX = 1000


class _Masked(str):
    """A secret that a client may log together with the rest of its settings."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "'**********'"


@dataclass(frozen=True)
class KafkaSettings:
    """Names and limits of one worker, and the arguments of its clients.

    Parameters
    ----------
    log
        The `log` section of the configuration.
    app
        Name of the app: the default group, and the first part of the transactional id.
    topic_rights
        What a worker needs on each topic, for messages; topics that are not in it are named
        without their rights.
    """

    log: KafkaLog
    app: str
    topic_rights: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def group(self) -> str:
        """Name of the consumer group."""
        return self.log.group or self.app

    @property
    def transactional_id(self) -> str:
        """Name under which a worker's successor fences it: its own among the app's workers."""
        return f"{self.app}-{self.log.worker or socket.gethostname()}"

    @property
    def group_instance_id(self) -> str | None:
        """Name under which a static member keeps its partitions over a restart; else None."""
        return self.transactional_id if self.log.static_membership else None

    @property
    def commit_timeout_s(self) -> float:
        """Longest time for one commit, and for the opening of a producer."""
        return self.log.commit_timeout.total_seconds()

    @property
    def request_timeout_s(self) -> float:
        """Longest wait for one answer."""
        return self.log.request_timeout.total_seconds()

    @property
    def transaction_timeout_s(self) -> float:
        """Time after which the broker aborts a transaction by itself."""
        return self.log.transaction_timeout.total_seconds()

    @cached_property
    def tokens(self) -> TokenProvider | None:
        """Tokens for OAUTHBEARER, one source for all clients; None with another mechanism."""
        uses_tokens = self.log.security.sasl_mechanism == "OAUTHBEARER"
        return TokenProvider(self.log) if uses_tokens else None

    def client(self) -> dict[str, Any]:
        """Arguments that all clients take."""
        return {
            "bootstrap_servers": self.log.bootstrap.split(","),
            "client_id": self.transactional_id,
            "bootstrap_timeout_ms": _milliseconds(self.log.request_timeout),
            "request_timeout_ms": _milliseconds(self.log.request_timeout),
            "reconnect_backoff_max_ms": _RECONNECT_BACKOFF_MS_MAX,
            "receive_message_max_bytes": _FETCH_BYTES_MAX
            + self.log.record_bytes_max
            + _FRAME_BYTES,
            **_tls(self.log.security),
            **_sasl(self.log.security, self.tokens),
        }

    def reader(self) -> dict[str, Any]:
        """Arguments of a consumer outside of the group, which reads committed records."""
        return {
            **self.client(),
            "group_id": None,
            "enable_auto_commit": False,
            "auto_offset_reset": "none",  # a position out of range is an error, never a jump
            "isolation_level": "read_committed",
            "allow_auto_create_topics": False,
            "fetch_max_wait_ms": min(
                _FETCH_WAIT_MS_MAX, _milliseconds(self.log.request_timeout) // 2
            ),
            "fetch_max_bytes": _FETCH_BYTES_MAX,
            "max_partition_fetch_bytes": _FETCH_PARTITION_BYTES_MAX,
            "metadata_max_age_ms": _METADATA_AGE_MS_MAX,
            "metrics_enabled": False,
        }

    def consumer(self) -> dict[str, Any]:
        """Arguments of the group's consumer."""
        session_ms = _milliseconds(self.log.session_timeout)
        return {
            **self.reader(),
            "group_id": self.group,
            "group_instance_id": self.group_instance_id,
            "session_timeout_ms": session_ms,
            "heartbeat_interval_ms": min(_HEARTBEAT_MS_MAX, session_ms // 3),
            "max_poll_interval_ms": _milliseconds(self.log.poll_interval_max),
            # Cooperative from the first release: a group cannot change over from the eager
            # protocol without stopping all of its workers.
            "partition_assignment_strategy": [CopartitionedStickyAssignor],
        }

    def producer(self) -> dict[str, Any]:
        """Arguments of a plain idempotent producer."""
        request_ms = _milliseconds(self.log.request_timeout)
        return {
            **self.client(),
            "acks": "all",
            "enable_idempotence": True,
            "compression_type": None if self.log.compression == "none" else self.log.compression,
            "linger_ms": _LINGER_MS,
            "batch_size": _BATCH_BYTES,
            "max_request_size": self.log.record_bytes_max + _RECORD_BYTES,
            "max_block_ms": _milliseconds(self.log.commit_timeout),
            # The client wants room for one request at least.
            "delivery_timeout_ms": max(
                _milliseconds(self.log.commit_timeout), request_ms + _LINGER_MS
            ),
            "retry_backoff_ms": _RETRY_BACKOFF_MS,
            "allow_auto_create_topics": False,
            "metrics_enabled": False,
        }

    def transactional_producer(self) -> dict[str, Any]:
        """Arguments of the worker's transactional producer."""
        return {
            **self.producer(),
            "transactional_id": self.transactional_id,
            "transaction_timeout_ms": _milliseconds(self.log.transaction_timeout),
        }


def _milliseconds(duration: timedelta) -> int:
    return round(duration.total_seconds() * 1000)


def _tls(security: KafkaSecurity) -> dict[str, Any]:
    settings: dict[str, Any] = {"security_protocol": security.protocol}
    if security.protocol.endswith("SSL"):
        settings |= {
            "ssl_cafile": security.ca_file,
            "ssl_certfile": security.certificate_file,
            "ssl_keyfile": security.key_file,
            # Without any, OpenSSL would ask for an encrypted key's password on the terminal.
            "ssl_password": _secret(security.key_password) or "",
            "ssl_check_hostname": security.check_hostname,
        }
    return settings


def _sasl(security: KafkaSecurity, tokens: TokenProvider | None) -> dict[str, Any]:
    if security.sasl_mechanism is None:
        return {}
    settings: dict[str, Any] = {"sasl_mechanism": security.sasl_mechanism}
    if tokens is not None:
        return {**settings, "sasl_oauth_token_provider": tokens}
    return {
        **settings,
        "sasl_plain_username": security.username,
        "sasl_plain_password": _secret(security.password),
    }


def _secret(value: SecretStr | None) -> str | None:
    return None if value is None else _Masked(value.get_secret_value())
