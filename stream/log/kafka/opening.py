"""Opens the client's objects, and leaves nothing behind where that fails."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kafka import errors as client
from kafka.net.compat import KafkaNetClient

from stream.log.kafka.client_logs import hide_authentication
from stream.log.kafka.diagnosis import (
    refuse_if_unprepared,
    refuse_if_unreachable,
    why_unusable,
)
from stream.log.kafka.errors import translate
from stream.log.kafka.settings import KafkaSettings


def open_client(kind: Any, arguments: Mapping[str, Any], settings: KafkaSettings) -> Any:
    """Make a `kind` (consumer, producer, admin), or say why it cannot be had."""
    hide_authentication()
    refuse_if_unreachable(settings)
    refuse_if_unprepared(settings)
    opened: list[Any] = []

    def network(**configs: Any) -> Any:
        opened.append(KafkaNetClient(**configs))
        return opened[-1]

    try:
        return kind(**arguments, kafka_client=network)
    except client.KafkaError as error:
        # Constructors that fail leave their network thread and its sockets open.
        for net in opened:
            net.close()
        if settings.tokens is not None:
            settings.tokens.forget()  # it may have been refused, and then is no use to the next
        if isinstance(error, client.KafkaTimeoutError | client.KafkaConnectionError):
            raise why_unusable(settings) from error
        raise translate(error, settings) from error
