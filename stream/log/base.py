"""What driftgate asks of a log: batches in, transactions out.

The interface moves batches, never single records, so that a native client can come in as a
third implementation with nothing above it changed. Both implementations pass the same contract
tests (`tests/stream/log/`). One thread uses a `Log`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, Protocol

Headers = list[tuple[str, bytes]]


class TopicPartition(NamedTuple):
    """One partition of one topic."""

    topic: str
    partition: int


@dataclass(frozen=True, slots=True)
class RecordBatch:
    """Consecutive committed records of one partition, in offset order, as parallel lists.

    Offsets rise but may have gaps (Kafka's transaction markers and aborted records take offsets).
    `timestamps` are milliseconds since 1970-01-01 UTC.
    """

    source: TopicPartition
    offsets: Sequence[int]
    timestamps: Sequence[int]
    keys: Sequence[bytes | None]
    values: Sequence[bytes | None]

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


@dataclass(frozen=True, slots=True)
class Transaction:
    """Outputs and input positions that become visible together or not at all."""

    outputs: Sequence[OutputBatch]
    offsets: Mapping[TopicPartition, Committed]


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
    that the log was configured with. Neither may call the log.
    """

    def assigned(self, partitions: Iterable[TopicPartition]) -> None:
        """Partitions were given to this worker; it reads from them once it has called `seek`."""

    def revoked(self, partitions: Iterable[TopicPartition]) -> None:
        """Partitions are handed over in an orderly way; all of their work is committed."""

    def lost(self, partitions: Iterable[TopicPartition]) -> None:
        """Partitions already belong to somebody else; nothing of theirs may be written."""


class Log(Protocol):
    """One worker's connection to a log: its group membership, its reads and its transactions."""

    def subscribe(self, topics: Sequence[str], listener: AssignmentListener) -> None:
        """Join the group; the assignment arrives through the listener during `poll`."""

    def poll(self, timeout_s: float, records_max: int) -> list[RecordBatch]:
        """Return the next records of assigned partitions, at most `records_max` in all.

        Waits up to `timeout_s` for the first one. A newly assigned partition returns nothing until
        `seek` has been called for it.

        Raises
        ------
        LogUnavailableError, LogAccessError, FencedError
        """

    def seek(self, source: TopicPartition, offset: int) -> None:
        """Read this assigned partition from `offset` next."""

    def pause(self, sources: Iterable[TopicPartition]) -> None:
        """Return no records of these until `resume`; membership of the group goes on."""

    def resume(self, sources: Iterable[TopicPartition]) -> None:
        """End a `pause`."""

    def lag(self, source: TopicPartition) -> int | None:
        """Count records known to lie beyond what `poll` returned; None while that is unknown."""

    def committed(
        self, sources: Iterable[TopicPartition]
    ) -> dict[TopicPartition, Committed | None]:
        """Read the group's committed positions from the log itself (no cache)."""

    def commit(self, transaction: Transaction) -> dict[TopicPartition, int]:
        """Commit; return the offset of the first record written to each target partition.

        Raises
        ------
        CommitUncertainError
            The transaction may or may not have committed. Call `reopen`, read `committed`, and
            recover from there; in-memory state may be ahead of the log.
        FencedError
            Another worker owns the partitions; nothing was committed.
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

        Raises
        ------
        RecoveryError
            `start` is below the first offset still kept.
        """

    def bounds(self, source: TopicPartition) -> Bounds:
        """First offset kept and end offset (committed records only)."""

    def close(self) -> None:
        """Leave the group (the listener is told) and release everything; safe to call twice."""


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
