"""Rows of a data file that are no rows: counted, with some of them shown."""

from __future__ import annotations

from dataclasses import dataclass, field

_SHOWN_MAX = 5


@dataclass(slots=True)
class Malformed:
    """See the module; `shown` holds the first ones, each as where and what."""

    count: int = 0
    shown: list[str] = field(default_factory=list)

    def add(self, where: str, what: str) -> None:
        """Note one row."""
        self.count += 1
        if len(self.shown) < _SHOWN_MAX:
            self.shown.append(f"{where}: {what}")

    def clear(self) -> None:
        """Begin anew: the file is read again."""
        self.count = 0
        self.shown.clear()
