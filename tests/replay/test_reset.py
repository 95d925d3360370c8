"""What is refused at start, and what `driftgate reset` makes of it, on an embedded log.

The same on a real broker, under running workers: tests/kafka/test_reset.py. The command's words:
tests/stream/cli/test_reset.py.
"""

from __future__ import annotations

import re
import sqlite3
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from stream.checkpoint.format import Checkpoint
from stream.cli.topic_setup import topic_specs
from stream.errors import OvertakenError, RecoveryError, SetupError, StoreUnavailableError
from stream.journal import JournalEntry, Range, StepNote, encode_entry
from stream.log.base import Committed, OutputBatch, TopicPartition
from stream.log.embedded.group import EmbeddedGroup
from stream.recovery import change as changes
from stream.recovery.change import Change
from stream.recovery.lifecycle import State
from stream.recovery.reset import Aim
from stream.task import PartitionTask
from stream.topology import build_parts
from tests.replay.pipelines import EVENTS, JOURNAL, LABELS, Pipeline, predicted

COUNT = 600


@pytest.fixture
def make(tmp_path: Path) -> Callable[..., Pipeline]:
    def make_one(stem: str = "toy", **settings: Any) -> Pipeline:
        made = Pipeline(tmp_path, stem, **settings)
        made.fill(0, COUNT)
        return made

    return make_one


def write_directly(pipeline: Pipeline, statement: str) -> None:
    """Change the log's file behind everybody's back."""
    name = pipeline.path.removeprefix(":memory:")
    connection = sqlite3.connect(f"file:/driftgate-{name}?vfs=memdb", uri=True)
    with connection:
        connection.execute(statement)
    connection.close()


def refused(pipeline: Pipeline, *words: str) -> str:
    """The words with which a worker refuses; nothing is predicted."""
    before = pipeline.predictions()
    worker = pipeline.worker()
    with pytest.raises(RecoveryError) as error:
        worker.catch_up(threading.Event())
    assert all(word in str(error.value) for word in words), str(error.value)
    assert pipeline.predictions() == before
    return str(error.value)


# What is gone can be restored.


def test_lost_offsets_come_back_from_the_journal(make: Callable[..., Pipeline]) -> None:
    calm, lost = make("calm"), make("lost")
    for pipeline in (calm, lost):
        pipeline.work()
    write_directly(lost, "DELETE FROM positions")
    lost.work()
    assert lost.predictions() == calm.predictions()  # nothing was repeated
    for pipeline in (calm, lost):
        pipeline.fill(COUNT, 200)
    assert calm.work() == lost.work()
    assert lost.predictions() == calm.predictions()


@pytest.mark.parametrize("note", ["", "driftgate/2 steps=1 life= topic="])
def test_offsets_that_were_changed_are_refused_and_restored(
    make: Callable[..., Pipeline], note: str
) -> None:
    calm, changed = make("calm"), make("changed")
    for pipeline in (calm, changed):
        pipeline.work()
    write_directly(changed, f"UPDATE positions SET offset = 7, note = '{note}'")
    refused(changed, "driftgate reset CONFIG", "--to journal")
    plan = changed.resets().restore_positions(0)
    assert plan.before == {"toy.features": 7, "toy.labels": 7}
    changed.carry_out(plan)
    for pipeline in (calm, changed):
        pipeline.fill(COUNT, 200)
    assert calm.work() == changed.work()
    assert changed.predictions() == calm.predictions()


def test_without_a_journal_there_is_nothing_to_go_back_to(make: Callable[..., Pipeline]) -> None:
    with pytest.raises(SetupError, match="it names nothing"):
        make().resets().restore_positions(0)


# What was trimmed is named, and passed by.


