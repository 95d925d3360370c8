"""What is left of another life of a log, or contradicts it, is noticed, and said with its remedy.

Lost offsets are restored from the journal; settings that do not shape the state may change. The
commands that begin a new life are in tests/stream/recovery/; versions before this one are in
tests/golden/.
"""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from operators.snapshot import digest
from stream.config.pipeline import Config
from stream.log.base import OutputBatch, TopicPartition, TopicSpec
from stream.log.embedded import EmbeddedAdmin
from stream.recovery.lifecycle import State
from stream.worker.worker import Worker
from tests.replay.worlds import COUNT, World, calm

FEATURES = TopicPartition("toy.features", 0)


def edit(world: World, statement: str, *values: Any) -> None:
    """Change the log behind everybody's back."""
    world.admin._store._connection.execute(statement, values)


def row_of(world: World, source: TopicPartition) -> int:
    """Row id of a partition's first record."""
    (found,) = world.admin._store._connection.execute(
        "SELECT id FROM partitions WHERE topic = ? AND partition = ?", tuple(source)
    ).fetchone()
    return int(found) << 40


def half_way(world: World, steps: int = 8) -> None:
    """Run some steps, with checkpoints, and leave in an orderly way."""
    worker = world.worker()
    world.run(worker, lambda: len(world.steps()) >= steps)
    worker.close()


def refusal(world: World, config: Config | None = None) -> str:
    """Start a worker on a log that it must refuse; what it says."""
    worker = world.worker(config=config)
    world.run(worker, lambda: any(s.state is State.FAILED for s in worker.statuses))
    (status,) = worker.statuses
    worker.close()
    return status.reason


def test_lost_offsets_come_back_from_the_journal(tmp_path: Path) -> None:
    states, predictions = calm(tmp_path)
    world = World(tmp_path / "gone")
    half_way(world)
    edit(world, "DELETE FROM positions")
    assert world.finish(world.worker()) == states
    assert world.predictions() == predictions[0]


def test_the_offset_of_one_input_that_is_lost_comes_back_too(tmp_path: Path) -> None:
    states, _ = calm(tmp_path)
    world = World(tmp_path / "gone")
    half_way(world)
    edit(
        world,
        "DELETE FROM positions WHERE partition_id IN "
        "(SELECT id FROM partitions WHERE topic = 'toy.labels')",
    )
    assert world.finish(world.worker()) == states


def test_checkpoints_without_offsets_and_journal_are_refused(tmp_path: Path) -> None:
    world = World(tmp_path / "gone")
    half_way(world)
    edit(world, "DELETE FROM positions")
    world.admin.trim(TopicPartition("toy.journal", 0), 10_000)
    reason = refusal(world)
    assert "must have no checkpoints" in reason
    assert "driftgate reset CONFIG --partition 0 --to earliest" in reason


def test_checkpoints_of_a_log_that_was_removed_are_refused(tmp_path: Path) -> None:
    half_way(World(tmp_path / "life"))
    second = World(tmp_path / "life")  # the same folder of checkpoints, another log
    assert "of another life of the log" in refusal(second)


def test_checkpoints_of_another_life_are_passed_over(tmp_path: Path) -> None:
    """A log that was removed; the new one has come further before the old checkpoints are back."""
    states, _ = calm(tmp_path)
    half_way(World(tmp_path / "old"), steps=6)
    world = World(tmp_path / "new")
    half_way(world)
    shutil.rmtree(tmp_path / "new" / "toy")
    shutil.copytree(tmp_path / "old" / "toy", tmp_path / "new" / "toy")
    assert world.finish(world.worker()) == states


def test_checkpoints_of_another_partition_are_passed_over(tmp_path: Path) -> None:
    states, predictions = calm(tmp_path, 2)
    world = World(tmp_path / "mixed", 2)
    worker = world.worker()
    world.run(worker, lambda: min(len(world.steps(0)), len(world.steps(1))) >= 8)
    worker.close()
    shutil.rmtree(tmp_path / "mixed" / "toy" / "0")
    shutil.copytree(tmp_path / "mixed" / "toy" / "1", tmp_path / "mixed" / "toy" / "0")
    assert world.finish(world.worker()) == states
    assert [world.predictions(0), world.predictions(1)] == predictions


