"""Covers stream.observe.logs: both formats, levels, routing of libraries, masking of secrets."""

from __future__ import annotations

import json
import logging
import warnings
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest
import structlog
from pydantic import SecretStr

from stream.config.log import KafkaSecurity
from stream.observe.logs import MASK, configure_logging


@pytest.fixture(autouse=True)
def restore_logging() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:], root.level = handlers, level
    logging.captureWarnings(False)
    for name in ("stream", "driftgate"):
        logging.getLogger(name).setLevel(logging.NOTSET)
    structlog.reset_defaults()


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    captured = capsys.readouterr()
    assert captured.out == ""
    return [json.loads(line) for line in captured.err.splitlines()]


def test_json_is_one_object_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("json")
    log = structlog.get_logger("stream.worker.worker")
    log.info("partition\nlive", partition=3, seconds=0.5)
    log.warning("lag", partitions=[1, 2])
    first, second = lines(capsys)
    assert list(first)[:3] == ["timestamp", "level", "event"]
    assert datetime.fromisoformat(first.pop("timestamp")).tzinfo is not None
    assert first == {
        "level": "info",
        "event": "partition\nlive",
        "logger": "stream.worker.worker",
        "partition": 3,
        "seconds": 0.5,
    }
    assert (second["level"], second["partitions"]) == ("warning", [1, 2])


def test_human_shows_fields_as_key_value(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("human")
    structlog.get_logger("stream.worker.worker").info("partition live", partition=3)
    (line,) = capsys.readouterr().err.splitlines()
    assert "partition live" in line
    assert "partition=3" in line


def test_level_holds_for_own_lines_and_libraries_speak_from_warning_on(
    capsys: pytest.CaptureFixture[str],
) -> None:
    configure_logging("json", "debug")
    structlog.get_logger("stream.task").debug("own")
    logging.getLogger("kafka.client").info("chatter")
    logging.getLogger("kafka.client").warning("Node %s is gone", 7)
    own, library = lines(capsys)
    assert own["event"] == "own"
    assert (library["event"], library["logger"]) == ("Node 7 is gone", "kafka.client")
    assert library["level"] == "warning"


def test_the_client_repeats_itself_once_a_minute_and_the_program_as_it_likes(
    capsys: pytest.CaptureFixture[str],
) -> None:
    configure_logging("json")
    for attempt in range(50):
        logging.getLogger("kafka.net.manager").error("attempt %d failed", attempt)
        structlog.get_logger("stream.worker.worker").warning("broker away", attempt=attempt)
    said = [line["logger"] for line in lines(capsys)]
    assert said.count("kafka.net.manager") == 1
    assert said.count("stream.worker.worker") == 50


def test_a_higher_level_holds_for_libraries_too(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("json", "error")
    structlog.get_logger("stream.task").warning("own")
    logging.getLogger("kafka.client").warning("library")
    logging.getLogger("kafka.client").error("broken")
    assert [line["event"] for line in lines(capsys)] == ["broken"]


def test_configuring_again_replaces_the_format(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("json")
    configure_logging("human")
    structlog.get_logger("stream.task").info("once")
    (line,) = capsys.readouterr().err.splitlines()
    assert not line.startswith("{")


def test_warnings_become_lines(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("json")
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(False)
        logging.captureWarnings(True)
        warnings.warn("old setting", stacklevel=1)
    (line,) = lines(capsys)
    assert line["logger"] == "py.warnings"
    assert "old setting" in line["event"]


@pytest.mark.parametrize(
    "name",
    ["password", "SASL_PASSWORD", "key_password", "secret", "clientSecret", "session_token"],
)
def test_values_under_secret_names_are_masked(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    configure_logging("json")
    structlog.get_logger("stream.cli").info("start", **{name: "hunter2"}, partition=1)
    (line,) = lines(capsys)
    assert line[name] == MASK
    assert line["partition"] == 1


def test_an_absent_secret_shows_as_absent(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("json")
    structlog.get_logger("stream.cli").info("start", password=None)
    assert lines(capsys)[0]["password"] is None


def test_secrets_inside_values_are_masked(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("json")
    security = KafkaSecurity(password=SecretStr("hunter2"))
    structlog.get_logger("stream.cli").info(
        "start",
        nested={"sasl": [{"password": "hunter2"}]},
        typed=SecretStr("hunter2"),
        model=security,
        dumped=security.model_dump(),
        store="s3://key:hunter2@bucket/path",
    )
    captured = capsys.readouterr().err
    assert "hunter2" not in captured
    line = json.loads(captured)
    assert line["nested"] == {"sasl": [{"password": MASK}]}
    assert line["typed"] == MASK
    assert line["store"] == f"s3://key:{MASK}@bucket/path"
    assert line["dumped"]["protocol"] == "PLAINTEXT"


def test_secrets_of_libraries_are_masked(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("human")
    logging.getLogger("fsspec").warning("retry %s", "https://user:hunter2@host/x")
    logging.getLogger("kafka").warning("auth", extra={"sasl_password": "hunter2"})
    text = capsys.readouterr().err
    assert "hunter2" not in text
    assert text.count(MASK) == 2


@pytest.mark.parametrize("format_", ["json", "human"])
def test_tracebacks_show_no_local_variables(
    format_: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    configure_logging(format_)

    def fail() -> None:
        credential = "".join(["hunt", "er2"])
        assert credential
        raise ValueError("store https://user:pass1@host is away")

    try:
        fail()
    except ValueError:
        structlog.get_logger("stream.worker.worker").exception("failed")
    text = capsys.readouterr().err
    assert "ValueError" in text
    assert "hunter2" not in text
    assert "pass1" not in text
    if format_ == "json":
        assert len(text.splitlines()) == 1


def test_a_structure_that_holds_itself_ends(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("json")
    loop: list[Any] = [1]
    loop.append(loop)
    structlog.get_logger("stream.task").info("loop", loop=loop)
    assert lines(capsys)[0]["loop"][0] == 1
