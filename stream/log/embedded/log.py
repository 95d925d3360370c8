"""A worker's connection to an embedded log: ownership of the group, reads, transactions.

A group has one owner, the log that subscribed last, and gives it every partition. Each subscription
raises the group's epoch; whoever holds an older one is fenced: its next `poll` and its next
`commit` raise `FencedError`, and nothing of it is written.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator, Sequence

from stream.errors import CommitUncertainError, FencedError, RecoveryError
from stream.log.base import (
    AssignmentListener,
    Bounds,
    Committed,
    RecordBatch,
    TopicPartition,
    Transaction,
)
from stream.log.embedded.store import Store

_WAIT_FIRST_S = 0.0005
_WAIT_LONGEST_S = 0.02  # adds 10 ms to a record's latency on average, and costs 0.1 % of a core


class EmbeddedLog:
    """One worker on an embedded log (a `Log`).

    Parameters
    ----------
    path
        The SQLite file, created where there is none; `:memory:` or `:memory:NAME` is shared
        within the process and lives as long as some log or admin of it is open.
    group
        Name of the consumer group, whose positions `commit` moves.
    """

    def __init__(self, path: str, group: str) -> None:
        self._store = Store(path)
        self._group = group
        self._epoch = 0
        self._listener: AssignmentListener | None = None
        self._unannounced: list[TopicPartition] = []
        self._assigned: list[TopicPartition] = []
        self._positions: dict[TopicPartition, int] = {}
        self._ends: dict[TopicPartition, int] = {}
        self._paused: set[TopicPartition] = set()
        self._closed = False

    def subscribe(self, topics: Sequence[str], listener: AssignmentListener) -> None:
        """Take the group over; its partitions are announced by the next `poll`."""
        assert self._listener is None, "a log subscribes once"
        with self._store.translated():
            counts = self._store.topics()
            for topic in topics:
                self._store.partition_id(TopicPartition(topic, 0))
            with self._store.transaction():
                self._epoch = self._store.take_over(self._group)
        self._listener = listener
        self._unannounced = [
            TopicPartition(topic, index) for topic in topics for index in range(counts[topic])
        ]

    def poll(self, timeout_s: float, records_max: int) -> list[RecordBatch]:
        """Return the next records, fairly shared out among the partitions that have any."""
        assert self._listener is not None, "poll must come after subscribe"
        # Nothing is read of a partition before `seek`, which its new owner can only call once
        # this has returned.
        deadline = time.monotonic() + (0.0 if self._announce(self._listener) else timeout_s)
        wait_s = _WAIT_FIRST_S
        with self._store.translated():
            while True:
                self._leave_if_fenced(self._listener)
                batches = self._fetch(records_max)
                left_s = deadline - time.monotonic()
                if batches or left_s <= 0:
                    return batches
                time.sleep(min(wait_s, left_s))
                wait_s = min(2 * wait_s, _WAIT_LONGEST_S)

    def seek(self, source: TopicPartition, offset: int) -> None:
        """Read this assigned partition from `offset` next."""
        assert source in self._assigned, f"{source} must be assigned"
        self._positions[source] = offset

    def pause(self, sources: Iterable[TopicPartition]) -> None:
        """Return no records of these until `resume`."""
        self._paused.update(sources)

    def resume(self, sources: Iterable[TopicPartition]) -> None:
        """End a `pause`."""
        self._paused.difference_update(sources)

    def lag(self, source: TopicPartition) -> int | None:
        """Count the records beyond the position, as the latest `poll` saw them."""
        end, position = self._ends.get(source), self._positions.get(source)
        return None if end is None or position is None else max(0, end - position)

    def committed(
        self, sources: Iterable[TopicPartition]
    ) -> dict[TopicPartition, Committed | None]:
        """Read the group's committed positions."""
        with self._store.translated():
            return {source: self._store.position(self._group, source) for source in sources}

    def commit(self, transaction: Transaction) -> dict[TopicPartition, int]:
        """Append the outputs and move the positions, together; return first offsets."""
        assert self._listener is not None, "commit must come after subscribe"
        firsts: dict[TopicPartition, int] = {}
        try:
            with self._store.transaction():
                self._refuse_if_fenced()
                for output in transaction.outputs:
                    if len(output):
                        firsts.setdefault(output.target, self._store.append(output))
                for source, committed in transaction.offsets.items():
                    self._store.set_position(self._group, source, committed)
        except sqlite3.Error as error:
            # A COMMIT that fails in its fsync may or may not be found in the file afterwards.
            raise CommitUncertainError(
                f"log.path: a commit to `{self._store.path}` failed: {error}. Its outcome is read "
                f"back; if this repeats, make room on the disk."
            ) from error
        return firsts

    def begin_commit(self, transaction: Transaction) -> Callable[[], dict[TopicPartition, int]]:
        """Commit at once: SQLite has nothing to wait for that the processor could be used for."""
        firsts = self.commit(transaction)
        return lambda: firsts

    def reopen(self) -> None:
        """Open the file anew, which rolls back whatever had not been committed."""
        self._store.reconnect()

    def read(self, source: TopicPartition, start: int, end: int) -> Iterator[RecordBatch]:
        """Read the records with start <= offset < end."""
        with self._store.translated():
            yield from self._store.read_range(source, start, end)

    def bounds(self, source: TopicPartition) -> Bounds:
        """First offset kept and end offset."""
        with self._store.translated():
            return self._store.bounds(source)

    def close(self) -> None:
        """Tell the listener, and release the file; safe to call twice."""
        if self._closed:
            return
        self._closed = True
        try:
            self._leave()
        finally:
            self._store.close()

    def _announce(self, listener: AssignmentListener) -> bool:
        """Tell of partitions that are new; returns whether there were any."""
        if not self._unannounced:
            return False
        self._assigned, self._unannounced = self._unannounced, []
        listener.assigned(list(self._assigned))
        return True

    def _is_fenced(self) -> bool:
        return self._store.epoch(self._group) != self._epoch

    def _refuse_if_fenced(self) -> None:
        if self._is_fenced():
            raise FencedError(
                f"group `{self._group}`: another worker has taken over this log. Run one worker at "
                f"a time on an embedded log, or use Kafka."
            )

    def _leave_if_fenced(self, listener: AssignmentListener) -> None:
        if self._assigned and self._is_fenced():
            self._forget(listener.lost)
        self._refuse_if_fenced()

    def _leave(self) -> None:
        if self._listener is not None and self._assigned:
            with self._store.translated():
                fenced = self._is_fenced()
            self._forget(self._listener.lost if fenced else self._listener.revoked)

    def _forget(self, tell: Callable[[list[TopicPartition]], None]) -> None:
        gone, self._assigned = self._assigned, []
        self._positions.clear()
        self._ends.clear()
        tell(gone)

    def _fetch(self, records_max: int) -> list[RecordBatch]:
        ready = self._ready()
        batches = []
        left = records_max
        # The partitions with the fewest records come first: what they leave of their equal shares
        # goes to the others, so that `records_max` is used up wherever that many are there.
        for index, (available, source) in enumerate(ready):
            count = min(available, -(-left // (len(ready) - index)))
            if count == 0:
                continue
            position = self._positions[source]
            batches.append(self._store.read(source, position, position + count))
            self._positions[source] = position + count
            left -= count
        return batches

    def _ready(self) -> list[tuple[int, TopicPartition]]:
        """Partitions with records beyond their positions, the fewest first."""
        ready = []
        for source, position in self._positions.items():
            if source in self._paused:
                continue
            first, end = self._store.bounds(source)
            if not first <= position <= end:
                raise RecoveryError(
                    f"{source.topic}[{source.partition}]@{position}: the position must be in "
                    f"{first}..{end}, the records that are kept. Reset the partition's state and "
                    f"position."
                )
            self._ends[source] = end
            if position < end:
                ready.append((end - position, source))
        return sorted(ready)