def test_a_topic_made_anew_is_noticed(tmp_path: Path) -> None:
    world = World(tmp_path / "anew")
    half_way(world)
    world.admin.delete(["toy.features"])
    world.admin.create([TopicSpec("toy.features", 1)])
    reason = refusal(world)  # its offset went with it, the others stand
    assert "toy.features" in reason
    assert "made anew" in reason
    assert "driftgate reset" in reason


def test_states_of_steps_that_the_log_has_lost_are_not_taken_later(tmp_path: Path) -> None:
    """A copy of the log is restored, and goes on with other records under the same offsets."""
    path, copy = tmp_path / "log.db", tmp_path / "copy.db"
    world = World(tmp_path / "back", log={"type": "embedded", "path": str(path)})
    half_way(world, 4)
    edit(world, "VACUUM INTO ?", str(copy))
    half_way(world, 8)  # with a checkpoint
    world.admin.close()
    copy.replace(path)
    world.admin = EmbeddedAdmin(str(path))
    rows = row_of(world, FEATURES) + 80, row_of(world, FEATURES) + COUNT
    other = b'{"a": 0.2, "b": 0.5, "c": "p"}'
    edit(world, "UPDATE records SET value = ? WHERE id BETWEEN ? AND ?", other, *rows)
    seldom = world.config.checkpoint.model_copy(update={"interval": timedelta(hours=1)})
    config = world.config.model_copy(update={"checkpoint": seldom})
    killed = world.worker(config=config)
    world.run(killed, lambda: len(world.steps()) >= 9)
    restored = world.worker(config=config)
    world.run(restored, lambda: bool(restored.tasks))
    states = [digest(worker.tasks[0].snapshot()) for worker in (killed, restored)]
    assert states[0] == states[1]


def rewind(world: World, note: Callable[[str], str], offset: int) -> None:
    rows = world.admin._store._connection.execute("SELECT partition_id, note FROM positions")
    for partition_id, old in rows.fetchall():
        edit(
            world,
            "UPDATE positions SET offset = ?, note = ? WHERE partition_id = ?",
            offset,
            note(old),
            partition_id,
        )


def test_offsets_that_contradict_the_journal_are_refused(tmp_path: Path) -> None:
    world = World(tmp_path / "rewound")
    half_way(world)
    steps = len(world.steps())
    rewind(world, lambda note: note.replace(f"steps={steps}", "steps=3"), 40)
    reason = refusal(world)
    assert "committed offsets and journal must tell the same" in reason
    assert "driftgate reset CONFIG --partition 0 --to journal" in reason


def test_offsets_of_another_program_are_refused(tmp_path: Path) -> None:
    world = World(tmp_path / "foreign")
    half_way(world)
    rewind(world, lambda _: "", 40)
    assert "Another program commits under this consumer group" in refusal(world)


@pytest.mark.parametrize("column", ["value", "key", "timestamp"])
def test_records_that_changed_below_a_replay_are_noticed(tmp_path: Path, column: str) -> None:
    world = World(tmp_path / "edited")
    half_way(world)
    shutil.rmtree(world.folder / "toy")
    new = {"value": b'{"a": 0.1, "b": 0.2, "c": "p"}', "key": b"other", "timestamp": 30_500}
    row = row_of(world, FEATURES) + 30
    edit(world, f"UPDATE records SET {column} = ? WHERE id = ?", new[column], row)
    reason = refusal(world)
    assert "toy.features[0]@" in reason
    assert "CRC" in reason or "must end where the step ended" in reason


def test_a_position_beyond_the_end_is_refused(tmp_path: Path) -> None:
    world = World(tmp_path / "beyond")
    half_way(world)
    edit(world, 'UPDATE partitions SET "end" = 5 WHERE topic = ?', "toy.features")
    assert "must not lie beyond the end" in refusal(world)


def test_a_journal_of_two_lives_is_noticed_where_it_matters(tmp_path: Path) -> None:
    world = World(tmp_path / "two")
    half_way(world)
    shutil.rmtree(world.folder / "toy")
    row = row_of(world, TopicPartition("toy.journal", 0)) + 4
    entry = msgspec.json.decode(world.values("journal")[4])
    entry["life"] = "0-deadbeef"
    edit(world, "UPDATE records SET value = ? WHERE id = ?", msgspec.json.encode(entry), row)
    assert "got 4 of 0-deadbeef" in refusal(world)


# Settings that may change.

