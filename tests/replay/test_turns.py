"""The worker's turns one by one: what it shows, how long it waits, how it hands over and leaves.

What a misbehaving log does to states and outputs is in test_worker.py, doubt in test_doubt.py.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest

from operators.snapshot import digest
from stream.checkpoint.store import CheckpointStore
from stream.checkpoint.writer import InlineWriter
from stream.errors import FencedError, LogUnavailableError, RecoveryError, StoreUnavailableError
from stream.journal import StepNote
from stream.log.base import Committed, Lag, Polled, RecordBatch, TopicPartition
from stream.log.embedded import EmbeddedLog
from stream.recovery.lifecycle import Partition, State
from stream.topology import Parts, PartsBuilder
from tests.replay.seen import ManualClock, Seen
from tests.replay.worlds import COUNT, StepClock, World, calm

EVENTS = [TopicPartition("toy.features", number) for number in range(2)]
LABELS = [TopicPartition("toy.labels", number) for number in range(2)]


def without_checkpoints(folder: Path, partitions: int = 1, **changes: Any) -> World:
    """A world whose interval of checkpoints is never over."""
    world = World(
        folder, partitions, checkpoint={"store": f"file://{folder}", "interval": "10h"}, **changes
    )
    world.folder = folder
    return world


def store_of(world: World) -> CheckpointStore:
    """The store that the world's workers write to."""
    return CheckpointStore(world.config.checkpoint.store, world.config.app, 100)


def half_way(world: World, log: EmbeddedLog | None = None, steps: int = 8) -> Any:
    """A worker that has committed some steps."""
    worker = world.worker(log)
    world.run(worker, lambda: len(world.steps()) >= steps)
    return worker


# What is shown.


def test_everything_that_happens_is_shown(tmp_path: Path) -> None:
    world, seen = World(tmp_path / "w"), Seen()
    worker = world.worker(observer=seen, clock=StepClock(0.5))
    world.run(worker)
    assert len(seen.of("joined")) == 1
    assert len(seen.of("step")) == len(world.steps())
    assert 0 < len(seen.of("committed")) <= len(world.steps())
    assert len(seen.of("checkpointed")) == len(world.checkpoints())
    assert seen.of("checkpoints_under_way")[-1] == ({},)
    ((restored,),) = seen.of("restored")
    assert (restored.task.partition, restored.replayed_steps) == (0, 0)
    assert [status.state for (status,) in seen.of("moved")][:3] == [
        State.ASSIGNED,
        State.RESTORING,
        State.LIVE,
    ]
    turns = len(seen.of("tick"))
    assert turns > len(world.steps()) / 4
    assert len(seen.of("log_available")) >= turns - 1  # a slice of restoring is a sign of life too
    worker.close()
    assert seen.of("moved")[-1][0].state is State.RELEASED


def test_what_stands_still_is_looked_for(tmp_path: Path) -> None:
    world, seen, clock = World(tmp_path / "w"), Seen(), ManualClock()
    worker = world.worker(observer=seen, clock=clock)
    world.run(worker)
    assert seen.of("troubles") == []
    clock.now_s += 10.0
    worker._turn()
    assert seen.of("troubles") == [((),)]


class Polls:
    """A watchdog that remembers what it was told of polls."""

    def __init__(self) -> None:
        self.full: list[bool] = []

    def polled(self, *, is_full: bool) -> None:
        self.full.append(is_full)

    def look(self) -> dict[int, RecoveryError]:
        return {}


def test_the_watchdog_knows_which_polls_brought_all_they_might(tmp_path: Path) -> None:
    world, polls = World(tmp_path / "w"), Polls()
    worker = world.worker()
    worker._watchdog = polls  # type: ignore[assignment]
    world.run(worker)
    asked = 4 * world.config.steps.records_max
    assert polls.full.count(True) == 2 * COUNT // asked
    worker._turn()
    assert polls.full[-1] is False


