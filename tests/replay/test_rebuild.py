"""`driftgate rebuild`: a model learnt anew up to what is committed, on an embedded log.

The command's words, and the refusal beside running workers: tests/stream/cli/test_reset.py and
tests/kafka/test_reset.py. Crashes between its writes are those of a reset: test_reset.py.
"""

from __future__ import annotations

import threading
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from stream.config.pipeline import Config
from stream.errors import OvertakenError, RecoveryError, SetupError
from stream.log.base import RecordBatch, TopicPartition
from stream.log.embedded import EmbeddedLog
from stream.recovery.rebuild import Rebuilds
from stream.recovery.settings import Builds
from stream.topology import PartsBuilder
from tests.builders import toy_config
from tests.replay.pipelines import EVENTS, JOURNAL, LABELS, Pipeline, predicted

COUNT = 600


def other_shape(pipeline: Pipeline) -> Config:
    """The same pipeline with another model, and one more column that events may have."""
    dump = toy_config().model_dump(mode="json", by_alias=True)
    features = [*dump["schema"]["features"], {"name": "d", "type": "float", "missing": True}]
    return pipeline.config.model_copy(
        update={
            "record": toy_config(schema={**dump["schema"], "features": features}).record,
            "model": toy_config(model={"name": "naive_bayes"}).model,
        }
    )


def rebuilds(pipeline: Pipeline, config: Config) -> Rebuilds:
    pipeline.resets()  # opens what a command opens
    return Rebuilds(config, Builds(config, PartsBuilder(config)), pipeline.log, pipeline.store)


def rebuild(pipeline: Pipeline, config: Config, events: int = 0, labels: int = 0) -> list[int]:
    """Rebuild from these offsets; what the progress bar was told."""
    told: list[int] = []
    plan = rebuilds(pipeline, config).learn(
        0,
        {EVENTS.topic: events, LABELS.topic: labels},
        lambda _, passed, total: told.append(total - passed),
    )
    pipeline.carry_out(plan)
    return told


@pytest.mark.parametrize("records_max", [7, 100, 4000])
def test_later_predictions_are_those_of_a_pipeline_that_always_had_the_new_settings(
    tmp_path: Path, records_max: int
) -> None:
    steps = {"records_max": records_max}
    pipeline, fresh = (Pipeline(tmp_path, stem, steps=steps) for stem in ("toy", "fresh"))
    pipeline.fill(0, COUNT)
    pipeline.work()
    before = pipeline.predictions()
    config = other_shape(pipeline)
    with pytest.raises(RecoveryError, match="`driftgate rebuild CONFIG`"):
        pipeline.work(config)
    left = rebuild(pipeline, config)
    assert left == sorted(left, reverse=True)
    assert left[-1] == 0
    assert pipeline.predictions() == before  # outputs were suppressed
    pipeline.fill(COUNT, 300)
    state = pipeline.work(config)
    new = other_shape(fresh)
    for first, count in ((0, COUNT), (COUNT, 300)):
        fresh.fill(first, count)
    assert fresh.work(new) == state
    later = pipeline.predictions()[len(before) :]
    assert later == fresh.predictions()[-len(later) :]
    assert pipeline.ids_twice() == []
    assert pipeline.ids() == fresh.ids()


@settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_wherever_the_former_pipeline_has_stopped(tmp_path: Path, data: st.DataObject) -> None:
    """Labels come early, late, out of order or never; the cut is any that a worker leaves."""
    count = data.draw(st.integers(20, 150), "events")
    delays = data.draw(st.lists(st.integers(-30, 60), min_size=count, max_size=count), "delays")
    steps = {"records_max": data.draw(st.integers(3, 40), "records a step")}
    turns = data.draw(st.integers(2, 8), "turns")
    stem = uuid.uuid4().hex
    pipeline, fresh = (Pipeline(tmp_path, f"{stem}-{n}", steps=steps) for n in (0, 1))
    for each in (pipeline, fresh):
        each.fill(0, count, delays)
    pipeline.vanish(turns)
    before = len(pipeline.predictions())
    assume(before > 0)
    rebuild(pipeline, other_shape(pipeline))
    assert pipeline.work(other_shape(pipeline)) == fresh.work(other_shape(fresh))
    assert pipeline.predictions()[before:] == fresh.predictions()[before:]
    assert pipeline.ids() == fresh.ids()


def test_a_worker_that_is_killed_afterwards_recovers(tmp_path: Path) -> None:
    pipeline, calm = Pipeline(tmp_path, "killed"), Pipeline(tmp_path, "calm")
    for each in (pipeline, calm):
        each.fill(0, COUNT)
        each.work()
        rebuild(each, other_shape(each))
        assert len(each.checkpoints()) == 1
        each.fill(COUNT, 300)
    (first,) = pipeline.checkpoints()
    kept = first.read_bytes()
    worker = pipeline.worker(other_shape(pipeline))
    for _ in range(4):
        worker._turn()
    for path in pipeline.checkpoints():
        path.unlink()
    first.write_bytes(kept)  # the only one: all later steps are replayed behind it
    assert pipeline.work(other_shape(pipeline)) == calm.work(other_shape(calm))
    assert pipeline.predictions() == calm.predictions()


