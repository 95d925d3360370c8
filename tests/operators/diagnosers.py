"""Diagnosers for tests of what is done about a drift: they say what they are told to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from operators.diagnosis.base import ChangePoint, Diagnosis
from operators.snapshot import State, copied, refill
from operators.tape import LEARN, Rows, Tape


def diagnosis(learnt: int, **said: Any) -> Diagnosis:
    """A diagnosis of an abrupt real drift 100 labels ago, but for what is said."""
    return Diagnosis(
        **{
            "episode": 1,
            "revision": 0,
            "index": 0,
            "learnt": learnt,
            "source": "real",
            "tempo": "abrupt",
            "recurs": None,
            "confidence": 0.95,
            "since": ChangePoint(learnt - 100, learnt - 120, learnt - 90),
            "evidence": (),
            "features": (),
            **said,
        }
    )


class Scripted:
    """Says at given numbers of labels what it has been given to say."""

    def __init__(self, script: Mapping[int, Mapping[str, Any]], decide_every: int = 32) -> None:
        assert all(learnt % decide_every == 0 for learnt in script)
        self.decide_every = decide_every
        self._script = script
        self._learnt = np.zeros(1, dtype=np.int64)

    def watch(self, tape: Tape, rows: Rows) -> list[Diagnosis]:
        count, before = int((tape.action == LEARN).sum()), int(self._learnt[0])
        self._learnt += count
        return [
            diagnosis(learnt, index=learnt - before - 1, **said)
            for learnt, said in sorted(self._script.items())
            if before < learnt <= before + count
        ]

    def snapshot(self) -> State:
        return copied(1, {"learnt": self._learnt})

    def restore(self, state: State) -> None:
        refill("scripted", 1, {"learnt": self._learnt}, state)
