"""Covers stream.worker.restorer: who has a slice, in which order, how long, what is shown.

Restorations here only take time; real ones are in test_restoration.py and tests/replay/.
"""

from __future__ import annotations

import threading
from typing import Any

import pytest
from structlog.testing import capture_logs

from stream.errors import FencedError, LogUnavailableError, RecoveryError
from stream.log.base import Identity
from stream.observe.lasting_warnings import LastingWarnings
from stream.recovery.lifecycle import Lifecycle, Partition, State
from stream.recovery.restoration import Restored
from stream.worker.failures import Failures
from stream.worker.restorer import Restorer
from tests.replay.seen import ManualClock, Seen


class Task:
    steps = 5
    wanted: dict[Any, int] = {}  # noqa: RUF012

    def __init__(self, partition: int) -> None:
        self.partition = partition


class Slow:
    """A restoration whose slices take some seconds, and that ends, or fails, when told to."""

    replayed_records = steps_left = 7

    def __init__(self, made: Made, number: int) -> None:
        self.made, self.number = made, number
        self.error: Exception | None = None
        self.ends = False

    def advance(self, until: float) -> Restored | None:
        self.made.slices.append((self.number, round(until - self.made.clock.now_s, 3)))
        self.made.clock.now_s += self.made.slice_s
        if self.error is not None:
            raise self.error
        task: Any = Task(self.number)
        found = Restored(task, 9, {}, Identity("m", 1), {}, "{}", None, -1, 0, 0, 0.0)
        return found if self.ends else None

    def close(self) -> None:
        pass


class Made:
    """Partitions that are to be restored."""

    def __init__(self, count: int) -> None:
        self.clock, self.seen, self.slice_s = ManualClock(), Seen(), 0.0
        self.slices: list[tuple[int, float]] = []
        self.written: list[int] = []
        self.lifecycle = Lifecycle(self.clock, lambda _: None)
        self.lifecycle.assign(range(count))
        self.warnings = LastingWarnings(self.clock)
        failures = Failures(self.lifecycle, self.warnings, self.clock, self.seen, exits=False)
        checkpoints: Any = self
        self.restorer = Restorer(
            self.lifecycle, self.begin, checkpoints, failures, self.clock, self.seen
        )

    def begin(self, partition: Partition) -> Any:
        return Slow(self, partition.number)

    def write(self, partition: Partition) -> None:
        self.written.append(partition.number)

    def run(self) -> list[int]:
        """Partitions that had a slice in one turn."""
        self.slices.clear()
        self.restorer.run(None)
        return [number for number, _ in self.slices]

    def restoration(self, number: int) -> Slow:
        (found,) = [p for p in self.lifecycle.at(State.RESTORING) if p.number == number]
        slow: Any = found.restoration
        return slow

    def state(self, number: int) -> State:
        return self.lifecycle.statuses[number].state


def test_four_partitions_have_a_slice_each_and_others_wait() -> None:
    made = Made(6)
    assert made.run() == [0, 1, 2, 3]
    made.restoration(1).ends = True
    made.run()
    assert sorted(made.run()) == [0, 2, 3, 4]


def test_slow_partitions_take_turns() -> None:
    """No slice begins after half a second, and the next turn goes on with the next partition."""
    made = Made(4)
    made.slice_s = 0.3
    assert [made.run() for _ in range(4)] == [[0, 1], [2, 3], [0, 1], [2, 3]]
    made.slice_s = 9.0
    assert [made.run() for _ in range(5)] == [[0], [1], [2], [3], [0]]


def test_slices_are_shorter_while_others_work() -> None:
    made = Made(1)
    made.run()
    assert made.slices == [(0, 0.5)]
    made.restoration(0).ends = True
    made.run()
    made.lifecycle.assign([1])
    made.run()
    assert made.slices == [(1, 0.1)]


def test_what_is_restored_lives_and_is_shown() -> None:
    made = Made(1)
    made.run()
    assert (made.state(0), made.seen.of("restored")) == (State.RESTORING, [])
    made.restoration(0).ends = True
    made.run()
    assert made.state(0) is State.LIVE
    assert len(made.seen.of("restored")) == 1


def test_a_signal_to_stop_comes_before_the_next_slice() -> None:
    made, stop = Made(2), threading.Event()
    stop.set()
    made.restorer.run(stop)
    assert made.slices == []


@pytest.mark.parametrize("error", [RecoveryError("r"), ZeroDivisionError("z")])
def test_one_that_cannot_be_restored_stops_alone(error: Exception) -> None:
    made = Made(2)
    made.run()
    made.restoration(0).error = error
    assert made.run() == [0, 1]
    assert (made.state(0), made.state(1)) == (State.FAILED, State.RESTORING)
    assert made.written == []


def test_one_that_is_interrupted_leaves_a_checkpoint_and_says_when_the_log_is_back() -> None:
    made = Made(2)
    made.run()
    with capture_logs() as lines:
        made.restoration(0).error = LogUnavailableError("away")
        made.run()
        assert (made.state(0), made.written) == (State.FAILED, [0])
        made.restoration(1).ends = True
        made.run()
        made.clock.now_s += 1.0
        made.run()
        made.restoration(0).error = LogUnavailableError("away again")
        made.run()
    assert [line["reason"] for line in lines if line["event"] == "partition failed"] == [
        "away",
        "away again",
    ]


def test_being_fenced_is_no_failure_of_a_partition() -> None:
    made = Made(1)
    made.run()
    made.restoration(0).error = FencedError("another worker")
    with pytest.raises(FencedError):
        made.run()
    assert made.state(0) is State.RESTORING


def test_a_long_replay_is_a_sign_of_life_and_a_line_now_and_then() -> None:
    made = Made(1)
    made.slice_s = 1.0
    with capture_logs() as lines:
        for _ in range(25):
            made.run()
    assert len(made.seen.of("tick")) == 25
    assert [line["event"] for line in lines] == ["replaying", "replaying"]
