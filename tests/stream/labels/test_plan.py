"""Labels meet events: every line of the table in stream/labels/plan.py, bounds, and old snapshots.

That no fate depends on how two topics were interleaved is in test_fates.py, what a task makes of
the plans in test_task.py; bad bytes are in test_bad_input.py.
"""

from __future__ import annotations

from typing import NamedTuple

import msgspec
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from operators.snapshot import digest
from operators.tape import LEARN, PREDICT, Rows
from stream.codec.target import TargetCoder
from stream.labels.inbox import EVENT, LABEL, Records
from stream.labels.join import LabelJoin
from stream.labels.plan import InlineLabels, Plan
from stream.labels.seen_ids import EXPIRED, WAITING
from stream.labels.topic_clock import RUN
from tests.builders import EVENTS, LABELS, toy_config

OPEN = {"type": "classification", "path": "$.y", "classes_max": 2}


def join(**changes: int) -> LabelJoin:
    settings = {"max_delay_ms": 100, "pending_max": 50, "duplicates_window": 1000, **changes}
    return LabelJoin(
        EVENTS,
        LABELS,
        TargetCoder(toy_config(target=OPEN)),
        widths=(1, 2, 1, 2),
        dead_topic="toy.dead-letters",
        **settings,
    )


def records(*entries: tuple[str, int] | tuple[str, int, str]) -> Records:
    """(id, time) of events, (id, time, label) of labels."""
    made = Records()
    for offset, (name, time, *label) in enumerate(entries):
        made.extend(
            Records(
                [name], [time], label or [None], label or [None], [offset], [time],
                [name.encode()], [b"raw " + name.encode()],
            )
        )  # fmt: skip
    return made


class Ran(NamedTuple):
    """A plan, and the ids of the rows it learnt (as the carried rows tell)."""

    plan: Plan
    learnt: list[str]


def run(labels: LabelJoin, turns: list[int], events: Records, answers: Records) -> Ran:
    """Plan and settle one step, with rows that can be told apart."""
    plan = labels.plan(turns, events, answers)
    fresh = len(plan.accepted)
    count = fresh + len(plan.carried[0])
    x, output, trace, watch = (np.zeros((count, width)) for width in (1, 2, 1, 2))
    x[:fresh, 0] = [int(events.ids[position][1:]) for position in plan.accepted]
    for matrix, carried in zip((x, output, trace, watch), plan.carried, strict=True):
        matrix[fresh:] = carried
    labels.settle(plan, Rows(x, np.zeros(count), output, trace), watch)
    learnt = [row for action, row in zip(plan.action, plan.row, strict=True) if action == LEARN]
    return Ran(plan, [f"e{int(x[row, 0])}" for row in learnt])


def test_a_label_of_a_waiting_event_is_learnt_on_the_row_that_was_predicted() -> None:
    labels = join()
    run(labels, [EVENT, EVENT], records(("e1", 0), ("e2", 1)), Records())
    assert labels.pending == 2
    plan, learnt = run(labels, [EVENT, LABEL], records(("e3", 5)), records(("e2", 6, "yes")))
    assert plan.action == [PREDICT, LEARN]
    assert learnt == ["e2"]
    assert labels.pending == 2


def test_a_label_before_its_event_is_held_and_learnt_right_after_the_prediction() -> None:
    labels = join()
    run(labels, [LABEL], Records(), records(("e1", 0, "yes")))
    assert labels.held == 1
    plan, _ = run(labels, [EVENT, EVENT], records(("e1", 1), ("e2", 2)), Records())
    assert plan.action == [PREDICT, LEARN, PREDICT]
    assert (labels.held, labels.pending) == (0, 1)


def test_an_event_that_comes_twice_is_predicted_once() -> None:
    labels = join()
    plan, _ = run(labels, [EVENT, EVENT], records(("e1", 0), ("e1", 1)), Records())
    assert plan.accepted == [0]
    (letter,) = plan.dead
    assert (letter.reason, letter.offset, letter.value) == ("duplicate_id", 1, b"raw e1")
    assert letter.message == (
        "toy.features[0]@1: id must be new; got 'e1' again. "
        "The record went to topic `toy.dead-letters`."
    )


