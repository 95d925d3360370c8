"""What becomes of events and labels in topics of their own, from the two topics alone.

A restatement without any order between the topics: each fate is read off the whole lists. Windows
and bounds are not in it. `Record` has an id and an event time.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

NEVER = -(2**63)


class Record(NamedTuple):
    """An event or a label."""

    name: str
    time: int


class Fates(NamedTuple):
    """A word for each event and each label, in their order."""

    events: list[str]
    labels: list[str]


def clocks(times: Sequence[int], run: int) -> list[int]:
    """The clock after each record: the smallest of the last `run` in a row that lay beyond it."""
    clock, beyond, after = NEVER, [], []
    for time in times:
        beyond = [*beyond, time] if time > clock else []
        if len(beyond) == run:
            clock, beyond = min(beyond), []
        after.append(clock)
    return after


def fates(events: Sequence[Record], labels: Sequence[Record], max_delay: int, run: int) -> Fates:
    """Say what becomes of each record once both topics were read to their ends.

    Of an event: duplicate, learnt by NUMBER, expired, waiting. Of a label: learnt, orphaned,
    duplicate, late, held.
    """
    event_clocks = clocks([event.time for event in events], run)
    label_clocks = clocks([label.time for label in labels], run)
    event_end, label_end = (ends[-1] if ends else NEVER for ends in (event_clocks, label_clocks))
    first: dict[str, int] = {}
    for i, event in enumerate(events):
        first.setdefault(event.name, i)
    learnt_by: dict[int, int] = {}
    of_labels = []
    for j, label in enumerate(labels):
        number = first.get(label.name)
        clock = event_end if number is None else event_clocks[number]
        if clock > label.time + max_delay:
            of_labels.append("orphaned")
        elif number is None:
            of_labels.append("held")
        elif number in learnt_by:
            of_labels.append("duplicate")
        elif max(label.time, label_clocks[j]) > events[number].time + max_delay:
            of_labels.append("late")
        else:
            learnt_by[number] = j
            of_labels.append("learnt")
    of_events = []
    for i, event in enumerate(events):
        if first[event.name] != i:
            of_events.append("duplicate")
        elif i in learnt_by:
            of_events.append(f"learnt by {learnt_by[i]}")
        else:
            is_over = label_end > event.time + max_delay
            of_events.append("expired" if is_over else "waiting")
    return Fates(of_events, of_labels)
