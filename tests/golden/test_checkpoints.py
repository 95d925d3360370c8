"""Checkpoints that released formats wrote: today's code goes on from them as theirs did.

`format-1.*` was written by version 0.1.0 before its header had a life and settings: a Hoeffding
tree after 200 of 400 records, the records, and what was predicted of the rest.
"""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from stream.checkpoint.format import decode
from stream.log.base import RecordBatch
from stream.task import PartitionTask
from stream.topology import build_parts
from tests.builders import EVENTS, batch, cut, toy_config

FOLDER = Path(__file__).parent
TREE = {"name": "hoeffding_tree", "params": {"grace_period": 25, "leaves_max": 32}}


def recorded() -> RecordBatch:
    lines = (FOLDER / "format-1.events.jsonl").read_bytes().splitlines()
    keys, values = zip(*(line.split(b"\t") for line in lines), strict=True)
    return batch(EVENTS, values, keys=keys)


def test_format_1_is_read_restored_and_gone_on_from() -> None:
    path = FOLDER / "format-1.checkpoint"
    checkpoint = decode(path.read_bytes(), str(path))
    assert (checkpoint.app, checkpoint.partition, checkpoint.steps) == ("toy", 0, 4)
    assert checkpoint.offsets == {"toy.features": 200}
    assert (checkpoint.life, checkpoint.settings) == ("", "")
    task = PartitionTask(
        build_parts(toy_config(model=TREE), 0), checkpoint.offsets, checkpoint.steps
    )
    task.restore(checkpoint.state)
    told = []
    for piece in cut(recorded(), 50)[4:]:
        task.accept(piece)
        step = task.step({"toy.features": False}, len(piece))
        assert step is not None
        outputs = [o for o in step.outputs if o.target.topic == "toy.predictions"]
        told += [msgspec.json.decode(value) for output in outputs for value in output.values]
    lines = (FOLDER / "format-1.predictions.jsonl").read_bytes().splitlines()
    expected = [msgspec.json.decode(line) for line in lines]
    assert len(expected) == 191
    # Later versions may say more of a prediction, not otherwise.
    assert [{key: now[key] for key in then} for now, then in zip(told, expected, strict=True)] == [
        {**then, "probabilities": pytest.approx(then["probabilities"], rel=1e-12)}
        for then in expected
    ]
