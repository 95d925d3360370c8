"""Covers stream.watchdog with a log and a clock moved by hand: what is found, said and done.

What the worker makes of it is in tests/replay/test_surfaces.py; a real broker in tests/kafka/.
"""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from structlog.testing import capture_logs

from stream.errors import (
    FencedError,
    LogAccessError,
    LogUnavailableError,
    RecoveryError,
    StalledError,
    TopicMissingError,
)
from stream.log.base import OpenTransaction, TopicPartition
from stream.recovery.lifecycle import State
from stream.watchdog.held_outputs import _BUDGET_S
from stream.watchdog.stalled_inputs import _VERIFY_S
from tests.stream.watchdog.worlds import EVENTS, IDS, LABELS, WALL_S, World

JOURNAL = TopicPartition("toy.journal", 0)


@pytest.fixture
def world() -> World:
    return World()


def more(world: World) -> None:
    """Records lie beyond the events' position."""
    world.log.ends[EVENTS], world.log.records[EVENTS] = 9, [7, 8]


def holding(source: TopicPartition, since_s: float = 0.0) -> OpenTransaction:
    return OpenTransaction(source, 4711, 3, 7, int(1000 * (WALL_S + since_s)))


def test_an_idle_topic_is_no_trouble(world: World) -> None:
    world.pass_s(600)
    assert world.log.remedies == []
    assert world.reasons() == ()


@pytest.mark.parametrize("hidden", [False, True])
def test_remedies_follow_each_other_while_nothing_moves(world: World, hidden: bool) -> None:
    """Also where the client that has lost the partition says that nothing is there."""
    more(world)
    world.log.hidden = {EVENTS} if hidden else set()
    late_s = 30 if hidden else 0  # until the end itself is asked for
    world.pass_s(39 + late_s)
    assert world.log.remedies == []
    world.pass_s(1)
    assert world.log.remedies == ["refetch toy.features"]
    assert world.reasons() == ("toy.features[0]@7: no record came for 30 s, though there are more",)
    world.pass_s(30)
    assert world.log.remedies == ["refetch toy.features", "rejoin"]
    with pytest.raises(StalledError, match=r"toy\.features\[0\]@7: records must come") as caught:
        world.pass_s(30)
    assert caught.value.exit_code != 0
    assert "\n" not in str(caught.value)


def test_one_that_moves_in_between_starts_over(world: World) -> None:
    more(world)
    world.pass_s(60)
    assert world.log.remedies == ["refetch toy.features"]
    world.task.wanted[EVENTS] = 8
    world.pass_s(10)
    assert world.reasons() == ()
    world.pass_s(29)
    assert world.log.remedies == ["refetch toy.features"]
    world.pass_s(11)
    assert world.log.remedies == ["refetch toy.features"] * 2


def test_remedies_go_on_after_a_rejoin_gave_the_partition_up_and_back(world: World) -> None:
    more(world)
    world.pass_s(70)
    assert world.log.remedies[-1] == "rejoin"
    world.lifecycle.release(0)
    world.pass_s(20)
    assert world.reasons() == ()
    world.live(0, {EVENTS: 7, LABELS: 5})
    with pytest.raises(StalledError):
        world.pass_s(50)


def test_a_partition_that_comes_back_much_later_starts_over(world: World) -> None:
    more(world)
    world.pass_s(70)
    world.lifecycle.release(0)
    world.pass_s(400)
    world.live(0, {EVENTS: 7, LABELS: 5})
    world.pass_s(50)
    assert world.log.remedies[2:] == ["refetch toy.features"]


def test_the_time_in_which_an_input_was_not_read_does_not_count(world: World) -> None:
    more(world)
    world.pass_s(30)
    world.lifecycle.hold_back(0, {EVENTS})
    world.pass_s(100)
    world.lifecycle.hold_back(0, set())
    world.pass_s(30)
    assert world.log.remedies == []
    world.pass_s(15)
    assert world.log.remedies == ["refetch toy.features"]


def test_an_input_that_has_not_had_its_turn_is_not_stalled(world: World) -> None:
    """Full polls of a backlog: what they bring of the others says nothing of this one."""
    more(world)
    world.pass_s(10)
    for _ in range(15):
        world.clock.now_s += 8.0  # a turn over a slow model
        world.pass_s(1, is_full=True)
        assert world.log.remedies == []
    world.pass_s(40, is_full=True)
    assert world.log.remedies == ["refetch toy.features"]  # others had their turn many times
    assert len(world.reasons()) == 1
    world.pass_s(20)
    assert world.log.remedies == ["refetch toy.features", "rejoin"]


