"""Covers stream.checkpoint.reads, and a worker whose store hangs while it restores.

Which checkpoint is taken is in tests/stream/recovery/test_restoration.py.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path

import pytest

from operators.snapshot import digest
from stream.checkpoint.reads import InlineReads, ThreadedReads
from stream.checkpoint.store import CheckpointStore, Stored
from stream.clock import SystemClock
from stream.errors import StoreUnavailableError
from stream.recovery.lifecycle import State
from tests.replay.worlds import StepClock, World, calm


@pytest.mark.parametrize("kind", [ThreadedReads, InlineReads])
def test_an_answer_is_what_the_store_returns_or_raises(
    kind: type[ThreadedReads | InlineReads],
) -> None:
    reads = kind()
    assert reads.ask("a", lambda: 7).result(5.0) == 7

    def fail() -> int:
        raise StoreUnavailableError("away")

    answer: Future[int] = reads.ask("a", fail)
    with pytest.raises(StoreUnavailableError, match="away"):
        answer.result(5.0)
    assert reads.ask("a", lambda: 8).result(5.0) == 8


def test_an_address_waits_for_one_question_and_others_are_asked_about() -> None:
    reads, gate = ThreadedReads(), threading.Event()
    held = reads.ask("a", lambda: gate.wait(10.0))
    with pytest.raises(StoreUnavailableError, match="a: the checkpoint store must answer"):
        reads.ask("a", lambda: 1)
    assert reads.ask("b", lambda: 1).result(5.0) == 1
    gate.set()
    assert held.result(5.0) is True
    assert reads.ask("a", lambda: 2).result(5.0) == 2


class Hanging(CheckpointStore):
    """Does not answer for one partition while `gate` is closed."""

    gate = threading.Event()
    hangs_at = -1

    def listed(self, partition: int) -> list[Stored]:
        if partition == self.hangs_at:
            self.gate.wait(30.0)
        return super().listed(partition)


@pytest.fixture
def hanging(tmp_path: Path) -> Iterator[tuple[World, Hanging]]:
    """A world of three partitions, each with some checkpoints; its store hangs at partition 1."""
    world = World(tmp_path / "w", 3)
    first = world.worker()
    world.run(first, lambda: min(len(world.steps(number)) for number in range(3)) >= 4)
    first.close()
    store = Hanging(world.config.checkpoint.store, world.config.app, 100)
    store.hangs_at, store.gate = 1, threading.Event()
    yield world, store
    store.gate.set()


def test_a_store_that_hangs_holds_up_its_own_partition_alone(
    tmp_path: Path, hanging: tuple[World, Hanging]
) -> None:
    states, predictions = calm(tmp_path, 3)
    world, store = hanging
    worker = world.worker(store=store, reads=ThreadedReads(), clock=SystemClock())
    worker.start()
    longest = 0.0
    while [world.predictions(0), world.predictions(2)] != predictions[::2]:
        began = time.monotonic()
        worker._turn_or_recover(threading.Event())
        longest = max(longest, time.monotonic() - began)
    assert longest < 2.0
    assert [status.state for status in worker.statuses].count(State.RESTORING) == 1
    store.gate.set()
    world.go_on(worker)
    assert [digest(task.snapshot()) for _, task in sorted(worker.tasks.items())] == states
    assert [world.predictions(number) for number in range(3)] == predictions


def test_a_store_that_hangs_for_long_fails_its_partition_in_words(
    hanging: tuple[World, Hanging],
) -> None:
    world, store = hanging
    worker = world.worker(store=store, reads=ThreadedReads(), clock=StepClock(1.0))
    world.run(worker, lambda: any(s.state is State.FAILED for s in worker.statuses))
    failed = next(status for status in worker.statuses if status.state is State.FAILED)
    assert failed.partition == 1
    assert (
        "checkpoints of partition 1: the checkpoint store must answer; it has not for "
        in failed.reason
    )
    store.gate.set()
    world.go_on(worker, lambda: 1 in worker.tasks)
    assert worker.tasks[1].steps >= 4


class NewestHangs(CheckpointStore):
    """Does not answer for the newest checkpoint of partition 1 while `gate` is closed."""

    gate = threading.Event()

    def read(self, path: str) -> bytes:
        if path == self.listed(1)[0].path:
            self.gate.wait(30.0)
        return super().read(path)


def test_after_some_attempts_an_older_checkpoint_is_taken_in_place_of_one_that_hangs(
    hanging: tuple[World, Hanging], monkeypatch: pytest.MonkeyPatch
) -> None:
    world, other = hanging
    other.gate.set()
    store = NewestHangs(world.config.checkpoint.store, world.config.app, 100)
    newest, before = store.listed(1)[:2]
    worker = world.worker(store=store, reads=ThreadedReads(), clock=StepClock(1.0))
    taken: list[str | None] = []
    monkeypatch.setattr(
        worker._restorer._observer, "restored", lambda found: taken.append(found.checkpoint)
    )
    world.run(worker, lambda: 1 in worker.tasks)
    assert before.path in taken
    assert newest.path not in taken
    store.gate.set()