CHANGES: list[dict[str, Any]] = [
    {"labels": {"source": "topic", "max_delay": "20s", "wait_for_other": "1h"}},
    {"labels": {"source": "topic", "max_delay": "1h", "pending_max": 9, "wait_for_other": "1h"}},
    {"detectors": [{"name": "adwin", "params": {"delta": 0.1}}]},
    {"drift": {"monitors": [{"name": "psi", "watches": "predictions"}]}},
    {"metrics": {"fading_factor": 0.9}},
]


def changed(world: World, changes: dict[str, Any]) -> Config:
    dump = world.config.model_dump(mode="json", by_alias=True)
    return Config.model_validate({**dump, **changes})


def journalled_settings(world: World) -> list[str]:
    entries = [msgspec.json.decode(value) for value in world.values("journal")]
    return [entry["settings"] for entry in entries if "settings" in entry]


@pytest.mark.parametrize("changes", CHANGES, ids=lambda changes: "-".join(changes))
def test_a_changed_setting_is_a_journal_entry_that_a_replay_reproduces(
    tmp_path: Path, changes: dict[str, Any]
) -> None:
    world = World(tmp_path / "changed")
    half_way(world)
    config = changed(world, changes)
    worker = world.worker(config=config)
    world.run(worker)
    state = digest(worker.tasks[0].snapshot())
    worker.close()
    assert len(journalled_settings(world)) == 2  # those of the first step, and the change
    shutil.rmtree(world.folder / "toy")  # so that all is replayed, the change included
    replayed = world.worker(config=config)
    world.run(replayed)
    assert digest(replayed.tasks[0].snapshot()) == state
    replayed.close()
    assert world.steps() == list(range(len(world.steps())))


def test_a_change_of_settings_keeps_what_was_learnt(tmp_path: Path) -> None:
    """The model answers as if nothing had been changed; only the detector begins anew."""
    _, predictions = calm(tmp_path)
    world = World(tmp_path / "kept")
    half_way(world)
    config = changed(world, CHANGES[2])
    world.finish(world.worker(config=config))
    assert world.predictions() == predictions[0]


def forget_settings(world: World) -> None:
    """Make of the journal and the positions what a version without lives and settings wrote."""
    base = row_of(world, TopicPartition("toy.journal", 0))
    for offset, value in enumerate(world.values("journal")):
        entry = msgspec.json.decode(value)
        old = msgspec.json.encode({"step": entry["step"], "ranges": entry["ranges"]})
        edit(world, "UPDATE records SET value = ? WHERE id = ?", old, base + offset)
    edit(world, "UPDATE positions SET note = ?", f"driftgate/1 steps={len(world.steps())}")


def test_steps_of_a_version_without_settings_are_replayed_under_those_it_had(
    tmp_path: Path,
) -> None:
    world = World(tmp_path / "updated", **CHANGES[0])
    half_way(world)
    shutil.rmtree(world.folder / "toy")
    forget_settings(world)
    half_way(world, steps=len(world.steps()) + 4)  # the update, under the same settings
    config = changed(
        world, {"labels": {"source": "topic", "max_delay": "1h", "wait_for_other": "1h"}}
    )
    worker = world.worker(config=config)
    world.run(worker)
    state = digest(worker.tasks[0].snapshot())
    worker.close()
    shutil.rmtree(world.folder / "toy")
    replayed = world.worker(config=config)
    world.run(replayed)
    assert digest(replayed.tasks[0].snapshot()) == state
    replayed.close()


def test_catching_up_takes_what_a_change_of_settings_left_unread(tmp_path: Path) -> None:
    """All that is left comes with the poll before the change, which lets go of it."""
    world = World(tmp_path / "caught-up")
    worker = world.worker()
    world.run(worker, lambda: len(world.predictions()) >= COUNT - 50)
    worker.close()
    again = world.worker(config=changed(world, CHANGES[0] | {"steps": {"records_max": 500}}))
    again.start()
    again.catch_up(threading.Event())
    again.close()
    rows = world.admin._store._connection.execute("SELECT offset FROM positions").fetchall()
    assert [row[0] for row in rows] == [COUNT, COUNT]


def test_the_same_settings_again_are_no_change(tmp_path: Path) -> None:
    world = World(tmp_path / "same")
    half_way(world)
    world.finish(world.worker())
    assert len(journalled_settings(world)) == 1


