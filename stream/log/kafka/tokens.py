"""Gives the client its tokens for OAUTHBEARER; `token_sources` fetches them.

A token is kept until four fifths of its life have passed, where its end is known (from the source,
or from the `exp` claim of a JSON Web Token), and is fetched for each connection where it is not.
Brokers that let a session end with its token are brought the next one by the client, after 85 to 95
hundredths of the session. No token is ever shown or logged.
"""

from __future__ import annotations

import base64
import binascii
import json
import math
import re
import threading
import time
from collections.abc import Callable
from typing import Any

from kafka import errors as client
from kafka.net.sasl.oauth import AbstractTokenProvider

from stream.config.log import KafkaLog
from stream.errors import LogAccessError
from stream.log.kafka.token_sources import in_time, token_source

_KEPT_FRACTION = 0.8
_TOKEN = re.compile(r"[A-Za-z0-9._~+/-]+=*")  # b64token of RFC 6750

Fetched = tuple[str, float | None]
"""A token, and when it expires in seconds since 1970, if that is known."""


class TokenProvider(AbstractTokenProvider):  # type: ignore[misc]  # the client has no types
    """Gives the client its tokens, from the source that the configuration names.

    Parameters
    ----------
    log
        The `log` section; its `security` names the source.
    now
        The time in seconds since 1970, for tests.
    """

    def __init__(self, log: KafkaLog, now: Callable[[], float] = time.time) -> None:
        super().__init__()
        self._fetch, self._where = token_source(log)
        self._timeout_s = log.security.token_timeout.total_seconds()
        self._extensions = dict(log.security.token_extensions)
        self._now = now
        self._lock = threading.Lock()
        self._token = ""
        self._renew_at = -math.inf

    def get(self) -> str:
        """Return a token that has not expired, a new one if need be.

        Raises
        ------
        LogAccessError
            The source fails, takes too long, or returns something else.
        """
        with self._lock:
            if self._now() >= self._renew_at:
                token, expires_at = _checked(
                    in_time(self._fetch, self._timeout_s, self._where), self._where
                )
                self._keep(token, expires_at)
            return self._token

    def forget(self) -> None:
        """Fetch a new token next time: the broker has refused this one."""
        with self._lock:
            self._renew_at = -math.inf

    def token(self) -> str:
        """Return a token to the client, which tries again after errors of its own kind only."""
        try:
            return self.get()
        except LogAccessError as error:
            raise client.KafkaConnectionError(str(error)) from None

    def extensions(self) -> dict[str, str]:
        """Return what goes with the token."""
        return self._extensions

    def _keep(self, token: str, expires_at: float | None) -> None:
        now = self._now()
        if expires_at is not None and expires_at <= now:
            raise LogAccessError(
                f"{self._where}: the token must not have expired; it did {now - expires_at:.0f} s "
                f"ago. Check what makes the tokens, and the clocks."
            )
        self._token = token
        kept_s = 0.0 if expires_at is None else _KEPT_FRACTION * (expires_at - now)
        self._renew_at = now + kept_s


def _checked(returned: Any, where: str) -> Fetched:
    """Take what a source returned as a token and its end; says nothing of the token itself."""
    token, expires_at = returned if _is_pair(returned) else (returned, None)
    if not isinstance(token, str) or _TOKEN.fullmatch(token) is None:
        got = type(token).__name__ if not isinstance(token, str) else "other text"
        raise LogAccessError(
            f"{where}: must give one token of the characters A-Z a-z 0-9 . _ ~ + / - =; got "
            f"{got if token else 'nothing'}. (It is not shown.)"
        )
    if expires_at is None:
        return token, _claimed_end(token)
    if not isinstance(expires_at, int | float) or not math.isfinite(expires_at):
        raise LogAccessError(
            f"{where}: the time at which the token expires must be seconds since 1970; got "
            f"{type(expires_at).__name__}."
        )
    return token, float(expires_at)


def _is_pair(returned: Any) -> bool:
    return isinstance(returned, tuple) and len(returned) == 2


def _claimed_end(token: str) -> float | None:
    """Read the `exp` claim of a JSON Web Token; None for any other token."""
    parts = token.split(".")
    if len(parts) != 3:
        return None
    try:
        padded = parts[1] + "=" * (-len(parts[1]) % 4)
        expires_at = json.loads(base64.urlsafe_b64decode(padded))["exp"]
        return float(expires_at) if math.isfinite(expires_at) else None
    except (binascii.Error, ValueError, KeyError, TypeError, OverflowError, RecursionError):
        return None
