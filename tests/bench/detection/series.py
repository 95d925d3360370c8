"""A series of numbers whose drifts are known, and how alarms on it are counted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

HORIZON = 2_000
"""Values after a drift within which an alarm counts as finding it. A drift that is missed counts
as found at the horizon's end."""


@dataclass(frozen=True, slots=True)
class Series:
    """Values, and where they begin to drift.

    Parameters
    ----------
    values
        (n,) float64.
    drifts
        Indices of the first value of each change that is to be found, rising.
    changes
        Indices of changes that need not be found: an alarm up to the next drift is no false one.
    """

    values: NDArray[np.float64]
    drifts: tuple[int, ...] = ()
    changes: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Count:
    """What alarms are worth.

    Parameters
    ----------
    values
        Given in all.
    drifts, found
        Changes there were, and those with an alarm within the horizon.
    delay
        Values from each drift to its first alarm, added up; the horizon for one that was missed.
    false_alarms
        All others, but for those in the wake of a change that need not be found.
    """

    values: int
    drifts: int
    found: int
    delay: int
    false_alarms: int


def count(series: Series, alarms: Sequence[int]) -> Count:
    """Sort alarms into found drifts and false alarms.

    Examples
    --------
    >>> count(Series(np.zeros(5_000), drifts=(1_000,)), [700, 1_040, 1_090])
    Count(values=5000, drifts=1, found=1, delay=40, false_alarms=2)
    """
    ends = (*series.drifts, len(series.values))[1:]
    found, delay, good = 0, 0, 0
    for drift, end in zip(series.drifts, ends, strict=True):
        # A change between two drifts ends the first one's time.
        until = min([drift + HORIZON, end, *(c for c in series.changes if c > drift)])
        first = next((alarm for alarm in alarms if drift <= alarm < until), None)
        found += first is not None
        delay += HORIZON if first is None else first - drift
        good += first is not None
    for change in series.changes:
        end = min([len(series.values), *(d for d in series.drifts if d > change)])
        good += sum(change <= alarm < end for alarm in alarms)
    return Count(len(series.values), len(series.drifts), found, delay, len(alarms) - good)


def add(counts: Sequence[Count]) -> Count:
    """Add up the counts of several series."""
    return Count(
        *(
            sum(getattr(one, name) for one in counts)
            for name in ("values", "drifts", "found", "delay", "false_alarms")
        )
    )