@pytest.mark.parametrize(
    "changes",
    [{"seed": 2}, {"model": {"name": "hoeffding_tree"}}, {"labels": {"source": "inline"}}],
    ids=["seed", "model", "label source"],
)
def test_what_shapes_the_state_asks_for_a_rebuild(tmp_path: Path, changes: dict[str, Any]) -> None:
    world = World(tmp_path / "shape")
    half_way(world)
    reason = refusal(world, changed(world, changes))
    assert "must be those that the state was made with" in reason
    assert "driftgate re" in reason  # rebuild or reset


def test_more_records_after_all_of_that(tmp_path: Path) -> None:
    """A partition that was restored from the journal commits again, and is found by its offsets."""
    world = World(tmp_path / "more")
    half_way(world)
    edit(world, "DELETE FROM positions")
    worker: Worker = world.worker()
    world.run(worker)
    worker.close()
    rows = world.admin._store._connection.execute("SELECT offset FROM positions").fetchall()
    assert [row[0] for row in rows] == [COUNT, COUNT]


@pytest.mark.parametrize("changes", CHANGES[1:3], ids=lambda changes: "-".join(changes))
def test_settings_of_a_model_that_cannot_be_written_change_too(
    tmp_path: Path, changes: dict[str, Any]
) -> None:
    """A river model without a key: an update of driftgate may change settings, too."""
    world = World(tmp_path / "river", model={"name": "river:river.tree.HoeffdingTreeClassifier"})
    half_way(world)
    config = changed(world, changes)
    states = []
    for _ in range(2):  # changes them, and then replays all that
        worker = world.worker(config=config)
        world.run(worker)
        pieces = worker.tasks[0].parts.stateful()
        states.append(
            {name: digest(piece.snapshot()) for name, piece in pieces.items() if name != "model"}
        )
        worker.close()
    assert states[0] == states[1]
    assert len(journalled_settings(world)) == 2
    if "detectors" in changes:
        quiet = World(tmp_path / "quiet", model={"name": world.config.model.name})
        worker = quiet.worker()
        quiet.run(worker)
        worker.close()
        assert world.predictions() == quiet.predictions()


def over(worker: Worker) -> Callable[[], bool]:
    """Whether it has taken all there is, or cannot."""
    return lambda: (
        worker._caught_up() or any(status.state is State.FAILED for status in worker.statuses)
    )


class EmptyWorld(World):
    """Has topics, and nothing in them."""

    def fill(self, partition: int, first: int, stop: int) -> None:
        pass


def late_names(world: World, first: int, stop: int) -> None:
    """Append events whose categories and classes are three each from the 100th on, two before."""
    times = [1000 * number for number in range(first, stop)]
    keys = [b"late-%d" % number for number in range(first, stop)]
    kinds = [2 if number < 100 else 3 for number in range(first, stop)]
    events = [
        msgspec.json.encode({"a": number % 10 / 10, "b": 1.0, "c": "xyz"[number % kind]})
        for number, kind in zip(range(first, stop), kinds, strict=True)
    ]
    labels = [
        msgspec.json.encode({"y": ["no", "yes", "maybe"][number // 3 % kind]})
        for number, kind in zip(range(first, stop), kinds, strict=True)
    ]
    for topic, values, at in (("toy.features", events, 0), ("toy.labels", labels, 5000)):
        target = TopicPartition(topic, 0)
        world.admin.append([OutputBatch(target, [at + time for time in times], keys, values)])


@pytest.mark.parametrize("model", ["river:river.tree.HoeffdingTreeClassifier", "naive_bayes"])
@pytest.mark.parametrize("changes", CHANGES[1:3], ids=lambda changes: "-".join(changes))
def test_names_that_come_after_a_change_of_settings_are_known_to_the_model(
    tmp_path: Path, changes: dict[str, Any], model: str
) -> None:
    """A model may hold on to the lists of categories and classes, which grow as records come."""
    target = {"type": "classification", "path": "$.y", "classes_max": 4}
    found = []
    for number, settings in enumerate((changes, {})):
        world = EmptyWorld(tmp_path / str(number), model={"name": model}, target=target)
        late_names(world, 0, 100)
        before = world.worker()
        world.run(before)
        before.close()
        late_names(world, 100, 300)
        after = world.worker(config=changed(world, settings))
        world.run(after, over(after))
        after.close()
        found.append(len(world.predictions()))
        if settings:
            shutil.rmtree(world.folder / "toy", ignore_errors=True)
            replayed = world.worker(config=changed(world, settings))
            world.run(replayed, over(replayed))
            assert replayed.tasks[0].steps == len(world.steps())
            replayed.close()
    assert found == [300, 300]
