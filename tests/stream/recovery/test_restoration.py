"""Covers stream.recovery.restoration: which checkpoint is taken, where a replay begins and ends.

Worlds are those of tests/replay/; what the worker makes of a restoration is in test_turns.py there.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest

from operators.snapshot import digest
from stream.checkpoint.format import Checkpoint, decode, encode
from stream.checkpoint.reads import InlineReads
from stream.checkpoint.store import CheckpointStore
from stream.clock import SystemClock
from stream.errors import (
    InvariantError,
    LogUnsettledError,
    RecoveryError,
    StoreUnavailableError,
)
from stream.log.base import Bounds, OutputBatch, TopicPartition
from stream.log.embedded import EmbeddedLog
from stream.recovery.life import Life
from stream.recovery.restoration import Restoration, Restored
from stream.recovery.settings import Builds
from stream.topology import PartsBuilder
from tests.replay.worlds import World

JOURNAL = TopicPartition("toy.journal", 0)
FOR_EVER = float("inf")


@pytest.fixture
def world(tmp_path: Path) -> World:
    """Eight steps, or more, with a checkpoint at several of them."""
    made = World(tmp_path / "w")
    worker = made.worker()
    made.run(worker, lambda: len(made.steps()) >= 8)
    worker.close()
    return made


def restoration(world: World, attempts: int = 0, log: EmbeddedLog | None = None) -> Restoration:
    config = world.config
    return Restoration(
        log or EmbeddedLog(world.path, "toy"),
        CheckpointStore(config.checkpoint.store, config.app, 100),
        InlineReads(),
        Builds(config, PartsBuilder(config)),
        config.app,
        0,
        SystemClock(),
        attempts,
    )


def restored(world: World, attempts: int = 0) -> Restored:
    found = restoration(world, attempts).advance(FOR_EVER)
    assert found is not None
    return found


def rewrite(path: Path, change: Callable[[Checkpoint], Checkpoint]) -> None:
    path.write_bytes(encode(change(decode(path.read_bytes(), str(path)))))


def remove_but(world: World, keep: int) -> Path:
    """Leave one checkpoint, this many from the newest."""
    paths = world.checkpoints()
    for path in paths:
        if path != paths[-1 - keep]:
            path.unlink()
    return paths[-1 - keep]


def edit(world: World, statement: str, *values: Any) -> None:
    world.admin._store._connection.execute(statement, values)


def test_the_newest_checkpoint_is_taken_and_the_rest_replayed(world: World) -> None:
    newest = restored(world)
    assert newest.checkpoint == str(world.checkpoints()[-1])
    assert (newest.replayed_steps, newest.replayed_records) == (0, 0)
    assert newest.checkpointed_steps == newest.task.steps == len(world.steps())
    older = remove_but(world, 1)
    found = restored(world)
    assert found.checkpoint == str(older)
    assert found.checkpointed_steps == int(older.stem)
    assert found.replayed_steps == len(world.steps()) - int(older.stem)
    assert found.replayed_records > 0
    assert found.journal_offset == newest.journal_offset
    assert digest(found.task.snapshot()) == digest(newest.task.snapshot())


def test_without_a_checkpoint_all_is_replayed(world: World) -> None:
    state = digest(restored(world).task.snapshot())
    shutil.rmtree(world.folder / "toy")
    found = restored(world)
    assert (found.checkpoint, found.checkpointed_steps) == (None, -1)
    assert found.replayed_steps == len(world.steps())
    assert digest(found.task.snapshot()) == state


def other_offsets(by: int, *topics: str) -> Callable[[Checkpoint], Checkpoint]:
    def change(found: Checkpoint) -> Checkpoint:
        moved = {t: at + by * (t in topics) for t, at in found.offsets.items()}
        return replace(found, offsets=moved)

    return change


FOREIGN: dict[str, Callable[[Checkpoint], Checkpoint]] = {
    "app": lambda c: replace(c, app="other"),
    "partition": lambda c: replace(c, partition=1),
    "life": lambda c: replace(c, life="0-deadbeef"),
    "steps": lambda c: replace(c, steps=c.steps + 1),
    "events": other_offsets(1, "toy.features"),
    "labels": other_offsets(1, "toy.labels"),
    "one input": lambda c: replace(c, offsets={"toy.features": c.offsets["toy.features"]}),
}


@pytest.mark.parametrize("change", FOREIGN.values(), ids=FOREIGN)
def test_a_checkpoint_that_cannot_belong_here_is_passed_over(
    world: World, change: Callable[[Checkpoint], Checkpoint]
) -> None:
    *_, before, newest = world.checkpoints()
    rewrite(newest, change)
    assert restored(world).checkpoint == str(before)


def test_a_checkpoint_of_a_life_that_is_about_to_begin_is_left(world: World) -> None:
    *_, before, newest = world.checkpoints()
    later = "7-" + restored(world).task.life.partition("-")[2]
    rewrite(newest, lambda found: replace(found, life=later))
    assert restored(world).checkpoint == str(before)
    assert newest.exists()


def test_a_checkpoint_of_an_older_version_has_no_life_and_is_taken(world: World) -> None:
    rewrite(world.checkpoints()[-1], lambda found: replace(found, life=""))
    found = restored(world)
    assert found.checkpoint == str(world.checkpoints()[-1])
    assert Life.parse(found.task.life) is not None


def test_a_checkpoint_of_another_shape_stops_the_partition(world: World) -> None:
    rewrite(world.checkpoints()[-1], lambda found: replace(found, fingerprint="0" * 16))
    with pytest.raises(RecoveryError, match="settings must be those that the state was made with"):
        restored(world)


def test_a_state_goes_on_under_its_own_settings(world: World) -> None:
    now = restored(world).settings
    fields = msgspec.json.decode(now)
    fields["labels"]["pending_max"] = 77
    former = msgspec.json.encode(fields).decode()
    rewrite(world.checkpoints()[-1], lambda found: replace(found, settings=former))
    found = restored(world)
    assert found.settings == former
    assert found.task.parts.labels._pending_max == 77  # type: ignore[attr-defined]


@pytest.mark.parametrize(("attempts", "waits"), [(0, True), (3, True), (4, False), (9, False)])
def test_a_store_that_is_away_is_waited_for_a_few_times(
    world: World, attempts: int, waits: bool
) -> None:
    started = restoration(world, attempts)
    store = started._choice._store
    newest, read = str(world.checkpoints()[-1]), store.read

    def away(path: str) -> bytes:
        if path == newest:
            raise StoreUnavailableError("the store is away")
        return read(path)

    store.read = away  # type: ignore[method-assign]
    if waits:
        with pytest.raises(StoreUnavailableError):
            started.advance(FOR_EVER)
    else:
        found = started.advance(FOR_EVER)
        assert found is not None
        assert found.checkpoint == str(world.checkpoints()[-2])


def test_offsets_that_no_replay_ends_at_are_refused(world: World) -> None:
    edit(world, "UPDATE positions SET offset = offset + 1")
    remove_but(world, 2)
    with pytest.raises(InvariantError, match="replay must end at the committed offsets"):
        restored(world)


def test_checkpoints_beside_nothing_that_was_committed_are_refused(world: World) -> None:
    edit(world, "DELETE FROM positions")
    world.admin.trim(JOURNAL, 10_000)
    with pytest.raises(RecoveryError, match="must have no checkpoints"):
        restored(world)


@pytest.mark.parametrize("what", ["step", "life"])
def test_a_gap_in_the_journal_is_named(world: World, what: str) -> None:
    remove_but(world, 2)
    gap = int(world.checkpoints()[0].stem)
    (number,) = world.admin._store._connection.execute(
        "SELECT id FROM partitions WHERE topic = 'toy.journal'"
    ).fetchone()
    entry = msgspec.json.decode(world.values("journal")[gap])
    entry |= {"step": gap + 1} if what == "step" else {"life": "0-deadbeef"}
    row = (int(number) << 40) + gap
    edit(world, "UPDATE records SET value = ? WHERE id = ?", msgspec.json.encode(entry), row)
    with pytest.raises(
        RecoveryError, match=f"step must be {gap} of life .* got {entry['step']} of {entry['life']}"
    ):
        restored(world)


def test_a_replay_stops_at_the_position_although_others_go_on(world: World) -> None:
    """Another worker commits while this one reads: what it has found is where it must arrive."""
    kept = remove_but(world, 2)
    steps = len(world.steps())
    started = restoration(world)
    while started.task is None:  # until then it finds out where it must arrive
        assert started.advance(0.0) is None
    other = world.worker()
    world.run(other, lambda: len(world.steps()) >= steps + 3)
    for path in world.checkpoints():
        if path != kept:
            path.unlink()
    found = started.advance(FOR_EVER)
    assert found is not None
    assert found.task.steps == steps


def test_a_slice_ends_after_each_step(world: World) -> None:
    shutil.rmtree(world.folder / "toy")
    started, left = restoration(world), []
    while started.advance(0.0) is None:
        left.append(started.steps_left)
    steps = len(world.steps())
    assert sorted(set(left), reverse=True) == [*range(steps - 1, -1, -1)]


def entries(world: World) -> list[dict[str, Any]]:
    return [msgspec.json.decode(value) for value in world.values("journal")]


def begin_life(world: World, *added: dict[str, Any]) -> str:
    """Let a new life begin at the journal's end, with these entries, all committed."""
    begin = world.admin.bounds(JOURNAL).end
    life = str(Life(begin, entries(world)[-1]["life"].partition("-")[2]))
    values = [
        msgspec.json.encode({**entry, "step": step, "life": life})
        for step, entry in enumerate(added)
    ]
    count = len(values)
    world.admin.append([OutputBatch(JOURNAL, [0] * count, [None] * count, values)])
    note = f"driftgate/2 steps={count} life={life} topic="
    for topic, taken in added[-1]["ranges"].items():
        edit(
            world,
            "UPDATE positions SET offset = ?, note = ? WHERE partition_id IN "
            "(SELECT id FROM partitions WHERE topic = ?)",
            taken[1],
            note,
            topic,
        )
    return life