def test_a_second_label_is_dead() -> None:
    labels = join()
    plan, learnt = run(
        labels, [EVENT, LABEL, LABEL], records(("e1", 0)), records(("e1", 1, "a"), ("e1", 2, "b"))
    )
    assert learnt == ["e1"]
    assert [letter.reason for letter in plan.dead] == ["duplicate_label"]


def passing(time: int, first: int = 900) -> Records:
    """As many records as it takes to move a topic's clock, none of an event that is looked at."""
    return records(*((f"e{first + number}", time, "a") for number in range(RUN)))


def test_an_event_expires_once_the_labels_have_passed_it_and_a_late_label_is_dead() -> None:
    labels = join()
    run(labels, [EVENT] * 2, records(("e1", 0), ("e2", 1)), Records())
    plan, _ = run(labels, [EVENT] * RUN, passing(5000), Records())
    assert plan.expired_by_delay == 0, "events do not expire by the events' own clock"
    plan, _ = run(labels, [LABEL] * RUN, Records(), passing(101, first=800))
    assert plan.expired_by_delay == 1
    plan, learnt = run(labels, [LABEL] * 2, Records(), records(("e1", 101, "a"), ("e2", 101, "a")))
    assert [letter.reason for letter in plan.dead] == ["label_too_late"]
    assert plan.dead[0].message == (
        "toy.labels[0]@0: label must come within labels.max_delay; got it too late for event 'e1'. "
        "The record went to topic `toy.dead-letters`."
    )
    assert learnt == ["e2"]


def test_a_label_that_is_late_by_its_own_time_is_dead_while_its_event_still_waits() -> None:
    labels = join()
    run(labels, [EVENT], records(("e1", 0)), Records())
    plan, _ = run(labels, [LABEL], Records(), records(("e1", 101, "a")))
    assert [letter.reason for letter in plan.dead] == ["label_too_late"]
    assert (plan.expired_by_delay, labels.pending) == (0, 1)
    assert run(labels, [LABEL], Records(), records(("e1", 100, "a"))).learnt == ["e1"]


def test_an_event_that_comes_after_the_labels_have_passed_it_expires_at_once() -> None:
    labels = join()
    run(labels, [LABEL] * RUN, Records(), passing(101))
    plan, _ = run(labels, [EVENT], records(("e1", 0)), Records())
    assert (len(plan.accepted), plan.expired_by_delay, labels.pending) == (1, 1, 0)


def test_a_label_without_an_event_becomes_an_orphan_with_its_bytes() -> None:
    labels = join()
    run(labels, [LABEL], Records(), records(("e9", 0, "a")))
    plan, _ = run(labels, [LABEL] * RUN, Records(), passing(5000))
    assert plan.orphaned == 0, "a label is no orphan by the labels' own clock"
    plan, _ = run(labels, [EVENT] * RUN, passing(101, first=800), Records())
    assert (labels.held, labels._held._by_name.keys()) == (RUN, {f"e{900 + n}" for n in range(RUN)})
    (letter,) = plan.dead
    assert (plan.orphaned, letter.reason, letter.value) == (1, "orphaned_label", b"raw e9")
    assert letter.source == LABELS


def test_a_label_that_the_events_have_passed_already_is_an_orphan_at_once() -> None:
    labels = join()
    run(labels, [EVENT] * RUN, passing(101), Records())
    plan, _ = run(labels, [LABEL], Records(), records(("e1", 0, "a")))
    assert ([letter.reason for letter in plan.dead], labels.held) == (["orphaned_label"], 0)


def test_a_held_label_is_late_if_its_topic_had_passed_the_event_when_it_came() -> None:
    labels = join()
    run(labels, [LABEL] * RUN, Records(), passing(101))
    run(labels, [LABEL] * 2, Records(), records(("e1", 50, "a"), ("e2", 50, "a")))
    plan, learnt = run(labels, [EVENT] * 2, records(("e1", 0), ("e2", 1)), Records())
    assert [letter.reason for letter in plan.dead] == ["label_too_late"]
    assert (learnt, plan.expired_by_delay) == (["e2"], 1)


