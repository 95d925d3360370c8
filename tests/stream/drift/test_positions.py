"""Where labels stood: exact within the look-back, nothing beyond it, whatever the cuts."""

from __future__ import annotations

import random

import pytest

from operators.snapshot import digest
from stream.drift.positions import LabelMarks, Mark


def place(label: int) -> Mark:
    """Offsets have gaps, times run back now and then."""
    return Mark(3 * label + label // 7, 1000 * label - 5000 * (label % 11 == 0))


def fed(marks: LabelMarks, first: int, last: int) -> LabelMarks:
    places = [place(label) for label in range(first, last + 1)]
    marks.extend([mark.offset for mark in places], [mark.time for mark in places])
    return marks


@pytest.mark.parametrize("largest", [1, 3, 10, 64])
def test_a_label_is_known_if_it_is_within_the_look_back(largest: int) -> None:
    rng = random.Random(largest)
    marks, count = LabelMarks(look_back=10), 0
    while count < 200:
        first, count = count + 1, count + rng.randint(0, largest)
        fed(marks, first, count)
        for now in range(first, count + 1):
            for label in range(-1, count + 1):
                known = max(0, now - 10) < label
                assert marks.find(label, now) == (place(label) if known else None)
        assert marks.find(count + 1, count) is None


def test_snapshots_do_not_depend_on_cuts_and_go_on() -> None:
    whole = fed(LabelMarks(10), 1, 57)
    piecewise = LabelMarks(10)
    for label in range(1, 58):
        fed(piecewise, label, label)
    assert digest(whole.snapshot()) == digest(piecewise.snapshot())
    resumed = LabelMarks(10)
    resumed.restore(whole.snapshot())
    fed(resumed, 58, 60)
    assert [resumed.find(label, 60) for label in (50, 51, 57, 60)] == [
        None,
        *map(place, (51, 57, 60)),
    ]
    assert digest(resumed.snapshot()) == digest(fed(whole, 58, 60).snapshot())
