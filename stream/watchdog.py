"""Nothing stands still in silence: finds partitions that do not move although something waits.

Every few seconds, and never in the way of the work:

- An input whose position has not moved for 30 s, although records lie beyond it, is fetched anew;
  after another 30 s the worker joins its group anew; after another 30 s the process ends, and what
  restarts it gives it a new client. If an open transaction of a producer holds the records back,
  none of this can help: the producer is named instead.
- A transaction that stays open in an output or the journal for longer than its timeout hides all
  predictions behind it from every reader. It is named, with the command that ends it.
- Partitions that were added to one topic, and not to those that go with it, are named.

What is found stands in the log, in a metric and in `/readyz` until it is over.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

import structlog

from stream.clock import Clock
from stream.config import Config
from stream.errors import LogUnavailableError, LogUnsettledError, StalledError
from stream.log.base import Log, OpenTransaction, TopicPartition
from stream.observer import Observer
from stream.recovery.lifecycle import Lifecycle
from stream.topology import input_topics, output_topics

_log = structlog.get_logger(__name__)
LOOK_S = 10.0
STALL_S = 30.0
_EXIT_AFTER = 3  # times that STALL_S has passed


class Watchdog:
    """See the module.

    Parameters
    ----------
    config
        The pipeline.
    log
        Asked for ends, open transactions and partition counts; fetched and joined anew.
    lifecycle
        Knows what is read.
    clock
        Of the pauses.
    observer
        Sees what stands still.
    """

    def __init__(
        self, config: Config, log: Log, lifecycle: Lifecycle, clock: Clock, observer: Observer
    ) -> None:
        self._config = config
        self._log = log
        self._lifecycle = lifecycle
        self._clock = clock
        self._observer = observer
        self._looked_at = clock.monotonic()
        self._seen: dict[TopicPartition, tuple[int, float]] = {}
        self._remedies: dict[TopicPartition, int] = {}
        self._troubles: tuple[str, ...] = ()

    def look(self) -> None:
        """Look around if it is time to.

        Raises
        ------
        StalledError
            A partition does not move, whatever was tried.
        """
        now = self._clock.monotonic()
        if now - self._looked_at < LOOK_S:
            return
        self._looked_at = now
        try:
            troubles = (*self._still(now), *self._held_outputs(), *self._uneven_topics())
        except LogUnavailableError as error:
            _log.warning("log unavailable", reason=str(error))
            self._observer.log_unavailable(str(error))
            return
        for trouble in troubles:
            if trouble not in self._troubles:
                _log.warning("standing still", reason=trouble)
        self._troubles = troubles
        self._observer.troubles(troubles)

    def _still(self, now: float) -> Iterator[str]:
        """Name the inputs that do not move, and try the next remedy."""
        positions = self._lifecycle.positions()
        self._seen = {source: seen for source, seen in self._seen.items() if source in positions}
        for source, position in positions.items():
            last, since = self._seen.get(source, (-1, now))
            if position != last:
                self._seen[source] = (position, now)
                self._remedies.pop(source, None)
            elif now - since >= STALL_S:
                yield from self._why_still(source, position, now - since)

    def _why_still(self, source: TopicPartition, position: int, still_s: float) -> Iterator[str]:
        where = f"{source.topic}[{source.partition}]@{position}"
        try:
            first, end = self._log.bounds(source)
        except LogUnsettledError as error:
            open_now = "; ".join(map(_described, self._log.open_transactions(source))) or str(error)
            yield f"{where}: nothing can be read for {still_s:.0f} s: {open_now}"
            return
        if position < first or not self._holds_records(source, position, end):
            return
        self._apply_remedy(source, where, end, still_s)
        yield f"{where}: no record came for {still_s:.0f} s, though the partition ends at {end}"

    def _holds_records(self, source: TopicPartition, position: int, end: int) -> bool:
        """Tell whether a record stands there: markers and aborted records are never read."""
        return any(len(batch) for batch in self._log.read(source, position, end))

    def _apply_remedy(self, source: TopicPartition, where: str, end: int, still_s: float) -> None:
        tried, due = self._remedies.get(source, 0), int(still_s // STALL_S)
        if tried >= due:
            return
        self._remedies[source] = tried + 1
        if tried + 1 >= _EXIT_AFTER:
            raise StalledError(
                f"{where}: records must come; none did for {still_s:.0f} s, though the partition "
                f"ends at {end}. Fetching and joining anew did not help; the process ends so that "
                "a new one takes over."
            )
        _log.warning("stalled", where=where, end=end, remedy=("fetch", "rejoin")[tried])
        if tried == 0:
            self._log.refetch([source])
        else:
            self._log.rejoin()

    def _held_outputs(self) -> Iterator[str]:
        """Name the transactions that hide our outputs from readers for too long."""
        timeout_s = self._config.transaction_timeout_s
        for number in self._lifecycle.running():
            for topic in output_topics(self._config):
                for held in self._log.open_transactions(TopicPartition(topic, number)):
                    age_s = time.time() - held.since_ms / 1000
                    if age_s > 2 * timeout_s:
                        yield (
                            f"{topic}[{number}]: readers of committed records wait at offset "
                            f"{held.start_offset} since {age_s:.0f} s: {_described(held)}. If it "
                            f"hangs: `driftgate transactions abort CONFIG --partition "
                            f"{topic}:{number} --producer-id {held.producer_id}`"
                        )

    def _uneven_topics(self) -> Iterator[str]:
        inputs = input_topics(self._config)
        counts = self._log.partition_counts([*inputs, *output_topics(self._config)])
        most = max(counts[topic] for topic in inputs)
        few = sorted(topic for topic, count in counts.items() if count < most)
        if few:
            yield (
                f"topics must have {most} partitions like {_largest(counts)}; "
                f"{', '.join(few)} has fewer: `driftgate topics create CONFIG` adds them. Records "
                "of the new partitions wait"
            )


def _largest(counts: dict[str, int]) -> str:
    return max(counts, key=lambda topic: counts[topic])


def _described(held: OpenTransaction) -> str:
    age_s = time.time() - held.since_ms / 1000
    return (
        f"a transaction of producer {held.producer_id} (epoch {held.producer_epoch}) has been "
        f"open from offset {held.start_offset} on for {age_s:.0f} s"
    )
