"""A partition's life: the one place that knows where each partition is.

    assigned -> restoring -> live <-> held back -> revoking -> released
        ^           |          |
        +-- failed <+----------+       (reason, since, next try)

Worker, log, metrics and probes ask here and keep no copy. The log reads what `positions` names and
nothing else: the first record that each live task has not accepted. So whatever a poll returned
is either accepted or asked for again.

A live partition carries the proof that it may commit: the member and generation of the group under
which what is committed was read and found to be what its state follows. Under another identity it
has to be proved anew.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum

from stream.clock import Clock
from stream.log.base import Committed, Identity, TopicPartition
from stream.recovery.restoration import Restoration, Restored
from stream.task import PartitionTask


class State(Enum):
    """Where a partition is; the value is its name in metrics and probes."""

    ASSIGNED = "assigned"
    RESTORING = "restoring"
    LIVE = "live"
    HELD_BACK = "held_back"
    FAILED = "failed"
    REVOKING = "revoking"
    RELEASED = "released"


_GIVEN_UP = {State.REVOKING, State.RELEASED}
_TRANSITIONS = {
    State.ASSIGNED: {State.RESTORING, State.FAILED, *_GIVEN_UP},
    State.RESTORING: {State.LIVE, State.FAILED, State.ASSIGNED, *_GIVEN_UP},
    State.LIVE: {State.HELD_BACK, State.FAILED, State.ASSIGNED, *_GIVEN_UP},
    State.HELD_BACK: {State.LIVE, State.FAILED, State.ASSIGNED, *_GIVEN_UP},
    State.FAILED: {State.ASSIGNED, *_GIVEN_UP},
    State.REVOKING: {State.RELEASED},
    State.RELEASED: set(),
}
RUNNING = {State.LIVE, State.HELD_BACK}

RETRY_S = (0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0)
"""Pauses before a partition that failed is tried again."""


@dataclass(frozen=True, slots=True)
class Status:
    """Where a partition is, for readers in other threads.

    Parameters
    ----------
    since
        When it came there, in monotonic seconds.
    reason
        Why it failed; empty otherwise.
    next_try
        When a failed partition is tried again, in monotonic seconds; None if never.
    idle_since
        Since when it has not been running, in monotonic seconds; None while it runs.
    """

    partition: int
    state: State
    since: float
    reason: str = ""
    next_try: float | None = None
    idle_since: float | None = None


@dataclass(slots=True)
class Live:
    """A task that this worker owns, with what the worker has to know about it.

    Parameters
    ----------
    committed
        By input partition, what is committed: offsets and notes that the next commit follows.
    committed_steps
        The task's steps that are committed; it is ahead of the log when it has taken more.
    proven
        As whom `committed` was read; None when it has to be read again.
    topic_ids
        Of the inputs and the journal, by name.
    settings
        Settings in force in its state.
    checkpointed_steps, checkpointed_at
        Steps of the newest durable checkpoint (-1 for none), and when one was last tried.
    since, blocked_since
        When it went live, and since when one topic's records wait for the other's.
    is_polled
        Whether the log has been asked for its positions since it went live.
    """

    task: PartitionTask
    journal_offset: int
    committed: dict[TopicPartition, Committed | None]
    committed_steps: int
    proven: Identity | None
    topic_ids: dict[str, str]
    settings: str
    checkpointed_steps: int
    checkpointed_at: float
    since: float
    blocked_since: float | None = None
    is_polled: bool = False

    @property
    def is_ahead(self) -> bool:
        """Whether a step has been taken that is not known to be committed."""
        return self.task.steps != self.committed_steps


@dataclass(slots=True)
class Partition:
    """One partition of this worker."""

    number: int
    state: State
    since: float
    reason: str = ""
    next_try: float | None = None
    idle_since: float | None = None
    attempts: int = 0
    restoration: Restoration | None = None
    live: Live | None = None
    full: set[TopicPartition] = field(default_factory=set)


class Lifecycle:
    """All partitions of a worker, and where each is.

    Parameters
    ----------
    clock
        Of pauses and durations.
    moved
        Called after each change with the partition's new status.
    """

    def __init__(self, clock: Clock, moved: Callable[[Status], None]) -> None:
        self._clock = clock
        self._moved = moved
        self._partitions: dict[int, Partition] = {}
        self.statuses: tuple[Status, ...] = ()
        """Where each partition is, for other threads; replaced as a whole at each change."""

    # Questions.

    def __contains__(self, number: int) -> bool:
        return number in self._partitions

    def at(self, *states: State) -> list[Partition]:
        """Partitions in any of these states, by number."""
        return [p for _, p in sorted(self._partitions.items()) if p.state in states]

    def running(self) -> dict[int, Live]:
        """Tasks that are live or held back, by partition."""
        return {p.number: p.live for p in self.at(*RUNNING) if p.live is not None}

    def positions(self) -> Mapping[TopicPartition, int]:
        """What the log is to read: the first record that each running task has not accepted."""
        return {
            source: offset
            for partition in self.at(*RUNNING)
            if partition.live is not None
            for source, offset in partition.live.task.wanted.items()
            if source not in partition.full
        }

    def due(self) -> list[Partition]:
        """Partitions to be restored now: those assigned, and the failed ones whose pause is over.

        Those that have failed less often come first.
        """
        now = self._clock.monotonic()
        again = [p for p in self.at(State.FAILED) if p.next_try is not None and p.next_try <= now]
        return sorted([*self.at(State.ASSIGNED), *again], key=lambda p: (p.attempts, p.number))

    # Changes.

    def assign(self, numbers: Iterable[int]) -> None:
        """Take up partitions that the group has given to this worker."""
        for number in numbers:
            assert number not in self._partitions, f"partition {number} is assigned already"
            now = self._clock.monotonic()
            partition = Partition(number, State.ASSIGNED, now, idle_since=now)
            self._partitions[number] = partition
            self._tell(partition)

    def restore(self, partition: Partition, restoration: Restoration) -> None:
        """Begin to bring a partition's state back."""
        if partition.state is State.FAILED:
            self._move(partition, State.ASSIGNED)
        partition.restoration = restoration
        self._move(partition, State.RESTORING)

    def go_live(self, partition: Partition, restored: Restored) -> Live:
        """Let a restored partition work."""
        partition.restoration = None
        now = self._clock.monotonic()
        partition.live = Live(
            task=restored.task,
            journal_offset=restored.journal_offset,
            committed=restored.committed,
            committed_steps=restored.task.steps,
            proven=restored.identity,
            topic_ids=restored.topic_ids,
            settings=restored.settings,
            checkpointed_steps=restored.checkpointed_steps,
            checkpointed_at=now,
            since=now,
        )
        self._move(partition, State.LIVE)
        return partition.live

    def has_worked(self, number: int) -> None:
        """Let the pauses begin anew: the partition has got something done."""
        partition = self._partitions.get(number)
        # A commit may end after the step that follows it has failed; that failure counts.
        if partition is not None and partition.state in RUNNING:
            partition.attempts = 0

    def hold_back(self, number: int, full: set[TopicPartition]) -> None:
        """Read no more of these inputs of a running partition for now; none: read all."""
        partition = self._partitions[number]
        partition.full = full
        state = State.HELD_BACK if full else State.LIVE
        if partition.state is not state:
            self._move(partition, state)

    def recover(self, number: int, reason: str) -> None:
        """Send a partition back: its state in memory is not, or may not be, what is committed."""
        partition = self._partitions[number]
        if partition.state is not State.ASSIGNED:
            self._empty(partition)
            self._move(partition, State.ASSIGNED, reason)

    def fail(self, number: int, reason: str, *, retry: bool) -> Partition:
        """Stop one partition; the others go on.

        The pause before it is tried again grows, until it has once run for longer than the longest
        of them: one that fails at the same record again is live in between, for a moment.
        """
        partition = self._partitions[number]
        live = partition.live
        if live is not None and self._clock.monotonic() - live.since >= RETRY_S[-1]:
            partition.attempts = 0
        self._empty(partition)
        pause_s = RETRY_S[min(partition.attempts, len(RETRY_S) - 1)]
        partition.attempts += 1
        if partition.state is State.FAILED:
            self._move(partition, State.ASSIGNED)
        partition.next_try = self._clock.monotonic() + pause_s if retry else None
        self._move(partition, State.FAILED, reason)
        return partition

    def revoke(self, number: int) -> Partition:
        """Begin to hand a partition over."""
        partition = self._partitions[number]
        self._move(partition, State.REVOKING)
        return partition

    def release(self, number: int) -> None:
        """Forget a partition: handed over, or lost."""
        partition = self._partitions.pop(number)
        self._empty(partition)
        self._move(partition, State.RELEASED)

    @staticmethod
    def _empty(partition: Partition) -> None:
        if partition.restoration is not None:
            partition.restoration.close()
        partition.restoration = None
        partition.live = None
        partition.full = set()

    def _move(self, partition: Partition, state: State, reason: str = "") -> None:
        assert state in _TRANSITIONS[partition.state], (
            f"partition {partition.number}: {partition.state.value} -> {state.value} must be a "
            "transition of the table"
        )
        if state is not State.FAILED:
            partition.next_try = None
        partition.state, partition.reason = state, reason
        partition.since = now = self._clock.monotonic()
        if state in RUNNING:
            partition.idle_since = None
        elif partition.idle_since is None:
            partition.idle_since = now
        self._tell(partition)

    def _tell(self, partition: Partition) -> None:
        status = Status(
            partition.number,
            partition.state,
            partition.since,
            partition.reason,
            partition.next_try,
            partition.idle_since,
        )
        others = tuple(s for s in self.statuses if s.partition != partition.number)
        gone = partition.state is State.RELEASED
        self.statuses = others if gone else tuple(sorted((*others, status), key=_number))
        self._moved(status)


def _number(status: Status) -> int:
    return status.partition
