"""The topics that a pipeline needs, and how they ought to be set up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from stream.config.log import KafkaLog
from stream.config.pipeline import Config
from stream.log.base import LogAdmin, TopicSpec
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


@dataclass(frozen=True, slots=True)
class TopicChange:
    """What is to be done with one topic: `before` is None where it has to be created.

    `partitions` is what it has afterwards, `wanted` what it ought to have; a topic cannot lose
    partitions, so the first may be larger.
    """

    spec: TopicSpec
    before: int | None
    wanted: int

    @property
    def partitions(self) -> int:
        """Partitions that the topic has in the end."""
        return max(self.before or 0, self.wanted)

    def __str__(self) -> str:
        """Say what was done, once it has been."""
        if self.before is None:
            return f"{self.spec.name}: created ({self.wanted} partitions)"
        added = self.wanted - self.before
        if added > 0:
            plural = "s" if added > 1 else ""
            return f"{self.spec.name}: {added} partition{plural} added, now {self.wanted}"
        there = f"{self.spec.name}: was there already ({self.before} partitions)"
        return f"{there}, {-added} more than its inputs have" if added else there


def plan_topics(
    specs: Sequence[TopicSpec], inputs: Sequence[str], found: Mapping[str, int]
) -> list[TopicChange]:
    """Decide what has to be created, and where partitions have to be added.

    The inputs that are there set the count, because their partitions hold other people's records:
    the largest of them, since partitions can be added and never taken away. Where no input is
    there yet, the file's own count does.

    Parameters
    ----------
    specs
        The topics as the file describes them.
    inputs
        Names of those that the pipeline reads.
    found
        Partition count of each topic there is.
    """
    counts = [found[name] for name in inputs if name in found]
    return [
        TopicChange(spec, found.get(spec.name), max(counts, default=spec.partitions))
        for spec in specs
    ]


def apply_topics(admin: LogAdmin, changes: Sequence[TopicChange]) -> None:
    """Create the topics that are missing, and add the partitions that are."""
    admin.create(
        [
            change.spec._replace(partitions=change.wanted)
            for change in changes
            if change.before is None
        ]
    )
    for change in changes:
        if change.before is not None and change.before < change.wanted:
            admin.add_partitions(change.spec.name, change.wanted)
