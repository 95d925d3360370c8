"""Topics that were deleted, or made anew under their names, while partitions work on them.

Nothing else would say so: reads and commits go on, and only the next start finds that position and
journal are of topics that are gone. One request asks for the ids of all of them.
"""

from __future__ import annotations

from collections.abc import Mapping

from stream.clock import Clock
from stream.errors import RecoveryError, TopicMissingError
from stream.log.base import Log
from stream.recovery.lifecycle import Lifecycle, Live
from stream.recovery.position import begin_anew, go_on
from stream.watchdog.trouble import Trouble

IDS_S = 30.0
"""Pause between two requests for the ids."""


class OtherTopics:
    """See the module.

    Parameters
    ----------
    log
        Asked for the ids.
    lifecycle
        Knows on which topics each partition works.
    clock
        Of the pauses.
    """

    def __init__(self, log: Log, lifecycle: Lifecycle, clock: Clock) -> None:
        self._log = log
        self._lifecycle = lifecycle
        self._clock = clock
        self._looked_at = clock.monotonic()
        self._gone: list[Trouble] = []
        self._to_stop: dict[int, RecoveryError] = {}

    def look(self) -> list[Trouble]:
        """Name a topic that is gone; note partitions whose topics are others than they were."""
        now_s = self._clock.monotonic()
        if now_s - self._looked_at >= IDS_S:
            self._looked_at = now_s
            self._compare(self._lifecycle.running())
        return self._gone

    def taken(self) -> dict[int, RecoveryError]:
        """Give out, once, the partitions to be stopped, with the reason of each."""
        found, self._to_stop = self._to_stop, {}
        return found

    def _compare(self, running: Mapping[int, Live]) -> None:
        self._gone = []
        names = {name for live in running.values() for name in live.topic_ids}
        if not names:
            return
        try:
            ids = self._log.topic_ids(sorted(names))
        except TopicMissingError as error:
            self._gone = [Trouble("a topic is gone", str(error))]
            return
        for number, live in running.items():
            remade = _remade(live.topic_ids, ids)
            if remade:
                inputs = {source.topic for source in live.task.offsets}
                self._to_stop[number] = _error(number, remade, inputs)


def _remade(then: Mapping[str, str], now: Mapping[str, str]) -> dict[str, str]:
    """Topics with another id than before, in words; one without an id proves nothing."""
    return {
        name: f"{then[name]} then, {now[name]} now"
        for name in sorted(then)
        if then[name] and now[name] and then[name] != now[name]
    }


def _error(number: int, remade: Mapping[str, str], inputs: set[str]) -> RecoveryError:
    for topic in remade:
        if topic in inputs:
            return RecoveryError(
                f"partition {number}: topic `{topic}` must be the one that its state was made "
                f"with; it was made anew since ({remade[topic]}). {begin_anew(number)}"
            )
    (ids,) = remade.values()
    return RecoveryError(
        f"partition {number}: the journal must be the one that its position belongs to; it alone "
        f"was deleted and made anew since ({ids}). {go_on(number)}"
    )
