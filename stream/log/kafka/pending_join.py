"""Keeps the outcome of a join that ended between two polls.

kafka-python 3.0.12 drives a join of the group from `poll`. When a poll's time is up first, the join
goes on in the background, and the next poll is to pick it up (`BaseCoordinator.join_group_async`).
Where the join *ends* in between, two things go wrong:

- The next poll finds it done, throws its outcome away and joins again. That makes every other
  member rejoin, which ends this member's join between two polls again: workers that poll briefly
  may rebalance for ever.
- The next poll finds no reason to rejoin any more (the leader's reason, new metadata, is gone as
  soon as it has made the assignment), and never looks at the outcome: no partition is ever
  assigned, no heartbeat sent.

So a join is not done, and there is a reason to join, until its outcome has been looked at.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any

from kafka import errors as client


class PendingJoin:
    """Stands for the coordinator's join task until its outcome has been taken."""

    def __init__(self, task: Any) -> None:
        self._task = task

    @property
    def is_done(self) -> bool:
        """Tell whether to join anew: only when the join itself has timed out."""
        # Awaiting such a task cannot be told from a poll whose time is up.
        return self._task.is_done and isinstance(self._task.exception, client.KafkaTimeoutError)

    def add_callback(self, callback: Callable[[Any], None]) -> None:
        """Call back with the outcome, at once if it is there."""
        self._task.add_callback(callback)

    def add_errback(self, callback: Callable[[Any], None]) -> None:
        """Call back with the error, at once if it is there."""
        self._task.add_errback(callback)

    def __await__(self) -> Generator[Any, Any, Any]:
        return (yield from self._task.__await__())


def keep_pending_join(consumer: Any) -> None:
    """Before a poll: see to it that the outcome of a join under way is not thrown away."""
    coordinator = consumer._coordinator
    task = coordinator._join_task
    if task is None:
        return
    coordinator.rejoin_needed = True
    if not isinstance(task, PendingJoin):
        coordinator._join_task = PendingJoin(task)
