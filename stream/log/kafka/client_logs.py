"""Keeps passwords and tokens out of the client's own log lines.

At level DEBUG kafka-python prints every request whole, and every frame byte by byte; those of SASL
hold passwords and tokens, and others hold records.
"""

from __future__ import annotations

import logging
from typing import Any

from stream.config.masking import MASK

_REQUESTS_ARE_PRINTED_BY = ("kafka.net.connection", "kafka.protocol.parser")
_SECRET_MESSAGES = ("SaslAuthenticate", "SaslBytes")


class _Hide(logging.Filter):
    """Puts a mask in place of messages that authenticate, and a length in place of bytes."""

    def filter(self, record: logging.LogRecord) -> bool:
        if isinstance(record.args, tuple):
            record.args = tuple(map(_masked, record.args))
        return True


_HIDE = _Hide()


def hide_authentication() -> None:
    """Mask what the client logs of authentication; may be called again."""
    for name in _REQUESTS_ARE_PRINTED_BY:
        logging.getLogger(name).addFilter(_HIDE)


def _masked(argument: Any) -> Any:
    if isinstance(argument, bytes | bytearray | memoryview):
        return f"{len(argument)} bytes"
    name = type(argument).__name__
    return f"{name}({MASK})" if name.startswith(_SECRET_MESSAGES) else argument
