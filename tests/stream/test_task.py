"""The partition task: batches do not matter, a snapshot resumes; crashes are in tests/replay/."""

from __future__ import annotations

import math
import random
import time
from dataclasses import replace
from typing import Any

import msgspec
import pytest

from operators.snapshot import digest
from stream.config.pipeline import Config
from stream.errors import ModelError
from stream.log.base import OutputBatch, RecordBatch
from stream.task import PartitionTask
from stream.topology import build_parts, input_topics
from tests.builders import EVENTS, LABELS, batch, cut, event, stream, toy_config

MODELS = [
    {"name": "hoeffding_tree", "params": {"grace_period": 25}},
    {"name": "adaptive_moe", "params": {"window": 200}},
    {"name": "drift_moe", "params": {"experts": 4, "top_k": 2}},
    {"name": "drift_moe", "params": {"experts": 4, "top_k": 2, "standardise": True,
                                     "combine": "soft"}},
]  # fmt: skip


def new_task(config: Config) -> PartitionTask:
    return PartitionTask(build_parts(config, 0), dict.fromkeys(input_topics(config), 0))


def inline(records: list[dict[str, Any]]) -> RecordBatch:
    return batch(
        EVENTS,
        [msgspec.json.encode({k: v for k, v in r.items() if k != "id"}) for r in records],
        keys=[r["id"].encode() for r in records],
    )


def feed(task: PartitionTask, *batches: RecordBatch) -> list[OutputBatch]:
    """Accept and step each batch; the outputs but for the journal, whose cuts are real."""
    outputs: list[OutputBatch] = []
    for piece in batches:
        task.accept(piece)
        step = task.step(dict.fromkeys(task.parts.input_topics, False), len(piece))
        if step is not None:
            outputs += step.outputs[:-1]
    return outputs


def flat(outputs: list[OutputBatch]) -> dict[str, list[tuple[Any, ...]]]:
    """Records by topic; a drift event's timestamp is its step's, so it is left out."""
    by_topic: dict[str, list[tuple[Any, ...]]] = {}
    for output in outputs:
        headers = output.headers or [None] * len(output)  # type: ignore[list-item]
        stamps = output.timestamps if not output.target.topic.endswith("drift") else [0] * 10**6
        rows = zip(output.keys, output.values, headers, stamps, strict=False)
        by_topic.setdefault(output.target.topic, []).extend(rows)
    return by_topic


@pytest.mark.parametrize("model", MODELS, ids=["adaptive_moe", "tree", "moe", "moe-soft"])
def test_outputs_and_state_do_not_depend_on_how_batches_were_cut(model: dict[str, Any]) -> None:
    config = toy_config(model=model)
    whole = inline(stream(5000))
    results = []
    for size in (1, 7, 256, 5000):
        task = new_task(config)
        outputs = flat(feed(task, *cut(whole, size)))
        results.append((outputs, digest(task.snapshot())))
    outputs, _ = results[0]
    assert len(outputs["toy.predictions"]) > 4000
    assert len(outputs["toy.drift"]) >= 1
    assert len(outputs["toy.dead-letters"]) > 20
    assert all(result == results[0] for result in results[1:])


