"""The fault matrix in small doses on one broker: kills, a zombie in a rebalance, a trimmed
partition, poison. A broker that is killed (T7) is not here: with one copy it may leave hanging
transactions, and how long these take to end differs.

All faults at full dose, and three nodes: `python -m tests.matrix`, docs/reliability.md.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from deploy.kafka import dev_broker
from tests.matrix.__main__ import perform
from tests.matrix.catalog import Scenario, chosen
from tests.matrix.cluster import Cluster
from tests.matrix.report import table
from tests.matrix.stage import Stage

pytestmark = [pytest.mark.kafka, pytest.mark.slow]


@pytest.fixture(scope="module")
def stage(
    dev_kafka: dev_broker.Broker, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stage]:
    """Start a broker that may be killed; the session's shows that one can be had here."""
    del dev_kafka
    folder = tmp_path_factory.mktemp("matrix")
    with Cluster(1, folder / "kafka") as cluster:
        yield Stage(cluster, folder, short=True)


@pytest.mark.parametrize("scenario", chosen("T1,T1b,T3b,T10,T12", 1), ids=lambda s: s.id)
def test_holds(scenario: Scenario, stage: Stage) -> None:
    result = perform(scenario, stage)
    assert result.passed, table([result])
