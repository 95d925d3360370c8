"""Drift in the partition task: diagnosed, answered, watched without labels; cuts do not matter.

The sentences: test_drift_events.py. How well drift is diagnosed and answered: tests/operators/.
"""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from operators.snapshot import digest
from stream.checkpoint.format import Checkpoint, decode, encode
from stream.config.pipeline import Config
from stream.drift.events import DriftEvent
from stream.drift.timeline import timeline
from stream.recovery.settings import fingerprint
from stream.task import PartitionTask
from stream.topology import build_parts
from tests.builders import EVENTS, LABELS, batch, cut, stream, toy_config
from tests.stream.test_task import feed, flat, inline, new_task

MONITORS = [
    {"name": "psi", "params": {"reference": "rolling"}},
    {"name": "psi", "watches": "predictions", "params": {"reference": "rolling"}},
]
DRIFT = {
    "diagnose": {"diagnose": True, "monitors": MONITORS},
    "respond": {"diagnose": True, "respond": True, "shadow": True},
}


def drifting(kind: str, **changes: Any) -> Config:
    return toy_config(model={"name": "naive_bayes"}, drift=DRIFT[kind], **changes)


def told(outputs: dict[str, list[tuple[Any, ...]]]) -> list[DriftEvent]:
    return [msgspec.json.decode(row[1], type=DriftEvent) for row in outputs["toy.drift"]]


@pytest.mark.parametrize("kind", DRIFT)
def test_the_same_bytes_are_on_the_drift_topic_however_batches_were_cut(kind: str) -> None:
    whole = inline(stream(5000))
    results = []
    for size in (1, 7, 256, 5000):
        task = new_task(drifting(kind))
        outputs = flat(feed(task, *cut(whole, size)))
        results.append((outputs["toy.drift"], outputs["toy.predictions"], digest(task.snapshot())))
    assert all(result == results[0] for result in results[1:])
    events = [msgspec.json.decode(row[1], type=DriftEvent) for row in results[0][0]]
    kinds = {event.event for event in events}
    assert kinds >= ({"alarm", "diagnosis", "monitor"} if kind == "diagnose" else {"action"})
    assert [event.learnt for event in events] == sorted(event.learnt for event in events)


def test_the_concept_that_turns_is_told_with_its_offset_and_answered() -> None:
    records = stream(5000)
    outputs = flat(feed(new_task(drifting("respond")), *cut(inline(records), 300)))
    (episode,) = timeline(told(outputs)).episodes
    diagnosis = episode.diagnosis
    assert diagnosis is not None
    assert diagnosis.since is not None
    assert (diagnosis.source, diagnosis.tempo) == ("real", "abrupt")
    assert diagnosis.features[0].name == "a"
    # The concept turns after record 2,500; offsets are the records' numbers.
    assert diagnosis.since.offset_low is not None
    assert diagnosis.since.offset_high is not None
    assert diagnosis.since.offset_low <= 2501 <= diagnosis.since.offset_high + 1
    assert diagnosis.topic == "toy.features"
    assert episode.actions[0].action == "reset"
    assert all(event.since is not None for event in episode.events)
    standing = new_task(drifting("respond")).parts.drift_watch.standing
    assert standing.episode == 0


def test_labels_in_a_topic_of_their_own_give_offsets_of_labels() -> None:
    labels = {"source": "topic", "max_delay": "1h"}
    task = new_task(drifting("diagnose", labels=labels))
    records = [record for record in stream(5000) if record["y"] is not None]
    events = inline([{k: v for k, v in record.items() if k != "y"} for record in records])
    answers = batch(
        LABELS,
        [msgspec.json.encode({"y": record["y"]}) for record in records],
        keys=[record["id"].encode() for record in records],
        timestamps=[1000 * (number + 50) for number in range(len(records))],
        first=100_000,
    )
    task = PartitionTask(task.parts, {EVENTS.topic: 0, LABELS.topic: 100_000})
    task.accept(events)
    task.accept(answers)
    step = task.step({EVENTS.topic: False, LABELS.topic: False}, 100_000)
    assert step is not None
    said = [event for event in step.report.drift if event.event == "diagnosis"]
    assert said
    assert all(event.topic == "toy.labels" for event in said)
    assert said[-1].since is not None
    assert said[-1].since.offset is not None
    assert abs(said[-1].since.offset - 102_450) < 60
    found = [event for event in step.report.drift if event.event == "monitor"]
    assert all(event.topic == "toy.features" for event in found)


@pytest.mark.parametrize("kind", DRIFT)
def test_a_restored_task_tells_the_rest_as_if_nothing_had_happened(kind: str) -> None:
    # Cut in the middle of the episode: what is said later repeats what was diagnosed before.
    config, whole = drifting(kind), inline(stream(5000))
    through, rest = new_task(config), cut(whole, 2650)[1]
    feed(through, cut(whole, 2650)[0])
    state = through.snapshot()
    resumed = PartitionTask(build_parts(config, 0), {EVENTS.topic: 2650}, steps=1)
    written = Checkpoint("toy", 0, "f", 1, {EVENTS.topic: 2650}, 0, state)
    resumed.restore(decode(encode(written), "here").state)
    later = flat(feed(through, rest))
    assert flat(feed(resumed, rest)) == later
    assert any(event.episode for event in told(later))
    assert digest(resumed.snapshot()) == digest(through.snapshot())


def test_what_is_done_about_drift_is_part_of_what_a_state_depends_on() -> None:
    prints = {fingerprint(toy_config(drift=drift)) for drift in ({}, *DRIFT.values())}
    assert len(prints) == 3