def test_records_that_were_removed_unread_are_named_and_passed_by_with_the_model(
    make: Callable[..., Pipeline],
) -> None:
    pipeline = make()
    pipeline.work()
    pipeline.fill(COUNT, 400)
    pipeline.admin.trim(EVENTS, COUNT + 100)
    message = refused(pipeline, "toy.features[0]@600", "100 were removed unread")
    assert "`driftgate reset CONFIG --partition 0 --to earliest --keep-model`" in message
    with pytest.raises(SetupError, match="--to earliest --keep-model"):
        pipeline.resets().restore_positions(0)
    plan = pipeline.resets().keep_model(0, "earliest")
    assert plan.before == {"toy.features": COUNT, "toy.labels": COUNT}
    assert plan.after == {"toy.features": COUNT + 100, "toy.labels": 0}
    learnt = labels_learnt(pipeline, plan)
    pipeline.carry_out(plan)
    worker = pipeline.worker()
    worker.catch_up(threading.Event())
    assert worker.tasks[0].parts.drift_watch.learnt > learnt + 200  # it went on, not anew
    worker.close()
    late = {f"e{number}" for number in range(COUNT + 100, COUNT + 400)}
    assert len(late & set(pipeline.ids())) > 290
    assert pipeline.ids_twice() == []


def labels_learnt(pipeline: Pipeline, plan: Change) -> int:
    """How many labels the state that goes on has learnt."""
    assert plan.checkpoint is not None
    task = PartitionTask(build_parts(pipeline.config, 0), plan.checkpoint.offsets)
    task.restore(plan.checkpoint.state)
    return task.parts.drift_watch.learnt


def test_records_that_have_changed_are_passed_by_with_the_model_before_them(
    make: Callable[..., Pipeline],
) -> None:
    pipeline = make()
    pipeline.work()
    for path in pipeline.checkpoints()[1:]:
        path.unlink()
    write_directly(
        pipeline,
        "UPDATE records SET value = X'7b7d' WHERE id = (SELECT id FROM partitions WHERE topic = "
        f"'toy.features') * {1 << 40} + {COUNT - 10}",
    )
    refused(pipeline, "was compacted or changed", "--to journal --keep-model")
    pipeline.carry_out(pipeline.resets().keep_model(0, "journal"))
    pipeline.fill(COUNT, 100)
    pipeline.work()
    assert pipeline.ids_twice() == []
    assert f"e{COUNT + 99}" in pipeline.ids()


def test_other_inputs_begin_anew(make: Callable[..., Pipeline]) -> None:
    pipeline = make(labels={"source": "inline"})
    pipeline.work()
    inline = pipeline.ids()
    pipeline.config = Pipeline(pipeline.folder.parent).config.model_copy(
        update={"log": pipeline.config.log, "checkpoint": pipeline.config.checkpoint}
    )
    pipeline.admin.create(topic_specs(pipeline.config))
    refused(pipeline, "inputs must be those", "--partition 0 --to earliest")
    plan = pipeline.resets().begin_anew(0, "latest")
    assert plan.before == {"toy.features": COUNT, "toy.labels": None}
    pipeline.carry_out(plan)
    pipeline.fill(COUNT, 100)
    pipeline.work()
    assert pipeline.ids()[: len(inline)] == inline
    assert pipeline.ids_twice() == []
    assert len(pipeline.ids()) > len(inline) + 90


# A topic made anew is noticed.


@pytest.mark.parametrize("topics", [("toy.features", "toy.labels"), ("toy.labels",)])
def test_a_topic_made_anew_is_noticed_and_a_second_life_stands_by_itself(
    make: Callable[..., Pipeline], topics: tuple[str, ...]
) -> None:
    pipeline = make()
    pipeline.work()
    first = len(pipeline.predictions())
    pipeline.make_anew(*topics)
    refused(pipeline, "was deleted and made anew", "--partition 0 --to earliest")
    with pytest.raises(SetupError, match=r"`toy.*made anew"):
        pipeline.resets().restore_positions(0)
    pipeline.carry_out(pipeline.resets().begin_anew(0, "latest"))
    pipeline.fill(2 * COUNT, 300)
    state = pipeline.work()
    second = pipeline.predictions()[first:]
    assert [predicted(value) for value in second] == alone(pipeline, first_event=2 * COUNT)
    # Without any checkpoint it is replayed from where it begins in a journal of two lives.
    for path in pipeline.checkpoints():
        path.unlink()
    assert pipeline.work() == state
    assert len(pipeline.predictions()) == first + len(second)


