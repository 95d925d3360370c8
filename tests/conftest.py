"""Fixtures for all tests: the Apache Kafka broker of those with the marker `kafka`."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from deploy.kafka import dev_broker
from stream.cli.kernel_cache import drop_stale


def pytest_configure() -> None:
    """Drop compiled kernels when any kernel has changed."""
    drop_stale()


@pytest.fixture(autouse=True)
def _logging_of_its_own() -> Iterator[None]:
    """Undo what a test that configures logging leaves behind: levels hide what others capture."""
    yield
    structlog.reset_defaults()


@pytest.fixture(scope="session")
def dev_kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dev_broker.Broker]:
    """Start a broker for this test session, with every kind of listener and rights."""
    problem = dev_broker.missing_tools()
    if problem and os.environ.get("DRIFTGATE_REQUIRE_KAFKA") == "1":
        pytest.fail(problem)
    if problem:
        pytest.skip(problem)
    state: Path = tmp_path_factory.mktemp("kafka")
    broker = dev_broker.start(state=state, sasl=True, oauth=True, tls=True, acl=True, proxied=True)
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