def test_lag_is_shown_every_second_with_what_waits_in_the_inbox(tmp_path: Path) -> None:
    world, seen, clock = World(tmp_path / "w"), Seen(), ManualClock()
    log = LabelsAway(world.path, "toy")
    worker = world.worker(log, observer=seen, clock=clock)
    worker.start()
    for _ in range(6):
        clock.now_s += 0.5
        worker._turn()
    assert len(seen.of("lags")) == 3
    number, lags, newest_ms, live_s = seen.of("lags")[-1]
    assert (number, newest_ms) == (0, None)
    assert lags == {"toy.features": Lag(COUNT, COUNT), "toy.labels": Lag(COUNT, COUNT)}
    assert worker.tasks[0].waiting("toy.features") > 0
    assert live_s == 2.5
    log.is_away = False
    worker._turn()
    clock.now_s += 1.0
    worker._turn()
    _, lags, newest_ms, _ = seen.of("lags")[-1]
    assert newest_ms > 0
    assert 0 < lags["toy.features"].readable < COUNT


def test_an_unknown_lag_stays_unknown(tmp_path: Path) -> None:
    class Silent(EmbeddedLog):
        def lag(self, source: TopicPartition) -> Lag | None:
            return None

    world, seen = World(tmp_path / "w"), Seen()
    worker = world.worker(Silent(world.path, "toy"), observer=seen, clock=StepClock(1.0))
    world.run(worker, lambda: len(seen.of("lags")) > 0)
    assert seen.of("lags")[0][1] == {"toy.features": None, "toy.labels": None}


def test_a_replay_is_a_sign_of_life(tmp_path: Path) -> None:
    world, seen = without_checkpoints(tmp_path / "w"), Seen()
    half_way(world)
    worker = world.worker(observer=seen, clock=StepClock(1.0))
    worker.start()
    turns = 0
    while not worker.tasks:
        worker._turn()
        turns += 1
    assert turns > 4
    assert len(seen.of("tick")) >= 2 * turns - 4
    assert seen.of("restored")[0][0].replayed_records > 100


def test_a_commit_notes_step_life_and_topic_beside_each_offset(tmp_path: Path) -> None:
    world = World(tmp_path / "w")
    log = EmbeddedLog(world.path, "toy")
    task = half_way(world, log).tasks[0]
    ids = log.topic_ids([EVENTS[0].topic, LABELS[0].topic])
    for source, entry in log.committed([EVENTS[0], LABELS[0]]).items():
        assert entry is not None
        note = StepNote(len(world.steps()), task.life, ids[source.topic])
        assert (entry.offset, StepNote.parse(entry.note)) == (task.offsets[source], note)


# How long a poll and a wait for the other topic take.


class LabelsAway(EmbeddedLog):
    """Labels lie there and do not come."""

    is_away = True
    lag_of_labels: Lag | None = Lag(COUNT, COUNT)
    waits: list[float]

    def poll(
        self, timeout_s: float, records_max: int, positions: Mapping[TopicPartition, int]
    ) -> Polled:
        self.waits = [*getattr(self, "waits", []), timeout_s]
        polled = super().poll(0.0, records_max, positions)
        kept = [b for b in polled.batches if not self.is_away or b.source not in LABELS]
        return Polled(kept)

    def lag(self, source: TopicPartition) -> Lag | None:
        if self.is_away and source in LABELS:
            return self.lag_of_labels
        return super().lag(source)


def waiting_world(folder: Path) -> World:
    labels = {"source": "topic", "max_delay": "1h", "wait_for_other": "10s"}
    return World(folder, labels=labels)


def test_events_wait_for_labels_so_long_and_then_go_step_by_step(tmp_path: Path) -> None:
    world, clock = waiting_world(tmp_path / "w"), ManualClock()
    log = LabelsAway(world.path, "toy")
    worker = world.worker(log, clock=clock)
    worker.start()
    for _ in range(4):
        worker._turn()
    assert worker.tasks[0].waiting("toy.features") > 0
    steps = []
    for _ in range(8):
        clock.now_s += 3.0
        worker._turn()
        steps.append(len(world.steps()))
    # At 12 s the wait is over, for one step; the next wait begins then, and is over at 24 s.
    assert steps == [0, 0, 0, 1, 1, 1, 1, 2]


def test_topics_of_which_nothing_is_known_are_waited_for(tmp_path: Path) -> None:
    world, clock = waiting_world(tmp_path / "w"), ManualClock()
    log = LabelsAway(world.path, "toy")
    log.lag_of_labels = None
    worker = world.worker(log, clock=clock)
    worker.start()
    for _ in range(6):
        worker._turn()
    assert worker.tasks[0].waiting("toy.features") > 0
    assert world.steps() == []


