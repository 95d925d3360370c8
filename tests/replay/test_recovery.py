"""Recovery inside one process: doubtful commits, damaged checkpoints, and what is refused.

Killed processes are in test_kill.py, lost frames of a real broker in tests/kafka/.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import pytest

from operators.snapshot import digest
from stream.checkpoint.reads import InlineReads
from stream.checkpoint.store import CheckpointStore
from stream.checkpoint.writer import InlineWriter
from stream.config.pipeline import Config
from stream.errors import (
    CommitUncertainError,
    FencedError,
    LogUnavailableError,
    RecoveryError,
)
from stream.evaluate import Recorder, Series, committed_values, delay_labels, load
from stream.log.base import TopicPartition, Transaction
from stream.log.embedded import EmbeddedAdmin, EmbeddedLog
from stream.topology import PartsBuilder
from stream.worker.worker import Worker
from tests.builders import stream, toy_config

COUNT = 2000
SOURCES = [TopicPartition("toy.features", 0), TopicPartition("toy.labels", 0)]


@dataclass
class World:
    """A filled log in memory, and workers on it, one after the other."""

    config: Config
    admin: EmbeddedAdmin
    folder: Path

    def worker(self, log: EmbeddedLog | None = None, config: Config | None = None) -> Worker:
        config = config or self.config
        log = log or EmbeddedLog(config.log.path, config.app)  # type: ignore[union-attr]
        store = CheckpointStore(config.checkpoint.store, config.app, 3)
        return Worker(
            config,
            log,
            store,
            PartsBuilder(config),
            Recorder(),
            writer=InlineWriter(store),
            reads=InlineReads(),
        )

    def catch_up(self, worker: Worker) -> str:
        """Run to the end of the inputs; the digest of the state, and of all that was committed."""
        worker.start()
        worker.catch_up(threading.Event())
        state = digest(worker.tasks[0].snapshot())
        worker.close()
        return state

    def predictions(self) -> list[bytes]:
        return list(committed_values(self.admin, TopicPartition("toy.predictions", 0)))

    def checkpoints(self) -> list[Path]:
        return sorted((self.folder / "toy" / "0").glob("*.checkpoint"))


@pytest.fixture
def make_world(tmp_path: Path) -> Callable[[str], World]:
    def make(name: str, **changes: Any) -> World:
        folder = tmp_path / name
        config = toy_config(
            log={"type": "embedded", "path": f":memory:{tmp_path.name}-{name}"},
            labels={"source": "topic", "max_delay": "1h", "wait_for_other": "1h"},
            model={"name": "drift_moe", "params": {"experts": 4, "top_k": 2}},
            steps={"records_max": 100},
            checkpoint={"store": f"file://{folder}", "interval": "1ms"},
            **changes,
        )
        made = stream(COUNT, seed=5)
        keys = [record["id"].encode() for record in made]
        times = [1000 * number for number in range(COUNT)]
        values = [msgspec.json.encode({n: record[n] for n in "abc"}) for record in made]
        labels = [msgspec.json.encode({"y": record["y"]}) for record in made]
        admin = EmbeddedAdmin(config.log.path)  # type: ignore[union-attr]
        delayed = Series(keys, labels, delay_labels(times, 50))
        load(config, admin, Series(keys, values, times), delayed)
        return World(config, admin, folder)

    return make


class DoubtfulLog(EmbeddedLog):
    """Loses the outcome of some commits: of every third one the answer, of every fourth all."""

    commits = 0
    doubts = 0

    def commit(self, transaction: Transaction) -> dict[TopicPartition, int]:
        self.commits += 1
        if self.commits % 4 == 0:
            self.doubts += 1
            raise CommitUncertainError("the request was lost")
        written = super().commit(transaction)
        if self.commits % 3 == 0:
            self.doubts += 1
            raise CommitUncertainError("the answer was lost")
        return written


def test_commits_in_doubt_neither_lose_nor_repeat_anything(
    make_world: Callable[[str], World],
) -> None:
    calm, doubtful = make_world("calm"), make_world("doubtful")
    state = calm.catch_up(calm.worker())
    log = DoubtfulLog(doubtful.config.log.path, "toy")  # type: ignore[union-attr]
    assert doubtful.catch_up(doubtful.worker(log)) == state
    assert log.doubts > 10
    assert doubtful.predictions() == calm.predictions()
    assert len(calm.predictions()) > 0.95 * COUNT


class UnavailableLog(EmbeddedLog):
    """Cannot be reached for every fifth commit, after the step has run."""

    commits = 0

    def commit(self, transaction: Transaction) -> dict[TopicPartition, int]:
        self.commits += 1
        if self.commits % 5 == 0:
            raise LogUnavailableError("the broker is away")
        return super().commit(transaction)


def test_a_log_that_is_away_at_a_commit_loses_nothing(
    make_world: Callable[[str], World],
) -> None:
    calm, away = make_world("calm"), make_world("away")
    state = calm.catch_up(calm.worker())
    log = UnavailableLog(away.config.log.path, "toy")  # type: ignore[union-attr]
    assert away.catch_up(away.worker(log)) == state
    assert log.commits > 10
    assert away.predictions() == calm.predictions()


class FencedLog(EmbeddedLog):
    """Belongs to somebody else from the fifth commit on."""

    commits = 0

    def commit(self, transaction: Transaction) -> dict[TopicPartition, int]:
        self.commits += 1
        if self.commits == 5:
            raise FencedError("another worker has taken over")
        return super().commit(transaction)


def test_a_state_that_was_not_committed_is_never_made_durable(
    make_world: Callable[[str], World],
) -> None:
    calm, world = make_world("calm"), make_world("fenced")
    state = calm.catch_up(calm.worker())
    log = FencedLog(world.config.log.path, "toy")  # type: ignore[union-attr]
    worker = world.worker(log)
    worker.start()
    with pytest.raises(FencedError):
        worker.catch_up(threading.Event())
    worker.close()
    steps = [int(path.stem) for path in world.checkpoints()]
    assert max(steps, default=0) <= 4
    assert world.catch_up(world.worker()) == state
    assert world.predictions() == calm.predictions()


def interrupted(world: World) -> None:
    """Run half of the way, with a checkpoint after every step, and vanish without a word."""
    worker = world.worker()
    worker.start()
    for _ in range(6):
        worker._turn()
    assert 0 < len(world.predictions()) < COUNT
    assert len(world.checkpoints()) == 3


@pytest.mark.parametrize("damaged", [0, 1, 3])
def test_damaged_checkpoints_are_passed_over(
    make_world: Callable[[str], World], damaged: int
) -> None:
    calm, world = make_world("calm"), make_world("damaged")
    state = calm.catch_up(calm.worker())
    interrupted(world)
    for path in world.checkpoints()[3 - damaged :]:
        data = bytearray(path.read_bytes())
        data[len(data) // 2] ^= 1
        path.write_bytes(data)
    assert world.catch_up(world.worker()) == state
    assert world.predictions() == calm.predictions()


def test_a_checkpoint_beyond_the_committed_offsets_is_passed_over(
    make_world: Callable[[str], World],
) -> None:
    ahead, world = make_world("ahead"), make_world("behind")
    state = ahead.catch_up(ahead.worker())
    interrupted(world)
    (newest,) = ahead.checkpoints()[-1:]
    (world.folder / "toy" / "0" / newest.name).write_bytes(newest.read_bytes())
    assert world.catch_up(world.worker()) == state


def test_other_settings_are_refused(make_world: Callable[[str], World]) -> None:
    world = make_world("other")
    interrupted(world)
    other = world.config.model_copy(update={"seed": 2})
    worker = world.worker(config=other)
    worker.start()
    with pytest.raises(RecoveryError, match="settings must be those that the state was made with"):
        worker._turn()


def test_a_journal_that_lost_its_beginning_is_refused(
    make_world: Callable[[str], World],
) -> None:
    world = make_world("journal")
    interrupted(world)
    for path in world.checkpoints():
        path.unlink()
    world.admin.trim(TopicPartition("toy.journal", 0), 2)
    worker = world.worker()
    worker.start()
    with pytest.raises(RecoveryError, match="the journal must begin with step 0; got step 2"):
        worker._turn()


def break_whole(path: Path, kind: str) -> None:
    """Make a checkpoint unreadable in one of the ways that stores know."""
    path.unlink()
    if kind == "dangling":
        path.symlink_to("/nowhere")
    elif kind == "directory":
        path.mkdir()
    else:  # whole and checksummed, but written by a later version
        head = b'{"format": 2}'
        body = b"driftgate-checkpoint\n" + len(head).to_bytes(8, "little") + head
        path.write_bytes(body + hashlib.sha256(body).digest())


@pytest.mark.parametrize("kind", ["dangling", "directory", "later format"])
def test_a_checkpoint_that_cannot_be_read_is_passed_over(
    make_world: Callable[[str], World], kind: str
) -> None:
    calm, world = make_world("calm"), make_world("unreadable")
    state = calm.catch_up(calm.worker())
    interrupted(world)
    break_whole(world.checkpoints()[-1], kind)
    assert world.catch_up(world.worker()) == state
    assert world.predictions() == calm.predictions()
