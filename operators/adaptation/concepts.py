"""Models put aside: a few of lately, and one for each concept that has gone."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from operators.adaptation.model import Model
from operators.diagnosis.base import Diagnosis
from operators.snapshot import SnapshotUnavailableError, State, copied, nest, part, refill

VERSION = 1
CHANGES = ("real", "virtual", "label")
"""Sources after which another concept holds."""
NOW = np.dtype(
    [
        ("concept", np.int64),  # number of the concept that holds now
        ("count", np.int64),  # numbers given so far
        ("episode", np.int64),  # the last episode
        ("concept_before", np.int64),  # both numbers before it
        ("count_before", np.int64),
        ("marked", np.int64),  # labels at the last mark
    ]
)


class Concepts:
    """Models of concepts that have gone, in case one comes back.

    Concepts are numbered from 1 in the order in which they came, as diagnosers do it; one that has
    come back has its number again. By the time a change is noticed the model has learnt of the new
    concept, so in quiet times copies of it are put aside (marks), and the last one from before the
    change is kept as the old concept's.

    Parameters
    ----------
    count
        Concepts kept; of more, the one that has been away longest is forgotten.
    keep_every
        Labels between two marks. Two are kept, so the older one is at least as old as that.
    """

    def __init__(self, count: int, keep_every: int) -> None:
        self._keep_every = keep_every
        self._now: NDArray[Any] = np.zeros(1, dtype=NOW)
        self._now["concept"] = self._now["count"] = 1
        self._numbers = np.full(count, -1, dtype=np.int64)
        self._left = np.full(count, -1, dtype=np.int64)  # labels when it was left
        self._states: list[State | None] = [None] * count
        self._marks: list[tuple[int, State]] = []
        self._arrays = {"now": self._now, "numbers": self._numbers, "left": self._left}

    @property
    def numbers(self) -> list[int]:
        """Concepts that there is a model of."""
        return [int(number) for number in self._numbers if number >= 0]

    def mark(self, model: Model, learnt: int) -> None:
        """Put a copy of the model aside, if it is time."""
        if not len(self._numbers) or learnt - int(self._now["marked"][0]) < self._keep_every:
            return
        self._now["marked"] = learnt
        try:
            self._marks = [*self._marks[-1:], (learnt, model.snapshot())]
        except SnapshotUnavailableError:
            self._marks = []

    def change(self, diagnosis: Diagnosis, learnt: int) -> None:
        """Note that another concept holds since a label, or that more is known about that."""
        now = self._now[0]
        has_changed = diagnosis.source in CHANGES
        if diagnosis.episode != int(now["episode"]):
            if not has_changed:
                return
            self._keep(diagnosis.since.at, learnt)
            now["episode"], now["marked"] = diagnosis.episode, learnt
            now["concept_before"], now["count_before"] = now["concept"], now["count"]
        is_new = has_changed and diagnosis.recurs is None
        now["count"] = now["count_before"] + is_new
        now["concept"] = now["count"] if is_new else diagnosis.recurs or now["concept_before"]

    def before(self) -> State | None:
        """Return the model of the concept that the last change ended, as it was before that."""
        number = int(self._now["concept_before"][0])
        return self.state_of(number) if number in self._numbers else None

    def state_of(self, number: int) -> State:
        """Return the model that was put aside for a concept."""
        state = self._states[int(np.flatnonzero(self._numbers == number)[0])]
        assert state is not None
        return state

    def _keep(self, since: int, learnt: int) -> None:
        if not self._marks:
            return
        clean = [state for marked, state in self._marks if marked <= since]
        number = int(self._now["concept"][0])
        same = np.flatnonzero(self._numbers == number)
        place = int(same[0]) if len(same) else int(np.argmin(self._left))
        self._states[place] = clean[-1] if clean else self._marks[0][1]
        self._numbers[place], self._left[place] = number, learnt
        self._marks = []

    def snapshot(self) -> State:
        """Return the whole state."""
        state = copied(VERSION, self._arrays)
        for place, kept in enumerate(self._states):
            state |= nest(f"concept{place}", kept or {})
        for place, (learnt, kept) in enumerate(self._marks):
            state |= nest(f"mark{place}", {"learnt": learnt}) | nest(f"mark{place}/model", kept)
        return state

    def restore(self, state: State) -> None:
        """Take over a snapshot of an equal one."""
        refill("concepts", VERSION, self._arrays, state)
        self._states = [
            part(f"concept{place}", state) or None for place in range(len(self._states))
        ]
        marks = [part(f"mark{place}", state) for place in range(2)]
        self._marks = [
            (int(np.asarray(mark["learnt"])), part("model", mark)) for mark in marks if mark
        ]