def test_a_replay_begins_where_its_life_begins_in_the_journal(world: World) -> None:
    first, second = entries(world)[:2]
    life = begin_life(world, first, second)
    found = restored(world)
    assert (found.checkpoint, found.task.life, found.task.steps) == (None, life, 2)
    assert found.journal_offset == world.admin.bounds(JOURNAL).end


def moved_life(world: World) -> Path:
    """A life that goes on with the state of a checkpoint, and has taken one more step."""
    checkpoint = world.checkpoints()[-3]
    found = decode(checkpoint.read_bytes(), str(checkpoint))
    ranges = {topic: (at, at) for topic, at in found.offsets.items()}
    begin = world.admin.bounds(JOURNAL).end
    life = begin_life(world, {"ranges": ranges, "begins": True}, entries(world)[found.steps])
    kept = checkpoint.with_stem(f"{1:015d}")
    data = encode(replace(found, steps=1, life=life, journal_offset=begin))
    for path in world.checkpoints():
        path.unlink()
    kept.write_bytes(data)
    return kept


def test_a_life_that_began_with_a_model_made_elsewhere_goes_on_from_its_checkpoint(
    world: World,
) -> None:
    kept = moved_life(world)
    found = restored(world)
    assert (found.checkpoint, found.replayed_steps, found.task.steps) == (str(kept), 1, 2)


