"""Finds out why a broker cannot be used, where the client only says that time is up.

Each address is tried once with a socket of our own: TCP, then TLS, then SASL. The client often
reads a refusal and the end of the connection together, and then reports the end alone.
"""

from __future__ import annotations

import socket
import ssl
import struct
from typing import Any

from kafka import errors as client
from kafka.net.sasl import get_sasl_mechanism

from stream.errors import LogAccessError, LogUnavailableError
from stream.log.kafka.errors import refused
from stream.log.kafka.settings import KafkaSettings
from stream.log.kafka.tls import handshake_failed, make_context, untrusted

_TIMEOUT_S = 3.0
_SASL_HANDSHAKE, _API_VERSIONS, _SASL_AUTHENTICATE = 17, 18, 36
_UNSUPPORTED_MECHANISM = 33


class _RefusedError(Exception):
    """The broker was reached, and does not let this user in."""


def refuse_if_unreachable(settings: KafkaSettings) -> None:
    """Give up at once where nothing listens; the client would try again for its whole timeout.

    Raises
    ------
    LogUnavailableError
        Not one of the addresses takes a connection.
    """
    for address in settings.log.bootstrap.split(","):
        host, _, port = address.strip().rpartition(":")
        try:
            socket.create_connection((host, int(port)), _TIMEOUT_S).close()
        except (OSError, ValueError):
            continue
        return
    raise why_unusable(settings)


def refuse_if_unprepared(settings: KafkaSettings) -> None:
    """Read certificates and get a token: the client would try again for its whole timeout.

    Raises
    ------
    LogAccessError
        A file or the source of tokens does not give what it must.
    """
    if settings.log.security.protocol.endswith("SSL"):
        make_context(settings.log.security)
    if settings.tokens is not None:
        settings.tokens.get()


def why_unusable(settings: KafkaSettings) -> LogAccessError | LogUnavailableError:
    """Say what stands between this machine and the first address that shows it."""
    where = f"log.bootstrap `{settings.log.bootstrap}`"
    for address in settings.log.bootstrap.split(","):
        try:
            _try(address.strip(), settings)
        except _RefusedError as error:
            return LogAccessError(f"{where}: {error}")
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or error
            return LogUnavailableError(
                f"{where}: cannot connect to {address}: {reason}. Check that the broker is running "
                f"and can be reached from here."
            )
    return LogUnavailableError(
        f"{where}: it does not answer as Kafka does. Check the port, and log.security.protocol "
        f"against the listener."
    )


def _try(address: str, settings: KafkaSettings) -> None:
    host, _, port = address.rpartition(":")
    security = settings.log.security
    context = make_context(security) if security.protocol.endswith("SSL") else None
    with socket.create_connection((host, int(port)), _TIMEOUT_S) as opened:
        if context is None:
            _authenticate(opened, host, settings)
            return
        try:
            with context.wrap_socket(opened, server_hostname=host) as wrapped:
                # TLS 1.3 ends the handshake here before the broker looks at our certificate: what
                # it thinks of that comes in place of its first answer.
                _ask(wrapped, _API_VERSIONS, 0, b"")
                _authenticate(wrapped, host, settings)
        except ssl.SSLCertVerificationError as error:
            raise _RefusedError(untrusted(address, error)) from error
        except ssl.SSLError as error:
            raise _RefusedError(handshake_failed(address, error, security)) from error


def _authenticate(opened: socket.socket, host: str, settings: KafkaSettings) -> None:
    mechanism = settings.log.security.sasl_mechanism
    if mechanism is None:
        return
    try:
        code, _ = _ask(opened, _SASL_HANDSHAKE, 1, _string(mechanism))
        if code == _UNSUPPORTED_MECHANISM:
            raise _RefusedError(
                f"the broker does not offer {mechanism}. Set log.security.sasl_mechanism to one "
                f"that it does."
            )
        if code:
            raise OSError("the listener does not use SASL")
        _exchange(opened, get_sasl_mechanism(mechanism)(host=host, **settings.client()), settings)
    except (ConnectionError, TimeoutError, struct.error) as error:
        raise OSError("the listener does not use SASL") from error


def _exchange(opened: socket.socket, sasl: Any, settings: KafkaSettings) -> None:
    while not sasl.is_done():
        try:
            token = sasl.auth_bytes()
        except client.KafkaConnectionError as error:  # of our own source of tokens
            raise _RefusedError(str(error.args[0])) from error
        code, rest = _ask(opened, _SASL_AUTHENTICATE, 0, struct.pack(">i", len(token)) + token)
        if code:
            raise _RefusedError(refused(settings.log.security))
        (message_length,) = struct.unpack_from(">h", rest)
        at = 2 + max(0, message_length)
        (length,) = struct.unpack_from(">i", rest, at)
        sasl.receive(rest[at + 4 : at + 4 + length])


def _ask(opened: socket.socket, api_key: int, version: int, body: bytes) -> tuple[int, bytes]:
    """Send a request; return the error code that its answer begins with, and the rest."""
    request = struct.pack(">hhi", api_key, version, 0) + _string("driftgate-diagnosis") + body
    opened.sendall(struct.pack(">i", len(request)) + request)
    (length,) = struct.unpack(">i", _receive(opened, 4))
    if not 6 <= length <= 1_000_000:
        raise ConnectionError("not an answer of Kafka")
    answer = _receive(opened, length)
    (code,) = struct.unpack_from(">h", answer, 4)
    return code, answer[6:]


def _receive(opened: socket.socket, count: int) -> bytes:
    received = b""
    while len(received) < count:
        part = opened.recv(count - len(received))
        if not part:
            raise ConnectionResetError("closed by the broker")
        received += part
    return received


def _string(text: str) -> bytes:
    return struct.pack(">h", len(text)) + text.encode()
