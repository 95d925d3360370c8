"""An observer that remembers, and a clock that stands until a test moves it."""

from __future__ import annotations

import threading
from typing import Any

from stream.observe.observer import Observer


class Seen(Observer):
    """Remembers what it was shown: name of the method and arguments, in order."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, tuple[Any, ...]]] = []

    def __getattribute__(self, name: str) -> Any:
        if name.startswith("_") or not hasattr(Observer, name):
            return object.__getattribute__(self, name)
        return lambda *arguments: self.calls.append((name, arguments))

    def of(self, name: str) -> list[tuple[Any, ...]]:
        """Arguments of each call of one method."""
        return [arguments for called, arguments in self.calls if called == name]


class ManualClock:
    """Stands still but for waits, which it remembers."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self.waits: list[float] = []

    def monotonic(self) -> float:
        return self.now_s

    def wait(self, seconds: float, stop: threading.Event) -> None:
        self.waits.append(seconds)
        self.now_s += seconds