def test_records_that_an_open_transaction_holds_back_are_not_waited_for(tmp_path: Path) -> None:
    world = waiting_world(tmp_path / "w")
    log = LabelsAway(world.path, "toy")
    log.lag_of_labels = Lag(0, COUNT)
    worker = world.worker(log, clock=ManualClock())
    worker.start()
    for _ in range(6):
        worker._turn()
    assert len(world.steps()) > 0


def test_a_poll_waits_only_when_there_is_nothing_else_to_do(tmp_path: Path) -> None:
    world = waiting_world(tmp_path / "w")
    log = LabelsAway(world.path, "toy")
    worker = world.worker(log, clock=ManualClock())
    worker.start()
    while not worker.tasks:
        worker._turn()
    assert log.waits[0] == 0.2  # nothing is known yet
    assert set(log.waits[1:]) <= {0.0}
    worker._turn()
    worker._turn()
    assert log.waits[-1] == 0.02  # one topic waits for the other
    log.is_away = False
    world.go_on(worker)
    worker._turn()
    assert log.waits[-1] == 0.2


# What was read.


def test_records_that_come_twice_are_taken_once(tmp_path: Path) -> None:
    class Repeating(EmbeddedLog):
        last: tuple[RecordBatch, ...] = ()

        def poll(
            self, timeout_s: float, records_max: int, positions: Mapping[TopicPartition, int]
        ) -> Polled:
            polled = super().poll(timeout_s, records_max, positions)
            again, self.last = self.last, tuple(polled.batches)
            return Polled([*again, *polled.batches])

    states, predictions = calm(tmp_path)
    world, seen = World(tmp_path / "twice"), Seen()
    worker = world.worker(Repeating(world.path, "toy"), observer=seen)
    world.run(worker)
    assert [digest(task.snapshot()) for task in worker.tasks.values()] == states
    assert world.predictions() == predictions[0]
    assert [s for (s,) in seen.of("moved") if s.state is State.FAILED] == []


def test_a_partition_of_which_both_topics_fail_has_failed_once(tmp_path: Path) -> None:
    class Failing(EmbeddedLog):
        fails = False

        def poll(
            self, timeout_s: float, records_max: int, positions: Mapping[TopicPartition, int]
        ) -> Polled:
            polled = super().poll(timeout_s, records_max, positions)
            failed, self.fails = self.fails, False
            error = RecoveryError("the codec is not known")
            return Polled(polled.batches, {EVENTS[0]: error, LABELS[0]: error} if failed else {})

    world, seen, clock = World(tmp_path / "w"), Seen(), ManualClock()
    log = Failing(world.path, "toy")
    worker = world.worker(log, observer=seen, clock=clock)
    world.run(worker, lambda: len(world.steps()) >= 3)
    log.fails = True
    worker._turn()
    (status,) = [s for (s,) in seen.of("moved") if s.state is State.FAILED]
    assert status.reason == "the codec is not known"
    assert status.next_try == pytest.approx(clock.now_s + 0.2)
    clock.now_s += 0.2
    reached = len(world.steps()) + 1
    world.go_on(worker, lambda: len(world.steps()) >= reached)
    log.fails = True
    worker._turn()
    # It has got something done in between, so this is a first failure again.
    assert worker.statuses[0].next_try == pytest.approx(clock.now_s + 0.2)


class Unreadable(PartsBuilder):
    """Partition 1's parts cannot be built, or read nothing."""

    kind = "read"

    def __call__(self, partition: int) -> Parts:
        if partition == 1 and self.kind == "build":
            raise ZeroDivisionError("a defect")
        parts = super().__call__(partition)
        if partition == 1:
            for reader in parts.readers.values():
                reader.read = _raise  # type: ignore[method-assign]
        return parts


def _raise(*_: object) -> Any:
    raise ZeroDivisionError("a defect")


@pytest.mark.parametrize("kind", ["read", "build"])
def test_a_defect_stops_its_partition_alone_and_for_good(tmp_path: Path, kind: str) -> None:
    world = World(tmp_path / "w", 2)
    build = Unreadable(world.config)
    build.kind = kind
    worker = world.worker(build=build)
    world.run(worker, lambda: len(world.steps()) >= 8)
    live, failed = worker.statuses
    assert (live.state, failed.state) == (State.LIVE, State.FAILED)
    assert (failed.reason, failed.next_try) == ("ZeroDivisionError: a defect", None)
    assert not worker._caught_up()