def alone(pipeline: Pipeline, first_event: int, count: int = 300) -> list[tuple[Any, ...]]:
    """Predictions of a pipeline that never saw anything but these records."""
    other = Pipeline(pipeline.folder, "alone")
    other.fill(first_event, count)
    other.work()
    return [predicted(value) for value in other.predictions()]


def test_checkpoints_without_a_log_are_refused_until_a_reset(
    make: Callable[..., Pipeline],
) -> None:
    pipeline = make()
    pipeline.work()
    left = pipeline.checkpoints()
    pipeline.make_anew("toy.features", "toy.labels", "toy.journal", "toy.predictions")
    pipeline.fill(0, COUNT)
    refused(pipeline, str(left[-1]), "--to earliest")
    pipeline.carry_out(pipeline.resets().begin_anew(0, "earliest"))
    assert not any(path.exists() for path in left)
    pipeline.work()
    assert len(pipeline.predictions()) > 0.98 * COUNT
    assert pipeline.ids_twice() == []


# The committed offsets still hold.


@pytest.mark.parametrize("runs_on", [False, True])
def test_a_journal_made_anew_loses_nothing_where_the_committed_offsets_hold(
    make: Callable[..., Pipeline], runs_on: bool
) -> None:
    """Also where a worker went on committing to the new one before it was noticed."""
    calm, remade = make("calm"), make("remade")
    calm.work()
    worker = remade.worker()
    worker.catch_up(threading.Event())
    remade.make_anew("toy.journal")
    if runs_on:
        for pipeline in (calm, remade):
            pipeline.fill(COUNT, 50)
        calm.work()
        worker.catch_up(threading.Event())
    worker.close()
    refused(remade, "the journal must be the one", "--partition 0 --to committed --keep-model`")
    with pytest.raises(SetupError, match="`--to committed --keep-model` goes on there"):
        remade.resets().restore_positions(0)
    plan = remade.resets().keep_model(0, "committed")
    assert plan.model.endswith("with all that was learnt")
    assert plan.before == plan.after
    remade.carry_out(plan)
    for pipeline in (calm, remade):
        pipeline.fill(COUNT + 50, 200)
    assert remade.work() == calm.work()
    assert remade.predictions() == calm.predictions()


def test_a_plan_says_what_the_model_lacks_and_repeats_nothing(
    make: Callable[..., Pipeline],
) -> None:
    pipeline = make()
    pipeline.work()
    older, *newer = pipeline.checkpoints()
    for path in newer:
        path.unlink()
    pipeline.make_anew("toy.journal")
    plan = pipeline.resets().keep_model(0, "committed")
    steps = int(newer[-1].stem) - int(older.stem)
    assert plan.model.endswith(f"lacks what was learnt in the {steps} steps after it")
    pipeline.carry_out(plan)
    pipeline.fill(COUNT, 200)
    pipeline.work()
    assert pipeline.ids_twice() == []
    assert pipeline.ids() == ids_of_a_calm_run(make, 200)


def ids_of_a_calm_run(make: Callable[..., Pipeline], more: int) -> list[str]:
    calm = make("calm")
    calm.fill(COUNT, more)
    calm.work()
    return calm.ids()


def test_a_model_begins_anew_at_the_committed_offsets(make: Callable[..., Pipeline]) -> None:
    pipeline = make()
    pipeline.work()
    pipeline.make_anew("toy.journal")
    plan = pipeline.resets().begin_anew(0, "committed")
    assert (plan.model, plan.after) == ("begins anew", plan.before)
    pipeline.carry_out(plan)
    assert pipeline.checkpoints() == []
    pipeline.fill(COUNT, 300)
    pipeline.work()
    assert pipeline.ids() == ids_of_a_calm_run(make, 300)


def test_a_plan_says_where_the_journal_ends_elsewhere(make: Callable[..., Pipeline]) -> None:
    pipeline = make()
    pipeline.work()
    write_directly(pipeline, "UPDATE positions SET note = replace(note, 'steps=', 'steps=9')")
    assert "the offsets are those of step 9" in pipeline.resets().begin_anew(0, "committed").model
    assert "not at all" in pipeline.resets().keep_model(0, "committed").model


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("DELETE FROM positions", "got none. `--to journal`"),
        ("UPDATE positions SET note = ''", "of another program"),
        ("UPDATE positions SET offset = 9999", "the committed offset, 9999, must be one"),
        ("UPDATE positions SET note = replace(note, 'topic=', 'topic=x')", "made anew since"),
    ],
)
def test_committed_offsets_that_do_not_hold_are_refused(
    make: Callable[..., Pipeline], change: str, words: str
) -> None:
    pipeline = make()
    pipeline.work()
    write_directly(pipeline, change)
    for plan in (pipeline.resets().begin_anew, pipeline.resets().keep_model):
        with pytest.raises(SetupError, match=re.escape(words)):
            plan(0, "committed")


