"""Whether the log answers, and since when it does not.

A poll that returns nothing is no answer: the client of a broker that has died returns nothing
either. What counts is a request that was answered.
"""

from __future__ import annotations

from typing import Any

from stream.clock import Clock
from stream.errors import LogUnavailableError
from stream.observe.lasting_warnings import LastingWarnings
from stream.observe.observer import Observer

_KEY = "the log"


class Availability:
    """Keeps whether the log answers; shows and says each change.

    Parameters
    ----------
    clock
        Of the time for which it has not answered.
    warnings
        Says it, not at every attempt.
    observer
        Sees it.
    """

    def __init__(self, clock: Clock, warnings: LastingWarnings, observer: Observer) -> None:
        self._clock = clock
        self._warnings = warnings
        self._observer = observer
        self._answered_at = clock.monotonic()
        self.is_away = False
        """Whether the latest request was not answered."""

    def answered(self) -> None:
        """Take note of an answer."""
        self._answered_at = self._clock.monotonic()
        self._observer.log_available()
        if self.is_away:
            self.is_away = False
            self._warnings.over(_KEY, "log answers again")

    def unanswered(self, error: LogUnavailableError, **fields: Any) -> None:
        """Take note of a request that was not answered."""
        self.is_away = True
        away_s = self._clock.monotonic() - self._answered_at
        self._observer.log_unavailable(str(error), away_s)
        self._warnings.say(
            _KEY, "log unavailable", reason=str(error), unanswered_s=round(away_s, 1), **fields
        )
