"""Nothing stands still in silence: finds what does not move although something waits.

Every few seconds, and never in the way of the work:

- whether the log answers at all (`availability`);
- inputs that do not move, though there are records (`stalled_inputs`): fetched anew, joined anew,
  and at last the process ends;
- partitions that have work in hand and do not get on with it (`stalled_partitions`);
- outputs that an open transaction hides from every reader (`held_outputs`): the producer is named,
  and the command that says what ends it;
- partitions that were added to one topic, and not to those that go with it;
- topics that are gone, or were made anew (`other_topics`): the worker stops their partitions.

What is found stands in the log, in a metric and in `/readyz` until it is over.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping

import structlog

from stream.clock import Clock
from stream.config.pipeline import Config
from stream.errors import (
    DriftgateError,
    FencedError,
    LogUnavailableError,
    RecoveryError,
    StalledError,
)
from stream.log.base import Log
from stream.observe.availability import Availability
from stream.observe.lasting_warnings import LastingWarnings
from stream.observe.observer import Observer
from stream.recovery.lifecycle import Lifecycle
from stream.topology import input_topics, output_topics
from stream.watchdog.held_outputs import HeldOutputs
from stream.watchdog.other_topics import OtherTopics
from stream.watchdog.stalled_inputs import StalledInputs
from stream.watchdog.stalled_partitions import StalledPartitions
from stream.watchdog.trouble import Trouble

_log = structlog.get_logger(__name__)
LOOK_S = 10.0
# While the log is away a look finds out whether it is back; it waits for an answer itself.
_LOOK_AWAY_S = 1.0


class Watchdog:
    """See the module.

    Parameters
    ----------
    config
        The pipeline.
    log
        Asked for ends, open transactions, partition counts and topic ids; fetched and joined anew.
    lifecycle
        Knows what is read.
    availability
        Takes note of answers.
    warnings
        Says what cannot be looked at.
    clock
        Of the pauses.
    observer
        Sees what stands still.
    wall
        Seconds since 1970, for the age of transactions.
    """

    def __init__(
        self,
        config: Config,
        log: Log,
        lifecycle: Lifecycle,
        availability: Availability,
        warnings: LastingWarnings,
        clock: Clock,
        observer: Observer,
        wall: Callable[[], float],
    ) -> None:
        self._inputs = input_topics(config)
        self._outputs = output_topics(config)
        self._log = log
        self._availability = availability
        self._warnings = warnings
        self._clock = clock
        self._observer = observer
        wait_s = config.labels.wait_for_other.total_seconds()
        self._stalled_inputs = StalledInputs(log, lifecycle, clock, wall)
        self._stalled_partitions = StalledPartitions(lifecycle, wait_s, clock)
        self._held_outputs = HeldOutputs(
            log, lifecycle, self._outputs, config.transaction_timeout_s, clock, wall
        )
        self._other_topics = OtherTopics(log, lifecycle, clock)
        self._looked_at = clock.monotonic()
        self._troubles: dict[Hashable, str] = {}
        self._found: dict[str, list[Trouble]] = {}

    def polled(self, *, is_full: bool) -> None:
        """Take note of a poll that asked for records; a full one brought as many as it might."""
        self._stalled_inputs.polled(is_full=is_full)

    def look(self) -> dict[int, RecoveryError]:
        """Look around if it is time to; returns partitions to be stopped, with the reason of each.

        Raises
        ------
        StalledError
            A partition does not move, whatever was tried.
        """
        pause_s = _LOOK_AWAY_S if self._availability.is_away else LOOK_S
        if self._clock.monotonic() - self._looked_at < pause_s:
            return {}
        try:
            self._show(self._find())
        except LogUnavailableError as error:
            self._availability.unanswered(error)
        finally:
            self._looked_at = self._clock.monotonic()
        return self._other_topics.taken()

    def _find(self) -> list[Trouble]:
        counts = self._log.partition_counts([*self._inputs, *self._outputs])
        self._availability.answered()
        self._found["topics"] = [*self._gone_inputs(counts), *self._uneven_topics(counts)]
        left_out = self._log.left_out
        self._found["group"] = [Trouble("left out", left_out)] if left_out else []
        self._found["partitions"] = list(self._stalled_partitions.look())
        self._look_at("inputs", self._stalled_inputs.look)
        self._look_at("outputs", self._held_outputs.look)
        self._look_at("topic ids", self._other_topics.look)
        return [trouble for found in self._found.values() for trouble in found]

    def _look_at(self, what: str, look: Callable[[], Iterable[Trouble]]) -> None:
        """Look; what cannot be looked at stays as it was, and stops no work."""
        try:
            self._found[what] = list(look())
        except (StalledError, FencedError):
            raise
        except DriftgateError as error:
            self._warnings.say(("looking", what), f"{what} cannot be watched", reason=str(error))
        else:
            self._warnings.over(("looking", what))

    def _show(self, troubles: list[Trouble]) -> None:
        """Say what is new and what is over, each once."""
        found = {trouble.key: trouble.reason for trouble in troubles}
        for key in found.keys() - self._troubles.keys():
            _log.warning("standing still", reason=found[key])
        for key in self._troubles.keys() - found.keys():
            _log.info("moving again", was=self._troubles[key])
        self._troubles = found
        self._observer.troubles(tuple(found.values()))

    def _gone_inputs(self, counts: Mapping[str, int]) -> Iterator[Trouble]:
        """Name inputs that do not exist; a group takes their partitions away from its members."""
        gone = [topic for topic in self._inputs if not counts[topic]]
        if gone:
            yield Trouble(
                ("gone", *gone),
                f"inputs must exist; {', '.join(gone)} does not, so no partition is worked on: "
                "`driftgate topics create CONFIG` makes it anew",
            )

    def _uneven_topics(self, counts: Mapping[str, int]) -> Iterator[Trouble]:
        most = max(counts[topic] for topic in self._inputs)
        inputs_gone = {topic for topic in self._inputs if not counts[topic]}
        few = sorted(
            topic for topic, count in counts.items() if count < most and topic not in inputs_gone
        )
        if few:
            largest = max(self._inputs, key=lambda topic: counts[topic])
            yield Trouble(
                ("partitions", *few),
                f"topics must have {most} partitions like {largest}; {', '.join(few)} must get "
                "more: `driftgate topics create CONFIG` adds them. Records of the new partitions "
                "wait",
            )
