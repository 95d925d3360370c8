"""The cluster: topics, the group's offsets, and who can be reached when.

State that a broker keeps on disk outlives an outage; requests and answers under way do not.
"""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import dataclass

from stream.log.base import Committed, TopicPartition
from stream.simulate.clock import Scheduler
from stream.simulate.group import Group
from stream.simulate.partition import Outcome, Partition
from stream.simulate.transactions import BrokerError, Transactions

_EPOCH_MS = 1_700_000_000_000


@dataclass(frozen=True)
class Limits:
    """Time limits of brokers and clients, in simulated seconds; as in `config_log`, but short."""

    session_s: float = 6.0
    heartbeat_s: float = 2.0
    poll_interval_s: float = 20.0
    transaction_s: float = 5.0
    commit_s: float = 4.0
    request_s: float = 3.0


class Cluster:
    """Everything outside of the workers.

    Parameters
    ----------
    scheduler
        Its clock.
    rng
        Where latencies come from.
    limits
        Of this history.
    """

    def __init__(self, scheduler: Scheduler, rng: random.Random, limits: Limits) -> None:
        self.scheduler = scheduler
        self.rng = rng
        self.limits = limits
        self._partitions: dict[TopicPartition, Partition] = {}
        self.counts: dict[str, int] = {}
        self.offsets: dict[TopicPartition, Committed] = {}
        self.pending: dict[TopicPartition, set[Outcome]] = {}
        self.transactions = Transactions(self)
        self.group = Group(self)
        self.up_at = 0.0
        self.coordinator_up_at = 0.0

    @property
    def is_down(self) -> bool:
        """Whether no request is answered."""
        return self.scheduler.now < self.up_at

    @property
    def is_coordinator_away(self) -> bool:
        """Whether requests about the group are refused."""
        return self.scheduler.now < max(self.up_at, self.coordinator_up_at)

    @property
    def timestamp(self) -> int:
        """Milliseconds of the cluster's clock."""
        return _EPOCH_MS + round(1000 * self.scheduler.now)

    def create(self, topic: str, partitions: int) -> None:
        """Make a topic."""
        self.counts[topic] = partitions
        for number in range(partitions):
            source = TopicPartition(topic, number)
            self._partitions[source] = Partition(source)

    def partition(self, source: TopicPartition) -> Partition:
        """Find a partition, which must exist."""
        return self._partitions[source]

    def committed(self, sources: Iterable[TopicPartition]) -> dict[TopicPartition, Committed | None]:
        """Read the group's offsets.

        Raises
        ------
        BrokerError
            UNSTABLE_OFFSET_COMMIT while a transaction that would move them is open.
        """
        sources = list(sources)
        if any(self.pending.get(source) for source in sources):
            raise BrokerError("UNSTABLE_OFFSET_COMMIT")
        return {source: self.offsets.get(source) for source in sources}

    def shut_down(self, seconds: float) -> None:
        """Kill the broker for a while: what is under way is lost."""
        self.up_at = max(self.up_at, self.scheduler.now + seconds)
        self._drop_the_group()

    def shut_down_coordinator(self, seconds: float) -> None:
        """Have the group's coordinator move: it answers nothing for a while."""
        self.coordinator_up_at = max(self.coordinator_up_at, self.scheduler.now + seconds)
        self._drop_the_group()

    def _drop_the_group(self) -> None:
        self.group.disconnect()
        back = max(self.up_at, self.coordinator_up_at)
        self.scheduler.at(back, self._load_the_group)

    def _load_the_group(self) -> None:
        if not self.is_coordinator_away:
            self.group.load()
