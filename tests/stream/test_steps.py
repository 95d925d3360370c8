"""What one step of a task takes, commits and reports; cuts do not matter: see test_task.py."""

from __future__ import annotations

from time import time
from typing import Any

import msgspec
import pytest

from stream.config.pipeline import Config
from stream.errors import ModelError
from stream.journal import UNKNOWN, Range
from stream.log.base import RecordBatch
from stream.task import PartitionTask, Step
from stream.topology import build_parts, input_topics
from tests.builders import EVENTS, LABELS, batch, event, toy_config

INLINE = toy_config(model={"name": "naive_bayes"})
SPLIT = toy_config(
    model={"name": "naive_bayes"}, labels={"source": "topic", "max_delay": "10s", "pending_max": 4}
)


def new_task(config: Config, first: int = 0, **more: Any) -> PartitionTask:
    offsets = dict.fromkeys(input_topics(config), first)
    return PartitionTask(build_parts(config, 0), offsets, **more)


def stepped(task: PartitionTask, *batches: RecordBatch, records_max: int = 100) -> Step:
    for piece in batches:
        task.accept(piece)
    step = task.step(dict.fromkeys(task.parts.input_topics, False), records_max)
    assert step is not None
    return step


def dead_places(step: Step) -> list[tuple[str, int]]:
    """Topic and offset of each dead letter, as its headers say."""
    (letters,) = [each for each in step.outputs if each.target.topic == "toy.dead-letters"]
    headers = [dict(each) for each in letters.headers or ()]
    return [(each["driftgate.topic"].decode(), int(each["driftgate.offset"])) for each in headers]


def events(count: int, first: int = 0, **more: Any) -> RecordBatch:
    return batch(EVENTS, [event(a=n / 10, **more) for n in range(count)], first=first)


def labels(*names: str, times: list[int]) -> RecordBatch:
    keys = [name.encode() for name in names]
    return batch(LABELS, [b'{"y": "yes"}'] * len(names), keys=keys, timestamps=times)


def test_the_entry_says_what_was_taken() -> None:
    task = new_task(INLINE, 20, life="a life", settings="{}")
    values = [event(), b"{", event()]
    first = stepped(task, batch(EVENTS, values, first=20)).entry
    second = stepped(task, batch(EVENTS, values, first=30)).entry
    assert (first.step, first.life, first.settings) == (0, "a life", "{}")
    assert (second.step, second.life, second.settings) == (1, "a life", None)
    ranges = [entry.ranges[EVENTS.topic] for entry in (first, second)]
    assert [(r.first, r.next, r.count) for r in ranges] == [(20, 23, 3), (23, 33, 3)]
    assert UNKNOWN not in [r.count for r in ranges]
    assert ranges[0].crc != ranges[1].crc


def changed(at: int, column: str) -> Range:
    """What a step takes when one column of one of four records is another; the second is bad."""
    columns: dict[str, list[Any]] = {
        "offsets": [0, 1, 2, 5],
        "timestamps": [0, 1000, 2000, 3000],
        "keys": [b"e0", b"e1", b"e2", b"e3"],
        "values": [event(), b"{", event(), event()],
    }
    other = {"offsets": 4, "timestamps": 7, "keys": b"k", "values": event() + b" "}[column]
    if at >= 0:
        columns[column][at] = b"[" if (at, column) == (1, "values") else other
    piece = RecordBatch(EVENTS, *columns.values())
    return stepped(new_task(INLINE), piece).entry.ranges[EVENTS.topic]


@pytest.mark.parametrize("column", ["timestamps", "keys", "values"])
@pytest.mark.parametrize("at", [0, 1, 3])
def test_the_checksum_covers_each_column_of_good_and_bad_records(at: int, column: str) -> None:
    assert changed(at, column).crc != changed(-1, column).crc


def test_the_checksum_covers_offsets() -> None:
    assert changed(3, "offsets").crc != changed(-1, "offsets").crc


def test_a_step_takes_so_many_records_at_most() -> None:
    task = new_task(INLINE)
    assert stepped(task, events(10), records_max=4).offsets == {EVENTS: 4}
    assert task.waiting(EVENTS.topic) == 6
    assert task.wanted == {EVENTS: 10}


def test_a_step_of_nothing_is_none() -> None:
    task = new_task(SPLIT)
    assert task.step({EVENTS.topic: False, LABELS.topic: False}, 100) is None
    assert task.steps == 0


@pytest.mark.parametrize("waits_for", [LABELS.topic, EVENTS.topic])
def test_one_topic_waits_for_the_other_while_that_holds_more(waits_for: str) -> None:
    task = new_task(SPLIT)
    task.accept(events(3) if waits_for == LABELS.topic else labels("e0", times=[0]))
    more = {topic: topic == waits_for for topic in task.parts.input_topics}
    assert task.step(more, 100) is None
    step = task.step(dict.fromkeys(more, False), 100)
    assert step is not None
    assert task.steps == 1


