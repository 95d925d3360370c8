"""Reading an episode: what changed and when, from the records at hand."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from operators.diagnosis.base import Source
from operators.diagnosis.contrast import Contrast, Records, contrast
from operators.diagnosis.timing import Timing, time_change
from operators.diagnosis.verdict import judge

Mask = NDArray[np.bool_]
_SIDE_MAX = 2_000  # records of either side that models are fitted to
_SIDE_MIN = 40
_BEFORE_MIN = 200


@dataclass(frozen=True, slots=True)
class Reading:
    """What the records say.

    Parameters
    ----------
    source, margin
        What changed, and how clearly.
    timing
        When, in places of the records.
    contrast
        The tests.
    before, since
        (n,) the records that were compared.
    """

    source: Source
    margin: float
    timing: Timing
    contrast: Contrast
    before: Mask
    since: Mask


def read(records: Records, before_end: int, since_start: int, rounds: int) -> Reading:
    """Compare what lies before one place and after another, time the change, and do so again.

    Parameters
    ----------
    before_end, since_start
        A first guess of where the change begins and is over.
    rounds
        How often the guess is improved.
    """
    n = len(records.group)
    sides = (before_end, since_start, n)
    found = contrast(records, *_masks(n, sides))
    for _ in range(rounds):
        timing = time_change(found.log_ratio, min(_BEFORE_MIN, n - 1))
        better = (*bounds(timing, n), timing.end)
        if _alike(sides, better):
            break
        sides = better
        found = contrast(records, *_masks(n, sides))
    before, since = _masks(n, sides)
    source, margin = judge(found.tests)
    if timing.end < n and source != "none":
        source = "outliers"
    return Reading(source, margin, timing, found, before, since)


def bounds(timing: Timing, n: int) -> tuple[int, int]:
    """Return where the records before the change end, and where those since it begin."""
    half = (timing.width * 6) // 10
    latest = n - min(max((n - timing.at) // 3, 300), n // 3)
    before_end = min(max(timing.at - half, _BEFORE_MIN), n - _SIDE_MIN)
    since_start = min(timing.at + half, max(latest, before_end)) if half else timing.at
    return before_end, max(min(since_start, timing.end - _SIDE_MIN), before_end)


def _alike(sides: tuple[int, int, int], better: tuple[int, int, int]) -> bool:
    """Whether other sides would hardly hold other records."""
    allowed = (sides[2] - sides[1]) // 20
    return all(abs(a - b) <= allowed for a, b in zip(sides, better, strict=True))


def _masks(n: int, sides: tuple[int, int, int]) -> tuple[Mask, Mask]:
    """Mark records of both sides, evenly spread where there are many."""
    before_end, since_start, end = sides
    before, since = np.zeros(n, np.bool_), np.zeros(n, np.bool_)
    before[_spread(0, before_end)] = True
    since[_spread(since_start, end)] = True
    return before, since


def _spread(first: int, end: int) -> NDArray[np.int64]:
    n = end - first
    return first + np.arange(min(n, _SIDE_MAX)) * n // max(min(n, _SIDE_MAX), 1)
