"""Warnings of troubles that last: at once, then at growing intervals, and a line when one is over.

A broker that is away for two minutes is met at every turn of a worker. The first line says all
there is to say; the later ones say for how long it has been so.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any, Literal

import structlog

from stream.clock import Clock

_log = structlog.get_logger(__name__)

INTERVALS_S = (10.0, 30.0, 60.0, 300.0)
"""Pauses between two lines about the same trouble; the last one goes on for ever."""

# Far more troubles than a worker has partitions to have them with.
_TROUBLES_MAX = 4096


@dataclass(slots=True)
class _Trouble:
    since: float
    said_at: float
    lines: int = 1
    unsaid: int = 0


class LastingWarnings:
    """See the module.

    Parameters
    ----------
    clock
        Of the pauses.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._troubles: dict[Hashable, _Trouble] = {}

    def say(
        self,
        trouble: Hashable,
        event: str,
        level: Literal["warning", "error"] = "warning",
        **fields: Any,
    ) -> None:
        """Write a line, unless the trouble has been spoken of a short while ago."""
        # Looked up now: a method that was taken from the logger earlier writes as it was set then.
        write = getattr(_log, level)
        now = self._clock.monotonic()
        known = self._troubles.get(trouble)
        if known is None:
            while len(self._troubles) >= _TROUBLES_MAX:
                del self._troubles[next(iter(self._troubles))]
            self._troubles[trouble] = _Trouble(now, now)
            write(event, **fields)
        elif now - known.said_at < INTERVALS_S[min(known.lines, len(INTERVALS_S)) - 1]:
            known.unsaid += 1
        else:
            write(event, **fields, lasts_s=round(now - known.since), unsaid=known.unsaid)
            known.said_at, known.unsaid, known.lines = now, 0, known.lines + 1

    def over(self, trouble: Hashable, event: str = "", **fields: Any) -> None:
        """Forget a trouble; say so if there was one and there is an event to name."""
        known = self._troubles.pop(trouble, None)
        if known is not None and event:
            _log.info(event, **fields, after_s=round(self._clock.monotonic() - known.since, 1))
