"""Fixtures for all tests: the Apache Kafka broker of those with the marker `kafka`."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.kafka import dev_broker

KERNELS = Path(__file__).parents[1] / "operators" / "kernels"


def pytest_configure() -> None:
    """Drop compiled kernels when any kernel has changed.

    numba looks at the file of the function that it compiled, not at those of the functions that
    this one calls, so a cache can hold a mixture of old and new kernels.
    """
    sources = b"".join(path.read_bytes() for path in sorted(KERNELS.glob("*.py")))
    digest = hashlib.sha256(sources).hexdigest()
    mark = KERNELS / "__pycache__" / "kernels.sha256"
    if mark.is_file() and mark.read_text() == digest:
        return
    for compiled in mark.parent.glob("*.nb[ic]"):
        compiled.unlink(missing_ok=True)
    mark.parent.mkdir(exist_ok=True)
    mark.write_text(digest)


@pytest.fixture(scope="session")
def dev_kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dev_broker.Broker]:
    """Start a broker for this test session, with PLAINTEXT, SASL and TLS listeners and rights."""
    problem = dev_broker.missing_tools()
    if problem and os.environ.get("DRIFTGATE_REQUIRE_KAFKA") == "1":
        pytest.fail(problem)
    if problem:
        pytest.skip(problem)
    state: Path = tmp_path_factory.mktemp("kafka")
    broker = dev_broker.start(state=state, sasl=True, tls=True, acl=True, proxied=True)
    yield broker
    dev_broker.stop(broker)


@pytest.fixture(scope="session")
def kafka_broker(request: pytest.FixtureRequest) -> str:
    """Bootstrap address: DRIFTGATE_BOOTSTRAP, or a broker started for this session."""
    given = os.environ.get("DRIFTGATE_BOOTSTRAP")
    if given:
        return given
    broker: dev_broker.Broker = request.getfixturevalue("dev_kafka")
    return broker.bootstrap
