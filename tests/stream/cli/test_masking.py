"""No command shows a secret: whatever it prints, at level debug, when it works and when it fails.

On a broker that wants passwords and tokens: tests/kafka/test_security.py.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy.kafka.dev_broker import unsigned_token
from stream.config.masking import MASK, mask_text
from stream.errors import ConfigError
from stream.loading.load import load_config

ROOT = Path(__file__).parents[3]
SECRETS = {
    "sasl": "sasl-hunter2",
    "key": "key-hunter2",
    "snapshot": "snapshot-hunter2",
    "store": "store-hunter2",
    "token": unsigned_token("hunter2", 3600),
}
ASKING = [
    ["doctor"],
    ["doctor", "--json"],
    ["run", "--log-level", "debug"],
    ["run", "--log-level", "debug", "--log-format", "json"],
]
"""Commands that say much about why a broker cannot be used."""

OTHERS = [
    ["topics", "create"],
    ["topics", "describe", "--json"],
    ["topics", "load", "--data", "sales.csv"],
    ["topics", "tail", "predictions"],
    ["drift", "show"],
    ["evaluate", "--data", "sales.csv"],
    ["warmup", "--json"],
]
MECHANISMS: dict[str, dict[str, Any]] = {
    "password": {"protocol": "SASL_PLAINTEXT", "sasl_mechanism": "PLAIN"},
    "token": {
        "protocol": "SASL_PLAINTEXT",
        "sasl_mechanism": "OAUTHBEARER",
        "token_command": ["sh", "-c", f"echo {SECRETS['token']}"],
    },
    "no token": {
        "protocol": "SASL_PLAINTEXT",
        "sasl_mechanism": "OAUTHBEARER",
        "token_command": ["sh", "-c", f"echo 'bad {SECRETS['token']}' >&2; exit 1"],
    },
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "sales.csv").write_text("a,y\n" + "1.5,yes\n2.5,no\n" * 20)
    return tmp_path


def pipeline(folder: Path, security: dict[str, Any], **changes: Any) -> Path:
    """Write a pipeline whose broker takes connections and then says nothing."""
    path = folder / "p.yaml"
    settings = {
        "app": "toy",
        "log": {
            "type": "kafka",
            "bootstrap": "localhost:1",
            "request_timeout": "500ms",
            "commit_timeout": "1s",
            "worker": "w",
            "security": security,
        },
        "schema": {"features": [{"name": "a", "type": "float"}]},
        "target": {"type": "classification", "path": "$.y", "classes": ["no", "yes"]},
        "model": {"name": "last_label"},
        "checkpoint": {"store": f"s3://key:{SECRETS['store']}@bucket/checkpoints"},
        "metrics": {"port": 0, "host": "127.0.0.1"},
        **changes,
    }
    path.write_text(yaml.safe_dump(settings))
    return path


def call(folder: Path, words: list[str], bootstrap: str) -> str:
    path = str(folder / "p.yaml")
    command = words[:2] if words[0] in ("topics", "drift") else words[:1]
    done = subprocess.run(
        [sys.executable, "-m", "stream", *command, path, *words[len(command) :]],
        cwd=folder,
        env={
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "DRIFTGATE_BOOTSTRAP": bootstrap,
            "DRIFTGATE_SASL_USERNAME": "worker",
            "DRIFTGATE_SASL_PASSWORD": SECRETS["sasl"],
            "DRIFTGATE_KEY_PASSWORD": SECRETS["key"],
            "DRIFTGATE_SNAPSHOT_KEY": SECRETS["snapshot"],
        },
        capture_output=True,
        text=True,
        timeout=120,
    )
    return done.stdout + done.stderr


def check(folder: Path, commands: list[list[str]], bootstrap: str) -> None:
    for words in commands:
        text = call(folder, words, bootstrap)
        assert text, words
        for secret in (*SECRETS.values(), "hunter2", "eyJ"):
            assert secret not in text, (words, text)


@pytest.mark.slow
@pytest.mark.parametrize("mechanism", list(MECHANISMS))
def test_no_secret_is_shown_of_a_broker_that_does_not_answer(folder: Path, mechanism: str) -> None:
    pipeline(folder, MECHANISMS[mechanism])
    with socket.create_server(("127.0.0.1", 0)) as silent:
        check(folder, ASKING, f"localhost:{silent.getsockname()[1]}")


@pytest.mark.slow
def test_no_secret_is_shown_without_a_broker(folder: Path) -> None:
    pipeline(folder, MECHANISMS["password"])
    check(folder, OTHERS, "localhost:1")


def test_an_unforeseen_error_is_printed_without_secrets(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from stream.cli import app

    def fail() -> None:
        password = SECRETS["sasl"]  # a local variable
        raise RuntimeError(f"cannot open https://worker:{password}@host?sig={password}")

    monkeypatch.setattr(app, "app", fail)
    with pytest.raises(SystemExit) as info:
        app.main()
    assert info.value.code == 1
    shown = capsys.readouterr().err
    assert f"RuntimeError: cannot open https://worker:{MASK}@host?sig={MASK}" in shown
    assert "hunter2" not in shown


@pytest.mark.parametrize(
    "lines",
    [
        'bootstrap: "worker:hunter2@broker:9092"',
        'bootstrap: ["worker:hunter2@broker:9092"]',
        "bootstrap: b\n  security: {protocol: PLAINTEXT, password: *hunter2}",
        "bootstrap: b\n  security: {protocol: PLAINTEXT, password: !hunter2 x}",
        "bootstrap: b\n  security: {protocol: PLAINTEXT, password: [hunter2]}",
        "bootstrap: b\n  security: {protocol: PLAINTEXT, passwort: hunter2}",
        "bootstrap: b\n  security: [{password: hunter2}]",
        "bootstrap: b\n  security: {protocol: SASL_SSL, password: hunter2}",
        "bootstrap: b\n  security: {protocol: SSL, key_password: {a: hunter2}}",
        "bootstrap: b\n  worker: {password: hunter2}",
        "bootstrap: b\n  group: ['s3://key:hunter2@bucket']",
        "bootstrap: b\n  group: [\"Bearer hunter2\", 'https://hunter2@host', '?sig=hunter2']",
    ],
)
def test_a_wrong_configuration_is_explained_without_secrets(folder: Path, lines: str) -> None:
    path = folder / "p.yaml"
    path.write_text(f"app: toy\nlog:\n  type: kafka\n  {lines}\n")
    with pytest.raises(ConfigError) as info:
        load_config(path, {})
    assert "hunter2" not in str(info.value)
    assert "p.yaml:" in str(info.value)


@pytest.mark.parametrize(
    "text",
    [
        "log.bootstrap `localhost:9092`: topic `a.b` does not exist. Create it.",
        'features[3]@1042: $.temp must be a float; got "warm".',
        "the token must come within 5 s (log.security.token_timeout); it did not.",
        "file:///var/lib/driftgate is writable; s3://bucket/key is not",
        "p.yaml:4: log.security.password: must be a string; got a secret of another type.",
    ],
)
def test_messages_without_secrets_stay_as_they_are(text: str) -> None:
    assert mask_text(text) == text


def test_masking_a_long_line_takes_time_in_proportion() -> None:
    def took_s(text: str) -> float:
        started = time.perf_counter()
        mask_text(text)
        return time.perf_counter() - started

    for piece in ("a:", "://a", "token", "bearer ", "eyJabcdef.", "a=", "x@"):
        assert took_s(piece * 100_000) < 3.0, piece