def test_committed_offsets_below_what_is_kept_are_refused(make: Callable[..., Pipeline]) -> None:
    pipeline = make()
    pipeline.work()
    pipeline.fill(COUNT, 400)
    pipeline.admin.trim(EVENTS, COUNT + 100)
    with pytest.raises(SetupError, match="`--to earliest --keep-model` goes on"):
        pipeline.resets().keep_model(0, "committed")


def test_a_journal_with_a_gap_is_passed_by(make: Callable[..., Pipeline]) -> None:
    pipeline = make()
    pipeline.work()
    for path in pipeline.checkpoints()[1:]:
        path.unlink()
    pipeline.admin.trim(JOURNAL, pipeline.admin.bounds(JOURNAL).end - 1)
    with pytest.raises(RecoveryError):
        pipeline.work()
    pipeline.carry_out(pipeline.resets().keep_model(0, "committed"))
    pipeline.fill(COUNT, 100)
    pipeline.work()
    assert pipeline.ids() == ids_of_a_calm_run(make, 100)


# A checkpoint that cannot be read is passed over.


@pytest.mark.parametrize("keeps_model", [False, True])
def test_one_checkpoint_that_cannot_be_read_stops_no_reset(
    make: Callable[..., Pipeline], keeps_model: bool
) -> None:
    pipeline = make()
    pipeline.work()
    *_, older, newest = pipeline.checkpoints()
    newest.unlink()
    newest.symlink_to(newest)  # a loop
    with capture_logs() as lines:
        inventory = pipeline.inventory()
    assert inventory.unreadable == [str(newest)]
    assert [line["event"] for line in lines] == ["checkpoint passed over"]
    resets = pipeline.resets()
    if keeps_model:
        plan = resets.keep_model(0, "latest")
        assert str(older) in plan.model
        assert f"not readable: {newest}" in plan.model
    else:
        plan = resets.begin_anew(0, "latest")
    assert str(newest) in plan.obsolete
    pipeline.carry_out(plan)
    assert not newest.is_symlink()
    assert len(pipeline.checkpoints()) == keeps_model
    pipeline.fill(COUNT, 100)
    pipeline.work()


def test_a_store_that_cannot_be_listed_stops_a_reset(
    make: Callable[..., Pipeline],
) -> None:
    pipeline = make()
    folder = pipeline.folder / "toy"
    folder.mkdir(parents=True)
    (folder / "0").symlink_to(folder / "0")
    with pytest.raises(StoreUnavailableError, match="must be listed"):
        pipeline.resets().begin_anew(0, "latest")


# A life that begins anew.


@pytest.mark.parametrize("model", ["hoeffding_tree", "river:naive_bayes.GaussianNB"])
@pytest.mark.parametrize("without_checkpoints", [False, True])
def test_a_life_that_begins_anew_is_that_of_a_new_pipeline(
    make: Callable[..., Pipeline], model: str, without_checkpoints: bool
) -> None:
    features = [{"name": "a", "type": "float"}]
    settings = {"model": {"name": model}, "schema": {"features": features}}
    pipeline, fresh = make("reset", **settings), make("fresh", **settings)
    pipeline.work()
    count = len(pipeline.predictions())
    pipeline.carry_out(pipeline.resets().begin_anew(0, "earliest"))
    assert pipeline.checkpoints() == []
    pipeline.vanish(turns=3)
    if without_checkpoints:
        for path in pipeline.checkpoints():
            path.unlink()
    for each in (pipeline, fresh):
        each.fill(COUNT, 200)
        each.work()
    assert pipeline.predictions()[count:] == fresh.predictions()