def test_a_snapshot_says_which_events_have_expired() -> None:
    labels = join(pending_max=1)
    run(labels, [EVENT] * 2, records(("e1", 0), ("e2", 0)), Records())
    assert np.asarray(labels.snapshot()["seen/status"]).tolist() == [EXPIRED, WAITING]
    run(labels, [LABEL] * RUN, Records(), passing(101))
    assert np.asarray(labels.snapshot()["seen/status"]).tolist() == [EXPIRED, EXPIRED]


def test_stream_time_is_the_largest_of_both_topics() -> None:
    labels = join()
    run(labels, [EVENT, LABEL], records(("e1", 9)), records(("e1", 7, "a")))
    assert labels.stream_time == 9
    run(labels, [LABEL, EVENT], records(("e2", 8)), records(("e2", 11, "a")))
    assert labels.stream_time == 11


def test_of_two_held_labels_the_first_that_will_do_is_learnt() -> None:
    labels = join()
    answers = records(("e1", 150, "a"), ("e1", 90, "a"), ("e1", 91, "b"))
    run(labels, [LABEL] * 3, Records(), answers)
    assert labels.held == 3
    plan, learnt = run(labels, [EVENT], records(("e1", 0)), Records())
    assert (learnt, plan.learn_offsets, labels.held) == (["e1"], [1], 0)
    assert [(letter.offset, letter.reason) for letter in plan.dead] == [
        (0, "label_too_late"),
        (2, "duplicate_label"),
    ]


def test_beyond_the_bound_the_oldest_event_expires_early() -> None:
    labels = join(pending_max=2)
    plan, _ = run(labels, [EVENT] * 3, records(("e1", 0), ("e2", 0), ("e3", 0)), Records())
    assert (plan.expired_by_capacity, labels.pending) == (1, 2)
    plan, learnt = run(labels, [LABEL, LABEL], Records(), records(("e1", 1, "a"), ("e2", 1, "a")))
    assert learnt == ["e2"]
    assert [letter.reason for letter in plan.dead] == ["label_too_late"]


def test_beyond_the_bound_the_oldest_held_label_is_orphaned() -> None:
    labels = join(pending_max=1)
    plan, _ = run(labels, [LABEL, LABEL], Records(), records(("e1", 0, "a"), ("e2", 0, "a")))
    assert (plan.orphaned, labels.held) == (1, 1)
    assert [letter.value for letter in plan.dead] == [b"raw e1"]


def lowered(before: LabelJoin, pending_max: int) -> LabelJoin:
    labels = join(pending_max=pending_max)
    labels.restore(before.snapshot())
    return labels


def test_a_bound_that_was_lowered_holds_from_the_next_event_on() -> None:
    before = join(pending_max=6)
    run(before, [EVENT] * 6, records(*((f"e{number}", 0) for number in range(6))), Records())
    labels = lowered(before, 2)
    plan, _ = run(labels, [EVENT], records(("e6", 0)), Records())
    assert (plan.expired_by_capacity, labels.pending) == (5, 2)


def test_held_labels_beyond_a_bound_that_was_lowered_go_two_at_a_time() -> None:
    before = join(pending_max=6)
    run(before, [LABEL] * 6, Records(), records(*((f"e{n}", 0, "a") for n in range(6))))
    labels = lowered(before, 2)
    for number in range(6, 11):
        run(labels, [LABEL], Records(), records((f"e{number}", 0, "a")))
    assert labels.held == 2


def test_a_class_beyond_the_bound_is_dead_and_its_event_still_waits() -> None:
    labels = join()
    events = records(("e1", 0), ("e2", 0), ("e3", 0))
    answers = records(("e1", 1, "a"), ("e2", 1, "b"), ("e3", 1, "c"))
    plan, learnt = run(labels, [EVENT] * 3 + [LABEL] * 3, events, answers)
    assert learnt == ["e1", "e2"]
    assert [letter.reason for letter in plan.dead] == ["too_many_classes"]
    assert labels.pending == 1


def test_inline_labels_are_learnt_at_once_and_an_event_may_have_none() -> None:
    labels = InlineLabels(EVENTS, TargetCoder(toy_config(target=OPEN)), 1000, "toy.dead-letters")
    plan = labels.plan([EVENT] * 2, records(("e1", 0, "a"), ("e2", 7)), Records())
    assert plan.action == [PREDICT, LEARN, PREDICT]
    assert labels.stream_time == 7


