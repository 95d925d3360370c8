"""Figures over seeds, and ours against each peer on the same records."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean, stdev
from typing import Any, NamedTuple

from stream.compare.model_labels import parse_label
from tests.bench.arrivals import describe
from tests.bench.kinds import Kind
from tests.bench.rows import Row


class Scene(NamedTuple):
    """Where candidates meet."""

    stream: str
    length: int
    label_delay: int

    @property
    def title(self) -> str:
        """How it is written above a table.

        Examples
        --------
        >>> Scene("led_abrupt", 100_000, 500).title
        'led_abrupt, 100,000 records, labels 500 late'
        """
        return f"{self.stream}, {self.length:,} records, {describe(self.label_delay)}"


@dataclass(frozen=True, slots=True)
class Summary:
    """A candidate in a scene, over its seeds."""

    candidate: str
    rows: tuple[Row, ...]

    @property
    def is_ours(self) -> bool:
        """Whether it is no peer."""
        return parse_label(self.candidate)[0] is None

    @property
    def name(self) -> str:
        """The model's name without library and parameters, by which namesakes are found."""
        return parse_label(self.candidate)[1]

    @property
    def records(self) -> int:
        """Records that every seed has done."""
        return min(row.records for row in self.rows)

    @property
    def is_whole(self) -> bool:
        """Whether every seed has done the whole stream."""
        return self.records == self.rows[0].length

    @property
    def kind(self) -> Kind:
        """What the stream asks for."""
        return self.rows[0].kind

    @property
    def main(self) -> float:
        """The score that ranks candidates, mean over seeds."""
        return self.mean(self.kind.main.name)

    @property
    def main_error(self) -> float:
        """Standard error of that mean; NaN with one seed."""
        name = self.kind.main.name
        return standard_error([row.scores[name] for row in self.rows])

    def mean(self, name: str) -> float:
        """Mean of a score over seeds."""
        return fmean(row.scores[name] for row in self.rows)

    @property
    def records_per_s(self) -> float:
        """Records of all seeds in a CPU second."""
        cpu_s = sum(row.cpu_s for row in self.rows)
        return sum(row.records for row in self.rows) / cpu_s if cpu_s else math.nan

    @property
    def records_per_process_s(self) -> float:
        """Records of all seeds in a CPU second of the whole process, whatever it did."""
        cpu_s = sum(row.process_cpu_s for row in self.rows)
        return sum(row.records for row in self.rows) / cpu_s if cpu_s else math.nan

    @property
    def has_own_clock(self) -> bool:
        """Whether its CPU seconds are its own report, and leave work out that the core did."""
        return parse_label(self.candidate)[0] == "moa"

    @property
    def memory_bytes(self) -> int:
        """Greatest of all seeds."""
        return max(row.memory_bytes for row in self.rows)

    @property
    def snapshot_bytes(self) -> int | None:
        """Greatest of all seeds, where there is one."""
        sizes = [row.snapshot_bytes for row in self.rows if row.snapshot_bytes is not None]
        return max(sizes, default=None)


@dataclass(frozen=True, slots=True)
class Comparison:
    """One of ours against a peer.

    Parameters
    ----------
    gain, gain_error
        How much better ours is (`Kind.gain`), seed by seed: mean and its standard error; NaN
        where the two have not done the same records, or with one seed.
    speed_ratio
        Records a CPU second of ours over the peer's.
    process_speed_ratio
        The same over records a CPU second of the peer's whole process, start to end: what one
        core has to do for it. NaN where the peer's seconds hold its compiling and collecting
        already.
    """

    ours: str
    peer: str
    gain: float
    gain_error: float
    speed_ratio: float
    process_speed_ratio: float


def by_scene(rows: Iterable[Row]) -> dict[Scene, list[Summary]]:
    """Group rows: scenes and candidates stay in the order in which they come."""
    found: dict[Scene, dict[str, list[Row]]] = {}
    for row in rows:
        scene = Scene(row.stream, row.length, row.label_delay)
        found.setdefault(scene, {}).setdefault(row.candidate, []).append(row)
    return {
        scene: [Summary(name, tuple(kept)) for name, kept in groups.items()]
        for scene, groups in found.items()
    }


def compare(ours: Summary, peer: Summary) -> Comparison:
    """Set one of ours beside a peer of the same scene."""
    theirs = {row.seed: row for row in peer.rows}
    # MOA's command line has no seed: on a stream in a file its one run stands for all.
    only = peer.rows[0] if len(peer.rows) == 1 else None
    pairs = [(row, theirs.get(row.seed, only)) for row in ours.rows]
    kind = ours.kind
    gains = [
        kind.gain(row.scores[kind.main.name], other.scores[kind.main.name])
        for row, other in pairs
        if other is not None and row.records == other.records
    ]
    return Comparison(
        ours.candidate,
        peer.candidate,
        fmean(gains) if gains else math.nan,
        standard_error(gains),
        ours.records_per_s / peer.records_per_s,
        ours.records_per_s / peer.records_per_process_s if peer.has_own_clock else math.nan,
    )


def best_peer(summaries: Sequence[Summary]) -> Summary | None:
    """Find the best of the peers that have done the whole stream."""
    peers = [one for one in summaries if not one.is_ours and one.is_whole]
    return max(peers, key=lambda one: one.kind.sign * one.main, default=None)


def standard_error(values: Sequence[float]) -> float:
    """Of the mean of independent values.

    Examples
    --------
    >>> standard_error([1.0, 3.0])
    1.0
    """
    return stdev(values) / math.sqrt(len(values)) if len(values) > 1 else math.nan


def as_json(scenes: dict[Scene, list[Summary]]) -> list[dict[str, Any]]:
    """One object a scene and candidate, for machines; what has no value is null."""
    return [
        {
            **scene._asdict(),
            "candidate": one.candidate,
            "seeds": [row.seed for row in one.rows],
            "records": one.records,
            **{name: _or_null(one.mean(name)) for name in one.kind.scores},
            f"{one.kind.main.name}_error": _or_null(one.main_error),
            "records_per_cpu_s": _or_null(one.records_per_s),
            "memory_bytes": one.memory_bytes,
            "snapshot_bytes": one.snapshot_bytes,
            "against": [_against(one, peer) for peer in summaries if not peer.is_ours]
            if one.is_ours
            else [],
        }
        for scene, summaries in scenes.items()
        for one in summaries
    ]


def _against(ours: Summary, peer: Summary) -> dict[str, Any]:
    found = compare(ours, peer)
    return {
        "peer": found.peer,
        "gain": _or_null(found.gain),
        "gain_error": _or_null(found.gain_error),
        "speed_ratio": _or_null(found.speed_ratio),
        "process_speed_ratio": _or_null(found.process_speed_ratio),
    }


def _or_null(value: float) -> float | None:
    return None if math.isnan(value) else value
