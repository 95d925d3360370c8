"""The group of an embedded log, seen from outside."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from stream.errors import OvertakenError
from stream.log.base import Committed, OutputBatch, TopicPartition
from stream.log.embedded.store import Store


class EmbeddedGroup:
    """Moves a group's positions (a `GroupAdmin`).

    The group is not taken over: a worker that owns it stays, and finds at its next commit that it
    was overtaken.

    Parameters
    ----------
    path
        The SQLite file.
    group
        Name of the consumer group.
    """

    def __init__(self, path: str, group: str) -> None:
        self._store = Store(path)
        self._group = group

    def owners(self) -> dict[TopicPartition, str]:
        """Name nobody: an owner's epoch stays in the file when its process has gone."""
        return {}

    def offset_at(self, source: TopicPartition, timestamp_ms: int) -> int:
        """Offset of the first record with at least this timestamp; the end if there is none."""
        with self._store.translated():
            return self._store.offset_at(source, timestamp_ms)

    def set_positions(
        self,
        outputs: Sequence[OutputBatch],
        positions: Mapping[TopicPartition, Committed],
        follows: Mapping[TopicPartition, Committed | None],
    ) -> None:
        """Append records and move the positions, in one transaction of the file."""
        with self._store.translated(), self._store.transaction():
            for source, expected in follows.items():
                found = self._store.position(self._group, source)
                if found != expected:
                    raise OvertakenError(
                        f"{source.topic}[{source.partition}]: what is committed must be "
                        f"{expected}; group `{self._group}` has committed {found} meanwhile. "
                        f"Nothing was changed; stop its worker, and try again."
                    )
            for output in outputs:
                self._store.append(output)
            for source, committed in positions.items():
                self._store.set_position(self._group, source, committed)

    def close(self) -> None:
        """Release the file; safe to call twice."""
        self._store.close()
