"""Track: labels needed after a drift to be as good as before, with a policy and without.

Run with `python -m tests.bench.recovery`; `--seeds N` and names of streams choose less. Models of
ours run plain and managed (`operators.adaptation`), beside CapyMOA's forest. Each line of
`tests/bench/results/recovery.csv` is one drift of one run, written at once; `--show` makes the
table of docs/adaptation.md from them.

A model has recovered at the first label, from the drift on, from which the next 200 have at least
95 % of the accuracy that it had over the 1,000 before the drift. A model that has never been good
regains that soon, so it is also told when it had 95 % of what the best model had before the drift.
One that does not before the next drift counts with the whole concept.

Diagnoses do not depend on the model, but for the errors that they mention. So each stream is
diagnosed once, which takes longer than all the rest, and all managed models are told the same.
"""

from __future__ import annotations

import argparse
import csv
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from operators.adaptation.managed import manage
from operators.base import Learner
from operators.catalog import create_learner
from operators.diagnosis.base import Diagnosis
from operators.diagnosis.diagnoser import DriftDiagnoser
from operators.snapshot import State
from operators.tape import LEARN, Rows, Tape, test_then_train
from tests.bench.candidates import Candidate
from tests.bench.case import Case
from tests.bench.machine import library_version, this_machine
from tests.bench.runners.capymoa import CapyMOAPeer
from tests.bench.stream_files import write_records
from tests.bench.streams.drift import Changes
from tests.bench.streams.led import led
from tests.bench.streams.records import Records
from tests.bench.streams.sea import sea
from tests.bench.streams.sine import sine
from tests.bench.streams.stagger import stagger

RESULTS = Path(__file__).parent / "results" / "recovery.csv"
STRETCH = 200
BEFORE = 1_000
REGAINED = 0.95
CONCEPT = 5_000
"""Records of each concept."""


def abruptly(n_concepts: int) -> Changes:
    """Changes from one record to the next, after every concept."""
    return Changes(tuple(k / n_concepts for k in range(1, n_concepts)), width=1)


STREAMS: dict[str, tuple[int, Callable[[int, int], Records]]] = {
    "led": (4, lambda n, seed: led(n, seed, abruptly(4), (1, 3, 5, 7))),
    "sea": (4, lambda n, seed: sea(n, seed, abruptly(4), (1, 2, 3, 4))),
    "led, back and forth": (6, lambda n, seed: led(n, seed, abruptly(6), (0, 4, 0, 4, 0, 4))),
    "sea, back and forth": (6, lambda n, seed: sea(n, seed, abruptly(6), (3, 4, 3, 4, 3, 4))),
    "sine, back and forth": (6, lambda n, seed: sine(n, seed, abruptly(6), (1, 3, 1, 3, 1, 3))),
    "stagger, in turn": (6, lambda n, seed: stagger(n, seed, abruptly(6), (1, 2, 3, 1, 2, 3))),
}
"""Concepts of each, and how it is made."""
PLAIN = ("hoeffding_tree", "adaptive_moe")
FOREST = "adaptive_random_forest"
FOREST_PARAMS = {"trees": 10}


class Drift(NamedTuple):
    """One drift of one run: a line of the file."""

    stream: str
    seed: int
    candidate: str
    drift: int
    accuracy: float  # over the whole stream
    before: float
    after: float  # over the 1,000 labels since
    own: int
    best: int


class Told:
    """A diagnoser that says what another one has said of the same stream."""

    def __init__(self, found: list[Diagnosis], decide_every: int) -> None:
        self.decide_every = decide_every
        self._found = {diagnosis.learnt: diagnosis for diagnosis in found}
        self._learnt = 0

    def watch(self, tape: Tape, rows: Rows) -> list[Diagnosis]:
        before = self._learnt
        self._learnt += int((tape.action == LEARN).sum())
        return [
            replace(self._found[learnt], index=learnt - before - 1)
            for learnt in range(before + 1, self._learnt + 1)
            if learnt in self._found
        ]

    def snapshot(self) -> State:
        raise NotImplementedError

    def restore(self, state: State) -> None:
        raise NotImplementedError


def answers_of(learner: Learner, records: Records) -> Rows:
    """Predict and then learn each record."""
    n = len(records.y)
    rows = Rows(
        records.x,
        records.y,
        np.full((n, records.space.n_outputs), np.nan),
        np.full((n, learner.trace_width), np.nan),
    )
    learner.run(test_then_train(n), rows)
    return rows


def hits_of(learner: Learner, records: Records) -> NDArray[np.bool_]:
    """Predict and then learn each record; return which answers were right."""
    rows = answers_of(learner, records)
    return np.asarray(rows.output.argmax(axis=1) == records.y)


