"""Checkpoints written beside the work, in simulated time.

A checkpoint is durable some time after it was handed over; one whose process is killed before that
is not, and one whose process is frozen becomes so later.
"""

from __future__ import annotations

from collections.abc import Iterable

from stream.checkpoint.format import Checkpoint
from stream.checkpoint.store import CheckpointStore
from stream.checkpoint.writer import Written
from stream.errors import DriftgateError, StoreUnavailableError
from stream.simulate.clock import Actor, Scheduler
from stream.simulate.store import Disk

_LOOK_S = 0.05


class SimulatedWriter:
    """Writes of one worker (a `Writer`).

    Parameters
    ----------
    store
        Where to.
    disk
        Says how long it takes.
    scheduler, actor
        The clock, and the process that all of this is part of.
    """

    def __init__(
        self, store: CheckpointStore, disk: Disk, scheduler: Scheduler, actor: Actor
    ) -> None:
        self._store = store
        self._disk = disk
        self._scheduler = scheduler
        self._actor = actor
        self._since: dict[int, float] = {}
        self._finished: list[Written] = []
        self._closed = False

    def submit(self, checkpoint: Checkpoint) -> bool:
        if self._closed or checkpoint.partition in self._since:
            return False
        self._since[checkpoint.partition] = self._scheduler.now
        self._scheduler.after(self._disk.write_s(), lambda: self._write(checkpoint))
        return True

    def finished(self) -> list[Written]:
        ended, self._finished = self._finished, []
        return ended

    def writing(self) -> dict[int, float]:
        return {number: self._scheduler.now - since for number, since in self._since.items()}

    def wait(self, partitions: Iterable[int], timeout_s: float) -> bool:
        awaited, deadline = set(partitions), self._scheduler.now + timeout_s
        while awaited & self._since.keys():
            if self._scheduler.now >= deadline:
                return False
            self._actor.sleep(_LOOK_S)
        return True

    def close(self, timeout_s: float) -> None:
        self._closed = True
        self.wait(list(self._since), timeout_s)

    def _write(self, checkpoint: Checkpoint) -> None:
        actor, partition = self._actor, checkpoint.partition
        if actor.killed or actor.ended:
            return
        if self._scheduler.now < actor.frozen_until:
            self._scheduler.at(actor.frozen_until, lambda: self._write(checkpoint))
            return
        seconds = self._scheduler.now - self._since.pop(partition)
        size, failure = 0, None
        try:
            size = self._store.write(checkpoint)
        except DriftgateError as error:
            failure = error
        except OSError as error:
            failure = StoreUnavailableError(str(error))
        self._finished.append(Written(partition, checkpoint.steps, size, seconds, failure))
