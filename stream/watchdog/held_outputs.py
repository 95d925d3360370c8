"""Outputs that nobody can read: an open transaction holds back what was committed after it.

Each partition costs two requests, and a worker may write hundreds of them. So a look goes on where
the one before it stopped, for a moment, and what was found before stands until it is looked at
again.

A worker writes its outputs and need not be allowed to read them, which looking takes. A topic that
may not be looked at is said once, and the others are looked at nevertheless.
"""

from __future__ import annotations

from collections.abc import Callable

import structlog

from stream.clock import Clock
from stream.errors import LogAccessError
from stream.log.base import Log, TopicPartition
from stream.recovery.lifecycle import Lifecycle
from stream.watchdog.open_for import OpenFor
from stream.watchdog.trouble import Trouble, describe_open

_BUDGET_S = 0.05

_log = structlog.get_logger(__name__)


class HeldOutputs:
    """See the module.

    Parameters
    ----------
    log
        Asked for open transactions.
    lifecycle
        Knows this worker's partitions.
    topics
        That are written.
    timeout_s
        Of our transactions: what is open for more than twice as long will not end by itself.
    clock
        Of the time that a look may take.
    wall
        Seconds since 1970.
    """

    def __init__(
        self,
        log: Log,
        lifecycle: Lifecycle,
        topics: tuple[str, ...],
        timeout_s: float,
        clock: Clock,
        wall: Callable[[], float],
    ) -> None:
        self._log = log
        self._lifecycle = lifecycle
        self._topics = topics
        self._timeout_s = timeout_s
        self._clock = clock
        self._open_for = OpenFor(clock, wall)
        self._queue: list[TopicPartition] = []
        self._found: dict[TopicPartition, list[Trouble]] = {}
        self._denied: set[str] = set()

    def look(self) -> list[Trouble]:
        """Look at some outputs; name all that were found to be held back for too long."""
        ours = [
            TopicPartition(topic, status.partition)
            for status in self._lifecycle.statuses
            for topic in self._topics
        ]
        self._open_for.keep(ours)
        self._found = {source: found for source, found in self._found.items() if source in ours}
        # The rest of the round before, then a new one; one look never takes a source twice.
        waiting = [source for source in self._queue if source in ours]
        self._queue = waiting + [source for source in ours if source not in waiting]
        deadline = self._clock.monotonic() + _BUDGET_S
        for _ in range(len(self._queue)):
            source = self._queue.pop(0)
            self._queue.append(source)
            self._look_if_allowed(source)
            if self._clock.monotonic() >= deadline:
                break
        return [trouble for found in self._found.values() for trouble in found]

    def _look_if_allowed(self, source: TopicPartition) -> None:
        """Look; what may not be looked at stays as it was."""
        try:
            self._look_at(source)
        except LogAccessError as error:
            if source.topic not in self._denied:
                self._denied.add(source.topic)
                _log.warning("output not watched", topic=source.topic, reason=str(error))
        else:
            self._denied.discard(source.topic)

    def _look_at(self, source: TopicPartition) -> None:
        found = self._open_for.ages(source, self._log.open_transactions(source))
        self._found[source] = [
            Trouble(
                ("held", source, held.producer_id),
                f"{source.topic}[{source.partition}]: readers of committed records wait at offset "
                f"{held.start_offset}: {describe_open(held, age_s)}. `driftgate transactions "
                "list CONFIG` says whether it hangs and which command ends it",
            )
            for held, age_s in found
            if age_s > 2 * self._timeout_s
        ]
