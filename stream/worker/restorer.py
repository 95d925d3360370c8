"""Brings back partitions in slices between polls, several in turn, while restored ones work."""

from __future__ import annotations

import threading
from collections.abc import Callable

import structlog

from stream.clock import Clock
from stream.errors import FencedError, LogUnavailableError
from stream.observe.observer import Observer
from stream.recovery.lifecycle import Lifecycle, Partition, State
from stream.recovery.restoration import Restoration, Restored
from stream.worker.checkpoints import Checkpoints
from stream.worker.failures import Failures

_log = structlog.get_logger(__name__)
# Partitions restored at a time, in turn; each holds some connections open.
_RESTORING_MAX = 4
# Length of one partition's slice, while others work and while none does.
_SLICE_S, _SLICE_ALONE_S = 0.1, 0.5
# No slice begins after this long: a request of the one before may have taken seconds.
_TURN_S = 0.5
_LOG_S = 10.0


class Restorer:
    """Restores partitions.

    Parameters
    ----------
    lifecycle
        Knows which are due.
    begin
        Makes a restoration of a partition.
    checkpoints
        Keep how far a replay had come when it is interrupted.
    failures
        Stops a partition that cannot be restored.
    clock
        Of the slices.
    observer
        Sees what was restored.
    """

    def __init__(
        self,
        lifecycle: Lifecycle,
        begin: Callable[[Partition], Restoration],
        checkpoints: Checkpoints,
        failures: Failures,
        clock: Clock,
        observer: Observer,
    ) -> None:
        self._lifecycle = lifecycle
        self._begin = begin
        self._checkpoints = checkpoints
        self._failures = failures
        self._clock = clock
        self._observer = observer
        self._logged: dict[int, float] = {}
        self._last = -1

    def run(self, stop: threading.Event | None) -> None:
        """Give the partitions that are being restored a slice each, in turn."""
        room = _RESTORING_MAX - len(self._lifecycle.at(State.RESTORING))
        for partition in self._lifecycle.due()[: max(0, room)]:
            self._lifecycle.restore(partition, self._begin(partition))
        until = self._clock.monotonic() + _TURN_S
        for partition in self._in_turn():
            if stop is not None and stop.is_set():
                return
            self._last = partition.number
            self._slice(partition)
            if self._clock.monotonic() >= until:
                return

    def _in_turn(self) -> list[Partition]:
        """Partitions that are being restored, beginning after the one that came last."""
        restoring = self._lifecycle.at(State.RESTORING)
        later = [partition for partition in restoring if partition.number > self._last]
        return later + [partition for partition in restoring if partition.number <= self._last]

    def _slice(self, partition: Partition) -> None:
        assert partition.restoration is not None
        slice_s = _SLICE_S if self._lifecycle.running() else _SLICE_ALONE_S
        try:
            restored = partition.restoration.advance(self._clock.monotonic() + slice_s)
        except LogUnavailableError as error:
            self._checkpoints.write(partition)
            self._failures.stop(partition.number, error)
        except FencedError:
            raise
        except Exception as error:
            self._failures.stop(partition.number, error)
        else:
            if restored is None:
                self._note(partition)
            else:
                self._go_live(partition, restored)

    def _note(self, partition: Partition) -> None:
        self._observer.tick()
        now, restoration = self._clock.monotonic(), partition.restoration
        assert restoration is not None
        last = self._logged.setdefault(partition.number, now)
        if now - last >= _LOG_S:
            self._logged[partition.number] = now
            _log.info(
                "replaying",
                partition=partition.number,
                records=restoration.replayed_records,
                steps_left=restoration.steps_left,
            )

    def _go_live(self, partition: Partition, restored: Restored) -> None:
        self._logged.pop(partition.number, None)
        self._failures.restored()
        self._lifecycle.go_live(partition, restored)
        self._observer.restored(restored)
        _log.info(
            "partition live",
            partition=partition.number,
            checkpoint=restored.checkpoint,
            replayed_steps=restored.replayed_steps,
            replayed_records=restored.replayed_records,
            seconds=round(restored.seconds, 3),
        )
