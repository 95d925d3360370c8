"""Transactions that are open on a pipeline's partitions, and which of them will never end.

Readers of committed records stop at the last stable offset, the start of the oldest open
transaction. One that never ends therefore holds back all that was committed after it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from stream.log.base import TopicPartition

OFFSETS_TOPIC = "__consumer_offsets"

Status = Literal["ongoing", "ending", "overdue", "hanging", "unknown"]
"""What is to be expected of an open transaction:

- `ongoing`: its coordinator knows it, and ends it at its timeout at the latest;
- `ending`: its coordinator has decided its end, and is about to write the markers;
- `overdue`: its coordinator knows it, but has not ended it well after its timeout;
- `hanging`: no coordinator knows it as open, so that nobody will end it;
- `unknown`: a part of the coordinators' state has no leader at present, so that nobody can say.
"""


Decision = Literal["commit", "abort"]
"""What its coordinator decided of a transaction that it ended."""


@dataclass(frozen=True, slots=True)
class Coordinated:
    """What a coordinator says of the latest transaction of one producer."""

    transactional_id: str
    state: str
    epoch: int
    timeout_s: float
    open_s: float | None
    partitions: frozenset[TopicPartition]


@dataclass(frozen=True, slots=True)
class JudgedTransaction:
    """One producer's open transaction on one partition.

    `open_s` is the time since its start where the coordinator knows it; otherwise that since the
    time written on its newest record, which the producer chose. `coordinator_epoch` is what the
    partition knows of the coordinator; it takes no marker with another one. `decision` is what the
    coordinator decided of one that hangs, and did not carry out here; None where its log does not
    tell, or was not asked.
    """

    source: TopicPartition
    producer_id: int
    epoch: int
    start_offset: int
    status: Status
    open_s: float
    transactional_id: str | None = None
    state: str | None = None
    coordinator_epoch: int = -1
    decision: Decision | None = None

    @property
    def stuck(self) -> bool:
        """Whether it is longer there than a transaction may be."""
        return self.status in ("hanging", "overdue")


@dataclass(frozen=True, slots=True)
class PartitionTransactions:
    """What is open on one partition, and between which offsets its readers wait."""

    source: TopicPartition
    last_stable_offset: int
    high_watermark: int
    transactions: Sequence[JudgedTransaction]


class TransactionAdmin(Protocol):
    """Looks at open transactions, and ends those that nobody else will."""

    def transactions(self, topics: Sequence[str]) -> list[PartitionTransactions]:
        """Look at every partition of these topics that has a leader."""

    def offsets_partition(self) -> TopicPartition:
        """Where the group's committed offsets are: transactions are open there, too."""

    def without_leader(self, topics: Sequence[str]) -> list[TopicPartition]:
        """Name the partitions that cannot be looked at, because their brokers are away."""

    def end(self, transaction: JudgedTransaction, decision: Decision) -> None:
        """Write a marker for it: what it wrote there can be read from then on, or never."""

    def close(self) -> None:
        """Release everything."""


_ENDING = ("PrepareCommit", "PrepareAbort")
# A coordinator looks for expired transactions every so often (10 s by default) and then needs to
# reach every partition; before that nobody should be alarmed.
_TIMEOUT_SLACK_S = 30.0


def judge(
    source: TopicPartition, epoch: int, said: Coordinated | None, *, all_can_be_asked: bool
) -> Status:
    """Judge an open transaction by what the coordinators say of its producer.

    Parameters
    ----------
    source, epoch
        Where the transaction is open, and under which epoch of its producer.
    said
        None: no coordinator knows the producer.
    all_can_be_asked
        Whether every part of the coordinators' state has a leader.

    Notes
    -----
    A producer may be in another transaction by now: then its partitions or its epoch differ. With
    transaction version 2 the epoch rises when the end of a transaction is decided, so that the
    markers carry one more than the records.
    """
    if said is None:
        return "hanging" if all_can_be_asked else "unknown"
    ending = said.state in _ENDING
    same = epoch == said.epoch or (ending and epoch + 1 == said.epoch)
    if not (same and source in said.partitions and (ending or said.state == "Ongoing")):
        return "hanging"
    if (said.open_s or 0.0) > said.timeout_s + _TIMEOUT_SLACK_S:
        return "overdue"
    return "ending" if ending else "ongoing"
