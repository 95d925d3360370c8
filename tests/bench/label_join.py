"""Track: time of the label join a record, and memory of an event that waits, by how many wait.

Run with `python -m tests.bench.label_join`. A join is filled with events whose labels never come,
then takes steps of 500 events and the labels of the 500 before them; no model runs. `waiting` is
the number of events that wait all the time; `full` says that they fill `labels.pending_max`, so
that each event pushes the oldest out. Times are the processor's, the median over the steps and the
mean; the duplicates window is full. Memory is what the process took more for the events that wait,
with `--features` columns, 2 outputs, no trace and the 2 baselines; it is said where it is the
process's first such join, for the next one takes what that gave back.
"""

from __future__ import annotations

import argparse
import gc
import statistics
from collections.abc import Iterator
from pathlib import Path
from time import process_time

import numpy as np

from operators.tape import Rows
from stream.codec.target import TargetCoder
from stream.config.pipeline import Config
from stream.labels.inbox import EVENT, LABEL, Records
from stream.labels.join import LabelJoin
from stream.log.base import TopicPartition

STEP = 500
WINDOW = 65_536
DELAY_MS = 10**12
PENDING = (0, 10_000, 100_000, 1_000_000)


def new_join(pending_max: int, features: int) -> LabelJoin:
    """A join of two classes with a duplicates window of the default size."""
    config = Config.model_validate(
        {
            "app": "bench",
            "log": {"type": "embedded"},
            "schema": {"features": [{"name": "a", "type": "float"}]},
            "target": {"type": "classification", "path": "$.y", "classes": [0, 1]},
        }
    )
    return LabelJoin(
        TopicPartition("events", 0),
        TopicPartition("labels", 0),
        TargetCoder(config),
        widths=(features, 2, 0, 2),
        max_delay_ms=DELAY_MS,
        pending_max=pending_max,
        duplicates_window=WINDOW,
        dead_topic="dead",
    )


def records(first: int, count: int, time: int) -> Records:
    """Records with the ids of these numbers, one a millisecond."""
    ids = [f"event-{number:012d}" for number in range(first, first + count)]
    times = list(range(time, time + count))
    offsets = list(range(first, first + count))
    keys: list[bytes | None] = [name.encode() for name in ids]
    return Records(ids, times, [0] * count, [None] * count, offsets, times, keys, [b"{}"] * count)


def step(join: LabelJoin, events: Records, labels: Records) -> float:
    """Seconds of the processor that a join takes for one step."""
    turns = [EVENT, LABEL] * len(labels) + [EVENT] * (len(events) - len(labels))
    start = process_time()
    plan = join.plan(turns, events, labels)
    count = len(plan.accepted) + len(plan.carried[0])
    widths = [matrix.shape[1] for matrix in plan.carried]
    x, output, trace, watch = (np.zeros((count, width)) for width in widths)
    join.settle(plan, Rows(x, np.zeros(count), output, trace), watch)
    return process_time() - start


def fill_window(join: LabelJoin) -> None:
    """Fill the duplicates window with events that have their labels."""
    for first in range(0, WINDOW, 1024):
        step(join, records(first, 1024, first), records(first, 1024, first))


def fill(join: LabelJoin, start: int, count: int) -> int:
    """Let `count` events wait; returns the number of the next event."""
    for first in range(start, start + count, 5_000):
        step(join, records(first, min(5_000, start + count - first), first), Records())
    return start + count


def answered(join: LabelJoin, start: int, steps: int) -> Iterator[float]:
    """Microseconds an event of each step; each label comes one step after its event."""
    step(join, records(start, STEP, start), Records())
    for number in range(1, steps + 1):
        first = start + number * STEP
        seconds = step(join, records(first, STEP, first), records(first - STEP, STEP, first))
        yield 1e6 * seconds / STEP


def unanswered(join: LabelJoin, start: int, steps: int) -> Iterator[float]:
    """Microseconds an event of each step; no label comes."""
    for number in range(steps):
        first = start + number * STEP
        yield 1e6 * step(join, records(first, STEP, first), Records()) / STEP


def resident() -> int:
    """Bytes of memory that the process has now."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pending", type=int, nargs="*", default=PENDING)
    parser.add_argument("--features", type=int, default=8)
    parser.add_argument("--steps", type=int, default=200)
    chosen = parser.parse_args()
    print("waiting,full,us_an_event,us_an_event_mean,bytes_a_waiting_event")
    for pending in chosen.pending:
        for full in (False, True) if pending else (False,):
            gc.collect()
            bound = pending if full else pending + 10 * STEP
            join = new_join(bound, chosen.features)
            fill_window(join)
            before = resident()
            start = fill(join, WINDOW, pending)
            is_first = pending and not full
            size = (resident() - before) / pending if is_first else float("nan")
            times = list((unanswered if full else answered)(join, start, chosen.steps))
            median, mean = statistics.median(times), statistics.fmean(times)
            print(f"{pending},{full},{median:.1f},{mean:.1f},{size:.0f}", flush=True)
            del join


if __name__ == "__main__":
    main()
