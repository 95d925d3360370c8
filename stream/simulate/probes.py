"""What a worker's readiness says, held against what its partitions do.

A worker that answers "ready" does its share of the work: each partition that it holds and that has
something to read moves. The watchdog may take its time to notice, but no longer than that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from stream.simulate import oracle

if TYPE_CHECKING:
    from stream.simulate.world import Life, World

STILL_S = 60.0
"""Longest that a partition may stand still under a worker that says it is ready: the watchdog's
30 s and 10 s between its looks, a fetch of 8 s, and some turns."""


class Probes:
    """Looks at every worker's readiness now and then.

    Parameters
    ----------
    world
        Whose workers, and whose history is told of those that are wrong.
    """

    def __init__(self, world: World) -> None:
        self._world = world
        self._moved: dict[int, tuple[int, float]] = {}
        self._held: dict[tuple[Life, int], float] = {}
        self._told: set[int] = set()

    def look(self, unread: list[int]) -> None:
        """Note which partitions moved, and who claims to be ready all the same."""
        now = self._world.scheduler.now
        for number in unread:
            taken = oracle.taken(self._world.cluster, number)
            if self._moved.get(number, (-1, now))[0] != taken:
                self._moved[number] = (taken, now)
        held: dict[tuple[Life, int], float] = {}
        for life in self._world.lives.values():
            if life.worker is None or life.ended or now < life.actor.frozen_until:
                continue
            for number, state in life.worker.states().items():
                if state != "live":
                    continue  # and so not ready
                held[life, number] = self._held.get((life, number), now)
                if number in unread:
                    self._compare(life, number, held[life, number])
        self._held = held

    def _compare(self, life: Life, number: int, held_since: float) -> None:
        assert life.worker is not None
        since = max(held_since, self._moved[number][1])
        still_s = self._world.scheduler.now - since
        if still_s > STILL_S and number not in self._told and life.worker.ready():
            self._told.add(number)
            self._world.history.diverge(
                "ready",
                f"worker {life.index} is, though partition {number} stands still for "
                f"{still_s:.0f} s",
            )
