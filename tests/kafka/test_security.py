"""TLS, client certificates, SCRAM and tokens against a real broker: what works, what is refused.

Rights are in `test_least_rights.py`; where tokens come from, in `tests/stream/log/test_tokens.py`.
"""

from __future__ import annotations

import logging
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from kafka.admin import (
    ACL,
    ACLOperation,
    ACLPermissionType,
    KafkaAdminClient,
    ResourcePattern,
    ResourceType,
)

from deploy.kafka.dev_broker import (
    SASL_PASSWORD,
    SASL_USER,
    Broker,
    make_authority,
    make_certificate,
    unsigned_token,
)
from stream.config.log import KafkaLog as KafkaConfig
from stream.errors import LogAccessError, SetupError
from stream.log.base import TopicPartition, TopicSpec
from stream.log.kafka import KafkaAdmin, KafkaLog, KafkaSettings
from stream.log.open import probe_log
from tests.builders import toy_config
from tests.stream.log.worlds import QUICK, drain, join, output, transaction, values

pytestmark = pytest.mark.kafka

Security = dict[str, Any]
_REFUSED_WITHIN_S = 4.0
_WRONG = "wrong-password"


@pytest.fixture(autouse=True)
def _no_secret_is_logged(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    caplog.set_level(logging.DEBUG)
    yield
    text = "\n".join(map(logging.Formatter().format, caplog.get_records("call")))
    for secret in (SASL_PASSWORD, _WRONG, "eyJ"):  # eyJ: how every JSON Web Token begins
        assert secret not in text


@pytest.fixture
def app() -> str:
    return f"app-{uuid.uuid4().hex[:8]}"


def settings(app: str, bootstrap: str, security: Security, **log: Any) -> KafkaSettings:
    section = {"type": "kafka", "bootstrap": bootstrap, "worker": "w", **QUICK, **log}
    return KafkaSettings(KafkaConfig.model_validate({**section, "security": security}), app)


@pytest.fixture
def topics(app: str, dev_kafka: Broker) -> Iterator[tuple[str, str]]:
    """An input and an output topic that the user `worker` may use as a worker does."""
    source, target = f"{app}.features", f"{app}.predictions"
    admin = KafkaAdmin(settings(app, dev_kafka.bootstrap, {}))
    admin.create([TopicSpec(source, 1, 1, {}), TopicSpec(target, 1, 1, {})])
    admin.append([output(source, [b"one", b"two"])])
    client = KafkaAdminClient(bootstrap_servers=dev_kafka.bootstrap)
    client.create_acls(
        [
            ACL(
                f"User:{SASL_USER}",
                "*",
                ACLOperation.ALL,
                ACLPermissionType.ALLOW,
                ResourcePattern(kind, name),
            )
            for kind, name in [
                (ResourceType.TOPIC, source),
                (ResourceType.TOPIC, target),
                (ResourceType.GROUP, app),
                (ResourceType.TRANSACTIONAL_ID, f"{app}-w"),
            ]
        ]
    )
    client.close()
    yield source, target
    admin.close()


def tls(broker: Broker, **more: Any) -> Security:
    return {"protocol": "SSL", "ca_file": str(broker.ca_file), **more}


def mutual_tls(broker: Broker, **more: Any) -> Security:
    certificate, key = broker.client_certificate
    return tls(broker) | {"certificate_file": str(certificate), "key_file": str(key), **more}


def scram(mechanism: str, **more: Any) -> Security:
    return {
        "protocol": "SASL_PLAINTEXT",
        "sasl_mechanism": mechanism,
        "username": SASL_USER,
        "password": SASL_PASSWORD,
        **more,
    }


def over_tls(broker: Broker, security: Security) -> Security:
    return {**security, "protocol": "SASL_SSL", "ca_file": str(broker.ca_file)}


def oauth(script: str) -> Security:
    return {
        "protocol": "SASL_PLAINTEXT",
        "sasl_mechanism": "OAUTHBEARER",
        "token_command": [sys.executable, "-c", script],
    }


def token_of(user: str, valid_s: float = 3600) -> str:
    return f"print({unsigned_token(user, valid_s)!r})"


WAYS: dict[str, tuple[str, Callable[[Broker], Security]]] = {
    "TLS": ("TLS", tls),
    "mutual TLS": ("MTLS", mutual_tls),
    "PLAIN": ("SASL", lambda _: scram("PLAIN")),
    "SCRAM-SHA-256": ("SASL", lambda _: scram("SCRAM-SHA-256")),
    "SCRAM-SHA-512": ("SASL", lambda _: scram("SCRAM-SHA-512")),
    "SCRAM-SHA-256 over TLS": ("SASL_TLS", lambda b: over_tls(b, scram("SCRAM-SHA-256"))),
    "SCRAM-SHA-512 over TLS": ("SASL_TLS", lambda b: over_tls(b, scram("SCRAM-SHA-512"))),
    "OAUTHBEARER": ("OAUTH", lambda _: oauth(token_of(SASL_USER))),
}


@pytest.mark.parametrize("way", list(WAYS))
def test_a_transaction_is_committed_each_way(
    way: str, app: str, topics: tuple[str, str], dev_kafka: Broker
) -> None:
    listener, security = WAYS[way]
    source, target = topics
    log = KafkaLog(settings(app, dev_kafka.addresses[listener], security(dev_kafka)))
    try:
        held = join(log, [source])
        rows = drain(log, held, 2)
        assert values(rows[TopicPartition(source, 0)]) == [b"one", b"two"]
        at = {TopicPartition(source, 0): 2}
        log.commit(transaction(log, [output(target, [b"answer"])], at, "n"))
        committed = log.committed(held.held)[TopicPartition(source, 0)]
        assert committed is not None
        assert (committed.offset, committed.note) == (2, "n")
        written = [b.values for b in log.read(TopicPartition(target, 0), 0, 1)]
        assert written == [[b"answer"]]
    finally:
        log.close()


@pytest.fixture(scope="module")
def strangers(tmp_path_factory: pytest.TempPathFactory, dev_kafka: Broker) -> Path:
    """Certificates that the broker has no reason to believe, and one that has expired."""
    folder = tmp_path_factory.mktemp("strangers")
    make_authority(folder, "other")
    make_certificate(folder, "stranger", "localhost", "other")
    for part in ("ca.pem", "ca.key"):
        (folder / part).write_bytes((Path(dev_kafka.state) / part).read_bytes())
    make_certificate(folder, "late", "localhost", "ca", days=-1)
    return folder


def test_files_of_tls_are_looked_at_first(
    app: str, dev_kafka: Broker, strangers: Path, tmp_path: Path
) -> None:
    no_pem = tmp_path / "no.pem"
    no_pem.write_text("not a certificate")
    encrypted = tmp_path / "encrypted.key"
    _encrypt(strangers / "stranger.key", encrypted)
    certificate = str(strangers / "stranger.pem")
    cases = [
        (tls(dev_kafka) | {"ca_file": "/no/such.pem"}, "ca_file.*No such file"),
        (tls(dev_kafka) | {"ca_file": str(no_pem)}, "ca_file.*PEM"),
        (mutual_tls(dev_kafka, certificate_file=certificate), "belong together"),
        (
            mutual_tls(dev_kafka, certificate_file=certificate, key_file=str(encrypted)),
            "DRIFTGATE_KEY_PASSWORD",
        ),
    ]
    for security, words in cases:
        refusal(app, dev_kafka.addresses["MTLS"], security, words)


def _encrypt(key: Path, encrypted: Path) -> None:
    subprocess.run(
        [
            *("openssl", "pkcs8", "-topk8", "-in", str(key), "-out", str(encrypted)),
            *("-v2", "aes-256-cbc", "-passout", "pass:wrong-password"),
        ],
        check=True,
    )


def refusal(app: str, bootstrap: str, security: Security, words: str) -> None:
    """Expect one line of words within some seconds, from a worker's log and from an admin."""
    for kind in (KafkaLog, KafkaAdmin):
        started = time.monotonic()
        with pytest.raises(LogAccessError, match=words) as info:
            kind(settings(app, bootstrap, security, request_timeout="1500ms"))
        assert time.monotonic() - started < _REFUSED_WITHIN_S
        text = str(info.value)
        assert "\n" not in text
        assert _WRONG not in text
        assert "eyJ" not in text


def test_an_unknown_authority(app: str, dev_kafka: Broker, strangers: Path) -> None:
    other = tls(dev_kafka) | {"ca_file": str(strangers / "other.pem")}
    refusal(app, dev_kafka.addresses["TLS"], other, "not trusted.*ca_file")


def test_a_name_that_the_certificate_does_not_carry(app: str, dev_kafka: Broker) -> None:
    address = dev_kafka.addresses["TLS"].replace("localhost", "127.0.0.1")
    refusal(app, address, tls(dev_kafka), r"another host's.*127\.0\.0\.1.*advertised\.listeners")
    log = KafkaLog(settings(app, address, tls(dev_kafka, check_hostname=False)))
    log.close()


def test_no_client_certificate(app: str, dev_kafka: Broker) -> None:
    words = "asks for a client certificate.*certificate_file"
    refusal(app, dev_kafka.addresses["MTLS"], tls(dev_kafka), words)


@pytest.mark.parametrize("name", ["stranger", "late"])
def test_a_client_certificate_that_the_broker_refuses(
    app: str, dev_kafka: Broker, strangers: Path, name: str
) -> None:
    security = mutual_tls(
        dev_kafka,
        certificate_file=str(strangers / f"{name}.pem"),
        key_file=str(strangers / f"{name}.key"),
    )
    words = f"refused the client certificate.*{name}.pem"
    refusal(app, dev_kafka.addresses["MTLS"], security, words)


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"])
@pytest.mark.parametrize("listener", ["SASL", "SASL_TLS"])
def test_a_wrong_password(app: str, dev_kafka: Broker, mechanism: str, listener: str) -> None:
    security = scram(mechanism, password=_WRONG)
    if listener == "SASL_TLS":
        security = over_tls(dev_kafka, security)
    refusal(app, dev_kafka.addresses[listener], security, "refused user.*DRIFTGATE_SASL_PASSWORD")


def test_a_mechanism_that_the_listener_does_not_offer(app: str, dev_kafka: Broker) -> None:
    words = "does not offer SCRAM-SHA-512"
    refusal(app, dev_kafka.addresses["OAUTH"], scram("SCRAM-SHA-512"), words)


def test_a_token_that_has_expired_is_not_sent(app: str, dev_kafka: Broker) -> None:
    security = oauth(token_of(SASL_USER, valid_s=-60))
    refusal(app, dev_kafka.addresses["OAUTH"], security, "token_command.*must not have expired")


@pytest.mark.parametrize("token", ["opaque-token", unsigned_token("", 3600)])
def test_a_token_that_the_broker_refuses(app: str, dev_kafka: Broker, token: str) -> None:
    words = "refused the token of log.security.token_command.*issuer"
    refusal(app, dev_kafka.addresses["OAUTH"], oauth(f"print({token!r})"), words)


def test_a_command_without_a_token(app: str, dev_kafka: Broker) -> None:
    script = f"import sys; sys.exit('no session for {unsigned_token('worker', 60)}')"
    refusal(app, dev_kafka.addresses["OAUTH"], oauth(script), "ended with 1: no session for [*]+")


def test_a_source_of_tokens_that_fails_later(app: str, dev_kafka: Broker, tmp_path: Path) -> None:
    """The first token is refused, and then none comes."""
    once = tmp_path / "once"
    script = f"import os; os.mkdir({str(once)!r}); print('opaque')"
    with pytest.raises(LogAccessError, match=r"token_command.*with 1: FileExistsError"):
        KafkaAdmin(settings(app, dev_kafka.addresses["OAUTH"], oauth(script)))


def test_sessions_outlive_their_tokens(
    app: str, topics: tuple[str, str], dev_kafka: Broker, tmp_path: Path
) -> None:
    """Each token is good for some seconds; the log is used for longer than two of them."""
    calls = tmp_path / "calls"
    script = (
        "import time; from deploy.kafka.dev_broker import unsigned_token; "
        f"open({str(calls)!r}, 'a').write('x'); print(unsigned_token({SASL_USER!r}, 4))"
    )
    source, target = topics
    log = KafkaLog(settings(app, dev_kafka.addresses["OAUTH"], oauth(script)))
    try:
        held = join(log, [source])
        drain(log, held, 2)
        end = time.monotonic() + 10
        commits = 0
        while time.monotonic() < end:
            log.poll(0.2, 100, held.positions)
            at = {TopicPartition(source, 0): 2}
            log.commit(transaction(log, [output(target, [b"%d" % commits])], at))
            commits += 1
    finally:
        log.close()
    assert commits > 10
    assert 2 < len(calls.read_text()) < 30  # one token for several connections


def test_doctor_says_what_is_wrong_with_a_token(app: str, dev_kafka: Broker) -> None:
    section = settings(app, dev_kafka.addresses["OAUTH"], oauth("print('a b')")).log
    (probe,) = probe_log(toy_config(app=app, log=section.model_dump()))
    assert not probe.ok
    assert "must give one token" in str(probe)
    assert isinstance(LogAccessError("x"), SetupError)  # a command ends with 2