def test_a_partition_that_is_live_again_has_not_caught_up_before_a_poll(tmp_path: Path) -> None:
    world = World(tmp_path / "w")
    worker = world.worker()
    world.run(worker)
    world.fill(0, 0, 100)
    worker.assigned([EVENTS[0], LABELS[0]])
    assert worker.tasks == {}
    while not worker.tasks:
        worker._restorer.run(None)
    assert not worker._caught_up()
    world.go_on(worker)
    assert world.admin.bounds(EVENTS[0]).end == worker.tasks[0].offsets[EVENTS[0]]


# Handing over.


def test_a_partition_that_is_handed_over_is_durable_first(tmp_path: Path) -> None:
    world, seen = without_checkpoints(tmp_path / "w"), Seen()
    log = EmbeddedLog(world.path, "toy")
    worker = world.worker(log, observer=seen)
    world.run(worker, lambda: len(world.steps()) >= 8)
    assert world.checkpoints() == []
    log.rejoin()
    assert [int(path.stem) for path in world.checkpoints()] == [len(world.steps())]
    states = [status.state for (status,) in seen.of("moved")]
    assert states[-2:] == [State.REVOKING, State.RELEASED]
    assert worker.statuses == ()
    world.go_on(worker)
    assert seen.of("restored")[-1][0].replayed_steps == 0


def test_one_of_two_partitions_is_handed_over(tmp_path: Path) -> None:
    world = without_checkpoints(tmp_path / "w", 2)
    worker = half_way(world)
    worker.revoked([EVENTS[1], LABELS[1], TopicPartition("toy.features", 7)])
    assert [status.partition for status in worker.statuses] == [0]
    assert (len(world.checkpoints(0)), len(world.checkpoints(1))) == (0, 1)


def test_a_partition_that_is_lost_is_dropped_as_it_is(tmp_path: Path) -> None:
    world = without_checkpoints(tmp_path / "w", 2)
    worker = half_way(world)
    worker.lost([EVENTS[1], TopicPartition("toy.features", 7)])
    assert [status.partition for status in worker.statuses] == [0]
    assert world.checkpoints(1) == []


def test_a_partition_that_is_given_anew_is_read_anew(tmp_path: Path) -> None:
    world = World(tmp_path / "w")
    worker = half_way(world)
    before = worker.tasks[0]
    worker.assigned([EVENTS[0], LABELS[0]])
    assert worker.tasks == {}
    world.go_on(worker)
    assert worker.tasks[0] is not before


def test_who_leaves_writes_its_states_then_lets_go_of_all(tmp_path: Path) -> None:
    class Closing(EmbeddedLog):
        left: list[Any]

        def close(self, timeout_s: float = 10.0) -> None:
            self.left = [worker.statuses, writer.submit(None)]  # type: ignore[arg-type]
            super().close(timeout_s)

    world = without_checkpoints(tmp_path / "w")
    log = Closing(world.path, "toy")
    writer = InlineWriter(store_of(world))
    worker = world.worker(log, writer=writer)
    world.run(worker, lambda: len(world.steps()) >= 8)
    worker.close()
    assert [int(path.stem) for path in world.checkpoints()] == [len(world.steps())]
    assert log.left == [(), False]


# Restoring.


def test_four_partitions_are_restored_at_a_time(tmp_path: Path) -> None:
    world = without_checkpoints(tmp_path / "w", 6)
    worker = world.worker()
    world.run(worker, lambda: min(len(world.steps(p)) for p in range(6)) >= 3)
    again = world.worker(clock=StepClock(1.0))
    again.start()
    most = 0
    while len(again.tasks) < 6:
        again._turn()
        most = max(most, len(again.lifecycle.at(State.RESTORING)))
    assert most == 4


class Slice:
    """A restoration that remembers how much time it was given."""

    replayed_records = steps_left = 0
    until = 0.0

    def advance(self, until: float) -> None:
        self.until = until


