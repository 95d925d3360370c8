"""A lasting warning goes where logging is configured to go; its pauses are in tests of workers."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from stream.clock import SystemClock
from stream.observe.lasting_warnings import LastingWarnings
from stream.observe.logs import configure_logging


@pytest.fixture(autouse=True)
def restore_logging() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:], root.level = handlers, level
    logging.captureWarnings(False)
    logging.getLogger("stream").setLevel(logging.NOTSET)
    structlog.reset_defaults()


def test_a_warning_is_written_as_configured_after_import(
    capsys: pytest.CaptureFixture[str],
) -> None:
    configure_logging("json")
    LastingWarnings(SystemClock()).say("log", "log unavailable", reason="away")
    captured = capsys.readouterr()
    assert captured.out == ""
    assert json.loads(captured.err)["reason"] == "away"
