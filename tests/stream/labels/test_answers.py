"""A model's output that is not finite costs one prediction and not the task; by a scripted model.

What the evaluation makes of it is in tests/operators/test_prequential.py.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import msgspec
import numpy as np
import pytest
from numpy.typing import NDArray

from operators.snapshot import State, digest
from operators.tape import LEARN, Rows, Tape
from stream.log.base import OutputBatch, RecordBatch
from stream.task import PartitionTask
from stream.topology import build_parts, input_topics
from tests.builders import EVENTS, LABELS, batch, cut, event, toy_config

REGRESSION = {"type": "regression", "path": "$.y"}
TOPIC = {"source": "topic", "max_delay": "1h"}
MONITORS = {"monitors": [{"name": "psi", "watches": "predictions"}], "diagnose": True}


class Scripted:
    """A learner whose output is feature a in all places, and b in the last; counts its labels."""

    trace_width = 0

    def __init__(self) -> None:
        self.learnt: list[float] = []

    def run(self, tape: Tape, rows: Rows) -> None:
        for action, row in zip(tape.action, tape.row, strict=True):
            if action == LEARN:
                self.learnt.append(float(rows.x[row, 0]))
            else:
                rows.output[row] = rows.x[row, 0]
                rows.output[row, -1] = rows.x[row, 1]

    def snapshot(self) -> State:
        return {"learnt": np.array(self.learnt)}

    def restore(self, state: State) -> None:
        self.learnt = np.asarray(state["learnt"]).tolist()


def new_task(**changes: Any) -> tuple[PartitionTask, Scripted]:
    config = toy_config(**changes)
    model = Scripted()
    parts = replace(build_parts(config, 0), learner=model)
    return PartitionTask(parts, dict.fromkeys(input_topics(config), 0)), model


def outputs(task: PartitionTask, *pieces: RecordBatch) -> dict[str, list[OutputBatch]]:
    """Run one step a piece; the outputs by role."""
    by_role: dict[str, list[OutputBatch]] = {}
    for piece in pieces:
        task.accept(piece)
        step = task.step(dict.fromkeys(task.parts.input_topics, False), 10_000)
        assert step is not None
        for output in step.outputs:
            by_role.setdefault(output.target.topic.removeprefix("toy."), []).append(output)
    return by_role


def keys(batches: list[OutputBatch]) -> list[bytes | None]:
    return [key for output in batches for key in output.keys]


def reasons(batches: list[OutputBatch]) -> list[str]:
    return [
        dict(headers)["driftgate.reason"].decode()
        for output in batches
        for headers in output.headers or []
    ]


# A feature b that is missing is NaN: the scripted model then says NaN in its last place.
@pytest.mark.parametrize("target", [None, REGRESSION], ids=["classes", "value"])
def test_an_output_that_is_not_finite_is_a_dead_letter_and_not_the_end(target: Any) -> None:
    model = {"name": "hoeffding_tree_regressor"} if target else {"name": "hoeffding_tree"}
    changes = {"target": target, "model": model} if target else {}
    y = 1.0 if target else "yes"
    task, scripted = new_task(**changes)
    records = [event(a=n / 10, b=None if n in (1, 4) else 0.5, y=y) for n in range(6)]
    task.accept(batch(EVENTS, records))
    step = task.step({EVENTS.topic: False}, 100)
    assert step is not None
    predictions, letters, _ = step.outputs
    assert keys([predictions]) == [b"e0", b"e2", b"e3", b"e5"]
    assert keys([letters]) == [b"e1", b"e4"]
    assert letters.values == [records[1], records[4]]
    assert letters.headers is not None
    assert dict(letters.headers[0])["driftgate.error"].decode() == (
        "toy.features[0]@1: the model's output must be finite; got nan, so that there is no "
        "prediction. The record went to topic `toy.dead-letters`."
    )
    assert step.report.dead == {"not_finite_output": 2}
    assert (step.report.predicted, step.report.learnt) == (4, 6)
    assert step.offsets == {EVENTS: 6}
    assert [round(a * 10) for a in scripted.learnt] == [0, 1, 2, 3, 4, 5]
    shown = [msgspec.json.decode(value) for value in predictions.values]
    assert [record["source"]["offset"] for record in shown] == [0, 2, 3, 5]


class Mixed(Scripted):
    """The scripted model as a mixture of two, whose parts in an answer are features a and b."""

    expert_names = ("first", "second")

    def shares(self, rows: Rows) -> NDArray[np.float64]:
        return rows.x[:, :2]


def test_those_that_are_answered_keep_their_own_explanation() -> None:
    config, model = toy_config(predictions={"explain": True}), Mixed()
    parts = replace(build_parts(config, 0), learner=model, mixture=model)
    task = PartitionTask(parts, dict.fromkeys(input_topics(config), 0))
    pairs = [(0.1, 0.9), (0.5, None), (0.3, 0.7)]
    made = outputs(task, batch(EVENTS, [event(a=a, b=b) for a, b in pairs]))
    said = [msgspec.json.decode(value)["experts"] for value in made["predictions"][0].values]
    assert said == [{"first": 0.1, "second": 0.9}, {"first": 0.3, "second": 0.7}]


def test_its_label_is_learnt_when_it_comes_later() -> None:
    task, scripted = new_task(labels=TOPIC)
    made = outputs(task, batch(EVENTS, [event(a=0.1, b=None), event(a=0.2)]))
    assert (keys(made["predictions"]), keys(made["dead-letters"])) == ([b"e1"], [b"e0"])
    assert scripted.learnt == []
    labels = batch(LABELS, [b'{"y":"yes"}', b'{"y":"yes"}'], timestamps=[2000, 2000])
    assert "dead-letters" not in outputs(task, labels)
    assert scripted.learnt == [0.1, 0.2]
    made = outputs(task, batch(EVENTS, [event()], keys=[b"e0"], first=2))
    assert reasons(made["dead-letters"]) == ["duplicate_id"]


@pytest.mark.parametrize("target", [None, REGRESSION], ids=["classes", "value"])
def test_each_event_has_one_prediction_or_one_dead_letter_however_it_was_cut(target: Any) -> None:
    changes = {"target": target, "model": {"name": "hoeffding_tree_regressor"}} if target else {}
    y = 1.0 if target else "yes"
    records = [
        event(a=[0.5, 1e308][n % 7 == 0], b=None if n % 5 == 0 else 0.5, y=y) for n in range(300)
    ]
    whole = batch(EVENTS, records)
    ends = []
    for size in (1, 7, 300):
        task, _ = new_task(drift=MONITORS, **changes)
        made = outputs(task, *cut(whole, size))
        answered, dead = keys(made["predictions"]), keys(made["dead-letters"])
        assert dead == [b"e%d" % n for n in range(0, 300, 5)]
        assert sorted([*answered, *dead]) == sorted(b"e%d" % n for n in range(300))
        assert task.parts.evaluator.figures()["count"] == 300
        ends.append((answered, digest(task.snapshot())))
    assert ends[0] == ends[1] == ends[2]


@pytest.mark.parametrize("monitor", ["psi", "mmd", "wasserstein"])
def test_infinity_in_a_value_is_no_prediction_and_stops_no_monitor(monitor: str) -> None:
    task, scripted = new_task(
        target=REGRESSION,
        model={"name": "hoeffding_tree_regressor"},
        drift={"monitors": [{"name": monitor, "watches": "predictions"}]},
    )
    run = scripted.run

    def to_infinity(tape: Tape, rows: Rows) -> None:
        run(tape, rows)
        rows.output[rows.x[:, 0] > 1] = np.inf

    scripted.run = to_infinity  # type: ignore[method-assign]
    records = [event(a=[0.5, 2.0][n % 3 == 0], y=1.0) for n in range(3000)]
    made = outputs(task, *cut(batch(EVENTS, records), 500))
    assert len(keys(made["dead-letters"])) == 1000
    assert len(keys(made["predictions"])) == 2000
    assert set(reasons(made["dead-letters"])) == {"not_finite_output"}
    assert np.isfinite(task.parts.evaluator.figures()["mae"])
