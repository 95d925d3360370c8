"""The worker's turns on a log that misbehaves: nothing is lost, repeated or left standing.

Doubtful commits and damaged checkpoints are in test_recovery.py, killed processes in test_kill.py,
random histories in tests/simulate/, a real broker in tests/kafka/.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from operators.snapshot import digest
from stream.checkpoint.store import CheckpointStore
from stream.checkpoint.writer import CheckpointWriter
from stream.errors import (
    CommitUncertainError,
    LogUnavailableError,
    ModelError,
    OvertakenError,
    RecoveryError,
)
from stream.log.base import (
    AssignmentListener,
    Committed,
    Identity,
    Polled,
    TopicPartition,
    Transaction,
)
from stream.log.embedded import EmbeddedLog
from stream.recovery.lifecycle import State
from stream.topology import Parts, PartsBuilder
from tests.replay.worlds import COUNT, StepClock, World, calm


class LatePartition(EmbeddedLog):
    """Gives partition 1 later than 0, as a rebalance does, and cannot be asked for positions once.

    What the same poll returned of partition 0 must be neither lost nor read twice.
    """

    polls = 0
    failures = 0

    def poll(
        self, timeout_s: float, records_max: int, positions: Mapping[TopicPartition, int]
    ) -> Polled:
        self.polls += 1
        polled = super().poll(timeout_s, records_max, positions)
        if self.polls == 3:
            late = [TopicPartition(topic, 1) for topic in ("toy.features", "toy.labels")]
            self._assigned += late
            assert self._listener is not None
            self._listener.assigned(late)
        return polled

    def _announce(self, listener: AssignmentListener) -> bool:
        if self._assigned:
            return False
        self._assigned = [TopicPartition(topic, 0) for topic in ("toy.features", "toy.labels")]
        listener.assigned(self._assigned)
        return True

    def committed(
        self, sources: Iterable[TopicPartition]
    ) -> dict[TopicPartition, Committed | None]:
        sources = list(sources)
        if any(source.partition == 1 for source in sources) and self.failures < 2:
            self.failures += 1
            raise LogUnavailableError("log: the coordinator did not answer.")
        return super().committed(sources)


def test_a_partition_that_cannot_be_restored_at_once_is_tried_again(tmp_path: Path) -> None:
    states, predictions = calm(tmp_path, 2)
    world = World(tmp_path / "late", 2)
    log = LatePartition(world.path, "toy")
    worker = world.worker(log)
    world.run(worker, lambda: log.failures == 2)
    assert worker.statuses[1].state is State.FAILED
    assert "the coordinator did not answer" in worker.statuses[1].reason
    world.go_on(worker)
    assert [digest(task.snapshot()) for _, task in sorted(worker.tasks.items())] == states
    assert [world.predictions(0), world.predictions(1)] == predictions


class HeldBackDoubt(EmbeddedLog):
    """Events of partition 0 are away for a while; a commit is in doubt while labels wait."""

    polls = 0
    is_held = False
    doubts = 0

    def poll(
        self, timeout_s: float, records_max: int, positions: Mapping[TopicPartition, int]
    ) -> Polled:
        self.polls += 1
        labels = TopicPartition("toy.labels", 0)
        self.is_held = labels in self._delivered and labels not in positions
        polled = super().poll(timeout_s, records_max, positions)
        if self.polls < 25:  # the records did not come: they are asked for again
            away = TopicPartition("toy.features", 0)
            return Polled([batch for batch in polled.batches if batch.source != away])
        return polled

    def lag(self, source: TopicPartition) -> Any:
        lag = super().lag(source)
        away = self.polls < 25 and source == TopicPartition("toy.features", 0)
        return lag._replace(readable=COUNT) if away and lag is not None else lag

    def commit(self, transaction: Transaction) -> dict[TopicPartition, int]:
        if self.is_held and not self.doubts:
            self.doubts += 1
            raise CommitUncertainError("the answer was lost")
        return super().commit(transaction)


def test_what_was_held_back_when_a_commit_became_doubtful_is_read_again(tmp_path: Path) -> None:
    changes = {"steps": {"records_max": 5}}
    states, predictions = calm(tmp_path, 2, **changes)
    world = World(tmp_path / "held", 2, **changes)
    log = HeldBackDoubt(world.path, "toy")
    assert world.finish(world.worker(log)) == states
    assert log.doubts == 1
    assert [world.predictions(0), world.predictions(1)] == predictions


class Rejoining(EmbeddedLog):
    """A member that was given up while it was frozen, and comes back with no word to the listener.

    Its client goes on under the newest generation, which the log does not refuse.
    """

    def come_back(self) -> None:
        self._epoch = self._store.epoch(self._group)


@pytest.mark.parametrize("others", [0, 3])
def test_a_member_that_came_back_goes_on_only_from_what_is_committed(
    tmp_path: Path, others: int
) -> None:
    """Frozen while others worked: its state is stale, though its partition was never taken."""
    states, predictions = calm(tmp_path)
    world = World(tmp_path / "frozen")
    log = Rejoining(world.path, "toy")
    frozen = world.worker(log)
    world.run(frozen, lambda: len(world.steps()) >= 4)
    before = frozen.tasks[0]
    other = world.worker(EmbeddedLog(world.path, "toy"))
    reached = len(world.steps()) + others
    world.run(other, lambda: len(world.steps()) >= reached)
    other.close()
    log.come_back()
    world.go_on(frozen)
    assert (frozen.tasks[0] is before) == (others == 0)  # an untouched state is proved, and kept
    assert digest(frozen.tasks[0].snapshot()) == states[0]
    assert world.predictions() == predictions[0]
    assert world.steps() == list(range(len(world.steps())))


def test_a_commit_that_does_not_follow_is_refused(tmp_path: Path) -> None:
    world = World(tmp_path / "w")
    log = EmbeddedLog(world.path, "toy")
    worker = world.worker(log)
    world.run(worker, lambda: len(world.steps()) >= 2)
    source = TopicPartition("toy.features", 0)
    stale = Transaction(
        [], {source: Committed(1, "mine")}, log.identity, {source: Committed(0, "older")}
    )
    with pytest.raises(OvertakenError):
        log.commit(stale)


class Explosive(PartsBuilder):
    """The model of one partition raises from some record on."""

    def __call__(self, partition: int) -> Parts:
        parts = super().__call__(partition)
        if partition == 1:
            run = parts.learner.run

            def explode(tape: Any, rows: Any) -> None:
                if parts.labels.stream_time > 100_000:
                    raise ValueError("no such leaf")
                run(tape, rows)

            parts.learner.run = explode  # type: ignore[method-assign]
        return parts


def test_a_model_that_raises_stops_its_partition_alone(tmp_path: Path) -> None:
    _, predictions = calm(tmp_path, 3)
    world = World(tmp_path / "sick", 3)
    worker = world.worker(build=Explosive(world.config))
    world.run(worker, lambda: len(world.predictions(2)) == len(predictions[2]))
    states = [status.state for status in worker.statuses]
    assert states == [State.LIVE, State.FAILED, State.LIVE]
    assert "no such leaf" in worker.statuses[1].reason
    assert worker.statuses[1].next_try is None  # the same records would raise again
    assert [world.predictions(0), world.predictions(2)] == [predictions[0], predictions[2]]
    sick = world.predictions(1)
    assert 0 < len(sick) < len(predictions[1])
    assert sick == predictions[1][: len(sick)]


def test_a_failure_ends_the_worker_where_that_is_asked_for(tmp_path: Path) -> None:
    world = World(tmp_path / "exit", 2, on_failure="exit")
    worker = world.worker(build=Explosive(world.config))
    with pytest.raises(ModelError, match="no such leaf"):
        world.run(worker)


def test_a_trimmed_partition_is_named_and_the_others_go_on(tmp_path: Path) -> None:
    _, predictions = calm(tmp_path, 3)
    world = World(tmp_path / "trimmed", 3)
    first = world.worker()
    world.run(first, lambda: len(world.steps(1)) >= 3)
    first.close()
    world.admin.trim(TopicPartition("toy.features", 1), COUNT)
    worker = world.worker()
    world.run(worker, lambda: len(world.predictions(2)) == len(predictions[2]))
    assert [s.state for s in worker.statuses] == [State.LIVE, State.FAILED, State.LIVE]
    reason = worker.statuses[1].reason
    assert "toy.features[1]@" in reason
    assert f"the first kept is {COUNT}" in reason
    assert "driftgate reset CONFIG --partition 1" in reason
    assert world.predictions(0) == predictions[0]


class CountingLog(EmbeddedLog):
    polls = 0

    def poll(
        self, timeout_s: float, records_max: int, positions: Mapping[TopicPartition, int]
    ) -> Polled:
        self.polls += 1
        return super().poll(timeout_s, records_max, positions)


def left_half_way(world: World) -> int:
    """Run most of the way without a word at the end; the number of committed steps."""
    worker = world.worker()
    world.run(worker, lambda: len(world.steps()) >= 20)
    return len(world.steps())


def test_a_replay_goes_in_slices_between_polls_and_leaves_checkpoints(tmp_path: Path) -> None:
    states, predictions = calm(tmp_path)
    world = World(tmp_path / "sliced", checkpoint={"store": f"file://{tmp_path}/ck"})
    world.folder = tmp_path / "ck"
    steps = left_half_way(world)
    assert world.checkpoints() == []
    log, stop = CountingLog(world.path, "toy"), threading.Event()
    worker = world.worker(log, clock=StepClock(1.0))  # a slice is over after each step
    worker.start()
    while not worker.lifecycle.at(State.RESTORING):
        worker._turn(stop)
    (partition,) = worker.lifecycle.at(State.RESTORING)
    began, restoration = log.polls, partition.restoration
    assert restoration is not None
    while restoration.task is None or restoration.steps_left > 5:
        worker._turn(stop)
    assert log.polls - began >= steps // 2
    worker.close()  # as a signal to stop does, in the middle of the replay
    kept = [int(path.stem) for path in world.checkpoints()]
    assert max(kept) >= steps - 6
    assert world.finish(world.worker()) == states
    assert world.predictions() == predictions[0]


def test_a_signal_to_stop_ends_a_replay_at_once(tmp_path: Path) -> None:
    world = World(tmp_path / "stop", checkpoint={"store": f"file://{tmp_path}/ck"})
    left_half_way(world)
    stop = threading.Event()
    worker = world.worker(clock=StepClock(1.0))
    worker.start()
    while not worker.lifecycle.at(State.RESTORING):
        worker._turn(stop)
    (partition,) = worker.lifecycle.at(State.RESTORING)
    restoration = partition.restoration
    assert restoration is not None
    while restoration.task is None:
        worker._turn(stop)
    stop.set()
    left = restoration.steps_left
    worker._turn(stop)
    assert restoration.steps_left == left > 0


class StuckStore(CheckpointStore):
    """Takes for ever to write."""

    def __init__(self, url: str) -> None:
        super().__init__(url, "toy", 3)
        self.release = threading.Event()

    def write(self, checkpoint: Any) -> int:
        self.release.wait(30)
        return super().write(checkpoint)


def test_a_store_that_hangs_holds_up_no_prediction(tmp_path: Path) -> None:
    states, predictions = calm(tmp_path, 2)
    world = World(tmp_path / "stuck", 2)
    store = StuckStore(world.config.checkpoint.store)
    worker = world.worker(writer=CheckpointWriter(store))
    world.run(worker)
    assert [digest(task.snapshot()) for _, task in sorted(worker.tasks.items())] == states
    assert [world.predictions(0), world.predictions(1)] == predictions
    assert world.checkpoints() == []
    store.release.set()
    worker.close()
    assert world.checkpoints()


def test_a_state_ahead_of_the_log_is_never_made_durable(tmp_path: Path) -> None:
    world = World(tmp_path / "ahead")

    class Uncommitting(EmbeddedLog):
        def commit(self, transaction: Transaction) -> dict[TopicPartition, int]:
            raise RecoveryError("a defect between the step and its commit")

    worker = world.worker(Uncommitting(world.path, "toy"))
    with pytest.raises(RecoveryError, match="a defect"):
        world.run(worker)
    worker.close()
    assert world.checkpoints() == []


def test_an_identity_that_changes_in_peace_costs_one_look(tmp_path: Path) -> None:
    """Each rebalance changes the generation; partitions that stay are proved and go on."""
    states, _ = calm(tmp_path)

    class Rebalancing(EmbeddedLog):
        generation = 0
        looks = 0

        @property
        def identity(self) -> Identity:
            return Identity("m", self.generation // 5)

        def _refuse_if_overtaken(self, transaction: Transaction) -> None:
            assert transaction.identity == self.identity

        def poll(
            self, timeout_s: float, records_max: int, positions: Mapping[TopicPartition, int]
        ) -> Polled:
            self.generation += 1
            return super().poll(timeout_s, records_max, positions)

        def committed(
            self, sources: Iterable[TopicPartition]
        ) -> dict[TopicPartition, Committed | None]:
            self.looks += 1
            return super().committed(sources)

    world = World(tmp_path / "rebalancing")
    log = Rebalancing(world.path, "toy")
    assert world.finish(world.worker(log)) == states
    assert 2 <= log.looks <= 2 + log.generation // 5


def test_doubts_in_a_row_are_tried_again_after_longer_and_longer_pauses(tmp_path: Path) -> None:
    """A disk that stays full must not be asked for a commit five times a second."""

    class Full(EmbeddedLog):
        def commit(self, transaction: Transaction) -> dict[TopicPartition, int]:
            raise CommitUncertainError("no space left on the device")

    world = World(tmp_path / "full")
    worker = world.worker(Full(world.path, "toy"), clock=StepClock(0.1))
    with capture_logs() as lines:
        world.run(worker, lambda: worker._doubts.count == 7)
    pauses = [line["tried_again_in_s"] for line in lines if line["event"] == "commit uncertain"]
    assert pauses == [0.0, 0.2, 0.5, 1.0, 2.0, 5.0, 5.0]


def test_a_doubt_is_waited_for_without_spinning(tmp_path: Path) -> None:
    """Its partitions wait to be restored, which must not make the polls return at once."""

    class Full(EmbeddedLog):
        asked_s: list[float]

        def commit(self, transaction: Transaction) -> dict[TopicPartition, int]:
            self.asked_s = []
            raise CommitUncertainError("no space left on the device")

        def poll(
            self, timeout_s: float, records_max: int, positions: Mapping[TopicPartition, int]
        ) -> Polled:
            if worker._doubts.is_open:
                self.asked_s.append(timeout_s)
                clock.now_s += timeout_s
            return super().poll(0.0, records_max, positions)

    world, clock = World(tmp_path / "spinning"), StepClock(0.001)
    log = Full(world.path, "toy")
    worker = world.worker(log, clock=clock)
    world.run(worker, lambda: worker._doubts.count == 7)
    before = clock.now_s
    world.go_on(worker, lambda: clock.now_s > before + 2)
    assert log.asked_s
    assert min(log.asked_s) >= 0.1


def test_a_partition_added_to_the_inputs_only_waits_and_says_what_it_needs(tmp_path: Path) -> None:
    _, predictions = calm(tmp_path, 1)
    world = World(tmp_path / "added", 1)
    for topic in ("toy.features", "toy.labels"):
        world.admin.add_partitions(topic, 2)
    worker = world.worker()
    world.run(worker, lambda: len(world.predictions(0)) == len(predictions[0]))
    live, added = worker.statuses
    assert (live.state, added.state) == (State.LIVE, State.FAILED)
    assert "driftgate topics create CONFIG" in added.reason
    assert "toy.predictions" in added.reason
    for topic in ("toy.predictions", "toy.drift", "toy.dead-letters", "toy.journal"):
        world.admin.add_partitions(topic, 2)
    world.fill(1, 0, COUNT)
    world.go_on(worker)
    assert [status.state for status in worker.statuses] == [State.LIVE, State.LIVE]
    assert len(world.predictions(1)) > 0.9 * COUNT


def test_an_input_that_fails_as_soon_as_it_is_read_is_tried_with_pauses(tmp_path: Path) -> None:
    class Unreadable(EmbeddedLog):
        tries = 0

        def poll(
            self, timeout_s: float, records_max: int, positions: Mapping[TopicPartition, int]
        ) -> Polled:
            clock.now_s += timeout_s
            polled = super().poll(0.0, records_max, positions)
            bad = TopicPartition("toy.features", 1)
            if bad not in positions:
                return polled
            self.tries += 1
            kept = [batch for batch in polled.batches if batch.source != bad]
            return Polled(kept, {bad: RecoveryError("toy.features[1]@0: codec must be known")})

    _, predictions = calm(tmp_path, 2)
    world = World(tmp_path / "codec", 2)
    log, clock = Unreadable(world.path, "toy"), StepClock(0.2)
    worker = world.worker(log, clock=clock)
    every = len(predictions[0])

    def is_over() -> bool:
        is_done = clock.now_s > 60 and len(world.predictions(0)) == every
        return is_done and worker.statuses[1].state is State.FAILED

    world.run(worker, is_over)
    assert world.predictions(0) == predictions[0]
    assert "codec must be known" in worker.statuses[1].reason
    assert 3 <= log.tries <= 9
