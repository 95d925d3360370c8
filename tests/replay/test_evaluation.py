"""An evaluation gives what a worker on a log gives: same bytes, however its file was cut."""

from __future__ import annotations

import hashlib
import tempfile
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from stream.evaluate import Piece, Series, evaluate_pieces
from tests.replay.pipelines import EVENTS, LABELS, Pipeline

COUNT = 230
DELAYS = [(7 * n) % 60 - 15 for n in range(COUNT)]  # early, late, crossing each other


@pytest.mark.parametrize("source", ["inline", "topic"])
@pytest.mark.parametrize("model", ["last_label", "hoeffding_tree"])
@given(cuts=st.lists(st.integers(0, COUNT), max_size=8), label_cuts=st.lists(st.integers(0, COUNT)))
@settings(max_examples=4, deadline=None, phases=[Phase.generate])
def test_the_same_bytes(source: str, model: str, cuts: list[int], label_cuts: list[int]) -> None:
    labels = {"source": source, "max_delay": "40s", "wait_for_other": "1h"}
    with tempfile.TemporaryDirectory() as folder:
        made = Pipeline(Path(folder), labels=labels, model={"name": model})
        made.fill(0, COUNT, DELAYS)
        state = made.work()
        events = made.records(EVENTS)
        late = made.records(LABELS) if source == "topic" else None
        result = evaluate_pieces(made.config, _pieces(events, late, cuts, label_cuts))
    lines = b"".join(value + b"\n" for value in made.predictions())
    assert result.records == len(made.predictions()) > COUNT - 5  # one is a duplicate
    assert result.predictions_digest == hashlib.sha256(lines).hexdigest()
    assert result.snapshot_digest == state


def _pieces(
    events: Series, labels: Series | None, cuts: list[int], label_cuts: list[int]
) -> list[Piece]:
    """Cut both series anywhere; where one is used up, pieces of the other follow."""
    some = _cut(events, cuts)
    if labels is None:
        return [Piece(each) for each in some]
    others = _cut(labels, label_cuts)
    nothing = Series([], [], [])
    count = max(len(some), len(others))
    some, others = (each + [nothing] * (count - len(each)) for each in (some, others))
    return [Piece(*both) for both in zip(some, others, strict=True)]


def _cut(series: Series, cuts: list[int]) -> list[Series]:
    places = [0, *sorted(cuts), len(series)]
    return [series.cut(start, stop) for start, stop in pairwise(places)]
