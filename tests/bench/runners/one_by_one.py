"""Predict, then learn: for libraries that take one record at a time."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any, Protocol

import numpy as np

from operators.tape import PREDICT
from tests.bench.case import Case, Outcome
from tests.bench.meter import PeakMemory, Stopwatch
from tests.bench.scores import NO_ANSWER, as_output, score
from tests.bench.streams.records import Records

_RECORDS_AT_ONCE = 500


class Peer(Protocol):
    """A model of another library."""

    def records(self) -> Iterator[Any]:
        """Give the stream's records in the library's own form; making them is not timed."""

    def predict(self, record: Any) -> float:
        """Answer with a class code or a number, or `NO_ANSWER`."""

    def learn(self, record: Any) -> None:
        """Learn a record with its label."""


def run_one_by_one(
    case: Case, records: Records, make: Callable[[], Peer], progress: Callable[[int], None]
) -> Outcome:
    """Measure a peer; a record whose label is late waits for it."""
    answers = np.full(len(records.y), NO_ANSWER)
    arrivals = records.labels(case.label_delay)
    waiting: dict[int, Any] = {}
    watch = Stopwatch()
    make()  # so that its library, and Java's machine, are loaded before memory is looked at
    memory = PeakMemory()
    peer = make()
    source = peer.records()
    done = 0
    while done < len(answers) and watch.cpu_s < case.budget_s:
        count = min(_RECORDS_AT_ONCE, len(answers) - done)
        waiting |= {index: next(source) for index in range(done, done + count)}
        tape = arrivals.tape(done, done + count)
        steps = list(zip(tape.action.tolist(), tape.row.tolist(), strict=True))
        with watch:
            for action, index in steps:
                if action == PREDICT:
                    answers[index] = peer.predict(waiting[index])
                else:
                    peer.learn(waiting.pop(index))
        done += count
        progress(done)
    grown_bytes = memory.grown_bytes()
    n_classes = records.space.n_classes
    output = as_output(answers[:done], n_classes)
    return Outcome(
        records=done,
        cpu_s=watch.cpu_s,
        wall_s=watch.wall_s,
        process_cpu_s=time.process_time(),
        memory_bytes=grown_bytes,
        scores=score(output, records.y[:done], n_classes, arrivals.of_first(done)),
    )