def test_the_report_counts_what_happened() -> None:
    task = new_task(SPLIT)
    step = stepped(
        task,
        batch(EVENTS, [event(), b"{", event(), event()], keys=[b"e0", b"x", b"e0", b"e1"]),
        labels("e0", "e0", "e9", times=[100, 200, 300]),
    )
    report = step.report
    assert report.taken == {EVENTS.topic: 4, LABELS.topic: 3}
    assert (report.partition, report.predicted, report.learnt) == (0, 2, 1)
    assert (report.learnt_in_all, report.pending, report.held) == (1, 1, 1)
    assert report.dead == {"malformed": 1, "duplicate_id": 1, "duplicate_label": 1}
    assert report.seconds.keys() >= {"read", "model", "write"}
    assert dead_places(step) == [(EVENTS.topic, 1), (EVENTS.topic, 2), (LABELS.topic, 1)]


def test_the_report_counts_what_expired_and_what_was_orphaned() -> None:
    task = new_task(SPLIT)
    report = stepped(task, events(6)).report
    assert (report.expired_by_capacity, report.expired_by_delay, report.pending) == (2, 0, 4)
    passing = [f"x{n}" for n in range(8)]
    report = stepped(task, labels(*passing, times=[60_000] * 8)).report
    assert (report.expired_by_delay, report.orphaned) == (4, 4)


def test_a_step_is_dated_by_its_latest_record_and_one_of_dead_letters_by_those() -> None:
    times = [5000, 9000, 7000]
    step = stepped(new_task(INLINE), batch(EVENTS, [event()] * 3, timestamps=times))
    assert step.outputs[-1].timestamps == [9000]
    step = stepped(new_task(INLINE), batch(EVENTS, [b"{"] * 3, timestamps=times))
    assert step.outputs[-1].timestamps == [9000]


def test_a_change_of_settings_is_a_step_without_records() -> None:
    task = new_task(INLINE, life="a life")
    step = task.settings_step('{"k":1}')
    assert (step.entry.step, step.entry.life, step.entry.settings) == (0, "a life", '{"k":1}')
    assert step.outputs[-1].timestamps == pytest.approx([1000 * time()], abs=60_000)
    assert task.steps == 1
    stepped(task, events(3))
    step = task.settings_step("{}")
    assert step.outputs[-1].timestamps == pytest.approx([1000 * time()], abs=60_000)
    assert (step.report.predicted, step.report.taken) == (0, {EVENTS.topic: 0})
    assert step.entry.ranges == {EVENTS.topic: Range(3, 3, 0)}


def test_a_task_that_is_rebuilt_stands_where_it_stood() -> None:
    task = new_task(INLINE, life="a life")
    stepped(task, events(6), records_max=4)
    rebuilt = task.rebuilt(build_parts(INLINE, 0))
    assert (rebuilt.steps, rebuilt.life) == (1, "a life")
    assert rebuilt.offsets == rebuilt.wanted == {EVENTS: 4}


def test_records_beside_bad_ones_keep_their_own_keys() -> None:
    step = stepped(new_task(INLINE), batch(EVENTS, [event(), b"{", event()]))
    assert step.outputs[0].keys == [b"e0", b"e2"]
    assert step.outputs[0].timestamps == [0, 2000]


def predictions(step: Step) -> list[dict[str, Any]]:
    (written,) = [each for each in step.outputs if each.target.topic == "toy.predictions"]
    return [msgspec.json.decode(value or b"") for value in written.values]


def test_an_event_without_an_answer_is_dead_and_not_predicted() -> None:
    task = new_task(INLINE)
    run = task.parts.learner.run

    def half(tape: Any, rows: Any) -> None:
        run(tape, rows)
        rows.output[1] = float("nan")

    task.parts.learner.run = half  # type: ignore[method-assign]
    step = stepped(task, events(3))
    assert step.report.predicted == 2
    assert [each["id"] for each in predictions(step)] == ["e0", "e2"]
    assert dead_places(step) == [(EVENTS.topic, 1)]
    assert sum(step.report.dead.values()) == 1


def test_a_prediction_knows_no_class_that_came_after_it() -> None:
    target = {"type": "classification", "path": "$.y", "classes_max": 3}
    task = new_task(toy_config(model={"name": "naive_bayes"}, target=target))
    values = [event(y=name) for name in ("p", "q", "r")]
    classes = [
        set(each["probabilities"]) for each in predictions(stepped(task, batch(EVENTS, values)))
    ]
    assert classes == [set(), {"p"}, {"p", "q"}]


@pytest.mark.parametrize(
    ("error", "expected"),
    [(ValueError("no"), ModelError), (AssertionError("ours"), AssertionError)],
)
def test_a_model_that_raises_is_told_from_an_invariant(
    error: Exception, expected: type[Exception]
) -> None:
    task = new_task(INLINE)

    def run(*_: object) -> None:
        raise error

    task.parts.learner.run = run  # type: ignore[method-assign]
    with pytest.raises(expected, match=r"no|ours"):
        stepped(task, events(1))
