"""Runs one plan: starts workers, lets faults strike, starts again what ended, compares."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from typing import Protocol

from stream.errors import FencedError, LogUnavailableError
from stream.simulate import oracle
from stream.simulate.broker import Cluster, Limits
from stream.simulate.clock import Actor, EndlessError, Killed, Scheduler, Stop
from stream.simulate.faults import Fault, Plan
from stream.simulate.history import History
from stream.simulate.inputs import config_of, fill
from stream.simulate.network import Network
from stream.simulate.probes import Probes
from stream.simulate.store import Disk
from stream.simulate.strike import strike

_LOOK_S = 0.5
_SETTLE_S = 300.0
_STOP_S = 30.0
_RESTART_S = 1.0
_EXITS_MAX = 5


class Worker(Protocol):
    """What a history runs: a worker of whichever contract."""

    def run(self, stop: threading.Event) -> None:
        """Start, run until told to stop, hand over."""

    def states(self) -> dict[int, str]:
        """Where each of its partitions is: `live`, or something else in words."""

    def ready(self) -> bool:
        """Whether its probe says that it does its share of the work."""


Build = Callable[["Life"], Worker]


class Life:
    """One process: from its start until it stops, fails or is killed."""

    def __init__(self, world: World, index: int) -> None:
        self.world = world
        self.index = index
        self.actor = Actor(world.scheduler, self._body)
        self.stop = Stop(self.actor)
        self.network = Network(
            world.cluster,
            self.actor,
            world.rng,
            lambda network, kind, moment: world.on_request(self, kind, moment),
        )
        self.worker: Worker | None = None
        self.error: Exception | None = None
        self.is_started = False
        self.actor.start()

    @property
    def name(self) -> str:
        """Name of the worker, the same in each of its lives."""
        return f"w{self.index}"

    @property
    def ended(self) -> bool:
        """Whether nothing of it runs any more."""
        return self.actor.ended or self.actor.killed

    def terminate(self) -> None:
        """Ask it to stop, as SIGTERM does."""
        self.stop.set()

    def _body(self) -> None:
        try:
            self.worker = self.world.build(self)
            self.worker.run(self.stop)
        except Killed:
            raise
        except Exception as error:
            self.error = error
        self.world.on_end(self)


class World:
    """Everything of one history.

    Parameters
    ----------
    plan
        What is to happen.
    build
        Makes a worker.
    """

    def __init__(self, plan: Plan, build: Build) -> None:
        self.plan = plan
        self.build = build
        self.config = config_of(plan.shape)
        self.rng = random.Random(plan.seed)
        self.scheduler = Scheduler()
        self.cluster = Cluster(self.scheduler, self.rng, Limits())
        self.disk = Disk("disk", self.scheduler)
        self.history = History(plan.seed)
        self.lives: dict[int, Life] = {}
        self._waiting: list[tuple[Fault, list[int]]] = []
        self._probes = Probes(self)
        self._stopping = False
        self._exits = 0
        self._complete = False
        self.restarts_held = False
        self.excused: set[int] = set()
        """Partitions that cannot go on, because records were removed that they had not read."""
        fill(self.cluster, plan.shape)

    def run(self) -> History:
        """Let everything happen, and compare."""
        try:
            self._run()
        except EndlessError as error:
            self.history.diverge("endless", str(error))
        finally:
            for life in self.lives.values():
                if not life.ended:
                    life.actor.kill()
            self.scheduler.run(self.scheduler.now + 0.01, lambda: False)
        self.history.seconds = self.scheduler.now
        return self.history

    def start(self, index: int) -> None:
        """Start a worker's next life, unless it is alive."""
        if self._stopping or (index in self.lives and not self.lives[index].ended):
            return
        if self.restarts_held:
            self.scheduler.after(_RESTART_S, lambda: self.start(index))
            return
        self.note(f"worker {index} starts")
        self.lives[index] = Life(self, index)

    def note(self, text: str) -> None:
        """Remember what happened now."""
        self.history.note(self.scheduler.now, text)

    def on_request(self, life: Life, kind: str, moment: str) -> None:
        """Let those faults strike that wait for this request."""
        if not self._waiting:
            return
        for entry in list(self._waiting):
            fault, left = entry
            if fault.worker != life.index or fault.call != kind or self.scheduler.now < fault.at:
                continue
            if fault.carried_out == (moment == "after"):
                left[0] -= 1
                if left[0] == 0:
                    self._waiting.remove(entry)
                    strike(self, fault, life)

    def on_end(self, life: Life) -> None:
        """Note how a life ended, and have the next one begin."""
        if life.error is not None:
            error = life.error
            self.note(f"worker {life.index} ends: {type(error).__name__}: {error}")
            # A process that cannot even begin may say so and end; one that works may not.
            unreachable = isinstance(error, LogUnavailableError) and not life.is_started
            if not isinstance(error, FencedError) and not unreachable:
                self._exits += 1
                self.history.diverge(
                    "exit", f"worker {life.index}: {type(error).__name__}: {error}"
                )
        else:
            self.note(f"worker {life.index} has stopped")
        if self._exits < _EXITS_MAX:
            self.scheduler.after(_RESTART_S, lambda: self.start(life.index))

    def watch_stop(self, life: Life) -> None:
        """See to it that a life which was told to stop does so in time."""
        deadline = max(self.scheduler.now, life.actor.frozen_until) + _STOP_S

        def check() -> None:
            if life.ended:
                return
            if self.scheduler.now < life.actor.frozen_until + _STOP_S:
                self.scheduler.at(life.actor.frozen_until + _STOP_S, check)
                return
            self.history.diverge("stop", f"worker {life.index}: not heeded within {_STOP_S:g} s")
            life.actor.kill()
            self.scheduler.after(_RESTART_S, lambda: self.start(life.index))

        self.scheduler.at(deadline, check)

    def _run(self) -> None:
        shape = self.plan.shape
        for index in range(shape.workers):
            delay = 0.0 if index == 0 else self.rng.choice((0.0, 0.5, 5.0, 15.0))
            self.scheduler.at(delay, lambda index=index: self.start(index))  # type: ignore[misc]
        for fault in self.plan.faults:
            if fault.call:
                self._waiting.append((fault, [fault.nth]))
            else:
                self.scheduler.at(
                    fault.at,
                    lambda fault=fault: strike(self, fault, self.lives.get(fault.worker)),  # type: ignore[misc]
                )
        quiet = max((fault.at + fault.seconds for fault in self.plan.faults), default=0.0)
        self._look(quiet)
        self.scheduler.run(quiet + _SETTLE_S, lambda: self._complete)
        if not self._complete:
            self._note_what_stands()
        self._stop_all()
        oracle.compare(self.cluster, self.disk, shape, self.excused, self.history)

    def _look(self, quiet: float) -> None:
        """Look now and then whether everything is done."""
        unread = oracle.unread(self.cluster, self.plan.shape)
        self._complete = self.scheduler.now >= quiet and self.excused.issuperset(unread)
        self._probes.look(unread)
        self.scheduler.after(_LOOK_S, lambda: self._look(quiet))

    def _note_what_stands(self) -> None:
        states = [
            (number, state)
            for life in self.lives.values()
            if life.worker is not None and not life.ended
            for number, state in life.worker.states().items()
        ]
        for number in set(oracle.unread(self.cluster, self.plan.shape)) - self.excused:
            here = [state for other, state in states if other == number]
            kind = "stands still" if "live" in here else "not live"
            why = "; ".join(here) or "with no worker"
            self.history.diverge(kind, f"partition {number}: not read to its end ({why})")

    def _stop_all(self) -> None:
        self._stopping = True
        for life in self.lives.values():
            if not life.ended:
                life.terminate()
        self.scheduler.run(
            self.scheduler.now + _STOP_S + 5.0,
            lambda: all(life.ended for life in self.lives.values()),
        )
        for life in self.lives.values():
            if not life.ended:
                self.history.diverge("stop", f"worker {life.index}: not heeded at the end")
