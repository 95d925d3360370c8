"""What a broker refuses because its settings and ours do not fit: trying again does not help.

The client raises some of these as they are, and others within the text of a `KafkaError` without a
kind, which says the broker's error by its number.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from kafka import errors as client

from stream.log.kafka.settings import KafkaSettings

_NUMBERED = re.compile(r"\[Error (-?\d+)\]")

_REASONS: dict[type[client.KafkaError], Callable[[KafkaSettings], str]] = {
    client.InvalidTransactionTimeoutError: lambda settings: (
        "log.transaction_timeout must be at most the broker's `transaction.max.timeout.ms`; got "
        f"{settings.transaction_timeout_s:g} s. Lower it, or raise that setting of the brokers."
    ),
    client.InvalidSessionTimeoutError: lambda settings: (
        "log.session_timeout must be between the broker's `group.min.session.timeout.ms` and "
        f"`group.max.session.timeout.ms`; got {settings.log.session_timeout.total_seconds():g} s. "
        "Set it between them, or widen these settings of the brokers."
    ),
    client.InconsistentGroupProtocolError: lambda settings: (
        f"all members of group `{settings.group}` must be driftgate workers; got a consumer of "
        "another kind among them. Stop that consumer, or set another log.group."
    ),
    client.InvalidGroupIdError: lambda settings: (
        f"log.group must be a name that the broker takes; got {settings.group!r}. Set another one."
    ),
    client.GroupMaxSizeReachedError: lambda settings: (
        f"group `{settings.group}` must have at most as many members as the broker's "
        "`group.max.size`. Stop a worker, or raise that setting of the brokers."
    ),
    client.OffsetMetadataTooLargeError: lambda _: (
        "the broker's `offset.metadata.max.bytes` must be at least 4096, its default. Raise it."
    ),
    client.InvalidCommitOffsetSizeError: lambda _: (
        "topic `__consumer_offsets` must take records of 8 KiB. Raise its `max.message.bytes`."
    ),
    client.InvalidTopicError: lambda _: (
        "the names under `topics` must be such that the broker takes them: letters, digits, `.`, "
        "`_` and `-`, and none of Kafka's own topics. Set other names."
    ),
    client.UnsupportedCompressionTypeError: lambda settings: (
        f"log.compression must be one that the broker knows; got {settings.log.compression!r}. "
        "Set another one."
    ),
    client.UnsupportedForMessageFormatError: lambda _: (
        "topics must have `message.format.version` 0.11 or later, which transactions need. Raise "
        "it."
    ),
}


def why_unfit(error: BaseException, settings: KafkaSettings) -> str | None:
    """Say what has to be set otherwise, and where; None if nothing is known to be."""
    kind = broker_error(error)
    reason = None if kind is None else _REASONS.get(kind)
    return None if reason is None else reason(settings)


def is_answer(error: BaseException) -> bool:
    """Tell whether a broker has answered with an error that is no outage."""
    kind = broker_error(error)
    return kind is not None and not kind.retriable and kind is not client.BrokerNotAvailableError


def broker_error(error: BaseException) -> type[client.BrokerResponseError] | None:
    """Find the broker's error in one of the client's."""
    if isinstance(error, client.BrokerResponseError):
        return type(error)
    numbered = _NUMBERED.search(str(error)) if type(error) is client.KafkaError else None
    return None if numbered is None else client.for_code(int(numbered[1]))


def described(error: BaseException) -> str:
    """Repeat the broker's words."""
    kind = broker_error(error)
    text = _NUMBERED.sub("", " ".join(str(error).split())).strip().rstrip(".")
    meaning = "" if kind is None else " ".join((kind.description or "").split()).rstrip(".")
    return f"{text} ({meaning})" if meaning else text
