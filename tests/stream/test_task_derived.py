"""Derived features in a task: no cut, interleaving, late label or restart changes a bit, and no
label shows before it was learnt. Kills and topics: tests/replay/test_derived.py.
"""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from operators.snapshot import State, digest
from operators.tape import PREDICT, Rows, Tape
from stream.config.pipeline import Config
from stream.log.base import OutputBatch, RecordBatch
from stream.task import PartitionTask
from stream.topology import build_parts, input_topics
from tests.builders import EVENTS, LABELS, batch, cut, toy_config
from tests.reference.rolling import PlainRolling, PlainTargetMean

WINDOW = {"type": "rolling", "window": "20s", "events_max": 8, "keys_max": 4}
SCHEMA = {
    "features": [
        {"name": "k", "type": "integer"},
        {"name": "a", "type": "float", "missing": True},
        {"name": "note", "type": "text", "buckets": 4},
        {"name": "c", "type": "category", "hidden": True},
    ],
    "derived": [
        {**WINDOW, "name": "mean", "of": "a", "by": "k", "function": "mean"},
        {**WINDOW, "name": "kinds", "of": "c", "by": "$.who.id", "function": "distinct"},
        {"name": "last", "type": "lag", "of": "a", "by": "k", "k": 2, "keys_max": 4},
        {"name": "rate", "type": "target_mean", "by": "k", "smooth": 2.0, "keys_max": 4},
        {"name": "share", "type": "target_mean", "by": ["k", "c"], "fading_factor": 0.9},
        {"name": "odds", "type": "ratio", "of": ["rate", "mean"]},
    ],
}
NAMES = ["k", "a", *(f"note.{i}" for i in range(4))]
NAMES += ["mean", "kinds", "last", "rate", "share", "odds"]


def config(labels_topic: bool, **changes: Any) -> Config:
    labels = {"source": "topic" if labels_topic else "inline", "max_delay": "1h"}
    return toy_config(schema=SCHEMA, labels=labels, detectors=[], **changes)


class Spy:
    """A learner that answers from the row alone, and keeps what it is shown."""

    trace_width = 0

    def __init__(self) -> None:
        self.steps: list[tuple[int, list[float], float]] = []

    def run(self, tape: Tape, rows: Rows) -> None:
        for action, row in zip(tape.action.tolist(), tape.row.tolist(), strict=True):
            self.steps.append((action, rows.x[row].tolist(), float(rows.y[row])))
            if action == PREDICT:
                share = 1.0 / (1.0 + np.nansum(np.abs(rows.x[row])))
                rows.output[row] = (share, 1.0 - share)

    def snapshot(self) -> State:
        return {}

    def restore(self, state: State) -> None:
        assert not state


def new_task(settings_: Config, learner: Any = None) -> PartitionTask:
    parts = build_parts(settings_, 0)
    if learner is not None:
        parts = replace(parts, learner=learner)
    return PartitionTask(parts, dict.fromkeys(input_topics(settings_), 0))


def made(count: int, seed: int) -> list[dict[str, Any]]:
    """Events of few keys, whose times are near those of their neighbours and not in order."""
    rng = random.Random(seed)
    return [
        {
            "time": 1000 * (100 + number + rng.randint(-3, 3)),
            "k": rng.randint(0, 5),
            "a": None if rng.random() < 0.1 else rng.gauss(2.0, 1.0),
            "note": rng.choice(["one", "two words", "", "a b c"]),
            "c": rng.choice("pqr"),
            "who": {"id": rng.choice(["x", 7])},
            "y": rng.choice(["no", "yes"]),
        }
        for number in range(count)
    ]


def events_of(records: list[dict[str, Any]], *, labelled: bool) -> RecordBatch:
    left_out = {"time"} if labelled else {"time", "y"}
    values = [
        msgspec.json.encode({name: v for name, v in record.items() if name not in left_out})
        for record in records
    ]
    return batch(EVENTS, values, timestamps=[record["time"] for record in records])


def labels_of(records: list[dict[str, Any]], seed: int) -> RecordBatch:
    """Labels some seconds after their events or before them, in their own order; few never."""
    rng = random.Random(seed)
    order = [number for number in range(len(records)) if rng.random() < 0.9]
    at = {number: max(0, records[number]["time"] + 1000 * rng.randint(-5, 30)) for number in order}
    order.sort(key=lambda number: at[number] + 1000 * rng.randint(0, 3))
    return batch(
        LABELS,
        [msgspec.json.encode({"y": records[number]["y"]}) for number in order],
        keys=[b"e%d" % number for number in order],
        timestamps=[at[number] for number in order],
    )


def play(
    task: PartitionTask, topics: list[RecordBatch], rng: random.Random, restore_at: int = -1
) -> tuple[list[bytes], str]:
    """Take all records in pieces of random sizes; predictions, and the digest of the state."""
    left = {topic.source.topic: cut(topic, rng.choice([1, 3, 10])) for topic in topics}
    predictions: list[bytes] = []
    steps = 0
    while any(left.values()) or any(task.waiting(topic) for topic in left):
        for pieces in left.values():
            for _ in range(rng.randint(0, 8)):
                if pieces:
                    task.accept(pieces.pop(0))
        more = {topic: bool(pieces) for topic, pieces in left.items()}
        step = task.step(more, rng.choice([1, 7, 1000]))
        if step is None:
            continue
        steps += 1
        predictions += _predictions(step.outputs)
        if steps == restore_at:
            task = _restored(task, left)
    return predictions, digest(task.snapshot())


