"""The fetches of a client: what came is drained partition by partition, in the order it came.

A fetch brings many records of one partition; those of others wait until they were handed out. So
one topic may run far ahead of another, as with the real client.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping

from stream.log.base import RecordBatch, TopicPartition
from stream.simulate.network import Network

_IDLE_S = 0.02
_FETCH_S_MAX = 8.0


class _Fetched:
    """Records of one partition that came, and were not handed out yet."""

    def __init__(
        self, source: TopicPartition, asked: int, offsets: list[int], next_: int, here_at: float
    ) -> None:
        self.source = source
        self.here_at = here_at
        self.asked = asked
        self.offsets = offsets
        self.next = next_


class Ends:
    """Where a partition ended when it was last fetched, and where reading stands.

    `position` is beyond `asked` where markers and aborted records follow.
    """

    def __init__(self) -> None:
        self.asked = -1
        self.position = 0
        self.stable = 0
        self.written = 0

    def move(self, asked: int, position: int) -> None:
        """Note how far records were handed out, and where the next may stand."""
        self.asked, self.position = asked, position


class Fetcher:
    """Fetches of one worker's consumer.

    Parameters
    ----------
    network
        Its way to the brokers.
    rng
        Where the order of answers comes from.
    records_max
        Most records that one fetch brings of a partition.
    record_s
        Seconds that a record takes to come.
    """

    def __init__(
        self, network: Network, rng: random.Random, records_max: int, record_s: float
    ) -> None:
        self._network = network
        self._rng = rng
        self._records_max = min(records_max, max(1, int(_FETCH_S_MAX / record_s)))
        self._record_s = record_s
        self._queue: list[_Fetched] = []
        self.ends: dict[TopicPartition, Ends] = {}
        self.trimmed: dict[TopicPartition, int] = {}

    def poll(
        self, positions: Mapping[TopicPartition, int], count_max: int, deadline: float
    ) -> list[RecordBatch]:
        """Hand out what came; wait for some until a time.

        `trimmed` names, afterwards, the partitions whose position is below the first offset kept.
        """
        self._queue = [item for item in self._queue if positions.get(item.source) in
                       (None, item.asked)]
        idle_s = _IDLE_S
        while True:
            self._fetch(positions)
            batches = self._drain(positions, count_max)
            now = self._network.now
            if batches or now >= deadline:
                return batches
            coming = [item.here_at - now for item in self._queue if item.source in positions]
            self._network.actor.sleep(min(idle_s, deadline - now, *coming))
            idle_s = deadline - now

    def forget(self, sources: Iterable[TopicPartition]) -> None:
        """Drop what came of these."""
        gone = set(sources)
        self._queue = [item for item in self._queue if item.source not in gone]
        for source in gone:
            self.ends.pop(source, None)
            self.trimmed.pop(source, None)

    def _fetch(self, positions: Mapping[TopicPartition, int]) -> None:
        if self._network.is_cut:
            return
        waiting = {item.source for item in self._queue}
        asked = [source for source in positions if source not in waiting]
        self._rng.shuffle(asked)
        for source in asked:
            partition = self._network.cluster.partition(source)
            position = positions[source]
            ends = self.ends.setdefault(source, Ends())
            if ends.asked == position:
                position = ends.position
            if position < partition.first:
                self.trimmed[source] = partition.first
                continue
            self.trimmed.pop(source, None)
            offsets, next_ = partition.visible(position, partition.end, self._records_max)
            ends.stable, ends.written = partition.stable, partition.end
            ends.move(positions[source], offsets[0] if offsets else next_)
            if offsets:
                here_at = self._network.now + self._record_s * len(offsets)
                self._queue.append(_Fetched(source, positions[source], offsets, next_, here_at))

    def _drain(self, positions: Mapping[TopicPartition, int], count_max: int) -> list[RecordBatch]:
        batches = []
        for item in list(self._queue):
            here = item.here_at <= self._network.now
            if item.source not in positions or count_max <= 0 or not here:
                continue
            offsets, item.offsets = item.offsets[:count_max], item.offsets[count_max:]
            count_max -= len(offsets)
            batches.append(self._network.cluster.partition(item.source).batch(offsets))
            item.asked = offsets[-1] + 1
            self.ends[item.source].move(item.asked, item.offsets[0] if item.offsets else item.next)
            if not item.offsets:
                self._queue.remove(item)
        return batches
