"""Transactions of which it is not known whether they were committed.

After one, nothing is committed until the log has been opened anew, which settles its fate. Doubts
in a row, without a commit between, pause longer and longer; polling goes on meanwhile, so that the
group does not give this worker up.
"""

from __future__ import annotations

import structlog

from stream.clock import Clock
from stream.errors import DriftgateError, LogUnavailableError
from stream.log.base import Log
from stream.observe.availability import Availability
from stream.observe.observer import Observer

_log = structlog.get_logger(__name__)
BACKOFF_S = (0.2, 0.5, 1.0, 2.0, 5.0)
_LASTING_S = 5.0
"""Doubts in a row for longer than this are shown: a single one is over within moments."""
_OVER_S = 180.0
"""Without a doubt for so long there is nothing to commit any more, or nothing in its way."""


class Doubts:
    """Whether a transaction is in doubt, and the way out.

    Parameters
    ----------
    log
        Opened anew.
    clock
        Of the pauses.
    availability
        Takes note of answers.
    observer
        Sees each doubt.
    """

    def __init__(
        self, log: Log, clock: Clock, availability: Availability, observer: Observer
    ) -> None:
        self._log = log
        self._clock = clock
        self._availability = availability
        self._observer = observer
        self._open_at = 0.0
        self._first_at: float | None = None
        self._latest_at = 0.0
        self._is_shown = False
        self.is_open = False
        """Whether a transaction is in doubt now."""
        self.count = 0
        """Doubts, and attempts to settle them, since the latest commit."""

    def begin(self, error: DriftgateError) -> None:
        """Take note of a transaction in doubt."""
        self._observer.uncertain()
        self.is_open = True
        self._show_if_lasting(str(error))
        pause_s = self._pause()
        _log.warning("commit uncertain", reason=str(error), tried_again_in_s=pause_s)

    def refused(self) -> None:
        """Take note of a transaction that was refused: no doubt, but the log is opened anew."""
        self.is_open = True  # and no pause is on: nothing is committed during one

    def settle_if_due(self) -> None:
        """Open the log anew, once the pause is over."""
        if self._first_at is not None and self._clock.monotonic() - self._latest_at > _OVER_S:
            self._hide()
        if not self.is_open or self._clock.monotonic() < self._open_at:
            return
        try:
            self._log.reopen()
        except LogUnavailableError as error:
            self._pause()
            self._availability.unanswered(error)
        else:
            self._availability.answered()
            self.is_open = False

    def committed(self) -> None:
        """Take note of a commit: the next doubt is a first one."""
        self.count = 0
        self._hide()

    def _show_if_lasting(self, reason: str) -> None:
        """Show that commits fail, where this is not the first one: predictions stay away."""
        self._latest_at = self._clock.monotonic()
        if self._first_at is None:
            self._first_at = self._latest_at
        lasts_s = self._latest_at - self._first_at
        if lasts_s > _LASTING_S:
            self._is_shown = True
            self._observer.commits_fail(reason, lasts_s)

    def _hide(self) -> None:
        self._first_at = None
        if self._is_shown:
            self._is_shown = False
            self._observer.commits_go_on()

    def _pause(self) -> float:
        """Wait before the next try: not after the first doubt, longer after each further one."""
        pauses_s = (0.0, *BACKOFF_S)
        pause_s = pauses_s[min(self.count, len(BACKOFF_S))]
        self.count += 1
        self._open_at = self._clock.monotonic() + pause_s
        return pause_s
