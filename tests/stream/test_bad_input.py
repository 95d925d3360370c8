"""Bad input, as the README's table states it: each kind, its result, and that the task goes on.

The codec's messages are pinned in tests/stream/codec/, plans with labels in test_labels.py; a
10 MB record through a real broker is in tests/kafka/.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from stream.labels.topic_clock import RUN
from stream.log.base import OutputBatch, RecordBatch
from stream.task import PartitionTask, Step
from stream.topology import build_parts, input_topics
from tests.builders import EVENTS, LABELS, batch, event, toy_config

GOOD = event(y="yes")


def run(task: PartitionTask, *batches: RecordBatch) -> Step:
    for piece in batches:
        task.accept(piece)
    step = task.step(dict.fromkeys(task.parts.input_topics, False), 10_000)
    assert step is not None
    return step


def new_task(**changes: Any) -> PartitionTask:
    config = toy_config(**changes)
    return PartitionTask(build_parts(config, 0), dict.fromkeys(input_topics(config), 0))


def of(step: Step, role: str) -> list[OutputBatch]:
    return [output for output in step.outputs if output.target.topic == f"toy.{role}"]


def reasons(step: Step) -> list[str]:
    (letters,) = of(step, "dead-letters")
    assert letters.headers is not None
    return [dict(headers)["driftgate.reason"].decode() for headers in letters.headers]


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (b"{", "malformed"),
        (b"[1]", "malformed"),
        (b"\xff\xfe", "malformed"),
        (None, "empty"),
        (b"", "empty"),
        (event(a="warm", y="yes"), "wrong_type"),  # type: ignore[arg-type]
        (event(a=True, y="yes"), "wrong_type"),
        (b'{"b":1,"c":"x","y":"yes"}', "missing_value"),
        (b'{"a":1e400,"b":1,"c":"x","y":"yes"}', "not_finite"),
        (event(y="maybe"), "unknown_class"),
        (event(c="x" * 10_000_000, y="yes"), "too_large"),
    ],
)
def test_a_bad_record_is_kept_whole_and_the_task_goes_on(value: bytes | None, reason: str) -> None:
    task = new_task()
    step = run(task, batch(EVENTS, [GOOD, value, GOOD]))
    assert reasons(step) == [reason]
    (letters,) = of(step, "dead-letters")
    assert (letters.keys[0], letters.values[0]) == (b"e1", value)
    assert letters.headers is not None
    headers = dict(letters.headers[0])
    assert headers["driftgate.topic"] == b"toy.features"
    assert (headers["driftgate.partition"], headers["driftgate.offset"]) == (b"0", b"1")
    assert headers["driftgate.error"].startswith(b"toy.features[0]@1: ")
    assert headers["driftgate.error"].endswith(b"The record went to topic `toy.dead-letters`.")
    assert len(headers["driftgate.error"]) < 400
    (predictions,) = of(step, "predictions")
    assert list(predictions.keys) == [b"e0", b"e2"]
    assert step.offsets == {EVENTS: 3}
    assert step.report.dead == {reason: 1}


def test_an_unknown_category_of_a_closed_vocabulary_is_dead() -> None:
    schema = {"features": [{"name": "c", "type": "category", "vocabulary": ["x"]}]}
    step = run(new_task(schema=schema), batch(EVENTS, [event(c="z", y="yes"), GOOD]))
    assert reasons(step) == ["unknown_category"]


def test_an_event_that_arrives_twice_is_predicted_once() -> None:
    step = run(new_task(), batch(EVENTS, [GOOD, GOOD], keys=[b"same", b"same"]))
    assert reasons(step) == ["duplicate_id"]
    assert len(of(step, "predictions")[0]) == 1


def test_a_duplicate_id_is_noticed_in_a_later_batch_too() -> None:
    task = new_task()
    run(task, batch(EVENTS, [GOOD], keys=[b"same"]))
    step = run(task, batch(EVENTS, [event(a=0.9)], keys=[b"same"], first=1))
    assert reasons(step) == ["duplicate_id"]
    assert of(step, "predictions") == []
    assert step.offsets == {EVENTS: 2}


def test_a_key_that_is_no_id_is_dead() -> None:
    assert reasons(run(new_task(), batch(EVENTS, [GOOD, GOOD], keys=[None, b"e1"]))) == ["bad_id"]


LATER = {"source": "topic", "max_delay": "1m"}


def label(value: str) -> bytes:
    return b'{"y":"%s"}' % value.encode()


def test_a_label_before_its_event_is_learnt_right_after_the_prediction() -> None:
    task = new_task(labels=LATER)
    step = run(
        task,
        batch(EVENTS, [event()], timestamps=[5000]),
        batch(LABELS, [label("yes")], timestamps=[1000]),
    )
    assert (step.report.predicted, step.report.learnt, step.report.held) == (1, 1, 0)
    assert of(step, "dead-letters") == []


def test_a_label_without_an_event_is_an_orphan_once_its_time_is_over() -> None:
    task = new_task(labels=LATER)
    step = run(task, batch(LABELS, [label("yes")], keys=[b"nobody"], timestamps=[1000]))
    assert step.report.held == 1
    step = run(task, batch(EVENTS, [event()] * RUN, timestamps=[61_001] * RUN))
    assert reasons(step) == ["orphaned_label"]
    assert of(step, "dead-letters")[0].values == [label("yes")]
    assert step.report.orphaned == 1


def test_a_label_of_an_unknown_class_is_dead_and_its_event_still_waits() -> None:
    task = new_task(labels=LATER)
    step = run(
        task,
        batch(EVENTS, [event()], timestamps=[1000]),
        batch(LABELS, [label("maybe")], keys=[b"e0"], timestamps=[2000]),
    )
    assert reasons(step) == ["unknown_class"]
    assert step.report.pending == 1


@pytest.mark.parametrize("is_backlog", [False, True], ids=["live", "backlog"])
@pytest.mark.parametrize(
    ("time", "dead"),
    [("$.at", {"bad_time": 1, "orphaned_label": 1}), ("$timestamp", {})],
    ids=["path", "timestamp"],
)
def test_one_event_dated_2100_costs_no_other_its_label(
    time: str, dead: dict[str, int], is_backlog: bool
) -> None:
    task = new_task(
        schema={"event_time": time, "features": [{"name": "a", "type": "float"}]}, labels=LATER
    )
    start, far, count = 1_700_000_000_000, 4_102_444_800_000, 600
    times = [far if number == 60 else start + 1000 * number for number in range(count)]
    known = [start + 1000 * number + 5000 for number in range(count)]
    # The record's own timestamp is wrong only where nothing else says the time.
    stamps = times if time == "$timestamp" else [second - 5000 for second in known]
    records = [event(at=second) for second in times]
    size = count if is_backlog else 6
    learnt, seen = 0, Counter[str]()
    for first in range(0, count, size):
        piece = slice(first, first + size)
        step = run(
            task,
            batch(EVENTS, records[piece], timestamps=stamps[piece], first=first),
            batch(LABELS, [label("yes")] * size, timestamps=known[piece], first=first),
        )
        learnt += step.report.learnt
        seen += step.report.dead
    assert seen == dead
    assert learnt == count - seen["bad_time"]
