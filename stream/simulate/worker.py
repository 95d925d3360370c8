"""A worker in a simulation: today's `Worker`, run as `driftgate run` runs it."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from stream.checkpoint.reads import InlineReads
from stream.checkpoint.store import CheckpointStore
from stream.observe.observer import Observer
from stream.observe.server import Health
from stream.recovery.lifecycle import RUNNING, Status
from stream.recovery.restoration import Restored
from stream.simulate.client import SimulatedLog
from stream.simulate.clock import SimulatedClock
from stream.simulate.world import Life
from stream.simulate.writer import SimulatedWriter
from stream.topology import PartsBuilder
from stream.worker.worker import Worker

_STALL_S = 10.0


class SimulatedWorker:
    """One life of a worker.

    Parameters
    ----------
    life
        Whose.
    """

    def __init__(self, life: Life) -> None:
        world, config = life.world, life.world.config
        store = CheckpointStore(config.checkpoint.store, config.app, config.checkpoint.keep)
        self._life = life
        self._health = Health(_STALL_S, lambda: world.scheduler.now)
        self._log = SimulatedLog(life.network, world.rng, life.name, world.plan.shape)
        self._worker = Worker(
            config,
            self._log,
            store,
            PartsBuilder(config),
            _Notes(life, self._health),
            clock=SimulatedClock(world.scheduler),
            reads=InlineReads(),
            writer=SimulatedWriter(store, world.disk, world.scheduler, life.actor),
        )

        self._health.ask(lambda: self._worker.statuses)

    def run(self, stop: threading.Event) -> None:
        try:
            if not stop.is_set():
                self._worker.start()
                self._life.is_started = True
            self._worker.run(stop)
            self._worker.close()
        finally:
            self._log.close()

    def states(self) -> dict[int, str]:
        return {
            status.partition: "live"
            if status.state in RUNNING
            else f"{status.state.value} {status.reason}".strip()
            for status in self._worker.statuses
        }

    def ready(self) -> bool:
        return self._health.ready().ok


class _Notes(Observer):
    """Writes into the history what a person wants to know of a failure, and feeds the probes."""

    def __init__(self, life: Life, health: Health) -> None:
        self._life = life
        self._health = health

    def tick(self) -> None:
        self._health.tick()

    def joined(self) -> None:
        self._health.joined()

    def log_available(self) -> None:
        self._health.trouble("log", "")

    def log_unavailable(self, reason: str, away_s: float) -> None:
        self._health.trouble("log", reason)

    def troubles(self, reasons: Sequence[str]) -> None:
        self._health.trouble("still", "; ".join(reasons))

    def moved(self, status: Status) -> None:
        if status.state in RUNNING:
            return
        why = f": {status.reason}" if status.reason else ""
        self._note(f"partition {status.partition} is {status.state.value}{why}")

    def restored(self, restored: Restored) -> None:
        self._note(
            f"partition {restored.task.partition} is live at step {restored.task.steps} after a "
            f"replay of {restored.replayed_records} records from {restored.checkpoint}"
        )

    def fenced(self, reason: str) -> None:
        self._health.fenced(reason)
        self._note(f"is fenced: {reason}")

    def uncertain(self) -> None:
        self._note("does not know whether a transaction was committed")

    def _note(self, text: str) -> None:
        self._life.world.note(f"worker {self._life.index}: {text}")
