"""Our learners, from the catalogue, on tapes."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

from operators.base import Learner, Space
from operators.catalog import create_learner
from operators.snapshot import SnapshotUnavailableError, size_bytes
from operators.tape import Rows, Tape
from tests.bench.arrivals import fixed
from tests.bench.candidates import Candidate
from tests.bench.case import Case, Outcome
from tests.bench.meter import PeakMemory, Stopwatch
from tests.bench.scores import score
from tests.bench.stream_files import read_records
from tests.bench.streams.records import Records

_ROWS_A_TAPE = 1_000
_WARM_ROWS = 2_000


def run(case: Case, progress: Callable[[int], None]) -> Outcome:
    """Measure a learner; what it compiles is compiled before the clock starts."""
    records = read_records(case.folder, case.limit)
    rows = _rows(records, _warm(case, records))
    arrivals = records.labels(case.label_delay)
    watch = Stopwatch()
    memory = PeakMemory()
    learner = _create(case.candidate, records.space, case.seed)
    done = 0
    while done < len(rows) and watch.cpu_s < case.budget_s:
        until = min(done + _ROWS_A_TAPE, len(rows))
        tape, part = _piece(rows, arrivals.tape(done, until))
        with watch:
            learner.run(tape, part)
        done = until
        progress(done)
    grown_bytes = memory.grown_bytes()
    n_classes = records.space.n_classes
    return Outcome(
        records=done,
        cpu_s=watch.cpu_s,
        wall_s=watch.wall_s,
        process_cpu_s=time.process_time(),
        memory_bytes=grown_bytes,
        snapshot_bytes=_snapshot_bytes(learner),
        scores=score(rows.output[:done], rows.y[:done], n_classes, arrivals.of_first(done)),
    )


def _piece(rows: Rows, tape: Tape) -> tuple[Tape, Rows]:
    """Cut out the rows that a tape is about, as a task hands its model no others."""
    first, end = int(tape.row.min()), int(tape.row.max()) + 1
    part = Rows(rows.x[first:end], rows.y[first:end], rows.output[first:end], rows.trace[first:end])
    return Tape(tape.action, tape.row - first), part


def _create(candidate: Candidate, space: Space, seed: int) -> Learner:
    return create_learner(candidate.name, space, seed, candidate.params)


def _warm(case: Case, records: Records) -> int:
    """Compile or load what the run will use, with another learner; return the trace's width."""
    first = records.first(_WARM_ROWS)
    learner = _create(case.candidate, first.space, case.seed)
    rows = _rows(first, learner.trace_width)
    learner.run(fixed(len(rows), 0).tape(0, len(rows)), rows)
    return learner.trace_width


def _rows(records: Records, trace_width: int) -> Rows:
    # Filled, not merely reserved: a page that is touched first during the run would be counted.
    return Rows(
        records.x,
        records.y,
        np.full((len(records.y), records.space.n_outputs), np.nan),
        np.full((len(records.y), trace_width), np.nan),
    )


def _snapshot_bytes(learner: Learner) -> int | None:
    try:
        state = learner.snapshot()
    except SnapshotUnavailableError:
        return None
    return size_bytes(state)
