"""What lies between one worker and the cluster: latency, outages, lost requests and answers.

Every request of a worker passes here, so it is also here that a history's faults strike: at the
n-th request of a kind, before it is sent or after it was carried out.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import TypeVar

from stream.simulate.broker import Cluster
from stream.simulate.clock import Actor
from stream.simulate.transactions import BrokerError

_LATENCY_S = (0.0005, 0.004)
_RETRY_S = 0.1
_TURN_S = 0.0005
_RETRIED = ("CONCURRENT_TRANSACTIONS", "UNSTABLE_OFFSET_COMMIT", "COORDINATOR_NOT_AVAILABLE")

T = TypeVar("T")


class DisconnectedError(Exception):
    """No answer came: the request may or may not have been carried out."""


Hook = Callable[["Network", str, str], None]
"""Called with the kind of a request, at `before` and `after` it was carried out."""


class Network:
    """One worker's way to the cluster.

    Parameters
    ----------
    cluster, actor
        The two ends.
    rng
        Where latencies come from.
    hook
        Where faults strike.
    """

    def __init__(self, cluster: Cluster, actor: Actor, rng: random.Random, hook: Hook) -> None:
        self.cluster = cluster
        self.actor = actor
        self.cut_until = 0.0
        self._rng = rng
        self._hook = hook
        self._lost = ""

    @property
    def now(self) -> float:
        """Simulated seconds."""
        return self.cluster.scheduler.now

    @property
    def is_cut(self) -> bool:
        """Whether nothing of this worker arrives."""
        return self.now < self.cut_until or self.cluster.is_down

    def lose(self, part: str) -> None:
        """Lose the present request: its `request`, its `answer`; `late`: the request comes late."""
        self._lost = part

    def request(self, kind: str, carry_out: Callable[[], T], of_group: bool = False) -> T:
        """Carry out one request, once.

        Raises
        ------
        DisconnectedError, BrokerError
        """
        self._lost = ""
        self._hook(self, kind, "before")
        self.actor.sleep(self._rng.uniform(*_LATENCY_S))
        lost, self._lost = self._lost, ""
        if self.is_cut or lost == "request":
            raise DisconnectedError
        if lost == "late":
            self.cluster.scheduler.after(
                self._rng.uniform(0.5, 6.0), lambda: self.cluster.carry_out_late(carry_out)
            )
            raise DisconnectedError
        if of_group and self.cluster.is_coordinator_away:
            raise BrokerError("COORDINATOR_NOT_AVAILABLE")
        answer = carry_out()
        self._hook(self, kind, "after")
        lost, self._lost = self._lost, ""
        self.actor.sleep(self._rng.uniform(*_LATENCY_S))
        if self.is_cut or lost:
            raise DisconnectedError
        return answer

    def pass_hook(self, kind: str) -> None:
        """Let faults strike that wait for something which is no single request."""
        self._lost = ""
        self._hook(self, kind, "before")
        self._hook(self, kind, "after")
        self.actor.sleep(_TURN_S)

    def persist_once(self, kind: str, carry_out: Callable[[], T], seconds: float) -> T:
        """As `persist`, but what was carried out is not repeated: its answer is sent again.

        This is what an idempotent producer's sequence numbers bring about.
        """
        answers: list[T] = []

        def carry_out_once() -> T:
            if not answers:
                answers.append(carry_out())
            return answers[0]

        return self.persist(kind, carry_out_once, seconds)

    def persist(
        self, kind: str, carry_out: Callable[[], T], seconds: float, of_group: bool = False
    ) -> T:
        """Carry out a request that may be repeated, until it is answered or time is up.

        Raises
        ------
        DisconnectedError, BrokerError
        """
        deadline = self.now + seconds
        while True:
            try:
                return self.request(kind, carry_out, of_group)
            except DisconnectedError:
                if self.now >= deadline:
                    raise
            except BrokerError as error:
                if error.name not in _RETRIED or self.now >= deadline:
                    raise
            self.actor.sleep(_RETRY_S if self.is_cut else 0.01)

    def send(self, carry_out: Callable[[], None], failed: Callable[[], None]) -> None:
        """Send a request of the client's own thread; nobody waits here for its answer."""

        def arrive() -> None:
            if self.actor.killed:
                return
            if self.is_cut or self.cluster.is_coordinator_away:
                self.deliver(failed)
                return
            carry_out()

        self._later(arrive)

    def deliver(self, action: Callable[[], None]) -> None:
        """Bring an answer to the client's own thread, once that can run."""

        def arrive() -> None:
            if self.actor.killed:
                return
            if self.now < self.actor.frozen_until:
                self.cluster.scheduler.at(self.actor.frozen_until, arrive)
                return
            action()

        self._later(arrive)

    def _later(self, action: Callable[[], None]) -> None:
        self.cluster.scheduler.after(self._rng.uniform(*_LATENCY_S), action)
