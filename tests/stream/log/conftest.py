"""One `world` for each kind of log."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.stream.log.worlds import EmbeddedWorld, KafkaWorld, World


@pytest.fixture(params=["memory", "file", pytest.param("kafka", marks=pytest.mark.kafka)])
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    opened: World
    if request.param == "memory":
        opened = EmbeddedWorld(f":memory:{request.node.name}")
    elif request.param == "file":
        opened = EmbeddedWorld(str(tmp_path / "log.db"))
    else:
        opened = KafkaWorld(request.getfixturevalue("kafka_broker"))
    yield opened
    opened.close()