@pytest.mark.parametrize("model", MODELS, ids=["adaptive_moe", "tree", "moe", "moe-soft"])
def test_with_labels_in_their_own_topic_nothing_depends_on_cuts_either(
    model: dict[str, Any],
) -> None:
    labels = {"source": "topic", "max_delay": "1h"}
    config = toy_config(model=model, labels=labels)
    records = stream(3000)
    events = inline([{k: v for k, v in r.items() if k != "y"} for r in records])
    answers = batch(
        LABELS,
        [msgspec.json.encode({"y": r["y"]}) for r in records],
        keys=[r["id"].encode() for r in records],
        timestamps=[1000 * (number + number % 300) for number in range(len(records))],
    )
    rng = random.Random(3)
    results = []
    for largest in (3000, 700, 40):
        task = new_task(config)
        outputs: list[OutputBatch] = []
        left = {EVENTS: cut(events, 10), LABELS: cut(answers, 10)}
        while any(left.values()):
            for pieces in left.values():
                for _ in range(rng.randint(1, max(1, largest // 10))):
                    if pieces:
                        task.accept(pieces.pop(0))
            more = {source.topic: bool(pieces) for source, pieces in left.items()}
            step = task.step(more, 100_000)
            outputs += step.outputs[:-1] if step else []
        results.append((flat(outputs)["toy.predictions"], digest(task.snapshot())))
    assert len(results[0][0]) > 2500
    assert all(result == results[0] for result in results[1:])


@pytest.mark.parametrize("model", MODELS, ids=["adaptive_moe", "tree", "moe", "moe-soft"])
def test_a_restored_task_goes_on_as_if_nothing_had_happened(model: dict[str, Any]) -> None:
    config = toy_config(model=model)
    whole = inline(stream(2000))
    first, second = cut(whole, 1100)
    through = new_task(config)
    feed(through, first)
    state = through.snapshot()
    before = digest(state)
    rest = flat(feed(through, second))
    assert digest(state) == before, "a snapshot must share no memory with the task"
    resumed = PartitionTask(build_parts(config, 0), {EVENTS.topic: 1100}, steps=1)
    resumed.restore(state)
    assert digest(resumed.snapshot()) == before
    assert flat(feed(resumed, second)) == rest
    assert digest(resumed.snapshot()) == digest(through.snapshot())


def test_a_prediction_is_made_before_its_label_is_learnt() -> None:
    task = new_task(toy_config())
    answers = flat(feed(task, inline([{"id": "e0", "a": 1.0, "b": 1.0, "c": "x", "y": "yes"}])))
    prediction = msgspec.json.decode(answers["toy.predictions"][0][1])
    assert prediction["probabilities"] == {"no": 0.5, "yes": 0.5}
    task.accept(batch(EVENTS, [event(y="yes")], first=1))
    step = task.step({EVENTS.topic: False}, 10)
    assert step is not None
    later = msgspec.json.decode(step.outputs[0].values[0])
    assert later["probabilities"]["yes"] > 0.5


@pytest.mark.parametrize(
    "model", ["hoeffding_tree_regressor", "river:river.linear_model.LinearRegression"]
)
def test_a_regression_pipeline_runs_a_regressor(model: str) -> None:
    config = toy_config(
        schema={"features": [{"name": "a", "type": "float"}]},
        target={"type": "regression", "path": "$.y"},
        model={"name": model},
    )
    task = new_task(config)
    rng = random.Random(1)
    values = [event(a=a, b=None, y=3 * a) for a in (rng.random() for _ in range(3000))]
    feed(task, batch(EVENTS, values))
    figures = task.parts.evaluator.figures()
    assert figures["faded_mae"] < 0.1
    assert math.isfinite(figures["rmse"])


def test_a_model_that_cannot_take_the_data_says_so_and_stops() -> None:
    config = toy_config(
        target={"type": "regression", "path": "$.y"},
        model={"name": "river:river.linear_model.LinearRegression"},
    )
    with pytest.raises(ModelError, match=r"must take what the schema allows; got TypeError"):
        feed(new_task(config), batch(EVENTS, [event(y=1.0)]))


def test_a_settings_step_is_dated_by_when_it_is_taken() -> None:
    """A stream in local time is hours ahead, and brokers refuse what is dated an hour ahead."""
    task = new_task(toy_config(model={"name": "naive_bayes"}))
    ahead_ms = round(1000 * time.time()) + 8 * 3_600_000
    task.accept(replace(inline(stream(1)), timestamps=[ahead_ms]))
    task.step({EVENTS.topic: False}, 1)
    assert task.parts.labels.stream_time == ahead_ms
    [journal] = task.settings_step("{}").outputs
    assert abs(journal.timestamps[0] - 1000 * time.time()) < 60_000
