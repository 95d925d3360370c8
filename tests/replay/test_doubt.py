"""Commits of which nobody knows whether they were made, and a log that is away: pauses, what is
asked again, what goes on meanwhile. That nothing is lost or repeated is in test_recovery.py.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from itertools import pairwise
from pathlib import Path

import pytest

from operators.snapshot import digest
from stream.errors import (
    CommitUncertainError,
    LogUnavailableError,
    OvertakenError,
    RecordRefusedError,
)
from stream.log.base import Committed, Identity, Polled, TopicPartition, TopicSpec, Transaction
from stream.log.embedded import EmbeddedLog
from stream.recovery.lifecycle import State
from stream.worker.worker import Worker
from tests.replay.seen import ManualClock, Seen
from tests.replay.worlds import StepClock, World, calm


class Moody(EmbeddedLog):
    """Raises what it is told to raise: at polls, commits, their ends, looks, and reopening."""

    at_poll: Exception | None = None
    at_commit: Exception | None = None
    at_end: Exception | None = None
    at_look: Exception | None = None
    at_reopen: Exception | None = None
    polls = 0
    commits = 0
    reopened = 0
    looks = 0

    def poll(
        self, timeout_s: float, records_max: int, positions: Mapping[TopicPartition, int]
    ) -> Polled:
        self.polls += 1
        if self.at_poll is not None:
            raise self.at_poll
        return super().poll(0.0, records_max, positions)

    def begin_commit(self, transaction: Transaction) -> Callable[[], dict[TopicPartition, int]]:
        self.commits += 1
        if self.at_commit is not None:
            raise self.at_commit
        wait = super().begin_commit(transaction)

        def end() -> dict[TopicPartition, int]:
            if self.at_end is not None:
                raise self.at_end
            return wait()

        return end

    def committed(
        self, sources: Iterable[TopicPartition]
    ) -> dict[TopicPartition, Committed | None]:
        self.looks += 1
        if self.at_look is not None:
            raise self.at_look
        return super().committed(sources)

    def reopen(self) -> None:
        self.reopened += 1
        if self.at_reopen is not None:
            raise self.at_reopen
        super().reopen()


def moody(world: World) -> tuple[Moody, Seen, ManualClock, Worker]:
    """A worker that has taken some steps, on a log that has been well so far."""
    log, seen, clock = Moody(world.path, "toy"), Seen(), ManualClock()
    worker = world.worker(log, observer=seen, clock=clock)
    world.run(worker, lambda: len(world.steps()) >= 4)
    return log, seen, clock, worker


def turn(worker: Worker, times: int = 1) -> None:
    for _ in range(times):
        worker._turn_or_recover(threading.Event())


def test_pauses_grow_while_the_log_is_away_and_begin_anew(tmp_path: Path) -> None:
    world = World(tmp_path / "w")
    log, seen, clock, worker = moody(world)
    task = worker.tasks[0]
    for _ in range(2):
        log.at_poll, clock.waits = LogUnavailableError("the broker is away"), []
        turn(worker, 7)
        assert clock.waits == [0.2, 0.5, 1.0, 2.0, 5.0, 5.0, 5.0]
        log.at_poll = None
        turn(worker)
    assert [reason for reason, _ in seen.of("log_unavailable")] == ["the broker is away"] * 14
    assert worker.tasks[0] is task  # nothing was ahead of the log, so nothing has to recover


@pytest.mark.parametrize("kind", [CommitUncertainError, OvertakenError, LogUnavailableError])
@pytest.mark.parametrize("place", ["at_commit", "at_end"])
def test_a_doubtful_commit_is_settled_before_anything_else(
    tmp_path: Path, kind: type[Exception], place: str
) -> None:
    states, predictions = calm(tmp_path)
    world = World(tmp_path / "w")
    log, seen, _, worker = moody(world)
    setattr(log, place, kind("who knows"))
    turn(worker)
    setattr(log, place, None)
    assert seen.of("uncertain") == [()]
    assert [status.state for status in worker.statuses] == [State.ASSIGNED]
    assert log.reopened == 0
    answers = len(seen.of("log_available"))
    turn(worker)
    assert log.reopened == 1
    assert len(seen.of("log_available")) > answers
    world.go_on(worker)
    assert log.reopened == 1
    assert [digest(task.snapshot()) for task in worker.tasks.values()] == states
    assert world.predictions() == predictions[0]


def test_while_in_doubt_it_polls_and_takes_no_step(tmp_path: Path) -> None:
    world = World(tmp_path / "w", 2)
    log, seen, clock, worker = moody(world)
    log.at_commit = CommitUncertainError("who knows")
    turn(worker)
    log.at_commit, log.at_reopen = None, LogUnavailableError("the broker is away")
    commits, polls = log.commits, log.polls
    restored = len(seen.of("restored"))
    moments = []
    for _ in range(100):
        reopened = log.reopened
        turn(worker)
        if log.reopened > reopened:
            moments.append(round(clock.now_s, 2))
        clock.now_s = round(clock.now_s + 0.1, 2)
    assert moments == [0.0, 0.2, 0.7, 1.7, 3.7, 8.7]
    assert [away_s for _, away_s in seen.of("log_unavailable")] == pytest.approx(moments)
    assert log.commits == commits
    assert log.polls == polls + 100
    assert len(seen.of("restored")) == restored  # what is committed is not known yet
    log.at_reopen = None
    clock.now_s += 10.0
    world.go_on(worker)


def test_commits_that_stay_doubtful_come_ever_more_slowly(tmp_path: Path) -> None:
    """A full disk, or a coordinator that answers none: each commit restores all states before."""
    world = World(tmp_path / "w")
    log, seen, clock, worker = moody(world)
    log.at_commit = CommitUncertainError("the disk is full")
    moments = []
    for _ in range(1000):
        doubts = len(seen.of("uncertain"))
        turn(worker)
        if len(seen.of("uncertain")) > doubts:
            moments.append(clock.now_s)
        clock.now_s += 0.02
    pauses = [round(later - before, 1) for before, later in pairwise(moments)]
    assert pauses[1:6] == pytest.approx([0.2, 0.5, 1.0, 2.0, 5.0], abs=0.15)
    log.at_commit = None
    clock.now_s += 10.0
    world.go_on(worker)
    seen.calls.clear()
    log.at_commit = CommitUncertainError("again")
    world.fill(0, 0, 100)
    world.go_on(worker, lambda: len(seen.of("uncertain")) > 0)
    log.at_commit = None
    reopened = log.reopened
    turn(worker)
    assert log.reopened == reopened + 1  # the first doubt after a commit costs no pause


def test_those_that_had_no_part_in_a_doubtful_commit_go_on(tmp_path: Path) -> None:
    world = World(tmp_path / "w", 2)
    log, seen, _, worker = moody(world)
    world.go_on(worker)
    before = worker.tasks
    world.fill(0, 0, 100)
    log.at_commit = CommitUncertainError("who knows")
    world.go_on(worker, lambda: len(seen.of("uncertain")) > 0)
    log.at_commit = None
    world.go_on(worker)
    assert worker.tasks[0] is not before[0]
    assert worker.tasks[1] is before[1]


class Flipping(Moody):
    """Its member and generation are what the test says."""

    shift = 0

    @property
    def identity(self) -> Identity:
        return Identity("embedded", self._epoch + self.shift)


def test_an_identity_that_came_back_is_no_proof(tmp_path: Path) -> None:
    """Between the two, others may have committed; nobody could be asked meanwhile."""
    world = World(tmp_path / "w")
    log, seen = Flipping(world.path, "toy"), Seen()
    worker = world.worker(log, observer=seen)
    world.run(worker)
    log.shift, log.at_look = 1, LogUnavailableError("the coordinator is away")
    turn(worker)
    log.shift, log.at_look, looks = 0, None, log.looks
    seen.calls.clear()
    turn(worker)
    assert log.looks == looks + 1
    assert [name for name, _ in seen.calls][:2] == ["tick", "log_available"]
    turn(worker, 3)
    assert log.looks == looks + 1


class Twin(EmbeddedLog):
    """Both of them are the same member, and neither is ever fenced."""

    @property
    def identity(self) -> Identity:
        return Identity("twin", 1)

    def _is_fenced(self) -> bool:
        return False


def test_a_commit_that_does_not_follow_sends_the_state_back(tmp_path: Path) -> None:
    states, predictions = calm(tmp_path)
    world, seen = World(tmp_path / "w"), Seen()
    first = world.worker(Twin(world.path, "toy"), observer=seen)
    world.run(first, lambda: len(world.steps()) >= 4)
    second = world.worker(Twin(world.path, "toy"))
    reached = len(world.steps()) + 3
    world.run(second, lambda: len(world.steps()) >= reached)
    world.go_on(first)
    assert len(seen.of("uncertain")) == 1
    assert [digest(task.snapshot()) for task in first.tasks.values()] == states
    assert world.predictions() == predictions[0]


class Overtaken(EmbeddedLog):
    """Another member's commits show once the generation has changed."""

    def come_back(self) -> None:
        self._epoch = self._store.epoch(self._group)


