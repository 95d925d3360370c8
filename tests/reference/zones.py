"""What plain detectors answer to a value, and how their alarms follow from it."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Literal, NamedTuple, Protocol


class Verdict(NamedTuple):
    """The zone after a value, with the means before and after the change where there is one."""

    zone: Literal["quiet", "warning", "drift"]
    before: float = math.nan
    after: float = math.nan


QUIET = Verdict("quiet")


class Plain(Protocol):
    def update(self, x: float) -> Verdict: ...


def alarms_of(plain: Plain, values: Iterable[float]) -> list[tuple[int, str, float, float]]:
    """List a verdict whenever its zone is worse than the one before."""
    order = ["quiet", "warning", "drift"]
    alarms, last = [], 0
    for index, value in enumerate(values):
        verdict = plain.update(value)
        rank = order.index(verdict.zone)
        if rank > last:
            alarms.append((index, *verdict))
        last = rank % 2  # a drift is over with the next value
    return alarms


def mean(values: list[float]) -> float:
    return sum(values) / len(values)
