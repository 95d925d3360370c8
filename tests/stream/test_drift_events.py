"""What drift events say of an alarm. When detectors raise one: tests/operators."""

from __future__ import annotations

from typing import Literal

import pytest

from operators.drift.base import Alarm
from stream.drift_events import drift_event


@pytest.mark.parametrize(
    ("kind", "before", "after", "said"),
    [
        ("drift", 0.1, 0.3, "ddm: the prediction error rose from 0.1 to 0.3 in partition 2,"),
        ("drift", 0.3, 0.1, "ddm: the prediction error fell from 0.3 to 0.1 in partition 2,"),
        ("warning", 0.1, 0.3, "ddm: the prediction error may be rising, from 0.1 to 0.3 in"),
        ("warning", 0.3, 0.1, "ddm: the prediction error may be falling, from 0.3 to 0.1 in"),
    ],
)
def test_the_sentence_says_no_more_than_the_detector(
    kind: Literal["drift", "warning"], before: float, after: float, said: str
) -> None:
    event = drift_event("sales", 2, "ddm", Alarm(7, kind, before, after), 500, 1_357_034_400_000)
    assert event.message.startswith(said)
    assert event.message.endswith("noticed at 2013-01-01T10:00:00.000Z after 500 labels.")
    assert (event.kind, event.learnt) == (kind, 500)
