"""Inline labels: a batch that is planned at once comes out as one that is planned one by one."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from operators.snapshot import digest
from stream.codec.target import TargetCoder
from stream.labels.inbox import Records
from stream.labels.plan import InlineLabels
from tests.builders import EVENTS, toy_config

LABELS = st.none() | st.sampled_from(["a", "b", "c", "d", "e", 1, "1", True])
BATCHES = st.lists(
    st.lists(st.tuples(st.integers(0, 30), LABELS), max_size=8), min_size=1, max_size=8
)


def new(window: int, classes: Any) -> InlineLabels:
    target = {"type": "classification", "path": "$.y", "classes": classes, "classes_max": 4}
    return InlineLabels(EVENTS, TargetCoder(toy_config(target=target)), window, "dead")


@settings(max_examples=400, deadline=None)
@given(BATCHES, st.sampled_from([2, 5, 100]), st.booleans())
def test_both_ways_plan_the_same(batches: list[Any], window: int, is_closed: bool) -> None:
    classes = ["a", "b", "c"] if is_closed else None
    if is_closed:
        batches = [[one for one in batch if one[1] in (None, "a", "b", "c")] for batch in batches]
    at_once, one_by_one = new(window, classes), new(window, classes)
    one_by_one._plan_at_once = lambda events: None  # type: ignore[method-assign]
    offset = 0
    for batch in batches:
        count = len(batch)
        offsets = list(range(offset, offset + count))
        events = Records(
            ids=[f"e{number}" for number, _ in batch],
            times=[7 * place for place in offsets],
            contents=[None] * count,
            labels=[label for _, label in batch],
            offsets=offsets,
            timestamps=offsets,
            keys=[None] * count,
            values=[b"{}"] * count,
        )
        plans = [each.plan([0] * count, events, Records()) for each in (at_once, one_by_one)]
        assert repr(plans[0]) == repr(plans[1])
        assert digest(at_once.snapshot()) == digest(one_by_one.snapshot())
        offset += count