def test_an_overtaken_state_is_counted_and_read_anew(tmp_path: Path) -> None:
    world, seen = World(tmp_path / "w"), Seen()
    log = Overtaken(world.path, "toy")
    frozen = world.worker(log, observer=seen)
    world.run(frozen, lambda: len(world.steps()) >= 4)
    other = world.worker(EmbeddedLog(world.path, "toy"))
    reached = len(world.steps()) + 3
    world.run(other, lambda: len(world.steps()) >= reached)
    other.close()
    log.come_back()
    world.go_on(frozen)
    assert len(seen.of("overtaken")) == 1
    assert len(seen.of("restored")) == 2


def test_a_defect_between_step_and_commit_leaves_nothing_live(tmp_path: Path) -> None:
    world = World(tmp_path / "w")
    log, _, _, worker = moody(world)
    durable = world.checkpoints()
    log.at_commit = ZeroDivisionError("a defect")
    with pytest.raises(ZeroDivisionError):
        turn(worker)
    assert worker.statuses == ()
    worker.close()
    assert world.checkpoints() == durable


def test_time_that_passes_ends_a_pause(tmp_path: Path) -> None:
    """With a clock that runs, as in production."""
    world = World(tmp_path / "w")
    log, seen = Moody(world.path, "toy"), Seen()
    worker = world.worker(log, observer=seen, clock=StepClock(0.05))
    world.run(worker, lambda: len(world.steps()) >= 4)
    log.at_commit = CommitUncertainError("who knows")
    world.go_on(worker, lambda: len(seen.of("uncertain")) >= 3)
    log.at_commit = None
    world.go_on(worker)
    assert len(seen.of("restored")) >= 4


