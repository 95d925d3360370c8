"""One `world` for each kind of log."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.stream.log.worlds import EmbeddedWorld, World


@pytest.fixture(params=["memory", "file"])
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    path = f":memory:{request.node.name}" if request.param == "memory" else str(tmp_path / "a.db")
    opened = EmbeddedWorld(path)
    yield opened
    opened.close()
