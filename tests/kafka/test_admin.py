"""Partitions are added to topics of a real broker.

What is planned: tests/stream/cli/test_topic_setup.py.
"""

from __future__ import annotations

import pytest

from stream.cli.topic_setup import apply_topics, plan_topics
from stream.errors import SetupError, TopicMissingError
from stream.log.base import OutputBatch, TopicPartition, TopicSpec
from tests.stream.log.worlds import KafkaWorld

pytestmark = pytest.mark.kafka


def test_partitions_are_added_and_can_be_used_at_once(world: KafkaWorld) -> None:
    features, journal = world.topic("features", 2), world.topic("journal", 2)
    world.append(journal, [b"kept"], 1)
    world.admin.add_partitions(features, 4)
    specs = [TopicSpec(name, 2) for name in (features, journal)]
    changes = plan_topics(specs, [features], world.admin.topics())
    apply_topics(world.admin, changes)
    assert [str(change) for change in changes] == [
        f"{features}: was there already (4 partitions)",
        f"{journal}: 2 partitions added, now 4",
    ]
    assert world.admin.topics()[journal] == 4
    world.admin.append([OutputBatch(TopicPartition(journal, 3), [1], [None], [b"new"])])
    for partition, value in ((1, b"kept"), (3, b"new")):
        source = TopicPartition(journal, partition)
        bounds = world.admin.bounds(source)
        assert [v for batch in world.admin.read(source, *bounds) for v in batch.values] == [value]


def test_partitions_are_not_taken_away(world: KafkaWorld) -> None:
    topic = world.topic("t", 3)
    with pytest.raises(SetupError, match="at most 2 partitions; got 3"):
        world.admin.add_partitions(topic, 2)
    world.admin.add_partitions(topic, 3)
    with pytest.raises(TopicMissingError, match="absent"):
        world.admin.add_partitions(f"{topic}.absent", 3)
    assert world.admin.topics()[topic] == 3