def test_one_rejoin_is_enough_for_all_that_stands_still(world: World) -> None:
    more(world)
    world.log.ends[LABELS], world.log.records[LABELS] = 6, [5]
    world.pass_s(70)
    assert world.log.remedies == ["refetch toy.features", "refetch toy.labels", "rejoin"]


def test_markers_and_aborted_records_at_the_end_are_nothing_to_read(world: World) -> None:
    world.log.ends[EVENTS] = 12  # and no record there
    world.pass_s(400)
    assert world.log.remedies == []
    assert world.reasons() == ()
    assert world.log.calls.count("read") == 1  # the same end is not read again


def test_the_ends_of_many_quiet_inputs_are_asked_for_in_turn(world: World) -> None:
    for number in range(1, 12):
        world.live(number, {TopicPartition("toy.features", number): 0})
    world.log.seconds["bounds"] = _VERIFY_S / 3
    last = TopicPartition("toy.features", 11)
    world.log.ends[last], world.log.records[last], world.log.hidden = 1, [0], {last}
    for _ in range(12):
        world.log.calls.clear()
        world.pass_s(10)
        assert world.log.calls.count("bounds") <= 5
    assert world.log.remedies[:1] == ["refetch toy.features"]


def test_an_open_transaction_is_named_and_nothing_is_tried(world: World) -> None:
    more(world)
    world.log.open[EVENTS] = [holding(EVENTS)]
    world.pass_s(40)
    (reason,) = world.reasons()
    assert reason.startswith("toy.features[0]@7: nothing can be read for 30 s: ")
    assert "a transaction of producer 4711 (epoch 3) has been open from offset 7 on for 40 s" in (
        reason
    )
    world.pass_s(300)
    assert world.log.remedies == []
    world.log.open[EVENTS] = []
    world.task.wanted[EVENTS] = 9
    world.pass_s(10)
    assert world.reasons() == ()


