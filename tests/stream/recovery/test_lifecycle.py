"""Covers stream.recovery.lifecycle: the table of transitions, what is read, when what failed is
tried again. What the worker makes of it is in tests/replay/test_worker.py.
"""

from __future__ import annotations

import threading
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.log.base import Identity, TopicPartition
from stream.recovery.lifecycle import RETRY_S, RUNNING, Lifecycle, State, Status
from stream.recovery.restoration import Restored

EVENTS, LABELS = TopicPartition("events", 3), TopicPartition("labels", 3)


class ManualClock:
    def __init__(self) -> None:
        self.now_s = 0.0

    def monotonic(self) -> float:
        return self.now_s

    def wait(self, seconds: float, stop: threading.Event) -> None:
        self.now_s += seconds


class Task:
    """What the lifecycle asks of a task."""

    steps = 5

    def __init__(self) -> None:
        self.wanted = {EVENTS: 40, LABELS: 7}


class Restoring:
    """A restoration that remembers whether it was let go."""

    closed = False

    def close(self) -> None:
        self.closed = True


def restored() -> Restored:
    task: Any = Task()
    return Restored(task, 9, {}, Identity("m", 1), {}, "{}", "a path", 4, 0, 0, 0.0)


def lifecycle() -> tuple[Lifecycle, ManualClock, list[Status]]:
    clock, moves = ManualClock(), []
    return Lifecycle(clock, moves.append), clock, moves


def live() -> tuple[Lifecycle, ManualClock, list[Status]]:
    made, clock, moves = lifecycle()
    made.assign([3])
    (partition,) = made.due()
    made.restore(partition, Restoring())  # type: ignore[arg-type]
    made.go_live(partition, restored())
    return made, clock, moves


def test_a_partition_goes_through_its_life() -> None:
    made, _, moves = live()
    made.hold_back(3, {EVENTS})
    made.hold_back(3, set())
    made.revoke(3)
    made.release(3)
    assert [status.state.value for status in moves] == [
        "assigned",
        "restoring",
        "live",
        "held_back",
        "live",
        "revoking",
        "released",
    ]
    assert made.statuses == ()
    assert 3 not in made


def test_only_running_partitions_are_read_and_no_input_that_is_full() -> None:
    made, _, _ = live()
    made.assign([4])
    assert made.positions() == {EVENTS: 40, LABELS: 7}
    made.hold_back(3, {EVENTS})
    assert made.positions() == {LABELS: 7}
    made.recover(3, "in doubt")
    assert made.positions() == {}
    assert made.running() == {}


def test_what_recovers_is_read_whole_again_afterwards() -> None:
    """An input that was held back when the state became doubtful must not stay so."""
    made, _, _ = live()
    made.hold_back(3, {EVENTS, LABELS})
    made.recover(3, "in doubt")
    (partition,) = made.due()
    made.restore(partition, Restoring())  # type: ignore[arg-type]
    made.go_live(partition, restored())
    assert made.positions() == {EVENTS: 40, LABELS: 7}


def test_pauses_grow_with_each_failure_and_begin_anew_once_it_has_lived_for_long() -> None:
    made, clock, _ = live()
    for pause_s in (*RETRY_S, RETRY_S[-1]):
        partition = made.fail(3, "away", retry=True)
        assert partition.next_try == pytest.approx(clock.now_s + pause_s)
        assert made.due() == []
        clock.now_s += pause_s
        assert [p.number for p in made.due()] == [3]
        made.restore(partition, Restoring())  # type: ignore[arg-type]
    made.go_live(partition, restored())
    # Live is not enough: what fails as soon as it lives must not be tried without a pause.
    assert made.fail(3, "away", retry=True).next_try == pytest.approx(clock.now_s + RETRY_S[-1])
    clock.now_s += RETRY_S[-1]
    made.restore(partition, Restoring())  # type: ignore[arg-type]
    made.go_live(partition, restored())
    made.has_worked(3)
    assert made.fail(3, "away", retry=True).next_try == pytest.approx(clock.now_s + RETRY_S[0])
    for lived_s, pause_s in ((RETRY_S[-1] - 1, RETRY_S[1]), (RETRY_S[-1], RETRY_S[0])):
        made.restore(partition, Restoring())  # type: ignore[arg-type]
        made.go_live(partition, restored())
        clock.now_s += lived_s
        assert made.fail(3, "away", retry=True).next_try == pytest.approx(clock.now_s + pause_s)


def test_one_that_fails_again_as_soon_as_it_is_live_is_left_alone_for_longer_and_longer() -> None:
    """As one does whose next record cannot be read: its state is restored without trouble."""
    made, clock, _ = live()
    for pause_s in RETRY_S:
        partition = made.fail(3, "the batch cannot be read", retry=True)
        assert partition.next_try == pytest.approx(clock.now_s + pause_s)
        clock.now_s += pause_s
        made.restore(partition, Restoring())  # type: ignore[arg-type]
        made.go_live(partition, restored())


def test_a_commit_that_ends_after_the_next_step_has_failed_shortens_no_pause() -> None:
    made, clock, _ = live()
    for pause_s in RETRY_S:
        partition = made.fail(3, "settings cannot change", retry=True)
        assert partition.next_try == pytest.approx(clock.now_s + pause_s)
        made.has_worked(3)
        clock.now_s += pause_s
        made.restore(partition, Restoring())  # type: ignore[arg-type]
        made.go_live(partition, restored())


def test_since_when_a_partition_does_not_run_is_kept_over_its_attempts() -> None:
    made, clock, moves = live()
    assert (moves[0].idle_since, moves[-1].idle_since) == (0.0, None)
    clock.now_s = 100.0
    partition = made.fail(3, "away", retry=True)
    clock.now_s = 107.0
    made.restore(partition, Restoring())  # type: ignore[arg-type]
    made.fail(3, "away", retry=True)
    assert {status.idle_since for status in moves[3:]} == {100.0}
    assert moves[-1].since == 107.0