def test_inline_a_class_beyond_the_bound_kills_the_record_but_not_its_id() -> None:
    labels = InlineLabels(EVENTS, TargetCoder(toy_config(target=OPEN)), 1000, "toy.dead-letters")
    entries = records(("e1", 0, "a"), ("e2", 0, "b"), ("e3", 0, "c"), ("e3", 0, "b"))
    plan = labels.plan([EVENT] * 4, entries, Records())
    assert plan.accepted == [0, 1, 3]
    assert [letter.reason for letter in plan.dead] == ["too_many_classes"]


def test_a_second_label_is_a_duplicate_long_after_its_event_was_learnt() -> None:
    labels = join()
    run(labels, [EVENT, LABEL], records(("e1", 0)), records(("e1", 1, "a")))
    run(labels, [EVENT] * RUN, passing(60), Records())
    for held in (False, True):
        if held:
            run(labels, [LABEL, EVENT], records(("e2", 61)), records(("e2", 60, "a")))
        plan, _ = run(labels, [LABEL], Records(), records((f"e{1 + held}", 62, "b")))
        assert [letter.reason for letter in plan.dead] == ["duplicate_label"]


def test_no_slot_is_kept_for_an_event_that_no_longer_waits() -> None:
    labels = join(pending_max=40)
    for number in range(0, 4000, 20):
        # Of 20 events 10 are learnt a step later; the others expire by delay, or by the bound.
        events = records(*((f"e{n}", n) for n in range(number, number + 20)))
        answers = records(*((f"e{n}", n, "a") for n in range(number - 20, number - 10)))
        run(labels, [EVENT] * 20 + [LABEL] * len(answers), events, answers)
        assert labels._waiting.slots_used == labels.pending <= 40
    delayed = join(max_delay_ms=5)
    for number in range(0, 400, 20):
        events = records(*((f"e{n}", n) for n in range(number, number + 20)))
        run(delayed, [EVENT, LABEL] * 20, events, passing_labels(number, 20))
        assert delayed._waiting.slots_used == delayed.pending <= 20


def test_an_event_that_waits_is_known_although_its_id_has_left_the_window() -> None:
    labels = join(duplicates_window=1)
    events = records(("e1", 0), ("e2", 0), ("e1", 0))
    plan, _ = run(labels, [EVENT] * 3, events, Records())
    assert [(letter.reason, letter.offset) for letter in plan.dead] == [("duplicate_id", 2)]
    assert run(labels, [LABEL], Records(), records(("e1", 1, "a"))).learnt == ["e1"]


def test_an_id_that_comes_again_after_it_was_learnt_and_forgotten_keeps_one_row() -> None:
    labels = join(duplicates_window=1)
    events = records(("e1", 0), ("e2", 0), ("e1", 0))
    turns = [EVENT, LABEL, EVENT, EVENT]
    plan, _ = run(labels, turns, events, records(("e1", 1, "a")))
    assert plan.accepted == [0, 1, 2]
    assert labels._waiting.slots_used == labels.pending == 2


def test_a_snapshot_takes_the_place_of_all_that_was_there() -> None:
    labels, used = join(), join()
    run(labels, [EVENT, LABEL], records(("e1", 0)), records(("e2", 0, "a")))
    run(used, [EVENT] * 3, records(("e3", 0), ("e4", 0), ("e5", 0)), Records())
    run(used, [LABEL] * 2, Records(), records(("e6", 0, "a"), ("e7", 0, "a")))
    used.restore(labels.snapshot())
    assert (used._waiting.slots_used, used.pending, used.held) == (1, 1, 1)
    assert digest(used.snapshot()) == digest(labels.snapshot())


def test_deadlines_that_were_met_are_forgotten() -> None:
    labels = join(max_delay_ms=10**9)
    for number in range(0, 6000, 100):
        entries = [(f"e{n}", n) for n in range(number, number + 100)]
        answers = records(*((*entry, "a") for entry in entries))
        # Half of the labels come before their events, and are held for a while.
        turns = [LABEL] * 50 + [EVENT] * 100 + [LABEL] * 50
        run(labels, turns, records(*entries), answers)
    assert (labels.pending, labels.held) == (0, 0)
    assert len(labels._waiting._deadlines) <= 1024 + 100
    assert len(labels._held._deadlines) <= 1024 + 100


