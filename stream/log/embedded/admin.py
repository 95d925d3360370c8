"""Topics and plain appends of the embedded log."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from stream.log.base import (
    Bounds,
    Headers,
    OutputBatch,
    RecordBatch,
    TopicPartition,
    TopicSpec,
)
from stream.log.embedded.store import Store


class EmbeddedAdmin:
    """Sets up an embedded log, loads records into it and reads them (a `LogAdmin`).

    Parameters
    ----------
    path
        The SQLite file, created where there is none; `:memory:` or `:memory:NAME` is shared
        within the process and lives as long as some log or admin of it is open.
    """

    def __init__(self, path: str) -> None:
        self._store = Store(path)

    def topics(self) -> dict[str, int]:
        """Partition count of every topic there is."""
        with self._store.translated():
            return self._store.topics()

    def create(self, topics: Sequence[TopicSpec]) -> list[str]:
        """Create the topics that do not exist; return the names of those created."""
        with self._store.translated(), self._store.transaction():
            return [
                topic.name
                for topic in topics
                if self._store.create_topic(topic.name, topic.partitions)
            ]

    def add_partitions(self, topic: str, count: int) -> None:
        """Let a topic have `count` partitions; it must not have more of them already."""
        with self._store.translated(), self._store.transaction():
            self._store.add_partitions(topic, count)

    def delete(self, topics: Sequence[str]) -> None:
        """Delete topics with all that is in them; one that does not exist is passed over."""
        with self._store.translated(), self._store.transaction():
            for topic in topics:
                self._store.delete_topic(topic)

    def append(self, outputs: Sequence[OutputBatch]) -> None:
        """Append durably, all or nothing, outside of any consumer group."""
        with self._store.translated(), self._store.transaction():
            for output in outputs:
                self._store.append(output)

    def bounds(self, source: TopicPartition) -> Bounds:
        """First offset kept and end offset."""
        with self._store.translated():
            return self._store.bounds(source)

    def read(self, source: TopicPartition, start: int, end: int) -> Iterator[RecordBatch]:
        """Read the records with start <= offset < end."""
        with self._store.translated():
            yield from self._store.read_range(source, start, end)

    def read_headers(self, source: TopicPartition, start: int, end: int) -> list[Headers]:
        """Headers of the same records."""
        with self._store.translated():
            return self._store.headers(source, start, end)

    def trim(self, source: TopicPartition, first: int) -> None:
        """Forget the records below `first`, as Kafka's retention does by itself."""
        with self._store.translated(), self._store.transaction():
            self._store.trim(source, first)

    def close(self) -> None:
        """Release everything; safe to call twice."""
        self._store.close()