def come_and_go(world: World, seconds: int) -> Iterator[None]:
    """A producer whose transactions follow one another: one is open whenever one looks."""
    world.log.unsettled = {EVENTS}
    for number in range(seconds // 10):
        held = holding(EVENTS, world.clock.now_s)._replace(start_offset=20 + number)
        world.log.open[EVENTS] = [held]
        world.pass_s(10)
        yield


def test_aborted_transactions_that_come_and_go_are_no_trouble(world: World) -> None:
    world.log.ends[EVENTS] = 60  # nothing but markers and aborted records
    for _ in come_and_go(world, 300):
        assert world.reasons() == ()
    assert world.log.remedies == []


def test_a_lost_input_is_found_beside_transactions_that_come_and_go(world: World) -> None:
    more(world)  # committed before the first of them, and never read
    for _ in come_and_go(world, 70):
        pass
    assert world.reasons() == ("toy.features[0]@7: no record came for 60 s, though there are more",)
    assert world.log.remedies == ["refetch toy.features", "rejoin"]


def test_a_transaction_that_writes_on_and_on_is_seen_to_be_old(world: World) -> None:
    more(world)
    world.log.unsettled = {EVENTS}
    for _ in range(9):
        world.log.open[EVENTS] = [holding(EVENTS, world.clock.now_s)]
        world.pass_s(10)
    (reason,) = world.reasons()
    assert "producer 4711" in reason


def test_records_that_cannot_be_read_are_named_with_their_error(world: World) -> None:
    more(world)
    world.log.errors["read"] = RecoveryError("toy.features[0]@7: codec 9 is unknown")
    world.pass_s(40)
    assert world.reasons() == (
        "toy.features[0]@7: nothing was read for 30 s: toy.features[0]@7: codec 9 is unknown",
    )
    assert world.log.remedies == []


def test_a_second_reader_that_finds_nothing_is_given_up_soon(world: World) -> None:
    world.log.ends[EVENTS] = 9

    def wait(*_: object) -> Any:
        while True:
            world.clock.now_s += 0.5
            yield []

    world.log.read = wait  # type: ignore[method-assign]
    world.pass_s(45)
    assert world.log.remedies == ["refetch toy.features"]


def test_a_log_that_does_not_answer_is_said_and_shown_since_when(world: World) -> None:
    world.pass_s(10)
    world.log.errors["partition_counts"] = LogUnavailableError("log: no route to host.")
    with capture_logs() as lines:
        world.pass_s(100)
        (reason,) = world.reasons()
        assert reason.startswith("the log has not answered since 20")
        assert reason.endswith(": log: no route to host.")
        del world.log.errors["partition_counts"]
        world.pass_s(1)
    assert world.reasons() == ()
    assert [line["event"] for line in lines] == ["log unavailable"] * 3 + ["log answers again"]
    assert [line.get("lasts_s") for line in lines] == [None, 10, 40, None]
    assert lines[-1]["after_s"] == pytest.approx(91, abs=1)


def test_looking_does_not_need_more_than_the_work_does(world: World) -> None:
    world.log.errors["open_transactions"] = RecoveryError("no coordinator knows it")
    with capture_logs() as lines:
        world.pass_s(60)
    assert world.reasons() == ()
    assert [line["event"] for line in lines] == ["outputs cannot be watched"] * 3


def test_outputs_that_may_not_be_read_are_said_once_and_the_others_are_watched(
    world: World,
) -> None:
    world.log.denied = {"toy.predictions", "toy.drift"}
    world.log.open[JOURNAL] = [holding(JOURNAL)]
    with capture_logs() as lines:
        world.pass_s(600)
    (reason,) = world.reasons()
    assert reason.startswith("toy.journal[0]: readers")
    unwatched = [line for line in lines if line["event"] == "output not watched"]
    assert [line["topic"] for line in unwatched] == ["toy.predictions", "toy.drift"]
    assert "needs READ on topic `toy.predictions`" in unwatched[0]["reason"]
    assert {line["event"] for line in lines} == {"output not watched", "standing still"}


def test_an_output_is_watched_as_soon_as_it_may_be_read(world: World) -> None:
    predictions = TopicPartition("toy.predictions", 0)
    world.log.open[predictions] = [holding(predictions)]
    world.log.denied = {predictions.topic}
    world.pass_s(60)
    assert world.reasons() == ()
    world.log.denied = set()
    world.pass_s(10)
    assert len(world.reasons()) == 1
    world.log.denied = {predictions.topic}
    with capture_logs() as lines:
        world.pass_s(10)
    assert [line["event"] for line in lines] == ["output not watched"]
    assert len(world.reasons()) == 1  # nobody knows that it is over


def test_being_fenced_is_not_swallowed(world: World) -> None:
    world.log.errors["open_transactions"] = FencedError("another worker")
    with pytest.raises(FencedError):
        world.pass_s(20)


def test_an_output_held_for_longer_than_a_transaction_may_last_is_named(world: World) -> None:
    world.log.open[JOURNAL] = [holding(JOURNAL)]
    timeout_s = 10.0
    world.pass_s(2 * timeout_s)
    assert world.reasons() == ()
    world.pass_s(10)
    assert world.reasons() == (
        "toy.journal[0]: readers of committed records wait at offset 7: a transaction of producer "
        "4711 (epoch 3) has been open from offset 7 on for 30 s. `driftgate "
        "transactions list CONFIG` says whether it hangs and which command ends it",
    )
    del world.log.open[JOURNAL]
    world.pass_s(10)
    assert world.reasons() == ()


def test_outputs_of_a_partition_that_does_not_run_are_looked_at_too(world: World) -> None:
    """Its recovery waits for the same transaction."""
    world.lifecycle.fail(0, "a transaction is open", retry=True)
    world.log.open[JOURNAL] = [holding(JOURNAL)]
    world.pass_s(30)
    assert any("toy.journal[0]: readers" in reason for reason in world.reasons())


def test_many_outputs_are_looked_at_in_turn_and_never_for_long(world: World) -> None:
    for number in range(1, 12):
        world.live(number, {TopicPartition("toy.features", number): 0})
    world.log.seconds["open_transactions"] = _BUDGET_S / 4
    held = TopicPartition("toy.journal", 11)
    world.log.open[held] = [holding(held)]
    world.pass_s(10)
    assert world.log.calls.count("open_transactions") <= 6
    world.pass_s(130)
    (reason,) = world.reasons()
    assert reason.startswith("toy.journal[11]: readers")
    world.lifecycle.release(11)
    world.pass_s(10)
    assert world.reasons() == ()


def test_topics_with_fewer_partitions_are_named_with_the_command(world: World) -> None:
    world.log.counts = {"toy.features": 3, "toy.labels": 2}
    world.pass_s(10)
    (reason,) = world.reasons()
    assert reason.startswith("topics must have 3 partitions like toy.features; toy.dead-letters, ")
    assert "toy.labels" in reason
    assert "`driftgate topics create CONFIG`" in reason
    world.log.counts = {}
    world.pass_s(10)
    assert world.reasons() == ()


def test_a_worker_that_the_group_leaves_out_says_why(world: World) -> None:
    world.log.left_out = "other workers read toy.weather, too"
    world.pass_s(10)
    assert world.reasons() == ("other workers read toy.weather, too",)
    world.log.left_out = ""
    world.pass_s(10)
    assert world.reasons() == ()


def test_an_input_that_does_not_exist_is_named_also_where_no_partition_is_left(
    world: World,
) -> None:
    world.log.counts = {"toy.features": 0, "toy.labels": 0}
    world.pass_s(10)
    (reason,) = world.reasons()
    assert reason.startswith("inputs must exist; toy.features, toy.labels does not")
    world.log.counts = {"toy.features": 0}
    world.pass_s(10)
    (reason,) = world.reasons()
    assert reason.startswith("inputs must exist; toy.features does not")
    assert "`driftgate topics create CONFIG`" in reason


# Topics that are gone, or others than they were.


def test_a_journal_made_anew_is_found_with_one_request_for_all(world: World) -> None:
    world.live(1, {TopicPartition("toy.features", 1): 0, TopicPartition("toy.labels", 1): 0})
    world.pass_s(60)
    assert world.to_stop == {}
    assert world.log.calls.count("topic_ids") == 2
    world.log.ids["toy.journal"] = "j2"
    world.pass_s(30)
    assert sorted(world.to_stop) == [0, 1]
    assert "it alone was deleted and made anew since (j1 then, j2 now)" in str(world.to_stop[1])
    assert "--partition 1 --to committed --keep-model`" in str(world.to_stop[1])


@pytest.mark.parametrize("topic", ["toy.features", "toy.labels"])
@pytest.mark.parametrize("others", [[], ["toy.journal"]])
def test_an_input_made_anew_begins_anew(world: World, topic: str, others: list[str]) -> None:
    world.log.ids |= dict.fromkeys([topic, *others], "x2")
    world.pass_s(30)
    assert f"topic `{topic}` must be the one" in str(world.to_stop[0])
    assert "--partition 0 --to earliest`" in str(world.to_stop[0])


@pytest.mark.parametrize("ids", [dict.fromkeys(IDS, ""), IDS])
def test_a_log_without_ids_proves_nothing(world: World, ids: dict[str, str]) -> None:
    (partition,) = world.lifecycle.running().values()
    partition.topic_ids = dict(ids)
    world.log.ids = dict.fromkeys(IDS, "" if ids is IDS else "x")
    world.pass_s(60)
    assert world.to_stop == {}


def test_a_topic_that_is_gone_is_said_until_it_is_back(world: World) -> None:
    world.log.errors["topic_ids"] = TopicMissingError("topic `toy.journal` must exist")
    world.pass_s(30)
    assert world.reasons() == ("topic `toy.journal` must exist",)
    assert world.to_stop == {}
    del world.log.errors["topic_ids"]
    world.pass_s(30)
    assert world.reasons() == ()


def test_ids_that_cannot_be_asked_for_are_said_once(world: World) -> None:
    world.log.errors["topic_ids"] = LogAccessError("no right to DESCRIBE")
    with capture_logs() as lines:
        world.pass_s(30)
    assert [line["event"] for line in lines] == ["topic ids cannot be watched"]
    assert world.to_stop == {}


def test_each_trouble_is_said_once_and_so_is_its_end(world: World) -> None:
    world.log.open[JOURNAL] = [holding(JOURNAL)]
    with capture_logs() as lines:
        world.pass_s(300)
        del world.log.open[JOURNAL]
        world.pass_s(30)
    assert [line["event"] for line in lines] == ["standing still", "moving again"]
    shown = world.metrics.registry.get_sample_value("driftgate_standing_still", {"app": "toy"})
    assert shown == 0.0


def test_records_in_hand_that_nobody_takes_are_named(world: World) -> None:
    world.task.in_hand = {"toy.labels": 40}
    world.pass_s(44)  # 30 s, and the 5 s that one topic may wait for the other
    assert world.reasons() == ()
    world.pass_s(10)
    (reason,) = world.reasons()
    assert reason.startswith("partition 0: no step for 40 s, though records are in hand: ")
    assert reason.endswith("40 of toy.labels")
    world.task.steps += 1
    world.pass_s(10)
    assert world.reasons() == ()


def test_a_restore_that_takes_no_step_is_named(world: World) -> None:
    world.lifecycle.assign([4])
    (partition,) = world.lifecycle.at(State.ASSIGNED)
    restoring: Any = SimpleNamespace(
        task=SimpleNamespace(steps=12), replayed_records=0, steps_left=80, close=lambda: None
    )
    world.lifecycle.restore(partition, restoring)
    for _ in range(10):
        restoring.replayed_records += 1
        world.pass_s(10)
        assert world.reasons() == ()
    world.pass_s(30)
    assert world.reasons() == ("partition 4: restoring has taken no step for 30 s; 80 are left",)
