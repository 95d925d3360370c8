"""One measurement: what is asked for, and what came out."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tests.bench.candidates import Candidate
from tests.bench.scores import Scores


@dataclass(frozen=True, slots=True)
class Case:
    """A candidate on a stream.

    Parameters
    ----------
    candidate
        Who.
    stream, length
        Name of the stream, and how many records of it there are.
    folder
        Where its files lie.
    seed
        Of the model; the stream was made with the same one.
    label_delay
        Labels come after this many further records, or when they came (`arrivals.REAL`); those
        that would come after the last record never do.
    limit
        Records that the candidate is given: fewer than `length` for a slow peer.
    budget_s
        CPU seconds after which it is stopped, with the figures reached.
    """

    candidate: Candidate
    stream: str
    length: int
    folder: Path
    seed: int
    label_delay: int
    limit: int
    budget_s: float

    def to_json(self) -> dict[str, Any]:
        """Plain values, for another process."""
        return asdict(self) | {"folder": str(self.folder)}

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Case:
        """Read what `to_json` gave."""
        plain = values | {
            "candidate": Candidate(**values["candidate"]),
            "folder": Path(values["folder"]),
        }
        return cls(**plain)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came out.

    Parameters
    ----------
    records
        Records that were predicted.
    scores
        Over all of them, each predicted before its label was given.
    cpu_s
        CPU seconds (user and system, all threads of the process) spent in predicting and
        learning. MOA's command line: its own figure, which counts its working thread only and
        so leaves out start-up, compilation and garbage collection, but has reading the file in.
    wall_s
        Seconds that passed meanwhile; MOA's command line: of the whole process.
    process_cpu_s
        CPU seconds of the whole process, with starting, loading, reading and compiling.
    memory_bytes
        Growth of the process's peak resident memory over the run.
    snapshot_bytes
        Size of the model's state, where it can be had.
    """

    records: int
    scores: Scores
    cpu_s: float
    wall_s: float
    process_cpu_s: float
    memory_bytes: int
    snapshot_bytes: int | None = None

    def to_json(self) -> dict[str, Any]:
        """Plain values, for another process."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Outcome:
        """Read what `to_json` gave."""
        return cls(**values)
