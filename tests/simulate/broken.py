"""Shows that the simulation finds the faults of a commit before their repair.

    python -m tests.simulate.broken [--commit 968189c] [--seeds 50]

Checks the commit out into a temporary folder, puts the simulation of this checkout beside it, and
runs its worker through the contract that it had (`former`). Each row of the table is a fault of
that commit with the sign by which it is told: what diverged, and what in the shrunk history was
needed for it.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]


class Row(NamedTuple):
    """A fault: what it is, kinds of faults that may bring it about, and its sign."""

    number: int
    what: str
    kinds: frozenset[str]
    is_seen: Callable[[list[str], str], bool]


def _any(pattern: str) -> Callable[[list[str], str], bool]:
    return lambda divergences, notes: any(re.search(pattern, line) for line in divergences)


def _stuck_in_replays(divergences: list[str], notes: str) -> bool:
    """One partition recovered over and over, and not read to its end."""
    restores = re.findall(r"recovered partition (\d+): [1-9]\d* records", notes)
    most = max((restores.count(number) for number in restores), default=0)
    return most >= 4 and any(re.match("not live|stands still", line) for line in divergences)


def _never_tried_again(divergences: list[str], notes: str) -> bool:
    """A partition that was assigned, and never recovered."""
    return not _stuck_in_replays(divergences, notes) and any(
        line.startswith(("not live", "stop")) for line in divergences
    )


_AWAY = frozenset({"broker down", "coordinator away", "cut off"})
ROWS = (
    Row(1, "frozen worker keeps its partition, unnoticed", frozenset({"freeze"}),
        _any(r"repeated|journal: .* step \d+ follows")),
    Row(2, "paused partitions are forgotten", _AWAY | {"lost", "freeze"}, _any("stands still")),
    Row(3, "an outage while a partition recovers: records lost", _AWAY, _any("missing")),
    Row(4, "offsets gone: everything predicted twice", frozenset({"offsets gone"}),
        _any("repeated")),
    Row(5, "a replay longer than poll_interval_max", frozenset({"crash", "stop", "freeze"}),
        _stuck_in_replays),
    Row(6, "an outage while partitions recover: never tried again", _AWAY | {"crash"},
        _never_tried_again),
    Row(7, "two reads of the offsets straddle a commit", frozenset({"freeze"}) | _AWAY,
        _any("exit: .*all inputs must be committed by the same step")),
)
