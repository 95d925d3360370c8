"""A world on the session's broker, plain or behind a proxy that loses frames."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from deploy.kafka.dev_broker import Broker
from tests.kafka.proxy import LossyProxy
from tests.stream.log.worlds import KafkaWorld


@pytest.fixture
def world(kafka_broker: str) -> Iterator[KafkaWorld]:
    opened = KafkaWorld(kafka_broker)
    yield opened
    opened.close()


@pytest.fixture
def proxy(dev_kafka: Broker) -> Iterator[LossyProxy]:
    port = int(dev_kafka.addresses["PROXIED"].rpartition(":")[2])
    opened = LossyProxy(port, dev_kafka.behind["PROXIED"][0])
    yield opened
    opened.close()


@pytest.fixture
def lossy_world(dev_kafka: Broker, proxy: LossyProxy) -> Iterator[KafkaWorld]:
    """Workers go through the proxy; the admin looks at the broker directly."""
    opened = KafkaWorld(dev_kafka.bootstrap)
    opened.config |= {"bootstrap": dev_kafka.addresses["PROXIED"], "request_timeout": "1s"}
    proxy.pass_all()
    yield opened
    opened.close()
