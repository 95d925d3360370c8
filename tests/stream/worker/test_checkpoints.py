"""Covers stream.worker.checkpoints: when a state is written, and what is noted of it.

The writer is a list; real stores and threads are in test_checkpoint_writer.py.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from operators.snapshot import SnapshotUnavailableError
from stream.checkpoint.format import Checkpoint
from stream.checkpoint.writer import Written
from stream.errors import DriftgateError, StoreUnavailableError
from stream.log.base import Identity, TopicPartition
from stream.recovery.lifecycle import Lifecycle, Partition
from stream.recovery.restoration import Restored
from stream.worker.checkpoints import Checkpoints
from tests.builders import toy_config
from tests.replay.seen import ManualClock, Seen


class Task:
    """A task of one array."""

    life = "a life"
    can_be_written = True

    def __init__(self, partition: int, steps: int) -> None:
        self.partition = partition
        self.steps = steps
        self.offsets = {TopicPartition("events", partition): 10 * steps}
        self.wanted = self.offsets
        self.array = np.full(3, steps)

    def snapshot(self) -> dict[str, Any]:
        if not self.can_be_written:
            raise SnapshotUnavailableError("a river model without a key")
        return {"x": self.array}


class Restoring:
    """A restoration that has come so far."""

    checkpointed_steps = 2
    checkpointed_at = 0.0
    journal_offset = 6
    settings = "{}"

    def __init__(self, task: Task | None) -> None:
        self.task = task

    def close(self) -> None:
        pass


class Writer:
    """Takes checkpoints; they end when the test says so."""

    def __init__(self) -> None:
        self.submitted: list[Checkpoint] = []
        self.busy: set[int] = set()
        self.ended: list[Written] = []
        self.waits: list[tuple[list[int], float]] = []
        self.frees = True
        self.closed_s = -1.0

    def submit(self, checkpoint: Checkpoint) -> bool:
        if checkpoint.partition in self.busy:
            return False
        self.busy.add(checkpoint.partition)
        self.submitted.append(checkpoint)
        return True

    def end(self, partition: int, steps: int, error: DriftgateError | None = None) -> None:
        self.busy.discard(partition)
        self.ended.append(Written(partition, steps, 7, 0.5, error))

    def finished(self) -> list[Written]:
        ended, self.ended = self.ended, []
        return ended

    def writing(self) -> dict[int, float]:
        return dict.fromkeys(self.busy, 1.5)

    def wait(self, partitions: Iterable[int], timeout_s: float) -> bool:
        self.waits.append((list(partitions), timeout_s))
        if not self.frees:
            return False
        for checkpoint in self.submitted:
            if checkpoint.partition in self.busy & {*self.waits[-1][0]}:
                self.end(checkpoint.partition, checkpoint.steps)
        return True

    def close(self, timeout_s: float) -> None:
        self.closed_s = timeout_s


class Made:
    """Partition 3, live after step 5 or restoring, with nothing durable."""

    def __init__(self, *, live: bool = True, steps: int = 5) -> None:
        self.clock, self.seen, self.writer = ManualClock(), Seen(), Writer()
        config = toy_config(checkpoint={"store": "memory://x", "interval": "10s"})
        self.checkpoints = Checkpoints(config, "print", self.writer, self.seen)
        self.lifecycle = Lifecycle(self.clock, lambda _: None)
        self.lifecycle.assign([3])
        (self.partition,) = self.lifecycle.due()
        self.task: Any = Task(3, steps)
        restoring: Any = Restoring(self.task)
        self.lifecycle.restore(self.partition, restoring)
        if live:
            found = Restored(self.task, 9, {}, Identity("m", 1), {}, "{}", None, -1, 0, 0, 0.0)
            self.lifecycle.go_live(self.partition, found)

    def at(self, now: float) -> list[int]:
        """Steps of all that was submitted by this moment."""
        self.clock.now_s = now
        self.checkpoints.write_due(self.lifecycle, now)
        return [checkpoint.steps for checkpoint in self.writer.submitted]

    def step(self) -> None:
        self.task.steps += 1
        self.task.array += 1
        if self.partition.live is not None:
            self.partition.live.committed_steps += 1


def test_a_state_is_written_once_an_interval() -> None:
    made = Made()
    assert made.at(9.9) == []
    assert made.at(10.0) == [5]
    made.writer.end(3, 5)
    made.step()
    assert made.at(19.9) == [5]
    assert made.at(20.0) == [5, 6]


def test_what_is_written_is_the_state_of_that_moment() -> None:
    made = Made()
    made.at(10.0)
    made.step()
    (written,) = made.writer.submitted
    assert np.asarray(written.state["x"]).tolist() == [5, 5, 5]
    assert (written.app, written.partition, written.fingerprint) == ("toy", 3, "print")
    assert (written.offsets, written.journal_offset) == ({"events": 50}, 9)
    assert (written.life, written.settings) == ("a life", "{}")


def test_a_state_that_is_durable_is_not_written_again() -> None:
    made = Made()
    made.at(10.0)
    made.writer.end(3, 5)
    assert made.at(11.0) == [5]
    assert made.at(20.0) == [5]
    assert made.partition.live is not None
    assert made.partition.live.checkpointed_steps == 5
    assert made.seen.of("checkpointed") == [(3, 7, 0.5)]


def test_a_state_that_could_not_be_written_is_tried_again() -> None:
    made = Made()
    made.at(10.0)
    made.writer.end(3, 5, StoreUnavailableError("away"))
    assert made.at(11.0) == [5]
    assert made.at(20.0) == [5, 5]
    assert made.seen.of("checkpoint_failed") == [(3, "away")]
    assert made.seen.of("checkpointed") == []


def test_a_first_state_needs_no_checkpoint() -> None:
    made = Made(steps=0)
    assert made.at(10.0) == []


def test_a_state_ahead_of_the_log_is_not_written() -> None:
    made = Made()
    made.task.steps += 1
    assert made.at(10.0) == []
    assert made.checkpoints.write(made.partition)


def test_a_replay_is_written_too() -> None:
    made = Made(live=False)
    assert made.at(10.0) == [5]
    assert made.writer.submitted[0].journal_offset == 6
    made.writer.end(3, 5)
    made.at(20.0)
    assert made.partition.restoration is not None
    assert made.partition.restoration.checkpointed_steps == 5


def test_a_restoration_that_has_no_task_yet_has_nothing_to_write() -> None:
    made = Made(live=False)
    assert made.partition.restoration is not None
    made.partition.restoration.task = None
    assert made.at(10.0) == []


def test_a_model_that_cannot_be_written_goes_on_without() -> None:
    made = Made()
    made.task.can_be_written = False
    assert made.at(10.0) == []
    assert made.checkpoints.write(made.partition)


def test_how_long_writing_takes_is_shown() -> None:
    made = Made()
    made.at(10.0)
    assert made.seen.of("checkpoints_under_way")[-1] == ({3: 1.5},)


def test_one_that_ends_after_its_partition_has_left_is_shown_and_no_more() -> None:
    made = Made()
    made.at(10.0)
    made.lifecycle.release(3)
    made.writer.end(3, 5)
    made.at(20.0)
    assert made.seen.of("checkpointed") == [(3, 7, 0.5)]


def all_of(made: Made) -> list[Partition]:
    return [made.partition]


def test_handing_over_writes_and_waits() -> None:
    made = Made()
    made.checkpoints.write_all(all_of(made), 40.0)
    assert [checkpoint.steps for checkpoint in made.writer.submitted] == [5]
    assert made.writer.waits == [([3], 20.0)]
    assert made.seen.of("checkpointed") == [(3, 7, 0.5)]


def test_handing_over_writes_the_newest_state_once_the_writer_is_free() -> None:
    made = Made()
    made.at(10.0)
    made.step()
    made.checkpoints.write_all(all_of(made), 40.0)
    assert [checkpoint.steps for checkpoint in made.writer.submitted] == [5, 6]


def test_handing_over_does_not_write_twice_what_was_on_its_way() -> None:
    made = Made()
    made.at(10.0)
    made.checkpoints.write_all(all_of(made), 40.0)
    assert [checkpoint.steps for checkpoint in made.writer.submitted] == [5]


def test_a_writer_that_is_not_free_in_time_is_left() -> None:
    made = Made()
    made.at(10.0)
    made.step()
    made.writer.frees = False
    made.checkpoints.write_all(all_of(made), 40.0)
    assert [checkpoint.steps for checkpoint in made.writer.submitted] == [5]
    assert made.seen.of("checkpointed") == []


def test_the_writer_is_let_go() -> None:
    made = Made()
    made.checkpoints.close(4.0)
    assert made.writer.closed_s == 4.0