def test_without_that_checkpoint_it_cannot_be_replayed(world: World) -> None:
    moved_life(world).unlink()
    with pytest.raises(RecoveryError, match="step 0, which begins with a model made elsewhere"):
        restored(world)


def test_what_an_older_version_wrote_has_settings_of_its_own(world: World) -> None:
    """Its entries name neither life nor settings; today's come into force by a step."""
    shutil.rmtree(world.folder / "toy")
    (number,) = world.admin._store._connection.execute(
        "SELECT id FROM partitions WHERE topic = 'toy.journal'"
    ).fetchone()
    for offset, entry in enumerate(entries(world)):
        old = msgspec.json.encode({"step": entry["step"], "ranges": entry["ranges"]})
        row = (int(number) << 40) + offset
        edit(world, "UPDATE records SET value = ? WHERE id = ?", old, row)
    edit(world, "UPDATE positions SET note = ?", f"driftgate/1 steps={len(world.steps())}")
    found = restored(world)
    assert (found.settings, found.replayed_steps) == ("", len(world.steps()))


def test_where_a_partition_never_worked_its_journal_begins_at_the_end(tmp_path: Path) -> None:
    world = World(tmp_path / "w")
    markers = OutputBatch(JOURNAL, [0] * 5, [None] * 5, [b"{}"] * 5)
    world.admin.append([markers])
    world.admin.trim(JOURNAL, 5)
    world.admin.trim(TopicPartition("toy.features", 0), 30)
    found = restored(world)
    assert (found.journal_offset, found.task.steps) == (5, 0)
    assert found.task.life.startswith("5-")
    assert found.task.offsets[TopicPartition("toy.features", 0)] == 30
    worker = world.worker()
    world.run(worker, lambda: len(world.values("journal")) >= 4)
    state = digest(restored(world).task.snapshot())
    shutil.rmtree(world.folder / "toy")
    assert digest(restored(world).task.snapshot()) == state


@pytest.mark.parametrize("role", ["predictions", "drift", "dead_letters"])
def test_nothing_is_written_behind_an_open_transaction_on_an_output(
    world: World, role: str
) -> None:
    """It may be this worker's own that hangs: a commit would then show what had been aborted."""
    topic = world.config.topics.model_dump()[role]

    class Held(EmbeddedLog):
        def bounds(self, source: TopicPartition) -> Bounds:
            if source == (topic, 0):
                raise LogUnsettledError(f"{topic}[0]: a transaction is open")
            return super().bounds(source)

    with pytest.raises(LogUnsettledError, match=rf"{topic}\[0\]"):
        restoration(world, log=Held(world.path, "toy")).advance(FOR_EVER)
