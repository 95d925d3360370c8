"""Judges what was committed against what was fed in and against the undisturbed run."""

from __future__ import annotations

import hashlib
import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from tests.matrix.committed import Record

Journal = Mapping[int, Sequence[Record]]


@dataclass
class Outcome:
    """What a pipeline left behind, each figure over all partitions."""

    predictions: int = 0
    duplicates: int = 0
    """Predictions of an event that had one already."""
    missing: int = 0
    """Events without a prediction."""
    strangers: int = 0
    """Predictions of what no event was."""
    disordered: int = 0
    """Predictions whose event stands before the event of the prediction before."""
    torn: list[str] = field(default_factory=list)
    """Where the journal does not go on from its own predecessor."""
    digests: dict[int, str] = field(default_factory=dict)
    """SHA-256 of each partition's predictions, in order."""
    states: dict[int, str] = field(default_factory=dict)
    """Digest of the state in each partition's newest checkpoint."""

    def faults(self) -> int:
        """Everything that exactly-once rules out."""
        return self.duplicates + self.missing + self.strangers + self.disordered + len(self.torn)


def judge_predictions(
    predictions: Mapping[int, Sequence[Record]], expected: Mapping[int, Sequence[bytes]]
) -> Outcome:
    """Compare the predictions of each partition with the ids of its events."""
    outcome = Outcome()
    for partition, ids in expected.items():
        records = predictions.get(partition, ())
        decoded = [msgspec.json.decode(record.value) for record in records]
        seen: set[str] = set()
        last = -1
        wanted = {key.decode() for key in ids}
        for fields in decoded:
            name, offset = str(fields["id"]), int(fields["source"]["offset"])
            outcome.duplicates += name in seen
            outcome.strangers += name not in wanted
            outcome.disordered += offset < last
            seen.add(name)
            last = offset
        outcome.predictions += len(records)
        outcome.missing += len(wanted - seen)
        outcome.digests[partition] = digest_of(records)
    return outcome


def digest_of(records: Sequence[Record]) -> str:
    """SHA-256 over the values, in order."""
    sha = hashlib.sha256()
    for record in records:
        sha.update(record.value + b"\n")
    return sha.hexdigest()


def journal_tears(journal: Journal) -> list[str]:
    """Find the steps that do not follow their own predecessor."""
    found = []
    for partition, records in journal.items():
        step, ends = -1, dict[str, int]()
        for entry in _steps(records):
            if entry["step"] != step + 1:
                found.append(f"partition {partition}: step {entry['step']} after {step}")
            for topic, (first, end) in entry["ranges"].items():
                if first < ends.get(topic, first):
                    found.append(f"partition {partition}: {topic}@{first} is taken twice")
                ends[topic] = end
            step = entry["step"]
    return found


def commit_gaps(journal: Journal, begin_ms: int | None = None) -> dict[int, list[tuple[int, int]]]:
    """Times (ms) between which nothing of a partition was committed: (from, to) for each gap.

    Parameters
    ----------
    begin_ms
        Begin of the first gap; the first commit where it is None.
    """
    found = {}
    for partition, records in journal.items():
        times = [record.timestamp for record in records]
        starts = times if begin_ms is None else [begin_ms, *times]
        found[partition] = list(itertools.pairwise(starts))
    return found


def longest_gap_s(gaps: Mapping[int, Sequence[tuple[int, int]]]) -> float:
    """Longest of all gaps, in seconds."""
    return max((b - a for pairs in gaps.values() for a, b in pairs), default=0) / 1000


def differing(first: Mapping[int, str], second: Mapping[int, str]) -> list[int]:
    """Partitions whose digests differ, those that only one side has included."""
    return sorted(p for p in first.keys() | second.keys() if first.get(p) != second.get(p))


def quantile(values: Sequence[float], part: float) -> float:
    """Smallest value that at least this part of the values does not exceed; 0 of none."""
    if not values:
        return 0.0
    ordered = sorted(values)
    return ordered[max(0, math.ceil(part * len(ordered)) - 1)]


def _steps(records: Sequence[Record]) -> list[dict[str, Any]]:
    """Journal entries that are steps (others tell of settings, or of a life's beginning)."""
    steps = []
    for record in records:
        entry = msgspec.json.decode(record.value)
        if isinstance(entry, dict) and "ranges" in entry and "step" in entry:
            ranges = {topic: (r[0], r[1]) for topic, r in entry["ranges"].items()}
            steps.append({"step": entry["step"], "ranges": ranges})
    return steps
