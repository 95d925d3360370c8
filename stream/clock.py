"""Time as the runtime sees it: a clock that never goes back, and waits that a signal ends.

No state of a task depends on it. A simulation puts its own clock in its place.
"""

from __future__ import annotations

import threading
import time
from typing import Protocol


class Clock(Protocol):
    """What the runtime asks of time."""

    def monotonic(self) -> float:
        """Seconds since some moment; never goes back."""

    def wait(self, seconds: float, stop: threading.Event) -> None:
        """Wait, but no longer than until `stop` is set."""


class SystemClock:
    """The machine's own clock."""

    def monotonic(self) -> float:
        """Seconds since some moment; never goes back."""
        return time.monotonic()

    def wait(self, seconds: float, stop: threading.Event) -> None:
        """Wait, but no longer than until `stop` is set."""
        stop.wait(seconds)