def hits_of_capymoa(records: Records, seed: int) -> NDArray[np.bool_]:
    """The same for CapyMOA's adaptive random forest."""
    n = len(records.y)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_records(folder, records)
        candidate = Candidate("capymoa", FOREST, FOREST_PARAMS)
        peer = CapyMOAPeer(Case(candidate, "stream", n, folder, seed, 0, n, 1e9))
        hits = np.zeros(n, dtype=np.bool_)
        for i, record in enumerate(peer.records()):
            hits[i] = peer.predict(record) == records.y[i]
            peer.learn(record)
    return hits


def all_hits(records: Records, seed: int, peers: bool) -> dict[str, NDArray[np.bool_]]:
    """Let every candidate run a stream."""
    space, found = records.space, {}
    diagnoser = DriftDiagnoser(space)
    rows = answers_of(create_learner(PLAIN[0], space, seed, {}), records)
    diagnoses = diagnoser.watch(test_then_train(len(rows)), rows)
    for name in PLAIN:

        def make(name: str = name) -> Learner:
            return create_learner(name, space, seed, {})

        told = Told(diagnoses, diagnoser.decide_every)
        found[name] = hits_of(make(), records)
        found[f"{name}, managed"] = hits_of(manage(space, make, told), records)
    forest = create_learner(FOREST, space, seed, FOREST_PARAMS)
    found[f"{FOREST}, 10 trees"] = hits_of(forest, records)
    if peers:
        found["CapyMOA's, 10 trees"] = hits_of_capymoa(records, seed)
    return found


def recovered(hits: NDArray[np.bool_], at: int, bar: float) -> int:
    """Return labels from a drift until the accuracy bar is held for a stretch."""
    inside = hits[at : at + CONCEPT].astype(np.float64)
    sums = np.cumsum(np.concatenate([[0.0], inside]))
    good = (sums[STRETCH:] - sums[:-STRETCH]) / STRETCH >= bar
    return int(np.argmax(good)) if good.any() else CONCEPT


def drifts_of(stream: str, seed: int, peers: bool) -> list[Drift]:
    n_concepts, make = STREAMS[stream]
    records = make(n_concepts * CONCEPT, seed)
    hits = all_hits(records, seed, peers)
    drifts = []
    for number in range(1, n_concepts):
        at = number * CONCEPT
        before = {name: float(right[at - BEFORE : at].mean()) for name, right in hits.items()}
        best = REGAINED * max(before.values())
        drifts += [
            Drift(
                stream,
                seed,
                name,
                number,
                float(right.mean()),
                before[name],
                float(right[at : at + BEFORE].mean()),
                recovered(right, at, REGAINED * before[name]),
                recovered(right, at, best),
            )
            for name, right in hits.items()
        ]
    return drifts


def table(drifts: list[Drift]) -> list[str]:
    """Write the lines of a stream."""
    lines = []
    for name in dict.fromkeys(drift.candidate for drift in drifts):
        own = [drift for drift in drifts if drift.candidate == name]
        means = {
            field: np.mean([getattr(drift, field) for drift in own])
            for field in ("accuracy", "after", "own", "best")
        }
        median = np.median([drift.own for drift in own])
        lines.append(
            f"| {own[0].stream} | {name} | {100 * means['accuracy']:.2f} |"
            f" {100 * means['after']:.2f} | {median:.0f} | {means['own']:.0f} |"
            f" {means['best']:.0f} |"
        )
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("streams", nargs="*", default=list(STREAMS))
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--no-peers", action="store_true")
    parser.add_argument("--show", action="store_true", help="measure nothing")
    parser.add_argument("--csv", type=Path, default=RESULTS)
    given = parser.parse_args()
    if not given.show:
        measure(given.csv, given.streams, given.seeds, peers=not given.no_peers)
    show(read(given.csv))


def measure(path: Path, streams: list[str], seeds: int, *, peers: bool) -> None:
    """Write the file, each drift at once."""
    machine, version = this_machine(), library_version("driftgate")
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([*Drift._fields, "version", "processor", "python"])
        for seed in range(1, seeds + 1):
            for stream in streams:
                for drift in drifts_of(stream, seed, peers):
                    writer.writerow([*drift, version, machine.processor, machine.python])
                file.flush()


def read(path: Path) -> list[Drift]:
    """Read the file."""
    with path.open(newline="") as file:
        return [
            Drift(
                line["stream"],
                int(line["seed"]),
                line["candidate"],
                int(line["drift"]),
                float(line["accuracy"]),
                float(line["before"]),
                float(line["after"]),
                int(line["own"]),
                int(line["best"]),
            )
            for line in csv.DictReader(file)
        ]


def show(drifts: list[Drift]) -> None:
    """Print the table."""
    print("| stream | model | accuracy, % | first 1,000 labels after drifts, % |", end="")
    print(" labels to regain 95 %: median | mean | mean, of the best model's |")
    print("|---|---|---|---|---|---|---|")
    for stream in dict.fromkeys(drift.stream for drift in drifts):
        print(*table([drift for drift in drifts if drift.stream == stream]), sep="\n")


if __name__ == "__main__":
    main()
