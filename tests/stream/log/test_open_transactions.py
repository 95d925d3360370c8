"""What is made of a coordinator's answer about an open transaction, case by case.

On a real broker: tests/kafka/test_transactions.py.
"""

from __future__ import annotations

import pytest

from stream.log.base import TopicPartition
from stream.log.open_transactions import Coordinated, Status, judge

HERE = TopicPartition("app.journal", 1)
ELSEWHERE = TopicPartition("app.journal", 0)


def said(
    state: str, epoch: int = 5, open_s: float | None = 3.0, where: TopicPartition = HERE
) -> Coordinated:
    return Coordinated("app-w", state, epoch, 10.0, open_s, frozenset({where}))


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (said("Ongoing"), "ongoing"),
        (said("Ongoing", open_s=39.0), "ongoing"),
        (said("Ongoing", open_s=41.0), "overdue"),
        (said("Ongoing", epoch=6), "hanging"),
        (said("Ongoing", where=ELSEWHERE), "hanging"),
        (said("PrepareCommit"), "ending"),
        (said("PrepareAbort", epoch=6), "ending"),
        (said("PrepareAbort", epoch=6, open_s=100.0), "overdue"),
        (said("PrepareCommit", epoch=7), "hanging"),
        (said("CompleteCommit", epoch=6), "hanging"),
        (said("CompleteAbort"), "hanging"),
        (said("Empty", open_s=None), "hanging"),
        (None, "hanging"),
    ],
)
def test_judged_by_the_coordinators_answer(answer: Coordinated | None, expected: Status) -> None:
    assert judge(HERE, 5, answer, all_can_be_asked=True) == expected


def test_without_all_coordinators_an_unknown_one_is_not_called_hanging() -> None:
    assert judge(HERE, 5, None, all_can_be_asked=False) == "unknown"
    assert judge(HERE, 5, said("Ongoing"), all_can_be_asked=False) == "ongoing"