def test_settings_that_have_changed_hold_from_the_first_step_of_the_new_life(
    make: Callable[..., Pipeline],
) -> None:
    pipeline, fresh = make("reset"), make("fresh", detectors=[{"name": "ddm"}])
    pipeline.work()
    changed = fresh.config.model_copy(
        update={"log": pipeline.config.log, "checkpoint": pipeline.config.checkpoint}
    )
    pipeline.carry_out(pipeline.resets(changed).begin_anew(0, "earliest"))
    assert pipeline.work(changed) == fresh.work()


@pytest.mark.parametrize(
    ("aim", "first"), [("earliest", 0), ("latest", COUNT), (1000 * 400, 400), (399_001, 400)]
)
def test_places(make: Callable[..., Pipeline], aim: Aim, first: int) -> None:
    pipeline = make()
    pipeline.work()
    plan = pipeline.resets().begin_anew(0, aim)
    assert plan.before == {"toy.features": COUNT, "toy.labels": COUNT}
    assert plan.after["toy.features"] == first
    assert plan.after["toy.labels"] == max(0, min(first - 20, COUNT) if first < COUNT else COUNT)


# A life that goes on with a model.


@pytest.mark.parametrize("aim", ["journal", "latest"])
def test_a_kept_model_goes_on_as_if_nothing_had_happened(
    make: Callable[..., Pipeline], aim: Aim
) -> None:
    calm, kept = make("calm"), make("kept")
    for pipeline in (calm, kept):
        pipeline.work()
    kept.carry_out(kept.resets().keep_model(0, aim))
    (begins,) = kept.checkpoints()
    for pipeline in (calm, kept):
        pipeline.fill(COUNT, 300)
    kept.vanish(turns=3)
    for path in kept.checkpoints():
        if path != begins:  # the entry that begins this life is passed by, not replayed
            path.unlink()
    begins_data = begins.read_bytes() if begins.exists() else None
    assert begins_data is not None or kept.checkpoints() == []
    assert calm.work() == kept.work()
    assert kept.predictions() == calm.predictions()


def test_a_model_cannot_be_kept_without_a_checkpoint(make: Callable[..., Pipeline]) -> None:
    pipeline = make()
    pipeline.work()
    for path in pipeline.checkpoints():
        path.write_bytes(b"damaged")
    with pytest.raises(SetupError, match="3 are there, and none is"):
        pipeline.resets().keep_model(0, "latest")


def test_a_model_of_another_shape_cannot_be_kept(make: Callable[..., Pipeline]) -> None:
    pipeline = make()
    pipeline.work()
    other = pipeline.config.model_copy(update={"seed": 2})
    with pytest.raises(SetupError, match="driftgate rebuild CONFIG"):
        pipeline.resets(other).keep_model(0, "latest")


def test_the_life_that_is_committed_is_kept_and_not_one_with_larger_numbers(
    make: Callable[..., Pipeline],
) -> None:
    pipeline = make()
    pipeline.work()
    newest = pipeline.checkpoints()[-1].read_bytes()
    pipeline.carry_out(pipeline.resets().begin_anew(0, 500_000))
    pipeline.work()
    (pipeline.folder / "toy" / "0" / "000000000000999.checkpoint").write_bytes(newest)
    plan = pipeline.resets().keep_model(0, "latest")
    assert labels_learnt(pipeline, plan) < 150
    assert plan.checkpoint is not None
    assert plan.checkpoint.steps == 1000


# Cut short.


class CutShortError(Exception):
    """The command is killed."""


def cut(monkeypatch: pytest.MonkeyPatch, pipeline: Pipeline, point: str) -> None:
    """Let a reset die just before one of its steps."""

    def die(*_: object) -> None:
        raise CutShortError

    if point == "write":
        monkeypatch.setattr(pipeline.store, "write", die)
    elif point == "commit":
        monkeypatch.setattr(EmbeddedGroup, "set_positions", die)
    elif point == "look":
        monkeypatch.setattr(changes, "_refuse_if_overtaken", die)
    else:
        calls = 0 if point == "begin" else 1  # that are let pass by

        whole = pipeline.store.remove

        def remove(paths: list[str]) -> None:
            nonlocal calls
            if calls == 0:
                raise CutShortError
            calls -= 1
            whole(paths)

        monkeypatch.setattr(pipeline.store, "remove", remove)