def test_what_was_trimmed_is_not_learnt(tmp_path: Path) -> None:
    pipeline, fresh = Pipeline(tmp_path, "toy"), Pipeline(tmp_path, "fresh")
    pipeline.fill(0, COUNT)
    pipeline.work()
    rebuild(pipeline, other_shape(pipeline), events=200, labels=180)
    fresh.fill(200, COUNT - 200)
    worker = pipeline.worker(other_shape(pipeline))
    worker.catch_up(threading.Event())
    assert worker.tasks[0].parts.drift_watch.learnt < COUNT - 200 + 1
    worker.close()
    count = len(pipeline.predictions())
    fresh.work(other_shape(fresh))
    first = len(fresh.predictions())
    for each in (pipeline, fresh):
        each.fill(COUNT, 100)
        each.work(other_shape(each))
    later = [predicted(value) for value in pipeline.predictions()[count:]]
    assert later == [predicted(value) for value in fresh.predictions()[first:]]


def test_a_state_that_cannot_be_replayed_is_learnt_again(tmp_path: Path) -> None:
    pipeline, calm = Pipeline(tmp_path, "lost"), Pipeline(tmp_path, "calm")
    for each in (pipeline, calm):
        each.fill(0, COUNT)
        each.work()
    for path in pipeline.checkpoints():
        path.unlink()
    pipeline.admin.trim(JOURNAL, 2)
    with pytest.raises(RecoveryError, match="`driftgate rebuild CONFIG --partition 0`"):
        pipeline.work()
    rebuild(pipeline, pipeline.config)
    for each in (pipeline, calm):
        each.fill(COUNT, 100)
    assert pipeline.work() == calm.work()
    assert pipeline.predictions() == calm.predictions()


class HesitantLog(EmbeddedLog):
    """Says now and then that nothing has come, as a broker does."""

    def read(self, source: TopicPartition, start: int, end: int) -> Iterator[RecordBatch]:
        nothing = RecordBatch(source, [], [], [], [])
        for at in range(start, end, 10):
            yield nothing
            yield from super().read(source, at, min(at + 10, end))
        yield nothing


def test_a_log_that_hesitates_changes_nothing(tmp_path: Path) -> None:
    states = []
    for stem, kind in (("quick", EmbeddedLog), ("hesitant", HesitantLog)):
        pipeline = Pipeline(tmp_path, stem)
        pipeline.fill(0, COUNT)
        pipeline.work()
        config = other_shape(pipeline)
        builds = Builds(config, PartsBuilder(config))
        log = kind(pipeline.path, "toy")
        learnt = Rebuilds(config, builds, log, pipeline.store)
        pipeline.resets()
        starts = {EVENTS.topic: 0, LABELS.topic: 0}
        pipeline.carry_out(learnt.learn(0, starts, lambda *_: None))
        states.append(pipeline.work(config))
    assert states[0] == states[1]


def test_what_has_moved_meanwhile_is_not_overwritten(tmp_path: Path) -> None:
    pipeline = Pipeline(tmp_path)
    pipeline.fill(0, COUNT)
    pipeline.work()
    starts = {EVENTS.topic: 0, LABELS.topic: 0}
    plan = rebuilds(pipeline, other_shape(pipeline)).learn(0, starts, lambda *_: None)
    pipeline.fill(COUNT, 100)
    pipeline.work()
    with pytest.raises(OvertakenError, match="has committed"):
        pipeline.carry_out(plan)
    pipeline.fill(COUNT + 100, 100)
    pipeline.work()
    assert pipeline.ids_twice() == []


def test_a_pipeline_that_has_not_begun_has_nothing_to_learn(tmp_path: Path) -> None:
    pipeline = Pipeline(tmp_path)
    pipeline.fill(0, COUNT)
    with pytest.raises(SetupError, match="something must be committed"):
        rebuild(pipeline, pipeline.config)


def test_a_model_whose_state_cannot_be_written_is_named(tmp_path: Path) -> None:
    pipeline = Pipeline(tmp_path)
    pipeline.fill(0, COUNT)
    pipeline.work()
    features = [{"name": "a", "type": "float"}]
    changed = toy_config(
        schema={"features": features}, model={"name": "river:dummy.NoChangeClassifier"}
    )
    config = pipeline.config.model_copy(update={"record": changed.record, "model": changed.model})
    with pytest.raises(SetupError, match=r"state must be writable.*reset CONFIG --to earliest"):
        rebuild(pipeline, config)
