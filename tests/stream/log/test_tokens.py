"""Tokens for OAUTHBEARER: their sources, how long they are kept, and that none is ever shown.

What a broker says to them is in `tests/kafka/test_security.py`.
"""

from __future__ import annotations

import base64
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kafka import errors as client
from pydantic import ValidationError

from deploy.kafka.dev_broker import unsigned_token
from stream.config.log import KafkaLog
from stream.errors import LogAccessError
from stream.log.kafka import KafkaSettings
from stream.log.kafka.tokens import TokenProvider, _checked

THIS = "tests.stream.log.test_tokens"
SECRET = "very-secret-token"
calls: list[Any] = []


def plain() -> str:
    calls.append(None)
    return SECRET


def with_expiry() -> tuple[str, float]:
    calls.append(None)
    return f"{SECRET}{len(calls)}", 1100.0


def with_settings(log: KafkaLog) -> str:
    return f"for-{log.security.token_extensions['logicalCluster']}"


def with_default(suffix: str = "-x") -> str:
    return SECRET + suffix


class Provider:
    def __init__(self) -> None:
        self.count = 0

    def token(self) -> str:
        self.count += 1
        return f"token-{self.count}"


class ProviderWithSettings:
    def __init__(self, log: KafkaLog) -> None:
        self.bootstrap = log.bootstrap

    def token(self) -> str:
        return self.bootstrap.partition(":")[0]


def failing() -> str:
    raise RuntimeError(f"first\nline of https://user:{SECRET}@host with {unsigned_token('a', 9)}")


def hanging() -> str:
    time.sleep(5)
    return SECRET


def two_words() -> str:
    return f"{SECRET} {SECRET}"


def injecting() -> str:
    return f"{SECRET}\x01auth=Bearer other"


def number() -> Any:
    return 7


def bad_expiry() -> tuple[str, Any]:
    return SECRET, "tomorrow"


def log_of(**security: Any) -> KafkaLog:
    return KafkaLog.model_validate(
        {
            "type": "kafka",
            "bootstrap": "broker:9092",
            "security": {
                "protocol": "SASL_SSL",
                "sasl_mechanism": "OAUTHBEARER",
                "token_timeout": "500ms",
                **security,
            },
        }
    )


def from_function(name: str, **security: Any) -> KafkaLog:
    return log_of(token_provider=f"{THIS}:{name}", **security)


def from_command(script: str) -> KafkaLog:
    # A small program starts quickly enough on a busy machine.
    return log_of(token_command=["sh", "-c", script], token_timeout="2s")


class Clock:
    def __init__(self, now: float) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize(
    ("log", "expected"),
    [
        (from_function("plain"), SECRET),
        (from_function("with_default"), f"{SECRET}-x"),
        (from_function("with_settings", token_extensions={"logicalCluster": "c1"}), "for-c1"),
        (from_function("Provider"), "token-1"),
        (from_function("ProviderWithSettings"), "broker"),
        (from_command("echo; echo ' abc.def= '"), "abc.def="),
    ],
)
def test_sources(log: KafkaLog, expected: str) -> None:
    assert TokenProvider(log).token() == expected


def test_a_token_is_kept_for_four_fifths_of_its_life() -> None:
    calls.clear()
    clock = Clock(1000.0)
    provider = TokenProvider(from_function("with_expiry"), clock)
    first = provider.token()
    clock.now = 1079.0
    assert provider.token() == first
    clock.now = 1081.0
    assert provider.token() != first
    assert len(calls) == 2


def test_a_json_web_token_says_itself_when_it_expires() -> None:
    token, expires_at = _checked(unsigned_token("worker", 100), "here")
    assert token.count(".") == 2
    assert expires_at == pytest.approx(time.time() + 100, abs=5)


def test_a_token_without_an_end_is_fetched_for_each_connection() -> None:
    provider = TokenProvider(from_function("Provider"))
    assert [provider.token(), provider.token()] == ["token-1", "token-2"]


def test_a_token_that_was_refused_is_not_used_again() -> None:
    calls.clear()
    provider = TokenProvider(from_function("with_expiry"), Clock(1000.0))
    first = provider.token()
    provider.forget()
    assert provider.token() != first


def test_all_clients_of_one_worker_share_a_token() -> None:
    calls.clear()
    settings = KafkaSettings(from_function("with_expiry"), "app")
    providers = {id(settings.client()["sasl_oauth_token_provider"]) for _ in range(3)}
    assert len(providers) == 1
    assert "sasl_plain_password" not in settings.consumer()


