"""A mixture in the pipeline: each expert's part in predictions on request, and in reports.

The means that metrics show are in test_expert_load.py, the learners' own shares in
tests/operators/.
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from operators import catalog
from operators.base import Mixture, Space
from operators.snapshot import State
from operators.tape import PREDICT, Rows, Tape
from stream.drift.sources import NOBODY
from stream.log.base import OutputBatch
from stream.observe.metrics import Metrics
from stream.observe.observer import MetricsObserver
from stream.observe.server import Health
from stream.recovery import lifecycle
from stream.recovery.settings import fingerprint
from stream.task import PartitionTask
from stream.topology import build_parts
from tests.builders import EVENTS, batch, cut, event, toy_config

NAMES = ("careful", "bold", "idle")


class Trio:
    """Three experts; the first feature says how much of the answer is the bold one's."""

    trace_width = 1
    expert_names = NAMES

    def __init__(self, space: Space, *, seed: int = 1) -> None:
        self.learnt = 0

    def run(self, tape: Tape, rows: Rows) -> None:
        for action, row in zip(tape.action, tape.row, strict=True):
            if action == PREDICT:
                rows.trace[row] = rows.x[row, 0]
                rows.output[row] = 1 / rows.output.shape[1]
            else:
                self.learnt += 1

    def shares(self, rows: Rows) -> NDArray[np.float64]:
        bold = rows.trace[:, 0]
        return np.column_stack([1.0 - bold, bold, np.zeros(len(rows))])

    def snapshot(self) -> State:
        return {"learnt": self.learnt}

    def restore(self, state: State) -> None:
        self.learnt = int(state["learnt"])


@pytest.fixture(autouse=True)
def trio(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalog, "find_learner", lambda _: Trio)


def task(model: str = "trio", **predictions: Any) -> PartitionTask:
    parts = build_parts(toy_config(model={"name": model}, predictions=predictions), 0)
    return PartitionTask(parts, {EVENTS.topic: 0})


def predictions(outputs: list[OutputBatch]) -> list[bytes]:
    return [
        value or b""
        for output in outputs
        if output.target.topic == "toy.predictions"
        for value in output.values
    ]


def run(running: PartitionTask, bold: list[float], size: int) -> list[bytes]:
    written = []
    for piece in cut(batch(EVENTS, [event(a=a, y="yes") for a in bold]), size):
        running.accept(piece)
        step = running.step({EVENTS.topic: False}, size)
        assert step is not None
        written += predictions(step.outputs)
    return written


def test_a_learner_with_shares_is_a_mixture() -> None:
    assert isinstance(Trio(Space((), 2)), Mixture)
    assert task().parts.mixture is not None


def test_predictions_say_nothing_of_experts_unless_asked() -> None:
    (value,) = run(task(), [0.25], 1)
    assert b"experts" not in value


@pytest.mark.parametrize("size", [1, 3, 100])
def test_each_prediction_says_who_made_it(size: int) -> None:
    bold = [0.25, 0.0, 1.0, 0.0004, 1 / 3]
    asked = run(task(explain=True), bold, size)
    assert [json.loads(value)["experts"] for value in asked] == [
        {"careful": 0.75, "bold": 0.25},
        {"careful": 1.0},
        {"bold": 1.0},
        {"careful": 0.9996},
        {"careful": 0.6667, "bold": 0.3333},
    ]
    plain = run(task(), bold, size)
    answers = [{**json.loads(value), "experts": None} for value in plain]
    assert answers == [{**json.loads(value), "experts": None} for value in asked]


def test_numbers_are_explained_too() -> None:
    target = {"type": "regression", "path": "$.a"}
    config = toy_config(model={"name": "trio"}, target=target, predictions={"explain": True})
    running = PartitionTask(build_parts(config, 0), {EVENTS.topic: 0})
    (value,) = run(running, [0.5], 1)
    assert json.loads(value)["experts"] == {"careful": 0.5, "bold": 0.5}


def test_asking_does_not_make_a_state_another() -> None:
    one, other = (toy_config(predictions={"explain": asked}) for asked in (False, True))
    assert fingerprint(one) == fingerprint(other)


def test_metrics_show_who_is_busy() -> None:
    metrics = Metrics("toy")
    observer = MetricsObserver(metrics, Health(10.0), "trio", NOBODY, fading_factor=0.999)
    running = task()
    for bold in ([1.0] * 4, [0.5] * 4):
        running.accept(batch(EVENTS, [event(a=a) for a in bold], first=running.steps * 4))
        step = running.step({EVENTS.topic: False}, 10)
        assert step is not None
        assert set(step.report.expert_shares) == set(NAMES)
        observer.step(step.report, 0.0)
    place = {"app": "toy", "partition": "0", "model": "trio"}
    shown = {
        name: metrics.registry.get_sample_value(
            "driftgate_expert_share_ratio", {**place, "expert": name}
        )
        for name in NAMES
    }
    assert shown == pytest.approx({"careful": 0.25, "bold": 0.75, "idle": 0.0}, abs=0.01)
    entropy = metrics.registry.get_sample_value("driftgate_router_entropy_bits", place)
    assert entropy == pytest.approx(0.5, abs=0.01)
    observer.moved(lifecycle.Status(0, lifecycle.State.RELEASED, 0.0))
    assert metrics.registry.get_sample_value("driftgate_router_entropy_bits", place) is None
