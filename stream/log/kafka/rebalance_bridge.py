"""Brings the client's calls about rebalances to a membership.

The client tells of rebalances on its network thread, which also sends the heartbeats. `revoked` may
take as long as writing checkpoints does; it runs in a thread of its own while heartbeats go on and
the thread that called `poll` waits, so that a log is still used by one thread at a time.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from typing import Any, Protocol

from kafka.consumer.subscription_state import AsyncConsumerRebalanceListener
from kafka.future import Future


class RebalanceCalls(Protocol):
    """What is called, with the client's partitions."""

    def on_assigned(self, partitions: Iterable[Any]) -> None:
        """Partitions were given to this member."""

    def on_revoked(self, partitions: Iterable[Any]) -> None:
        """Partitions are handed over."""

    def on_lost(self, partitions: Iterable[Any]) -> None:
        """Partitions belong to another member already."""


class RebalanceBridge(AsyncConsumerRebalanceListener):  # type: ignore[misc]  # the client has no types
    """Brings the client's calls to the membership."""

    def __init__(self, membership: RebalanceCalls, net: Any) -> None:
        self._membership = membership
        self._net = net

    async def on_partitions_assigned(self, assigned: Iterable[Any]) -> None:
        self._membership.on_assigned(assigned)

    async def on_partitions_revoked(self, revoked: Iterable[Any]) -> None:
        await self._in_thread(lambda: self._membership.on_revoked(revoked))

    async def on_partitions_lost(self, lost: Iterable[Any]) -> None:
        self._membership.on_lost(lost)

    async def _in_thread(self, work: Callable[[], None]) -> None:
        done = Future()

        def run() -> None:
            try:
                work()
            except Exception as error:
                outcome: BaseException | None = error
            else:
                outcome = None
            self._net.call_soon_threadsafe(
                lambda: done.success(None) if outcome is None else done.failure(outcome)
            )

        threading.Thread(target=run, name="driftgate-revoked", daemon=True).start()
        await done