def test_slices_are_shorter_while_others_work(tmp_path: Path) -> None:
    world, seen, clock = World(tmp_path / "w"), Seen(), ManualClock()
    worker = world.worker(observer=seen, clock=clock)
    given: Any = Slice()
    partition = Partition(1, State.RESTORING, 0.0, restoration=given)
    worker._restorer._slice(partition)
    assert given.until == 0.5
    assert len(seen.of("tick")) == 1
    world.run(worker, lambda: len(world.steps()) >= 1)
    worker._restorer._slice(partition)
    assert given.until == pytest.approx(clock.now_s + 0.1)


class Interrupted(EmbeddedLog):
    """Goes away in the middle of a replay, once."""

    error: Exception | None = None

    def read(self, source: TopicPartition, start: int, end: int) -> Any:
        for batch in super().read(source, start, end):
            if source not in EVENTS or self.error is None:
                yield batch
                continue
            middle = len(batch) // 2
            yield RecordBatch(
                source,
                *(c[:middle] for c in (batch.offsets, batch.timestamps, batch.keys, batch.values)),
            )
            error, self.error = self.error, None
            raise error


def test_an_interrupted_replay_leaves_a_checkpoint(tmp_path: Path) -> None:
    states, _ = calm(tmp_path)
    world = without_checkpoints(tmp_path / "w")
    half_way(world, steps=15)
    log, seen = Interrupted(world.path, "toy"), Seen()
    log.error = LogUnavailableError("the broker is away")
    worker = world.worker(log, observer=seen, clock=StepClock(1.0))
    world.run(worker)
    assert [digest(task.snapshot()) for task in worker.tasks.values()] == states
    (kept,) = world.checkpoints()
    assert 2 < int(kept.stem) < 15
    ((restored,),) = seen.of("restored")
    assert restored.checkpoint == str(kept)
    assert restored.replayed_steps < 15


def test_fencing_in_a_replay_ends_the_worker(tmp_path: Path) -> None:
    world = without_checkpoints(tmp_path / "w")
    half_way(world, steps=15)
    log, seen = Interrupted(world.path, "toy"), Seen()
    log.error = FencedError("another worker has taken over")
    worker = world.worker(log, observer=seen, clock=StepClock(1.0))
    with pytest.raises(FencedError):
        world.run(worker)
    assert seen.of("fenced") == [("another worker has taken over",)]
    assert worker.statuses == ()


@pytest.mark.parametrize("on_failure", ["exit", "isolate"])
def test_a_log_that_is_away_in_a_restoration_ends_no_worker(
    tmp_path: Path, on_failure: str
) -> None:
    class Away(EmbeddedLog):
        failures = 0

        def committed(
            self, sources: Iterable[TopicPartition]
        ) -> dict[TopicPartition, Committed | None]:
            self.failures += 1
            if self.failures < 3:
                raise LogUnavailableError("log: the coordinator did not answer.")
            return super().committed(sources)

    world = World(tmp_path / "w", on_failure=on_failure)
    log = Away(world.path, "toy")
    world.finish(world.worker(log, clock=StepClock(0.5)))
    assert log.failures == 4  # asked twice at last: the journal is read between


def test_an_older_checkpoint_is_taken_when_the_newest_cannot_be_read_for_long(
    tmp_path: Path,
) -> None:
    states, _ = calm(tmp_path)
    world = World(tmp_path / "w")
    half_way(world)
    before, newest = map(str, world.checkpoints()[-2:])
    seen = Seen()
    store = store_of(world)
    worker = world.worker(observer=seen, clock=StepClock(0.5), store=store)
    read = store.read

    def away(path: str) -> bytes:
        if path == newest:
            raise StoreUnavailableError("the store is away")
        return read(path)

    store.read = away  # type: ignore[method-assign]
    world.run(worker)
    failed = [s for (s,) in seen.of("moved") if s.state is State.FAILED]
    assert [status.reason for status in failed] == ["the store is away"] * 4
    assert seen.of("restored")[0][0].checkpoint == before
    assert [digest(task.snapshot()) for task in worker.tasks.values()] == states


def test_a_signal_ends_the_loop(tmp_path: Path) -> None:
    world, stop = World(tmp_path / "w"), threading.Event()
    worker = world.worker()
    worker.start()

    stop.set()
    worker.run(stop)
    worker.catch_up(stop)
    assert world.steps() == []
