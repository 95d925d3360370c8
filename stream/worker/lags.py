"""How far behind each partition is, shown once a second, whether it moves or not."""

from __future__ import annotations

from stream.clock import Clock
from stream.labels.topic_clock import BEGINNING
from stream.log.base import Lag, Log
from stream.observe.availability import Availability
from stream.observe.observer import Observer
from stream.recovery.lifecycle import RUNNING, Lifecycle
from stream.task import PartitionTask

_EVERY_S = 1.0


class Lags:
    """Shows lags.

    Parameters
    ----------
    log
        Asked for what lies beyond what was read.
    lifecycle
        Knows which partitions run, and since when others do not.
    clock
        Of the pauses.
    availability
        Knows whether what the log said is of now.
    observer
        Sees the lags.
    """

    def __init__(
        self,
        log: Log,
        lifecycle: Lifecycle,
        clock: Clock,
        availability: Availability,
        observer: Observer,
    ) -> None:
        self._log = log
        self._lifecycle = lifecycle
        self._clock = clock
        self._availability = availability
        self._observer = observer
        self._shown_at = 0.0

    def show_if_due(self) -> None:
        """Show all lags if the last time was a second ago."""
        now = self._clock.monotonic()
        if now - self._shown_at < _EVERY_S:
            return
        self._shown_at = now
        for status in self._lifecycle.statuses:
            if status.idle_since is not None:
                self._observer.not_working(status.partition, now - status.idle_since)
        for partition in self._lifecycle.at(*RUNNING):
            assert partition.live is not None
            task = partition.live.task
            newest_ms = task.parts.labels.stream_time
            self._observer.lags(
                partition.number,
                self._lags(task),
                None if newest_ms == BEGINNING else newest_ms,
                now - partition.live.since,
            )

    def _lags(self, task: PartitionTask) -> dict[str, Lag | None]:
        lags: dict[str, Lag | None] = {source.topic: None for source in task.offsets}
        if self._availability.is_away:
            return lags  # what the log said last is of the time before
        for source in task.offsets:
            beyond = self._log.lag(source)
            waiting = task.waiting(source.topic)
            lags[source.topic] = beyond and Lag(beyond.readable + waiting, beyond.written + waiting)
        return lags
