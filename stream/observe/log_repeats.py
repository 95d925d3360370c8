"""Keeps a library's repeated log lines down to one a minute of each kind.

A client that has lost its broker says so at each attempt, some twenty times a second for a worker.
The lines that matter, the worker's own among them, drown in that.
"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable
from dataclasses import dataclass

_FIGURES = re.compile(r"0x[0-9a-f]+|\d+")
# Far more kinds than a client's source has; the bound is for a library that writes ids of its own
# making into the template.
_KINDS_MAX = 512


@dataclass(slots=True)
class _Kind:
    passed_at: float
    left_out: int = 0


class RepeatLimit(logging.Filter):
    """Lets one line of each kind pass in a period; the next that passes says how many did not.

    A kind is a logger, a level and a message before its arguments are filled in. Digits do not
    count, nor do addresses of objects: some messages arrive with such figures already in them.
    Lines of other loggers pass untouched.

    Parameters
    ----------
    name
        The logger whose lines are limited, with all loggers below it.
    period_s
        Shortest time between two lines of one kind.
    now
        A clock that never goes back, in seconds.

    Examples
    --------
    >>> seconds = iter([0.0, 1.0, 2.0, 90.0])
    >>> limit = RepeatLimit("kafka", now=lambda: next(seconds))
    >>> for attempt in range(4):
    ...     record = logging.makeLogRecord({"name": "kafka.net", "msg": f"attempt {attempt}"})
    ...     if limit.filter(record):
    ...         print(record.getMessage())
    attempt 0
    attempt 3 (2 more like this in 90 s)
    """

    def __init__(
        self, name: str, period_s: float = 60.0, now: Callable[[], float] = time.monotonic
    ) -> None:
        super().__init__(name)
        self._period_s = period_s
        self._now = now
        self._kinds: dict[tuple[str, int, str], _Kind] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Decide on a line; one that passes is given the count of those left out before it."""
        if not super().filter(record):
            return True
        key = (record.name, record.levelno, _FIGURES.sub("#", str(record.msg)))
        now = self._now()
        kind = self._kinds.get(key)
        if kind is not None and now - kind.passed_at < self._period_s:
            kind.left_out += 1
            return False
        if kind is not None and kind.left_out:
            elapsed = now - kind.passed_at
            record.msg = f"{record.msg} ({kind.left_out} more like this in {elapsed:.0f} s)"
        self._pass(key, now)
        return True

    def _pass(self, key: tuple[str, int, str], now: float) -> None:
        self._kinds.pop(key, None)
        if len(self._kinds) >= _KINDS_MAX:
            # Kinds stand in the order in which they last passed.
            del self._kinds[next(iter(self._kinds))]
        self._kinds[key] = _Kind(now)