def test_what_cannot_be_mended_is_not_tried_again_and_says_why() -> None:
    made, clock, _ = live()
    made.fail(3, "the model raised", retry=False)
    clock.now_s += 1e6
    assert made.due() == []
    assert made.statuses == (Status(3, State.FAILED, 0.0, "the model raised", None, 0.0),)


def test_a_restoration_is_let_go_with_its_partition() -> None:
    made, _, _ = lifecycle()
    made.assign([3])
    restoring = Restoring()
    made.restore(made.due()[0], restoring)  # type: ignore[arg-type]
    made.release(3)
    assert restoring.closed


def test_those_that_failed_less_often_come_first() -> None:
    made, clock, _ = lifecycle()
    made.assign([1, 2])
    made.fail(1, "away", retry=True)
    clock.now_s += 100
    assert [p.number for p in made.due()] == [2, 1]


@pytest.mark.parametrize("change", ["revoke", "hold_back"])
def test_a_transition_outside_of_the_table_is_refused(change: str) -> None:
    made, _, _ = lifecycle()
    made.assign([3])
    arguments = {"revoke": (), "hold_back": ({EVENTS},)}[change]
    if change == "revoke":
        made.revoke(3)
    with pytest.raises(AssertionError, match="must be a transition of the table"):
        getattr(made, change)(3, *arguments)


def test_what_is_handed_over_works_no_more() -> None:
    made, _, _ = live()
    made.revoke(3)
    for full in ({EVENTS}, set()):
        with pytest.raises(AssertionError, match="must be a transition of the table"):
            made.hold_back(3, full)


def test_what_is_restored_begins_as_it_was_left() -> None:
    made, clock, _ = lifecycle()
    clock.now_s = 7.0
    made.assign([3])
    (partition,) = made.due()
    made.restore(partition, Restoring())  # type: ignore[arg-type]
    running = made.go_live(partition, restored())
    assert (running.journal_offset, running.committed_steps) == (9, 5)
    assert running.proven == Identity("m", 1)
    assert (running.checkpointed_steps, running.checkpointed_at, running.since) == (4, 7.0, 7.0)
    assert partition.restoration is None


@pytest.mark.parametrize("change", ["fail", "recover"])
@pytest.mark.parametrize("was", ["live", "held back", "restoring"])
def test_what_stops_working_keeps_nothing_in_memory(change: str, was: str) -> None:
    made, _, _ = lifecycle()
    made.assign([3])
    (partition,) = made.due()
    restoring = Restoring()
    made.restore(partition, restoring)  # type: ignore[arg-type]
    if was != "restoring":
        made.go_live(partition, restored())
    if was == "held back":
        made.hold_back(3, {LABELS})
    if change == "fail":
        made.fail(3, "away", retry=True)
    else:
        made.recover(3, "doubt")
    assert (partition.live, partition.restoration, partition.full) == (None, None, set())
    assert restoring.closed == (was == "restoring")


def test_a_partition_is_assigned_once() -> None:
    made, _, _ = live()
    with pytest.raises(AssertionError, match="assigned already"):
        made.assign([3])


def test_holding_back_more_is_no_transition() -> None:
    made, _, moves = live()
    count = len(moves)
    made.hold_back(3, {EVENTS})
    made.hold_back(3, {EVENTS, LABELS})
    assert [status.state for status in moves[count:]] == [State.HELD_BACK]
    assert made.positions() == {}


def test_a_status_says_since_when_and_when_it_is_tried_again() -> None:
    made, clock, moves = live()
    clock.now_s = 10.0
    partition = made.fail(3, "away", retry=True)
    assert (moves[-1].since, moves[-1].reason, moves[-1].next_try) == (10.0, "away", 10.2)
    clock.now_s = 11.0
    made.restore(partition, Restoring())  # type: ignore[arg-type]
    assert (moves[-1].since, moves[-1].reason, moves[-1].next_try) == (11.0, "", None)


def test_a_state_is_ahead_until_its_step_is_known_to_be_committed() -> None:
    made, _, _ = live()
    running = made.running()[3]
    assert not running.is_ahead
    running.task.steps += 1
    assert running.is_ahead
    running.committed_steps += 1
    assert not running.is_ahead


@given(st.lists(st.sampled_from(["turn", "fail", "give_up", "recover", "hold", "release"])))
def test_whatever_happens_what_is_read_is_what_runs(changes: list[str]) -> None:
    made, clock, moves = lifecycle()
    for change in changes:
        clock.now_s += 100.0
        if 3 not in made:
            made.assign([3])
        (partition,) = made.at(*State)
        if change == "turn" and partition in made.due():
            made.restore(partition, Restoring())  # type: ignore[arg-type]
        elif change == "turn" and partition.state is State.RESTORING:
            made.go_live(partition, restored())
        elif change in ("fail", "give_up"):
            made.fail(3, change, retry=change == "fail")
        elif change == "recover":
            made.recover(3, "doubt")
        elif change == "hold" and partition.state in RUNNING:
            made.hold_back(3, {LABELS})
        elif change == "release":
            made.release(3)
        runs = 3 in made and partition.state in RUNNING
        held = runs and partition.state is State.HELD_BACK
        assert set(made.positions()) == ({EVENTS} if held else {EVENTS, LABELS} if runs else set())
        assert [s.state for s in made.statuses] == ([partition.state] if 3 in made else [])
        assert moves[-1].state is (partition.state if 3 in made else State.RELEASED)