@pytest.mark.parametrize("keep", [1, 3])
@pytest.mark.parametrize("point", ["begin", "write", "commit"])
def test_a_reset_that_ends_before_its_commit_leaves_the_old_life_whole(
    make: Callable[..., Pipeline], monkeypatch: pytest.MonkeyPatch, point: str, keep: int
) -> None:
    calm = make("calm")
    calm.work()
    store = {**calm.config.checkpoint.model_dump(mode="json"), "keep": keep}
    pipeline = make("cut", checkpoint={**store, "store": f"file://{calm.folder}-cut"})
    pipeline.folder = Path(f"{calm.folder}-cut")
    pipeline.work()
    plan = pipeline.resets().keep_model(0, "earliest")
    with monkeypatch.context() as patch:
        cut(patch, pipeline, point)
        with pytest.raises(CutShortError):
            pipeline.carry_out(plan)
    for each in (calm, pipeline):
        each.fill(COUNT, 100)
    pipeline.admin.trim(JOURNAL, pipeline.admin.bounds(JOURNAL).end - 1)  # no way but a checkpoint
    assert pipeline.work() == calm.work()
    assert pipeline.predictions() == calm.predictions()
    # The same once more, to its end.
    pipeline.carry_out(pipeline.resets().keep_model(0, "latest"))
    assert len(pipeline.checkpoints()) == 1
    for each in (calm, pipeline):
        each.fill(COUNT + 100, 100)
    assert pipeline.work() == calm.work()


@pytest.mark.parametrize("keeps_model", [False, True])
@pytest.mark.parametrize("point", ["look", "end"])
def test_a_reset_that_ends_after_its_commit_leaves_the_new_life_whole(
    make: Callable[..., Pipeline], monkeypatch: pytest.MonkeyPatch, point: str, keeps_model: bool
) -> None:
    whole, pipeline = make("whole"), make("cut")
    for each in (whole, pipeline):
        each.work()
        resets = each.resets()
        plan = resets.keep_model(0, "latest") if keeps_model else resets.begin_anew(0, "latest")
        with monkeypatch.context() as patch:
            if each is pipeline:
                cut(patch, pipeline, point)
                with pytest.raises(CutShortError):
                    pipeline.carry_out(plan)
            else:
                each.carry_out(plan)
    assert len(pipeline.checkpoints()) == 3 + keeps_model
    for each in (whole, pipeline):
        each.fill(COUNT, 100)
    assert pipeline.work() == whole.work()
    assert pipeline.predictions() == whole.predictions()
    # What is left of the old life neither outlives the new one's checkpoints nor hides them.
    (_, newest), *_ = pipeline.inventory().checkpoints
    assert newest.life == plan.life


def test_what_an_attempt_has_left_is_never_taken_for_the_life_that_begins(
    make: Callable[..., Pipeline], monkeypatch: pytest.MonkeyPatch
) -> None:
    pipeline = make()
    pipeline.work()
    first = pipeline.resets().keep_model(0, "earliest")
    with monkeypatch.context() as patch:
        cut(patch, pipeline, "commit")
        with pytest.raises(CutShortError):
            pipeline.carry_out(first)
    second = pipeline.resets().begin_anew(0, "earliest")
    assert second.life == first.life  # no entry has come between
    cut(monkeypatch, pipeline, "end")
    with pytest.raises(CutShortError):
        pipeline.carry_out(second)
    inventory = pipeline.inventory()
    assert inventory.life == second.life
    assert inventory.of_life(second.life) == []


# Beside a worker.


def test_a_worker_whose_position_is_moved_recovers_in_the_new_life(
    make: Callable[..., Pipeline],
) -> None:
    pipeline = make()
    worker = pipeline.worker()
    for _ in range(4):
        worker._turn()
    pipeline.carry_out(pipeline.resets().begin_anew(0, "latest"))
    moved = pipeline.log.committed([EVENTS])[EVENTS]
    assert moved is not None
    assert moved.offset == COUNT
    count = len(pipeline.predictions())
    pipeline.fill(3 * COUNT, 300)
    worker.catch_up(threading.Event())
    worker.close()
    later = pipeline.predictions()[count:]
    assert [predicted(value) for value in later] == alone(pipeline, first_event=3 * COUNT)


