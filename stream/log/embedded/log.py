"""A worker's connection to an embedded log: ownership of the group, reads, transactions.

A group has one owner, the log that subscribed last, and gives it every partition. Each subscription
raises the group's epoch; a log that holds an older one is fenced: its next `poll` and its next
`commit` raise `FencedError`, and nothing of it is written. So do those of a log whose file was
removed or replaced.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from stream.errors import (
    CommitUncertainError,
    DriftgateError,
    FencedError,
    LogUnavailableError,
    OvertakenError,
    RecoveryError,
)
from stream.log.base import (
    AssignmentListener,
    Bounds,
    Committed,
    Identity,
    Lag,
    OpenTransaction,
    Polled,
    RecordBatch,
    TopicPartition,
    Transaction,
)
from stream.log.embedded.store import Store, is_damage, remedy

_MEMBER = "embedded"
_WAIT_FIRST_S = 0.0005
_WAIT_LONGEST_S = 0.02  # adds 10 ms to a record's latency on average, and costs 0.1 % of a core
_PARTITIONS_S = 1.0  # how often a poll looks for partitions that were added


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
        self._topics: list[str] = []
        self._listener: AssignmentListener | None = None
        self._assigned: list[TopicPartition] = []
        self._looked_at = float("-inf")
        self._ends: dict[TopicPartition, int] = {}
        self._delivered: dict[TopicPartition, int] = {}
        self._closed = False

    @property
    def identity(self) -> Identity:
        """The epoch since which this log owns the group."""
        return Identity(_MEMBER, self._epoch)

    @property
    def left_out(self) -> str:
        """Nothing: a group has one member."""
        return ""

    def subscribe(self, topics: Sequence[str], listener: AssignmentListener) -> None:
        """Take the group over; its partitions are announced by the next `poll`."""
        assert self._listener is None, "a log subscribes once"
        self.topic_ids(topics)  # all of them must exist
        self._take_over()
        self._listener, self._topics = listener, list(topics)

    def poll(
        self, timeout_s: float, records_max: int, positions: Mapping[TopicPartition, int]
    ) -> Polled:
        """Return the next records, fairly shared out among the partitions that have any."""
        assert self._listener is not None, "poll must come after subscribe"
        deadline = time.monotonic() + timeout_s
        with self._store.translated():
            self._leave_if_fenced(self._listener)
            if self._announce(self._listener):
                return Polled([])  # the caller has to ask for what is new
        wait_s = _WAIT_FIRST_S
        wanted = {source: at for source, at in positions.items() if source in self._assigned}
        while True:
            polled = self._fetch(wanted, records_max)
            left_s = deadline - time.monotonic()
            # Failures alone do not end the wait, so that a caller that asks for a failing
            # partition over and over does not spin.
            if polled.batches or left_s <= 0:
                return polled
            time.sleep(min(wait_s, left_s))
            wait_s = min(2 * wait_s, _WAIT_LONGEST_S)
            with self._store.translated():
                self._leave_if_fenced(self._listener)

    def refetch(self, sources: Iterable[TopicPartition]) -> None:
        """Do nothing: every poll reads the file."""

    def rejoin(self) -> None:
        """Give all partitions up and take the group over again."""
        assert self._listener is not None, "rejoin must come after subscribe"
        with self._store.translated():
            self._leave_if_fenced(self._listener)
        self._leave()
        self._take_over()

    def lag(self, source: TopicPartition) -> Lag | None:
        """Count the records beyond what the latest `poll` returned, as it saw them."""
        end, delivered = self._ends.get(source), self._delivered.get(source)
        if end is None or delivered is None:
            return None
        beyond = max(0, end - delivered)
        return Lag(beyond, beyond)

    def committed(
        self, sources: Iterable[TopicPartition]
    ) -> dict[TopicPartition, Committed | None]:
        """Read the group's committed positions."""
        with self._store.translated(), self._store.snapshot():
            return {source: self._store.position(self._group, source) for source in sources}

    def commit(self, transaction: Transaction) -> dict[TopicPartition, int]:
        """Append the outputs and move the positions, together; return first offsets."""
        assert self._listener is not None, "commit must come after subscribe"
        firsts: dict[TopicPartition, int] = {}
        try:
            with self._store.transaction():
                self._refuse_if_overtaken(transaction)
                for output in transaction.outputs:
                    if len(output):
                        firsts.setdefault(output.target, self._store.append(output))
                for source, committed in transaction.offsets.items():
                    self._store.set_position(self._group, source, committed)
        except sqlite3.Error as error:
            # A COMMIT that fails in its fsync may or may not be found in the file afterwards.
            raise CommitUncertainError(
                f"log.path: a commit to `{self._store.path}` failed: {error}. Its outcome is read "
                f"back. {remedy(error)}"
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

    def first(self, source: TopicPartition) -> int:
        """First offset still kept."""
        return self.bounds(source).first

    def bounds(self, source: TopicPartition) -> Bounds:
        """First offset kept and end offset."""
        with self._store.translated():
            return self._store.bounds(source)

    def open_transactions(self, source: TopicPartition) -> list[OpenTransaction]:
        """List none: SQLite shows nothing of a transaction before it has committed."""
        del source
        return []

    def partition_counts(self, topics: Iterable[str]) -> dict[str, int]:
        """Count the partitions of topics; 0 for one that does not exist."""
        with self._store.translated():
            counts = self._store.topics()
        return {topic: counts.get(topic, 0) for topic in topics}

    def topic_ids(self, topics: Iterable[str]) -> dict[str, str]:
        """Random ids that the topics got when they were made."""
        with self._store.translated():
            return {topic: self._store.topic_id(topic) for topic in topics}

    def close(self, timeout_s: float = 10.0) -> None:
        """Tell the listener, and release the file; safe to call twice."""
        del timeout_s  # nothing here waits
        if self._closed:
            return
        self._closed = True
        try:
            self._leave()
        finally:
            self._store.close()

    def _take_over(self) -> None:
        with self._store.translated(), self._store.transaction():
            self._epoch = self._store.take_over(self._group)
        self._looked_at = float("-inf")

    def _announce(self, listener: AssignmentListener) -> bool:
        """Tell of partitions that are new; returns whether there were any."""
        if time.monotonic() - self._looked_at < _PARTITIONS_S:
            return False
        self._looked_at = time.monotonic()
        self._store.refuse_if_replaced()
        counts = self._store.topics()
        new = [
            source
            for topic in self._topics
            for index in range(counts.get(topic, 0))
            if (source := TopicPartition(topic, index)) not in self._assigned
        ]
        if new:
            self._assigned += new
            listener.assigned(new)
        return bool(new)

    def _is_fenced(self) -> bool:
        return self._store.epoch(self._group) != self._epoch

    def _refuse_if_fenced(self) -> None:
        if self._is_fenced():
            raise FencedError(
                f"group `{self._group}`: another worker has taken over this log. Run one worker at "
                f"a time on an embedded log, or use Kafka."
            )

    def _refuse_if_overtaken(self, transaction: Transaction) -> None:
        self._store.refuse_if_replaced()
        self._refuse_if_fenced()
        if transaction.identity != self.identity:
            raise OvertakenError(
                f"group `{self._group}`: a commit must be made as {self.identity}; got "
                f"{transaction.identity}. Nothing was committed; recover."
            )
        for source in transaction.offsets:
            found, expected = self._store.position(self._group, source), transaction.follows[source]
            if found != expected:
                raise OvertakenError(
                    f"{source.topic}[{source.partition}]: a commit must follow {expected}; "
                    f"group `{self._group}` has committed {found}. Nothing was committed; recover."
                )

    def _leave_if_fenced(self, listener: AssignmentListener) -> None:
        if self._assigned and self._is_fenced():
            self._forget(listener.lost)
        self._refuse_if_fenced()

    def _leave(self) -> None:
        if self._listener is None or not self._assigned:
            return
        try:
            with self._store.translated():
                fenced = self._is_fenced()
        except LogUnavailableError:
            fenced = True  # what cannot be read cannot be handed over
        self._forget(self._listener.lost if fenced else self._listener.revoked)

    def _forget(self, tell: Callable[[list[TopicPartition]], None]) -> None:
        gone, self._assigned = self._assigned, []
        self._ends.clear()
        self._delivered.clear()
        tell(gone)

    def _fetch(self, wanted: Mapping[TopicPartition, int], records_max: int) -> Polled:
        failures: dict[TopicPartition, DriftgateError] = {}
        ready = []
        for source, position in wanted.items():
            try:
                if available := self._available(source, position):
                    ready.append((available, source))
            except (DriftgateError, sqlite3.Error) as error:
                failures[source] = self._failure(error)
        batches = []
        left = records_max
        # The partitions with the fewest records come first: what they leave of their equal shares
        # goes to the others, so that `records_max` is used up wherever that many are there.
        for index, (available, source) in enumerate(sorted(ready)):
            count = min(available, -(-left // (len(ready) - index)))
            if count == 0:
                continue
            try:
                batches.append(self._store.read(source, wanted[source], wanted[source] + count))
            except (DriftgateError, sqlite3.Error) as error:
                failures[source] = self._failure(error)
                continue
            self._delivered[source] = wanted[source] + count
            left -= count
        return Polled(batches, failures)

    def _available(self, source: TopicPartition, position: int) -> int:
        """Count the records from a position on."""
        first, end = self._store.bounds(source)
        if not first <= position <= end:
            raise RecoveryError(
                f"{source.topic}[{source.partition}]@{position}: the position must be in "
                f"{first}..{end}, the records that are kept. Reset the partition's state and "
                f"position."
            )
        self._ends[source], self._delivered[source] = end, position
        return end - position

    def _failure(self, error: DriftgateError | sqlite3.Error) -> DriftgateError:
        """Say why one partition cannot be read; raise what concerns the whole file."""
        if isinstance(error, DriftgateError):
            return error
        if is_damage(error):
            return self._store.unusable(error)
        raise self._store.unusable(error) from error