def test_extensions_go_with_the_token() -> None:
    extensions = {"logicalCluster": "lkc-1", "identityPoolId": "pool-1"}
    assert TokenProvider(from_function("plain", token_extensions=extensions)).extensions() == (
        extensions
    )


BAD: dict[str, tuple[Callable[[], KafkaLog], str]] = {
    "raises": (lambda: from_function("failing"), "it raised RuntimeError: first line of"),
    "hangs": (lambda: from_function("hanging"), r"within 0\.5 s"),
    "two words": (lambda: from_function("two_words"), "one token.*got other text"),
    "injects": (lambda: from_function("injecting"), "one token.*got other text"),
    "number": (lambda: from_function("number"), "got int"),
    "bad expiry": (lambda: from_function("bad_expiry"), "seconds since 1970; got str"),
    "no module": (lambda: log_of(token_provider="no.such:f"), "can be imported; got ModuleNotF"),
    "no function": (lambda: from_function("absent"), "can be imported; got AttributeError"),
    "no program": (lambda: log_of(token_command=["/no/such"]), "must be a program; got `No such"),
    "fails": (
        lambda: from_command(f"echo {SECRET}; echo 'bad {SECRET} x' >&2; echo more >&2; exit 3"),
        r"ended with 3: bad [*]+ x\. Run",
    ),
    "silent": (lambda: from_command("exit 1"), "ended with 1: no words"),
    "prints nothing": (lambda: from_command("true"), "got nothing"),
    "prints binary": (lambda: from_command(r"printf '\377\376'"), "got other text"),
}


@pytest.mark.parametrize("case", list(BAD))
def test_what_is_wrong_is_said_without_the_token(case: str) -> None:
    log, words = BAD[case]
    with pytest.raises(LogAccessError, match=words) as info:
        TokenProvider(log()).get()
    assert SECRET not in str(info.value)
    assert "eyJ" not in str(info.value)
    assert "\n" not in str(info.value)


def test_a_program_that_hangs_is_ended_with_what_it_started(tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    log = log_of(token_command=["sh", "-c", f"(sleep 1; echo > {mark}) & sleep 60"])
    started = time.monotonic()
    with pytest.raises(LogAccessError, match=r"within 0\.5 s"):
        TokenProvider(log).get()
    assert time.monotonic() - started < 3
    time.sleep(1)
    assert not mark.exists()


def test_the_client_may_try_again() -> None:
    with pytest.raises(client.KafkaConnectionError, match="token_provider") as info:
        TokenProvider(from_function("failing")).token()
    assert info.value.retriable


def test_no_token_is_in_a_repr() -> None:
    provider = TokenProvider(from_function("with_expiry"), Clock(1000.0))
    provider.token()
    settings = KafkaSettings(from_function("plain"), "app")
    assert SECRET not in f"{provider!r} {settings.client()!r} {settings!r}"


@given(st.text() | st.tuples(st.text(), st.floats() | st.text()) | st.integers() | st.none())
def test_anything_returned_is_a_token_or_refused_unseen(returned: Any) -> None:
    try:
        token, expires_at = _checked(returned, "here")
    except LogAccessError as error:
        shown = str(error)
        assert "\x01" not in shown
        assert "\n" not in shown
    else:
        assert "\x01" not in token
        assert token
        assert expires_at is None or isinstance(expires_at, float)


@given(st.binary(max_size=200))
def test_any_claims_are_read_or_passed_over(claims: bytes) -> None:
    body = base64.urlsafe_b64encode(claims).decode().rstrip("=")
    _, expires_at = _checked(f"e30.{body}.", "here")
    assert expires_at is None or isinstance(expires_at, float)


@pytest.mark.parametrize(
    ("security", "words"),
    [
        ({}, "exactly one of token_provider and token_command"),
        (
            {"token_provider": "a:b", "token_command": ["c"]},
            "exactly one of token_provider and token_command",
        ),
        ({"token_command": []}, "at least 1 item"),
        ({"token_provider": "os.path"}, "should match pattern"),
        ({"token_provider": "a:b", "sasl_mechanism": "PLAIN"}, "only with"),
        ({"sasl_mechanism": "PLAIN", "username": "u"}, "username and password must be set"),
        ({"token_provider": "a:b", "token_timeout": "60s"}, "must be < session_timeout"),
    ],
)
def test_settings_that_do_not_fit_together(security: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        log_of(**security)