def test_what_a_worker_commits_meanwhile_is_noticed(make: Callable[..., Pipeline]) -> None:
    pipeline = make()
    pipeline.work()
    pipeline.fill(COUNT, 100)
    plan = pipeline.resets().begin_anew(0, "earliest")
    pipeline.work()
    before = pipeline.checkpoints()
    with pytest.raises(OvertakenError, match="has committed"):
        pipeline.carry_out(plan)
    assert pipeline.checkpoints() == before


@pytest.mark.parametrize("writes", ["offsets", "journal"])
def test_a_commit_that_lands_after_that_of_a_reset_keeps_its_checkpoints(
    make: Callable[..., Pipeline], monkeypatch: pytest.MonkeyPatch, writes: str
) -> None:
    pipeline = make()
    pipeline.work()
    before = pipeline.checkpoints()
    plan = pipeline.resets().begin_anew(0, "earliest")
    note = str(StepNote(9, "0-eeeeeeee"))
    late = {source: Committed(3, note) for source in (EVENTS, LABELS)}
    entry = JournalEntry(8, {source.topic: Range(0, 3) for source in late}, "0-eeeeeeee")
    write = EmbeddedGroup.set_positions

    def overtaken(
        self: EmbeddedGroup,
        outputs: list[OutputBatch],
        positions: dict[TopicPartition, Committed],
        follows: dict[TopicPartition, Committed | None],
    ) -> None:
        write(self, outputs, positions, follows)
        if writes == "offsets":
            write(self, [], late, dict(positions))
        else:
            write(self, [OutputBatch(JOURNAL, [0], [None], [encode_entry(entry)])], {}, {})

    monkeypatch.setattr(EmbeddedGroup, "set_positions", overtaken)
    with pytest.raises(OvertakenError, match="No checkpoint was removed"):
        pipeline.carry_out(plan)
    assert pipeline.checkpoints() == before


def test_a_partition_that_failed_is_taken_up_again_after_a_reset(
    make: Callable[..., Pipeline],
) -> None:
    pipeline = make(on_failure="isolate")
    pipeline.work()
    pipeline.fill(COUNT, 400)
    pipeline.admin.trim(EVENTS, COUNT + 100)
    worker = pipeline.worker()
    for _ in range(3):
        worker._turn_or_recover(threading.Event())
    assert [status.state for status in worker.statuses] == [State.FAILED]
    pipeline.carry_out(pipeline.resets().keep_model(0, "earliest"))
    worker.catch_up(threading.Event())
    worker.close()
    assert "e999" in pipeline.ids()


def test_a_checkpoint_of_a_version_without_lives_is_not_of_a_later_life(
    make: Callable[..., Pipeline],
) -> None:
    pipeline = make()
    pipeline.work()
    resets = pipeline.resets()
    (_, newest), *_ = pipeline.inventory().checkpoints
    pipeline.carry_out(resets.begin_anew(0, 300_000))
    state = pipeline.work()
    # As if it had been left: it fits the number of steps, but is of the life before.
    steps = max(int(path.stem) for path in pipeline.checkpoints())
    for path in pipeline.checkpoints():
        path.unlink()
    pipeline.store.write(replace(newest, life="", steps=steps))
    assert pipeline.work() == state


def test_a_pipeline_without_records_can_be_started_again(tmp_path: Path) -> None:
    pipeline = Pipeline(tmp_path)
    for _ in range(2):
        pipeline.work()
        assert pipeline.checkpoints() == []  # of a state that nothing is committed of
    # Versions before this one left one, which says nothing of another life.
    task = PartitionTask(build_parts(pipeline.config, 0), {"toy.features": 0, "toy.labels": 0})
    offsets = {source.topic: at for source, at in task.offsets.items()}
    pipeline.store.write(Checkpoint("toy", 0, "former", 0, offsets, 0, task.snapshot()))
    pipeline.fill(0, 100)
    pipeline.work()
    assert len(pipeline.predictions()) > 90
