"""Each record's fate is that of `tests/reference/fates.py`, however the topics were read.

Random topics, out of order and with times far ahead, are read in random interleavings and cuts,
with restarts in between. Windows and bounds that push records out, and open classes beyond their
bound, do depend on the interleaving (docs/architecture.md); they are in test_labels.py.
"""

from __future__ import annotations

from collections import Counter
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from operators.tape import LEARN, Rows
from stream.codec.target import TargetCoder
from stream.labels import topic_clock
from stream.labels.inbox import EVENT, LABEL, Records
from stream.labels.join import LabelJoin
from tests.builders import EVENTS, LABELS, toy_config
from tests.reference.fates import Fates, Record, fates

MAX_DELAY = 10
FAR_AHEAD = 4_102_444_800_000
WIDTHS = (1, 2, 1, 2)
REASONS = {
    "orphaned_label": "orphaned",
    "duplicate_label": "duplicate",
    "label_too_late": "late",
}


def new_join() -> LabelJoin:
    return LabelJoin(
        EVENTS,
        LABELS,
        TargetCoder(toy_config()),
        widths=WIDTHS,
        max_delay_ms=MAX_DELAY,
        pending_max=1000,
        duplicates_window=1000,
        dead_topic="toy.dead-letters",
    )


def to_records(entries: list[Record], first: int) -> Records:
    """Records at offsets from `first` on; each is labelled yes, if it is a label."""
    names, times = [entry.name for entry in entries], [entry.time for entry in entries]
    offsets = list(range(first, first + len(entries)))
    blank = [b""] * len(entries)
    said = ["yes"] * len(entries)
    return Records(names, times, said, said, offsets, times, list(blank), list(blank))


def seen_fates(
    events: list[Record], labels: list[Record], turns: list[int], cuts: list[int], restarts: Random
) -> Fates:
    """Read the topics in these turns, cut into steps; returns what became of each record."""
    join = new_join()
    of_events, of_labels = ["expired"] * len(events), ["held"] * len(labels)
    at = {EVENT: 0, LABEL: 0}
    expired = 0
    for start, stop in zip([0, *cuts], [*cuts, len(turns)], strict=True):
        if restarts.random() < 0.2:
            state, join = join.snapshot(), new_join()
            join.restore(state)
        piece = turns[start:stop]
        counts = {EVENT: piece.count(EVENT), LABEL: piece.count(LABEL)}
        some = to_records(events[at[EVENT] : at[EVENT] + counts[EVENT]], at[EVENT])
        answers = to_records(labels[at[LABEL] : at[LABEL] + counts[LABEL]], at[LABEL])
        at = {kind: at[kind] + counts[kind] for kind in at}
        plan = join.plan(piece, some, answers)
        rows = len(plan.accepted) + len(plan.carried[0])
        x, output, trace, watch = (np.zeros((rows, width)) for width in WIDTHS)
        # The row says at which offset its event stood.
        x[: len(plan.accepted), 0] = [some.offsets[position] for position in plan.accepted]
        x[len(plan.accepted) :] = plan.carried[0]
        join.settle(plan, Rows(x, np.zeros(rows), output, trace), watch)
        learnt = [row for row, action in zip(plan.row, plan.action, strict=True) if action == LEARN]
        for row, offset in zip(learnt, plan.learn_offsets, strict=True):
            of_events[int(x[row, 0])] = f"learnt by {offset}"
            of_labels[offset] = "learnt"
        for letter in plan.dead:
            if letter.source == EVENTS:
                of_events[letter.offset] = "duplicate"
            else:
                of_labels[letter.offset] = REASONS[letter.reason]
        expired += plan.expired_by_delay
    for offset in np.asarray(join.snapshot()["waiting/x"])[:, 0].astype(int).tolist():
        of_events[offset] = "waiting"
    assert of_events.count("expired") == expired
    assert of_labels.count("held") == join.held
    return Fates(of_events, of_labels)


def made(rng: Random, size: int) -> tuple[list[Record], list[Record]]:
    """Two topics whose times rise by and large; ids repeat, labels miss, some come first."""
    topics: tuple[list[Record], list[Record]] = ([], [])
    ahead = rng.choice((0.0, 0.03, 0.2))
    slack = rng.choice((2, 15, 40))
    for number in range(size):
        for topic in topics:
            if rng.random() < 0.15:
                continue
            name = f"e{max(number + rng.randint(-6, 6), 0)}"
            time = number + rng.randint(-slack, slack)
            time -= rng.choice((0, 0, 0, 0, 25))
            topic.append(Record(name, FAR_AHEAD if rng.random() < ahead else time))
    return topics


def some_turns(rng: Random, events: int, labels: int) -> list[int]:
    """One of the orders in which two topics can be read: mixed, or one far ahead of the other."""
    turns: list[int] = []
    while events or labels:
        kind = EVENT if labels == 0 or (events and rng.random() < 0.5) else LABEL
        count = min(rng.choice((1, 1, 1, 5, 40)), events if kind == EVENT else labels)
        turns += [kind] * count
        events, labels = (events - count, labels) if kind == EVENT else (events, labels - count)
    return turns


def check(seed: int, size: int) -> Fates:
    """Read the topics of a seed in three ways; all must end as the reference says."""
    rng = Random(seed)
    events, labels = made(rng, size)
    wanted = fates(events, labels, MAX_DELAY, topic_clock.RUN)
    for _ in range(3):
        turns = some_turns(rng, len(events), len(labels))
        cuts = sorted(rng.randint(0, len(turns)) for _ in range(rng.randint(0, 8)))
        assert seen_fates(events, labels, turns, cuts, rng) == wanted
    return wanted


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 2**32), st.integers(0, 80))
def test_a_fate_depends_on_the_topics_and_not_on_how_they_were_read(seed: int, size: int) -> None:
    check(seed, size)


def test_every_fate_occurs_among_what_is_tested() -> None:
    seen: Counter[str] = Counter()
    for seed in range(40):
        ended = check(seed, 80)
        seen.update(f"event {fate.split()[0]}" for fate in ended.events)
        seen.update(f"label {fate}" for fate in ended.labels)
    fates_of_events = ("duplicate", "learnt", "expired", "waiting")
    fates_of_labels = ("learnt", "orphaned", "duplicate", "late", "held")
    rare = [
        fate
        for fate in [
            *(f"event {fate}" for fate in fates_of_events),
            *(f"label {fate}" for fate in fates_of_labels),
        ]
        if seen[fate] < 20
    ]
    assert rare == []


@pytest.mark.parametrize("is_backlog", [False, True], ids=["live", "backlog"])
@pytest.mark.parametrize("wrong", ["event", "label"])
def test_one_time_far_ahead_costs_one_label_at_most(wrong: str, is_backlog: bool) -> None:
    at = {"event": (300, None), "label": (None, 300)}[wrong]
    events = [Record(f"e{n}", FAR_AHEAD if n == at[0] else n) for n in range(1000)]
    labels = [Record(f"e{n}", FAR_AHEAD if n == at[1] else n + 5) for n in range(1000)]
    turns = [LABEL] * 1000 + [EVENT] * 1000 if is_backlog else [EVENT, LABEL] * 1000
    seen = seen_fates(events, labels, turns, [500, 1500], Random(1))
    lost = [(j, fate) for j, fate in enumerate(seen.labels) if fate != "learnt"]
    assert lost == ([(300, "late")] if wrong == "label" else [])
