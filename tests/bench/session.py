"""A session: its cases one after the other, each in a process of its own, each kept when done."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from tests.bench.candidates import Candidate
from tests.bench.case import Case, Outcome
from tests.bench.machine import library_version, this_machine
from tests.bench.rows import Row, append_row, case_key, read_rows, to_row
from tests.bench.stream_files import count_records, is_written, write_records
from tests.bench.streams.catalog import is_fixed, make_stream, source_digest

# A case is killed when this much wall time has gone: its budget is of CPU time, which passes more
# slowly beside others' work, and it may start up, compile and finish the records that it is at.
_WALL_FACTOR = 5.0
_GRACE_S = 300.0


@dataclass(frozen=True, slots=True)
class Plan:
    """What a session measures: every candidate on every stream, length, delay and seed.

    Parameters
    ----------
    streams, candidates
        Labels of streams; models.
    lengths
        Records of generated streams, and at most of those in files.
    label_delays
        In records; 0 is at once, `arrivals.REAL` when they came. MOA's command line has only 0.
    seeds
        Of streams and models.
    peer_limit
        Most records that a peer is given, or None.
    budget_s
        CPU seconds that a case may take; it is stopped then, with the figures it has.
    """

    streams: Sequence[str]
    candidates: Sequence[Candidate]
    lengths: Sequence[int]
    label_delays: Sequence[int]
    seeds: Sequence[int]
    peer_limit: int | None
    budget_s: float


@dataclass(frozen=True, slots=True)
class Places:
    """Folders and files of a session.

    Parameters
    ----------
    work
        Where streams are written, to be used again.
    data
        Where data files lie.
    results
        The CSV file.
    """

    work: Path
    data: Path
    results: Path


class Watcher(Protocol):
    """Told how a session goes."""

    def begin(self, case: Case) -> None:
        """A case starts."""

    def advance(self, case: Case, done: int) -> None:
        """So many of its records are done."""

    def end(self, case: Case, row: Row | None, error: str) -> None:
        """It is over: with figures, or with what went wrong."""


def cases(plan: Plan, places: Places) -> Iterator[Case]:
    """Give all cases, stream by stream; a stream is written when its first case is asked for."""
    for stream in plan.streams:
        for length in plan.lengths:
            for seed in plan.seeds:
                folder = _folder(places, stream, length, seed)
                if not is_written(folder):
                    write_records(folder, make_stream(stream, length, seed, places.data))
                yield from _cases_on(plan, stream, folder, seed)


def run_session(
    planned: Iterable[Case], places: Places, watcher: Watcher, fresh: bool
) -> list[Row]:
    """Run what is not in the results yet; return the rows of all that were planned.

    Parameters
    ----------
    fresh
        Measure everything again. Otherwise a row counts that was measured on this machine with
        the same version of the library: for ours the same commit.
    """
    known = {row.key: row for row in read_rows(places.results)}
    rows = []
    for case in planned:
        row = known.get(case_key(case))
        if row is None or fresh or not _still_holds(row, case):
            row = _measure(case, places, watcher)
        if row is not None:
            rows.append(row)
    return rows


def _cases_on(plan: Plan, stream: str, folder: Path, seed: int) -> Iterator[Case]:
    length = count_records(folder)
    # The command line has no seed, so on records that are always the same once is enough.
    is_repeated = is_fixed(stream) and seed != plan.seeds[0]
    for delay in plan.label_delays:
        for candidate in plan.candidates:
            if candidate.library == "moa" and (delay or is_repeated):
                continue
            limit = length if candidate.is_ours else min(length, plan.peer_limit or length)
            yield Case(candidate, stream, length, folder, seed, delay, limit, plan.budget_s)


def _folder(places: Places, stream: str, length: int, seed: int) -> Path:
    # Braces and commas stay out of paths: MOA reads spaces and parentheses as its own.
    name = "".join(letter if letter.isalnum() else "_" for letter in stream)
    number = 0 if is_fixed(stream) else seed
    return places.work.resolve() / source_digest() / f"{name}-{length}-{number}"


def _still_holds(row: Row, case: Case) -> bool:
    machine = this_machine()
    return (row.version, row.processor, row.python) == (
        library_version(case.candidate.library),
        machine.processor,
        machine.python,
    )


def _measure(case: Case, places: Places, watcher: Watcher) -> Row | None:
    load = os.getloadavg()[0]
    watcher.begin(case)
    outcome, error = run_case(case, lambda done: watcher.advance(case, done))
    row = None
    if outcome is not None:
        when = datetime.now(UTC).isoformat(timespec="seconds")
        row = to_row(case, outcome, load, when)
        append_row(places.results, row)
    watcher.end(case, row, error)
    return row


def run_case(case: Case, progress: Callable[[int], None]) -> tuple[Outcome | None, str]:
    """Run a case in a process of its own; return its outcome, or what went wrong."""
    command = [sys.executable, "-m", "tests.bench.child", json.dumps(case.to_json())]
    outcome, error = None, ""
    with tempfile.TemporaryFile() as errors:
        child = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=errors,
            env=_environment(),
            start_new_session=True,
        )
        alarm = threading.Timer(case.budget_s * _WALL_FACTOR + _GRACE_S, _kill, [child])
        alarm.start()
        try:
            assert child.stdout is not None
            with child.stdout as lines:
                for line in lines:
                    message = json.loads(line) if line.startswith(b"{") else {}
                    if "done" in message:
                        progress(message["done"])
                    elif "outcome" in message:
                        outcome = Outcome.from_json(message["outcome"])
                    elif "error" in message:
                        error = message["error"]
        except BaseException:
            _kill(child)
            raise
        finally:
            child.wait()
            alarm.cancel()
        if outcome is None and not error:
            errors.seek(0)
            error = _last_line(errors.read()) or f"exit code {child.returncode}"
    return outcome, error


def _kill(child: subprocess.Popen[bytes]) -> None:
    """End a case and what it started: Java is a process of its own."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)


def _environment() -> dict[str, str]:
    """One thread for everyone, and this code, from wherever it is called."""
    root = str(Path(__file__).parents[2])
    threads = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
    path = os.pathsep.join(filter(None, (root, os.environ.get("PYTHONPATH"))))
    return {**os.environ, **threads, "PYTHONPATH": path}


def _last_line(text: bytes) -> str:
    lines = text.decode(errors="replace").strip().splitlines()
    return lines[-1] if lines else ""
