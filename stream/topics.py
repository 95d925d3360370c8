"""The topics that a pipeline needs, and how they ought to be set up."""

from __future__ import annotations

from stream.config import Config
from stream.config_log import KafkaLog
from stream.log.base import TopicSpec
from stream.topology import input_topics, output_topics


def topic_specs(config: Config) -> list[TopicSpec]:
    """The pipeline's topics as they ought to be.

    All have the same number of partitions: what is read from partition n is written to partition
    n. The journal is kept for ever, because a task may have to be rebuilt from its first entry;
    dead letters may be as large as anything that can be read.
    """
    kafka = isinstance(config.log, KafkaLog)
    replication = config.log.replication if isinstance(config.log, KafkaLog) else 1
    in_sync = {"min.insync.replicas": "2"} if replication > 2 else {}
    special: dict[str, dict[str, str]] = {}
    if isinstance(config.log, KafkaLog):
        special = {
            str(config.topics.journal): {"retention.ms": "-1"},
            str(config.topics.dead_letters): {
                "max.message.bytes": str(config.log.record_bytes_max)
            },
        }
    names = (*input_topics(config), *output_topics(config))
    partitions = config.log.partitions
    return [
        TopicSpec(
            name, partitions, replication, {**in_sync, **special.get(name, {})} if kafka else {}
        )
        for name in names
    ]