def _predictions(outputs: list[OutputBatch]) -> list[bytes]:
    return [
        value or b""
        for output in outputs
        if output.target.topic == "toy.predictions"
        for value in output.values
    ]


def _restored(task: PartitionTask, left: dict[str, list[RecordBatch]]) -> PartitionTask:
    """A new task from a snapshot of this one; what waited in the inboxes is read again."""
    state = task.snapshot()
    config_ = _CONFIGS[task.parts.input_topics]
    learner = Spy() if isinstance(task.parts.learner, Spy) else None
    fresh = new_task(config_, learner)
    fresh = PartitionTask(fresh.parts, {s.topic: at for s, at in task.offsets.items()}, task.steps)
    fresh.restore(state)
    assert digest(fresh.snapshot()) == digest(state)
    for source, at in task.offsets.items():
        end = task.wanted[source]
        whole = _WHOLE[source.topic]
        columns = (whole.offsets, whole.timestamps, whole.keys, whole.values)
        if end > at:
            fresh.accept(RecordBatch(whole.source, *(column[at:end] for column in columns)))
    return fresh


_CONFIGS: dict[tuple[str, ...], Config] = {}
_WHOLE: dict[str, RecordBatch] = {}


@settings(max_examples=25, deadline=None)
@given(st.booleans(), st.integers(0, 10**6), st.integers(1, 120), st.integers(1, 30))
def test_no_cut_and_no_restart_changes_a_bit(
    labels_topic: bool, seed: int, count: int, restore_at: int
) -> None:
    settings_ = config(labels_topic)
    records = made(count, seed)
    topics = [events_of(records, labelled=not labels_topic)]
    topics += [labels_of(records, seed)] if labels_topic else []
    _CONFIGS[input_topics(settings_)] = settings_
    _WHOLE.update({topic.source.topic: topic for topic in topics})
    task = new_task(settings_, Spy())
    for topic in topics:
        task.accept(topic)
    step = task.step(dict.fromkeys(input_topics(settings_), False), 10**6)
    assert step is not None
    expected = (_predictions(step.outputs), digest(task.snapshot()))
    assert len(expected[0]) == count
    for number in range(3):
        rng = random.Random(seed + number)
        at = restore_at if number else -1
        assert play(new_task(settings_, Spy()), topics, rng, at) == expected


@settings(max_examples=25, deadline=None)
@given(st.booleans(), st.integers(0, 10**6))
def test_columns_are_those_of_the_plain_restatement_and_no_label_shows_early(
    labels_topic: bool, seed: int
) -> None:
    records = made(150, seed)
    topics = [events_of(records, labelled=not labels_topic)]
    topics += [labels_of(records, seed)] if labels_topic else []
    spy = Spy()
    settings_ = config(labels_topic)
    task = new_task(settings_, spy)
    assert [each.name for each in task.parts.feature_coder.features] == NAMES
    play(task, topics, random.Random(seed))
    mean = PlainRolling("mean", window_ms=20_000, events_max=8, keys_max=4)
    last = PlainRolling("lag", lag=2, events_max=16, keys_max=4)
    rate = PlainTargetMean(smooth=2.0, fading_factor=1.0, keys_max=4)
    upcoming, learnt = iter(records), 0
    for action, x, y in spy.steps:
        row = dict(zip(NAMES, x, strict=True))
        if action != PREDICT:
            rate.learn(row["k"], y)
            learnt += 1
            continue
        record = next(upcoming)
        expected = {
            "mean": mean.update(row["k"], record["time"], row["a"]),
            "last": last.update(row["k"], record["time"], row["a"]),
            "rate": rate.answer(row["k"]),
        }
        found = {name: row[name] for name in expected}
        assert found == pytest.approx(expected, rel=1e-12, nan_ok=True)
    assert learnt > 100


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6))
def test_what_is_learnt_is_what_was_seen_at_the_prediction(seed: int) -> None:
    records = made(150, seed)
    topics = [events_of(records, labelled=False), labels_of(records, seed)]
    spy = Spy()
    play(new_task(config(True), spy), topics, random.Random(seed))
    predicted = {_bytes(x) for action, x, _ in spy.steps if action == PREDICT}
    learnt = [_bytes(x) for action, x, _ in spy.steps if action != PREDICT]
    assert len(learnt) > 100
    assert set(learnt) <= predicted


def _bytes(x: list[float]) -> bytes:
    row: NDArray[np.float64] = np.array(x)
    return row.tobytes()


def test_a_tree_monitors_and_diagnosis_take_the_columns_as_any_other() -> None:
    """Outputs are equal however the batches are cut, drift events and explanations included."""
    settings_ = config(
        False,
        model={"name": "hoeffding_tree", "params": {"grace_period": 25}},
        drift={"diagnose": True, "monitors": [{"name": "psi"}]},
    )
    topics = [events_of(made(2500, 3), labelled=True)]
    results = []
    for size in (2500, 400):
        task, outputs, events = new_task(settings_), [], []
        for piece in cut(topics[0], size):
            task.accept(piece)
            step = task.step({EVENTS.topic: False}, size)
            assert step is not None
            outputs += _predictions(step.outputs)
            events += [msgspec.json.encode(each) for each in step.report.drift]
        results.append((outputs, events, digest(task.snapshot())))
    assert len(results[0][0]) == 2500
    assert results[0] == results[1]
