"""For how long transactions have been open, which no broker tells outright.

A broker says when a transaction wrote its latest record. One that writes on and on looks new at
every look; so the time since it was first seen here counts as well.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from stream.clock import Clock
from stream.log.base import OpenTransaction, TopicPartition

_Key = tuple[int, int]


class OpenFor:
    """Remembers when each open transaction was first seen.

    Parameters
    ----------
    clock
        Of the looks.
    wall
        Seconds since 1970, as records are stamped.
    """

    def __init__(self, clock: Clock, wall: Callable[[], float]) -> None:
        self._clock = clock
        self._wall = wall
        self._seen: dict[TopicPartition, dict[_Key, float]] = {}

    def ages(
        self, source: TopicPartition, found: Iterable[OpenTransaction]
    ) -> list[tuple[OpenTransaction, float]]:
        """Return the transactions of one partition with the seconds they have been open at least.

        Those that are not among them any more are forgotten.
        """
        now, before = self._clock.monotonic(), self._seen.pop(source, {})
        found = list(found)
        if found:
            self._seen[source] = {_key(held): before.get(_key(held), now) for held in found}
        return [
            (
                held,
                max(now - self._seen[source][_key(held)], self._wall() - held.since_ms / 1000),
            )
            for held in found
        ]

    def keep(self, sources: Iterable[TopicPartition]) -> None:
        """Forget all partitions but these."""
        kept = set(sources)
        self._seen = {source: seen for source, seen in self._seen.items() if source in kept}


def _key(held: OpenTransaction) -> _Key:
    return held.producer_id, held.start_offset
