"""Simulated time: one thread runs at a time, and which one depends on nothing but the seed.

A worker is blocking code, so each life of a worker (an `Actor`) has a thread of its own. A baton
goes round: a thread that waits in simulated time hands it back to the scheduler, which runs what
is due next. Time moves only there, so seconds of simulated time cost microseconds.
"""

from __future__ import annotations

import heapq
import threading
from collections.abc import Callable
from itertools import count

from stream.errors import DriftgateError

_EVENTS_MAX = 3_000_000


class Killed(BaseException):
    """The process was killed: no handler of the worker may run on."""


class EndlessError(DriftgateError):
    """A history that does not come to an end."""


class Timer:
    """Something that is due at a time, until it is cancelled."""

    __slots__ = ("action",)

    def __init__(self, action: Callable[[], None]) -> None:
        self.action: Callable[[], None] | None = action

    def cancel(self) -> None:
        """See to it that nothing happens when it is due."""
        self.action = None


def _held_lock() -> threading.Lock:
    """Make a lock that is handed over, like a baton: released by one thread, taken by another."""
    lock = threading.Lock()
    lock.acquire()
    return lock


class Scheduler:
    """The order of all that happens."""

    def __init__(self) -> None:
        self.now = 0.0
        self.due: list[tuple[float, int, Timer]] = []
        self._numbers = count()
        self.baton = _held_lock()
        self.current: Actor | None = None

    def at(self, time: float, action: Callable[[], None]) -> Timer:
        """Have something done at a time."""
        timer = Timer(action)
        heapq.heappush(self.due, (max(time, self.now), next(self._numbers), timer))
        return timer

    def after(self, seconds: float, action: Callable[[], None]) -> Timer:
        """Have something done after some seconds."""
        return self.at(self.now + seconds, action)

    def run(self, until: float, done: Callable[[], bool]) -> bool:
        """Run what is due until `done`, or until a time; returns whether it was done."""
        self.at(until, lambda: None)
        for _ in range(_EVENTS_MAX):
            if done():
                return True
            time, _, timer = heapq.heappop(self.due)
            self.now = time
            if time >= until:
                return done()
            if timer.action is not None:
                timer.action()
        raise EndlessError(f"simulation: must end within {_EVENTS_MAX} events; it does not.")


class Actor:
    """One life of a worker: a thread that runs only while it holds the baton.

    Parameters
    ----------
    scheduler
        Whose baton.
    body
        What the thread runs; `Killed` ends it from outside.
    """

    def __init__(self, scheduler: Scheduler, body: Callable[[], None]) -> None:
        self._scheduler = scheduler
        self._body = body
        self._baton = _held_lock()
        self._timer: Timer | None = None
        self._may_be_woken = False
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.frozen_until = 0.0
        self.killed = False
        self.ended = False

    def start(self) -> None:
        """Run from now on."""
        self._thread.start()
        self._timer = self._scheduler.after(0.0, self._resume)

    def wait(self, seconds: float) -> None:
        """Let simulated time pass, or less where `wake` is called."""
        self._may_be_woken = True
        try:
            self.sleep(seconds)
        finally:
            self._may_be_woken = False

    def sleep(self, seconds: float) -> None:
        """Let simulated time pass; called by the actor itself."""
        if self.killed:
            raise Killed
        scheduler = self._scheduler
        target = scheduler.now + seconds
        if target < self.frozen_until:
            target = self.frozen_until
        if target < scheduler.due[0][0]:
            scheduler.now = target  # nothing else happens until then
            return
        self._hand_over_until(target)
        while scheduler.now < self.frozen_until and not self.killed:
            self._hand_over_until(self.frozen_until)
        if self.killed:
            raise Killed

    def wake(self) -> None:
        """End the present `wait` early."""
        if self._may_be_woken:
            self._resume_now()

    def freeze(self, seconds: float) -> None:
        """Stop the whole process for a while, as SIGSTOP does."""
        self.frozen_until = max(self.frozen_until, self._scheduler.now + seconds)

    def kill(self) -> None:
        """End the process at once, as SIGKILL does."""
        self.killed = True
        self.frozen_until = 0.0
        self._resume_now()

    def _hand_over_until(self, time: float) -> None:
        self._timer = self._scheduler.at(time, self._resume)
        self._scheduler.baton.release()
        self._baton.acquire()

    def _resume_now(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = self._scheduler.after(0.0, self._resume)

    def _resume(self) -> None:
        self._timer = None
        self._scheduler.current = self
        self._baton.release()
        self._scheduler.baton.acquire()
        self._scheduler.current = None
        if self.ended:
            self._thread.join()

    def _run(self) -> None:
        self._baton.acquire()
        try:
            if not self.killed:
                self._body()
        except Killed:
            pass
        finally:
            self.ended = True
            self._scheduler.baton.release()


class Stop(threading.Event):
    """The signal to stop; waiting for it takes simulated time."""

    def __init__(self, actor: Actor) -> None:
        super().__init__()
        self._actor = actor

    def set(self) -> None:
        super().set()
        self._actor.wake()

    def wait(self, timeout: float | None = None) -> bool:
        if not self.is_set():
            self._actor.wait(1e9 if timeout is None else timeout)
        return self.is_set()


class SimulatedClock:
    """A worker's clock (`stream.clock.Clock`)."""

    def __init__(self, scheduler: Scheduler) -> None:
        self._scheduler = scheduler

    def monotonic(self) -> float:
        """Return simulated seconds."""
        return self._scheduler.now

    def wait(self, seconds: float, stop: threading.Event) -> None:
        """Let time pass until told to stop."""
        stop.wait(seconds)