class Refusing(EmbeddedLog):
    """Takes no output of one partition."""

    refused: int | None = None
    refusals = 0
    is_open = True

    def poll(
        self, timeout_s: float, records_max: int, positions: Mapping[TopicPartition, int]
    ) -> Polled:
        return super().poll(0.0, records_max, positions)

    def begin_commit(self, transaction: Transaction) -> Callable[[], dict[TopicPartition, int]]:
        if self.refused in {output.target.partition for output in transaction.outputs}:
            self.refusals += 1
            self.is_open = False
            assert self.refused is not None
            raise RecordRefusedError("out: a record is too large", self.refused)
        assert self.is_open, "reopen must follow a commit that failed"
        return super().begin_commit(transaction)

    def reopen(self) -> None:
        self.is_open = True
        super().reopen()


def test_an_output_that_is_refused_stops_its_own_partition_alone(tmp_path: Path) -> None:
    states, predictions = calm(tmp_path, 3)
    world = World(tmp_path / "w", 3)
    log, seen, clock = Refusing(world.path, "toy"), Seen(), ManualClock()
    worker = world.worker(log, observer=seen, clock=clock)
    world.run(worker, lambda: len(world.steps(1)) >= 4)
    log.refused = 1
    world.go_on(worker, lambda: [world.predictions(0), world.predictions(2)] == predictions[::2])
    failed = next(status for status in worker.statuses if status.partition == 1)
    assert (failed.state, failed.reason) == (State.FAILED, "out: a record is too large")
    assert len(world.predictions(1)) < len(predictions[1])
    assert seen.of("uncertain") == []
    refusals = log.refusals
    log.refused = None  # an operator has given the topic other settings
    clock.now_s += 120.0
    world.go_on(worker)
    assert log.refusals == refusals
    tasks = [task for _, task in sorted(worker.tasks.items())]
    assert [digest(task.snapshot()) for task in tasks] == states
    assert [world.predictions(partition) for partition in range(3)] == predictions


def test_an_output_that_is_refused_ends_a_worker_that_exits_on_failure(tmp_path: Path) -> None:
    world = World(tmp_path / "w", on_failure="exit")
    log = Refusing(world.path, "toy")
    worker = world.worker(log)
    world.run(worker, lambda: len(world.steps()) >= 4)
    log.refused, committed = 0, len(world.steps())
    with pytest.raises(RecordRefusedError, match="too large"):
        turn(worker, 20)
    worker.close()  # writes no checkpoint of a state that is ahead
    log.refused = None
    again = world.worker()
    world.run(again)
    assert world.steps() == list(range(len(world.steps())))
    assert len(world.steps()) > committed
    assert world.predictions() == calm(tmp_path)[1][0]


def test_an_output_that_has_fewer_partitions_by_now_stops_those_alone_that_lack_it(
    tmp_path: Path,
) -> None:
    states, predictions = calm(tmp_path, 2)
    world, clock = World(tmp_path / "w", 2), ManualClock()
    worker = world.worker(clock=clock)
    world.run(worker, lambda: len(world.steps(0)) >= 4)
    world.admin.delete(["toy.dead-letters"])
    world.admin.create([TopicSpec("toy.dead-letters", 1)])
    world.go_on(worker, lambda: world.predictions(0) == predictions[0])
    (failed,) = [status for status in worker.statuses if status.state is State.FAILED]
    assert failed.partition == 1
    assert "toy.dead-letters has not. `driftgate topics create CONFIG` adds it" in failed.reason
    world.admin.add_partitions("toy.dead-letters", 2)  # as the command does
    clock.now_s += 120.0
    world.go_on(worker)
    tasks = [task for _, task in sorted(worker.tasks.items())]
    assert [digest(task.snapshot()) for task in tasks] == states
    assert [world.predictions(partition) for partition in range(2)] == predictions