def passing_labels(first: int, count: int) -> Records:
    """Labels of no event, one a millisecond."""
    return records(*((f"e{10**6 + n}", n, "a") for n in range(first, first + count)))


def test_a_snapshot_of_before_the_clocks_is_taken_up() -> None:
    labels = join()
    run(labels, [EVENT] * 2, records(("e1", 3), ("e2", 4)), Records())
    run(labels, [LABEL] * 2, Records(), records(("e1", 5, "a"), ("e9", 6, "b")))
    old = {
        name: value
        for name, value in labels.snapshot().items()
        if name not in ("event_clock", "label_clock", "seen_clock", "held_clock", "waiting/clock")
    }
    fresh = join()
    fresh.restore(old)
    assert (fresh.pending, fresh.held, fresh.stream_time) == (1, 1, 6)
    plan, learnt = run(fresh, [LABEL] * 2, Records(), records(("e2", 7, "a"), ("e1", 7, "a")))
    assert learnt == ["e2"]
    assert [letter.reason for letter in plan.dead] == ["duplicate_label"]
    assert run(fresh, [EVENT], records(("e9", 8)), Records()).plan.learn_codes == [1.0]


def test_snapshots_still_have_the_arrays_of_before_byte_for_byte() -> None:
    labels = join()
    run(labels, [EVENT] * 2, records(("e1", 3), ("e2", 4)), Records())
    run(labels, [LABEL] * 2, Records(), records(("e1", 5, "a"), ("e9", 6, "b")))
    state = labels.snapshot()
    assert state["stream_time"] == 6
    assert np.asarray(state["seen/status"]).tolist() == [1, 0]
    assert np.asarray(state["waiting/time"]).tolist() == [4]
    assert np.asarray(state["waiting/x"]).tolist() == [[2.0]]
    assert np.asarray(state["held"]).tobytes() == msgspec.msgpack.encode(
        [("e9", "b", 6, 1, 6, b"e9", b"raw e9")]
    )


step = st.lists(
    st.tuples(st.sampled_from([EVENT, LABEL]), st.integers(0, 12), st.integers(0, 60)),
    max_size=12,
)


@settings(max_examples=150, deadline=None)
@given(st.lists(step, max_size=6), st.integers(0, 5))
def test_nothing_is_lost_and_snapshots_resume(
    steps: list[list[tuple[int, int, int]]], at: int
) -> None:
    whole, halves = join(max_delay_ms=20, pending_max=4), join(max_delay_ms=20, pending_max=4)
    fates = dict.fromkeys(("learnt", "expired", "dead_labels", "events", "labels", "refused"), 0)
    for number, entries in enumerate(steps):
        turns = [kind for kind, _, _ in entries]
        events = records(*((f"e{n}", time) for kind, n, time in entries if kind == EVENT))
        answers = records(*((f"e{n}", time, "a") for kind, n, time in entries if kind == LABEL))
        if number == at:
            fresh = join(max_delay_ms=20, pending_max=4)
            fresh.restore(halves.snapshot())
            halves = fresh
        plan, learnt = run(whole, turns, events, answers)
        other, other_learnt = run(halves, turns, events, answers)
        assert (plan.action, plan.row, learnt, plan.dead) == (
            other.action,
            other.row,
            other_learnt,
            other.dead,
        )
        fates["events"] += len(events)
        fates["labels"] += len(answers)
        fates["learnt"] += len(learnt)
        fates["expired"] += plan.expired_by_delay + plan.expired_by_capacity
        fates["dead_labels"] += sum(letter.source == LABELS for letter in plan.dead)
        fates["refused"] += sum(letter.source == EVENTS for letter in plan.dead)
    assert digest(whole.snapshot()) == digest(halves.snapshot())
    accepted = fates["events"] - fates["refused"]
    assert accepted == fates["learnt"] + fates["expired"] + whole.pending
    assert fates["labels"] == fates["learnt"] + fates["dead_labels"] + whole.held
