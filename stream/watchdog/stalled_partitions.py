"""Partitions that have work in hand and do not get on with it.

One that is being restored and takes no step, and one whose records have been read but are not
taken. Neither is expected to happen, and nothing is done about it but to name it: an operator who
asks why predictions stay away must find the answer here.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from stream.clock import Clock
from stream.recovery.lifecycle import RUNNING, Lifecycle, Partition, State
from stream.watchdog.stalled_inputs import STALL_S
from stream.watchdog.trouble import Trouble


class _Progress(NamedTuple):
    is_restoring: bool
    steps: int
    records: int


class StalledPartitions:
    """See the module.

    Parameters
    ----------
    lifecycle
        Knows the partitions.
    wait_s
        How long a partition may wait with one topic's records for the other's.
    clock
        Of the pauses.
    """

    def __init__(self, lifecycle: Lifecycle, wait_s: float, clock: Clock) -> None:
        self._lifecycle = lifecycle
        self._wait_s = wait_s
        self._clock = clock
        self._seen: dict[int, tuple[_Progress, float]] = {}

    def look(self) -> Iterator[Trouble]:
        """Name those that have not moved for too long."""
        now, before = self._clock.monotonic(), self._seen
        self._seen = {}
        for partition in self._lifecycle.at(State.RESTORING, *RUNNING):
            progress = _progress(partition)
            if progress is None:
                continue
            known = before.get(partition.number)
            since = known[1] if known is not None and known[0] == progress else now
            self._seen[partition.number] = (progress, since)
            may_last_s = STALL_S if progress.is_restoring else STALL_S + self._wait_s
            if now - since >= may_last_s:
                yield Trouble(("partition", partition.number), _words(partition, now - since))


def _progress(partition: Partition) -> _Progress | None:
    """How far a partition has come; None where it has nothing to do."""
    if partition.restoration is not None:
        restoration = partition.restoration
        steps = restoration.task.steps if restoration.task is not None else -1
        return _Progress(True, steps, restoration.replayed_records)
    if partition.live is None or not _waiting(partition):
        return None
    return _Progress(False, partition.live.task.steps, 0)


def _waiting(partition: Partition) -> dict[str, int]:
    assert partition.live is not None
    task = partition.live.task
    counts = {source.topic: task.waiting(source.topic) for source in task.offsets}
    return {topic: count for topic, count in counts.items() if count}


def _words(partition: Partition, still_s: float) -> str:
    where = f"partition {partition.number}"
    if partition.restoration is not None:
        left = partition.restoration.steps_left
        return f"{where}: restoring has taken no step for {still_s:.0f} s; {left} are left"
    counts = ", ".join(f"{count} of {topic}" for topic, count in _waiting(partition).items())
    return f"{where}: no step for {still_s:.0f} s, though records are in hand: {counts}"
