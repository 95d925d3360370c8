"""What driftgate asks of a log: batches in, transactions out.

The interface moves batches, never single records, so that a native client can come in as a
third implementation with nothing above it changed. Both implementations pass the same contract
tests (`tests/stream/log/`). One thread uses a `Log`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, Protocol

from stream.errors import DriftgateError

Headers = list[tuple[str, bytes]]


class TopicPartition(NamedTuple):
    """One partition of one topic."""

    topic: str
    partition: int


@dataclass(frozen=True, slots=True)
class RecordBatch:
    """Consecutive committed records of one partition, in offset order, as parallel lists.

    Offsets rise but may have gaps (Kafka's transaction markers and aborted records take offsets).
    `timestamps` are milliseconds since 1970-01-01 UTC. `columns` has what the values say, by path,
    where a file has said it in columns: then nobody has to read the values.
    """

    source: TopicPartition
    offsets: Sequence[int]
    timestamps: Sequence[int]
    keys: Sequence[bytes | None]
    values: Sequence[bytes | None]
    columns: Mapping[str, Sequence[Any]] | None = None

    def __len__(self) -> int:
        return len(self.offsets)


@dataclass(frozen=True, slots=True)
class OutputBatch:
    """Records to append to one partition, as parallel lists; `headers` is None or one a record."""

    target: TopicPartition
    timestamps: Sequence[int]
    keys: Sequence[bytes | None]
    values: Sequence[bytes | None]
    headers: Sequence[Headers] | None = None

    def __len__(self) -> int:
        return len(self.values)


class Committed(NamedTuple):
    """A group's position in one partition: the next offset to read, and a note kept beside it."""

    offset: int
    note: str


class Identity(NamedTuple):
    """Member and generation of the group as which a worker reads and commits."""

    member: str
    generation: int


NOBODY = Identity("", -1)
"""Of a log that is not in the group."""


@dataclass(frozen=True, slots=True)
class Transaction:
    """Outputs and input positions that become visible together or not at all.

    Parameters
    ----------
    outputs
        Records to append.
    offsets
        The group's new positions.
    identity
        As whom the committer proved that its state follows what is committed; another member or
        generation of the group refuses the transaction.
    follows
        For each key of `offsets`, what is committed before; None for nothing.
    """

    outputs: Sequence[OutputBatch]
    offsets: Mapping[TopicPartition, Committed]
    identity: Identity
    follows: Mapping[TopicPartition, Committed | None]


@dataclass(frozen=True, slots=True)
class Polled:
    """What a poll returned.

    `failures` names the partitions that were asked for and cannot be read, each with the reason;
    a partition fails alone, and again at every poll that asks for it.
    """

    batches: list[RecordBatch]
    failures: Mapping[TopicPartition, DriftgateError] = field(default_factory=dict)


class Lag(NamedTuple):
    """Records beyond what `poll` returned: those that may be read now, and all that are written.

    The second is larger while a producer's transaction is open.
    """

    readable: int
    written: int


class OpenTransaction(NamedTuple):
    """A transaction that holds back what comes after it in a partition.

    `since_ms` is when its producer last wrote to the partition.
    """

    source: TopicPartition
    producer_id: int
    producer_epoch: int
    start_offset: int
    since_ms: int


class Bounds(NamedTuple):
    """The first offset still kept, and the one after the last committed record."""

    first: int
    end: int


class TopicSpec(NamedTuple):
    """A topic to be created. `config` holds Kafka topic settings; the embedded log ignores it."""

    name: str
    partitions: int
    replication: int = 1
    config: Mapping[str, str] = {}


class AssignmentListener(Protocol):
    """Told of changes of the assignment from inside `Log.poll` and `Log.close`.

    `assigned` and `lost` must return at once; `revoked` may write checkpoints, within the budget
    that the log was configured with. None may call the log.
    """

    def assigned(self, partitions: Iterable[TopicPartition]) -> None:
        """Partitions were given to this worker; it reads what it asks `poll` for."""

    def revoked(self, partitions: Iterable[TopicPartition]) -> None:
        """Partitions are handed over in an orderly way; all of their work is committed."""

    def lost(self, partitions: Iterable[TopicPartition]) -> None:
        """Partitions already belong to another worker; nothing of theirs may be written."""


class Log(Protocol):
    """One worker's connection to a log: its group membership, its reads and its transactions.

    Only `poll`, `close` and `rejoin` may call the listener. No method waits for longer than the
    log's request and commit timeouts.
    """

    @property
    def identity(self) -> Identity:
        """Member and generation as they were when the latest `poll` returned.

        The listener is not always told of a change. What was true of a partition under one
        identity has to be proved anew (`committed`) under another.
        """

    @property
    def left_out(self) -> str:
        """Why the group gives this log no partition, whatever becomes free; empty if it may."""

    def subscribe(self, topics: Sequence[str], listener: AssignmentListener) -> None:
        """Join the group; the assignment arrives through the listener during `poll`."""

    def poll(
        self, timeout_s: float, records_max: int, positions: Mapping[TopicPartition, int]
    ) -> Polled:
        """Return the next records of the partitions in `positions`, at most `records_max` in all.

        The caller says each time from which offset it wants each partition, so that a batch that
        it did not take is returned again, and can never be passed by. A partition that is not in
        `positions` returns nothing; membership of the group goes on. One that is not assigned
        (any more) is passed over.

        Waits up to `timeout_s` for the first record.

        Raises
        ------
        LogUnavailableError, LogAccessError, FencedError
        """

    def refetch(self, sources: Iterable[TopicPartition]) -> None:
        """Drop what was fetched of these, and fetch again from the positions of the next poll."""

    def rejoin(self) -> None:
        """Leave the group (the listener is told) and join it again at the next poll."""

    def lag(self, source: TopicPartition) -> Lag | None:
        """Count records known to lie beyond what `poll` returned; None while that is unknown."""

    def committed(
        self, sources: Iterable[TopicPartition]
    ) -> dict[TopicPartition, Committed | None]:
        """Read the group's committed positions from the log itself, all in one request.

        Raises
        ------
        LogUnsettledError
            A transaction that would move them is open.
        """

    def commit(self, transaction: Transaction) -> dict[TopicPartition, int]:
        """Commit; return the offset of the first record written to each target partition.

        Raises
        ------
        CommitUncertainError
            The transaction may or may not have committed. Call `reopen`, read `committed`, and
            recover from there; in-memory state may be ahead of the log.
        OvertakenError
            What is committed is not what the transaction follows, or the identity is not the
            group's any more: nothing was committed. Call `reopen`, and recover.
        RecordRefusedError
            A topic does not take a record: nothing was committed. Call `reopen`; the same outputs
            would be refused again.
        FencedError
            Another worker runs under this one's name; nothing was committed.
        """

    def begin_commit(self, transaction: Transaction) -> Callable[[], dict[TopicPartition, int]]:
        """Begin what `commit` does; the returned function waits for its end, and ends as it does.

        Until that function has returned, nothing of this log but it and `lag` may be called.
        """

    def reopen(self) -> None:
        """Settle the fate of a transaction that raised `CommitUncertainError`; begin afresh.

        When it returns, `committed` tells whether that transaction happened.
        """

    def read(self, source: TopicPartition, start: int, end: int) -> Iterator[RecordBatch]:
        """Read the committed records with start <= offset < end, outside of the group.

        Yields an empty batch when none came for a moment, so that the caller can see to other
        things meanwhile.

        Raises
        ------
        RecoveryError
            `start` is below the first offset still kept.
        LogUnsettledError
            A transaction that was open below `end` when this was called holds it back.
        """

    def first(self, source: TopicPartition) -> int:
        """First offset still kept; open transactions are nothing to it."""

    def bounds(self, source: TopicPartition) -> Bounds:
        """First offset kept, and the end of what had been committed when this was called.

        Raises
        ------
        LogUnsettledError
            A transaction is open, so that the end cannot be told yet. Try again: the transaction
            timeout ends it, unless its coordinator has lost it.
        """

    def open_transactions(self, source: TopicPartition) -> list[OpenTransaction]:
        """List the transactions that hold back a partition, the oldest first."""

    def partition_counts(self, topics: Iterable[str]) -> dict[str, int]:
        """Count the partitions of topics as they are now; 0 for one that does not exist."""

    def topic_ids(self, topics: Iterable[str]) -> dict[str, str]:
        """Tell apart topics of one name: another id once deleted and made anew.

        Raises
        ------
        TopicMissingError
        """

    def close(self, timeout_s: float = 10.0) -> None:
        """Leave the group (the listener is told) and release everything; safe to call twice.

        Takes no longer than about `timeout_s`, whether the log answers or not.
        """


class LogAdmin(Protocol):
    """Topics and plain appends: what setting up, loading data and checking need."""

    def topics(self) -> dict[str, int]:
        """Partition count of every topic there is."""

    def create(self, topics: Sequence[TopicSpec]) -> list[str]:
        """Create the topics that do not exist; return the names of those created."""

    def add_partitions(self, topic: str, count: int) -> None:
        """Let a topic have `count` partitions in all.

        Raises
        ------
        SetupError
            It has more of them already.
        TopicMissingError
        """

    def delete(self, topics: Sequence[str]) -> None:
        """Delete topics with all that is in them; one that does not exist is passed over."""

    def append(self, outputs: Sequence[OutputBatch]) -> None:
        """Append durably, outside of any consumer group (a producer of events does this)."""

    def bounds(self, source: TopicPartition) -> Bounds:
        """First offset kept and end offset (committed records only)."""

    def read(self, source: TopicPartition, start: int, end: int) -> Iterator[RecordBatch]:
        """Read the committed records with start <= offset < end."""

    def read_headers(self, source: TopicPartition, start: int, end: int) -> list[Headers]:
        """Headers of the same records (dead letters carry their reason there)."""

    def close(self) -> None:
        """Release everything; safe to call twice."""


class GroupAdmin(Protocol):
    """A group's positions, seen and moved from outside of it: what an operator's reset needs."""

    def owners(self) -> dict[TopicPartition, str]:
        """Who reads which input partition now; a partition without an owner is left out.

        Empty for an embedded log: nothing tells whether the worker that took it over still runs.

        Raises
        ------
        LogUnavailableError
            Partitions are just changing hands.
        """

    def offset_at(self, source: TopicPartition, timestamp_ms: int) -> int:
        """Offset of the first record kept whose timestamp is at least this; the end if none is."""

    def set_positions(
        self,
        outputs: Sequence[OutputBatch],
        positions: Mapping[TopicPartition, Committed],
        follows: Mapping[TopicPartition, Committed | None],
    ) -> None:
        """Append records and move the group's positions in one transaction, as nobody of the group.

        A worker that owns one of these partitions finds its next commit refused (`OvertakenError`).

        Raises
        ------
        OvertakenError
            What is committed is not what this follows; nothing was written.
        CommitUncertainError
            Nothing was committed, and the log cannot tell why. Try again.
        """

    def close(self) -> None:
        """Release everything; safe to call twice."""


@dataclass(frozen=True, slots=True)
class Probe:
    """One finding of a log about itself, for `doctor`."""

    name: str
    ok: bool
    detail: str
    remedy: str = ""
    warning: bool = False
    """A pipeline can run with it (`ok` is true), but at a cost that the detail names."""

    @property
    def level(self) -> Literal["ok", "warning", "fail"]:
        """How bad it is."""
        if not self.ok:
            return "fail"
        return "warning" if self.warning else "ok"

    def __str__(self) -> str:
        """One line: what was found and, if that is wrong, what to do."""
        found = f"{self.name}: {self.detail}"
        said_all = self.level == "ok" or not self.remedy
        return found if said_all else f"{found.rstrip('.')}. {self.remedy}"
