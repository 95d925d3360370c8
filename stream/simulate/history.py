"""What happened: divergences from the undisturbed run, and what led to them."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import NamedTuple


class Divergence(NamedTuple):
    """One difference between what happened and what ought to have happened.

    `kind` is one of: repeated; lost (passed by), missing (not read yet), different; dead letters,
    drift, journal, state; stands still, not live; exit, stop, ready, endless.
    """

    kind: str
    text: str

    def __str__(self) -> str:
        """One line."""
        return f"{self.kind}: {self.text}"


@dataclass
class History:
    """What one plan led to.

    Parameters
    ----------
    seed
        Of the plan.
    seconds
        Simulated seconds that it took.
    struck
        How often each kind of fault struck.
    notes
        What happened when, in words.
    divergences
        Empty if all went as it ought to.
    """

    seed: int
    seconds: float = 0.0
    struck: Counter[str] = field(default_factory=Counter)
    notes: list[tuple[float, str]] = field(default_factory=list)
    divergences: list[Divergence] = field(default_factory=list)

    def note(self, now: float, text: str) -> None:
        """Remember what happened."""
        self.notes.append((now, text))

    def diverge(self, kind: str, text: str) -> None:
        """Remember a difference."""
        self.divergences.append(Divergence(kind, text))

    @property
    def kinds(self) -> set[str]:
        """Kinds of the divergences."""
        return {divergence.kind for divergence in self.divergences}
